"""Runs that something comes in between of: killed, cut off, rebooted. One release serves, and the next run finishes."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.load import traffic
from tests.scenario.stack import eventually, run_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from testinfra.host import Host

    from tests.scenario.releases import Stack
    from tests.scenario.stack import Web

HOST = "fullstack-release"
STEPS = ["pin", "start", "health", "smoke", "switch", "verify", "drain", "retire"]
# Those that `make test` kills in; `make test-full` does it in all
KILLED = ["smoke", "drain"]
# From the first of these on the new release stays
DECIDED = "drain"
SWITCHES = {"nginx_frontend_headers": {"X-Both": "yes"}}


@contextmanager
def killed_at(host: Host, step: str) -> Iterator[None]:
    """Kill the deployment that runs in the block, as soon as it is in a step."""
    killer = threading.Thread(target=run_script, args=(host, "kill_at", "/opt/app/.lock", step))
    killer.start()
    yield
    killer.join(150)
    assert not killer.is_alive()


def one_release(stack: Stack) -> bool:
    """Tell whether one container of each service serves, and nothing is left of what was interrupted."""
    counts = {service: len(ids) for service, ids in stack.replicas().items()}
    return set(counts.values()) == {1} and stack.settled() and stack.web.serving()


def variables(step: str) -> dict[str, Any]:
    """Return what the release with this interruption brings: a backend, and both with every other step."""
    both = SWITCHES if STEPS.index(step) % 2 else {}
    return {"fastapi_backend_environment": {"INTERRUPTED": step}, **both}


def assert_described(host: Host, step: str, *, new: bool) -> None:
    """See that the files on the host are those of what serves: of the release with this interruption, or not."""
    file = host.file("/opt/app/compose.yml")
    eventually(lambda: (f"INTERRUPTED: {step}" in file.content_string) is new, 10)


def kill_in(steps: Sequence[str], host: Host, stack: Stack, web: Web) -> dict[str, bool]:
    """Kill a release in each of the steps; return by step whether the one that serves after it is the new one."""
    outcomes = {}
    with traffic(web, pauses=(0.04, 0.3), slow=2.0) as load:
        for step in steps:
            before = stack.replicas()
            with killed_at(host, step):
                run = stack.release(**variables(step))
            assert run.code != 0
            eventually(lambda: one_release(stack), 60, every=0.5)
            outcomes[step] = stack.replicas()["backend"] != before["backend"]
            assert_described(host, step, new=outcomes[step])
    assert load.answered > 500
    assert load.failures == []
    return outcomes


@pytest.fixture(scope="module")
def kills(host: Host, stack: Stack, web: Web) -> dict[str, bool]:
    """Kill a release in some steps."""
    return kill_in(KILLED, host, stack, web)


@pytest.mark.parametrize("step", KILLED)
def test_a_killed_run_leaves_one_release(kills: dict[str, bool], step: str) -> None:
    assert kills[step] is (STEPS.index(step) >= STEPS.index(DECIDED))


@pytest.mark.soak
def test_a_run_that_is_killed_in_any_other_step_leaves_one_release(host: Host, stack: Stack, web: Web) -> None:
    others = [step for step in STEPS if step not in KILLED]
    found = kill_in(others, host, stack, web)
    assert found == {step: STEPS.index(step) >= STEPS.index(DECIDED) for step in others}


def test_a_run_that_is_killed_before_it_replaces_anything_leaves_the_files_of_what_serves(
    host: Host, stack: Stack
) -> None:
    with killed_at(host, "roles"):
        run = stack.release(fastapi_backend_environment={"INTERRUPTED": "roles"})
    assert run.code != 0
    assert_described(host, "roles", new=False)
    assert one_release(stack)


def test_the_next_run_finishes(kills: object, stack: Stack) -> None:
    run = stack.release(**variables("pin"))
    assert run.code == 0, run.output[-3000:]
    assert one_release(stack)


@pytest.mark.parametrize("step", ["switch"])
def test_a_reboot_leaves_one_release(host: Host, stack: Stack, reboot: Callable[[str], None], step: str) -> None:
    with killed_at(host, step):
        stack.release(fastapi_backend_environment={"REBOOTED": step})
    reboot(HOST)
    eventually(lambda: one_release(stack), 60, every=0.5)
    run = stack.release(fastapi_backend_environment={"REBOOTED": f"after {step}"})
    assert run.code == 0, run.output[-3000:]


def test_a_connection_that_is_cut_leaves_one_release(stack: Stack, web: Web, host: Host) -> None:
    """The module goes on by itself on the host, or is undone."""
    cut: list[int] = []
    # A short name: the path of a socket has few characters
    with tempfile.TemporaryDirectory() as folder:

        def cutter() -> None:
            eventually(lambda: '"step": "smoke"' in host.file("/opt/app/.lock").content_string, 120, every=0.05)
            cut.append(subprocess.run(["pkill", "-9", "-f", f"ControlPath={folder}"], check=False).returncode)

        thread = threading.Thread(target=cutter)
        with traffic(web, pauses=(0.04,), slow=2.0) as load:
            thread.start()
            run = stack.release(
                fastapi_backend_environment={"CUT": "yes"}, ansible_ssh_extra_args=f"-o ControlPath={folder}/%C"
            )
            thread.join(150)
            eventually(lambda: one_release(stack), 60, every=0.5)
    assert cut == [0]
    assert run.code != 0
    assert load.failures == []


@pytest.mark.soak
@pytest.mark.parametrize("step", [step for step in STEPS if step != "switch"])
def test_a_reboot_in_any_other_step_leaves_one_release(
    host: Host, stack: Stack, reboot: Callable[[str], None], step: str
) -> None:
    test_a_reboot_leaves_one_release(host, stack, reboot, step)


@pytest.mark.soak
def test_a_reboot_before_anything_is_replaced_leaves_the_files_of_what_serves(
    host: Host, stack: Stack, reboot: Callable[[str], None]
) -> None:
    """The whole host goes down while it builds, and with it the way to tell it anything."""
    with (stack.application.folder / "backend/app/main.py").open("a") as main:
        main.write(f"# built at {time.time()}\n")
    lock = host.file("/opt/app/.lock")

    def reboot_while_it_builds() -> None:
        eventually(lambda: '"step": "images"' in lock.content_string, 120, every=0.05)
        reboot(HOST)

    thread = threading.Thread(target=reboot_while_it_builds)
    thread.start()
    run = stack.release(fastapi_backend_environment={"INTERRUPTED": "images"})
    thread.join(180)
    stack.application.restore()
    assert "UNREACHABLE" in run.output
    eventually(lambda: one_release(stack), 60, every=0.5)
    assert_described(host, "images", new=False)
