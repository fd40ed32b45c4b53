"""Who may release, and to what: one run at a time, host after host, and only what can be gone back to."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import testinfra

from tests.scenario.stack import PROJECT, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testinfra.host import Host

    from tests.scenario.releases import Stack
    from tests.scenario.stack import Run

LOCK, LEDGER = "/opt/app/.lock", "/opt/app/releases.json"
ROLLBACK = "playbooks/rollback.yml"


@pytest.fixture(scope="module")
def two_at_once(host: Host, stack: Stack) -> tuple[Run, Run]:
    """Release where a run is gone that held the lock, and once more while that goes on."""
    gone = {"run": "x", "who": "jo@laptop", "since": time.time() - 90, "renewed": time.time() - 31, "pid": 1,
            "working": False, "step": "", "began": 0}  # fmt: skip
    host.check_output("printf %s %s >%s", "%s", json.dumps(gone), LOCK)
    runs: list[Run] = []
    first = threading.Thread(
        target=lambda: runs.append(stack.release(fastapi_backend_environment={"FIRST": str(time.time())}))
    )
    first.start()
    eventually(lambda: '"step": "smoke"' in host.file(LOCK).content_string, 120, every=0.1)
    # However long the second takes to ask, the first is still there
    module = json.loads(host.file(LOCK).content_string)["pid"]
    host.check_output(f"kill -STOP {module}")
    second = stack.release(fastapi_backend_environment={"SECOND": "yes"})
    host.check_output(f"kill -CONT {module}")
    first.join(180)
    return runs[0], second


def test_the_first_of_two_goes_on(two_at_once: tuple[Run, Run]) -> None:
    assert two_at_once[0].code == 0, two_at_once[0].output[-3000:]


def test_the_second_of_two_is_refused_with_who_and_since_when(two_at_once: tuple[Run, Run]) -> None:
    second = two_at_once[1]
    assert second.code != 0
    assert "another deployment of /opt/app is running" in second.said
    assert f", since {time.strftime('%Y-%m-%d', time.gmtime())}" in second.said
    assert second.changed == 0


def test_a_lock_of_a_run_that_is_gone_is_taken_over_with_a_notice(two_at_once: tuple[Run, Run]) -> None:
    assert "took over from a deployment that is gone: jo@laptop" in two_at_once[0].said


@pytest.fixture(scope="module")
def next_host() -> Host:
    """Return the second host, which is bare."""
    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    return testinfra.get_host("ansible://fullstack-release-next", ansible_inventory=inventory)


def test_a_host_after_one_that_failed_is_untouched(stack: Stack, tmp_path: Path, next_host: Host) -> None:
    common = {"ansible_user": "root", "ansible_ssh_common_args": f"-F {PROJECT}/.cache/ground/ssh/config"}
    hosts = dict.fromkeys(("fullstack-release", "fullstack-release-next"), common)
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"fullstack": {"hosts": hosts}}))
    (tmp_path / "group_vars").symlink_to(PROJECT / "inventories/demo/group_vars")
    (tmp_path / "host_vars").symlink_to(PROJECT / "molecule/release/host_vars")
    run = stack.site.run(inventory=inventory, fastapi_backend_environment={"DB_POOL_SIZE": "none"})
    assert run.code != 0
    assert "fullstack-release-next" not in run.output.partition("PLAY RECAP")[2]
    assert next_host.check_output("ls -A /opt") == ""


@pytest.mark.soak
def test_a_step_back_from_a_failed_release_that_runs_has_its_entry(stack: Stack) -> None:
    good = [entry for entry in stack.ledger() if entry["outcome"] in {"succeeded", "rolled back"}][-1]
    wanted = good["target"] or good["release"]
    stack.application.edit("backend/app/main.py", "app = ", "import nonexistent_module\n\napp = ")
    assert stack.release().code != 0
    stack.application.restore()
    failed = stack.ledger()[-1]
    by_hand = "docker compose up --detach --no-deps backend"
    stack.compose.output(f"docker tag {failed['images']['backend']['name']} app-backend:current && {by_hand}")
    eventually(lambda: not all(one.serving for one in stack.compose.containers("backend")), 30)
    run = stack.site.apply(playbook=ROLLBACK)
    assert f"go back from the failed release {failed['release']} to release {wanted}" in run.said
    assert (stack.ledger()[-1]["outcome"], stack.ledger()[-1]["target"]) == ("rolled back", wanted)
    assert stack.settled()


@contextmanager
def written(host: Host, path: str, text: str) -> Iterator[None]:
    """Let a file say something else for a while."""
    host.check_output("cp -p %s /run/before", path)
    host.check_output("printf %s %s >%s", "%s", text, path)
    yield
    host.check_output("cp -p /run/before %s", path)


def refused(stack: Stack, words: str, playbook: str = ROLLBACK, **variables: Any) -> None:
    """Run a playbook that has to be refused in such words, and that touches no container."""
    before = stack.replicas()
    run = stack.release(playbook=playbook, **variables)
    assert run.code != 0
    assert words in run.said, run.output[-3000:]
    assert stack.replicas() == before
    assert stack.settled()


@pytest.mark.parametrize("playbook", [ROLLBACK, "playbooks/release.yml"])
def test_a_ledger_that_is_none_is_refused_and_kept(host: Host, stack: Stack, playbook: str) -> None:
    with written(host, LEDGER, "{broken"):
        refused(stack, f"{LEDGER} cannot be read", playbook)
        assert host.file(LEDGER).content_string == "{broken"


def test_a_step_back_beyond_the_ledger_is_refused(host: Host, stack: Stack) -> None:
    newest = [entry for entry in stack.ledger() if entry["outcome"] == "succeeded"][-1]
    with written(host, LEDGER, json.dumps({"version": 1, "releases": [newest]})):
        refused(stack, "no other release before")


def test_a_step_back_to_an_unknown_release_is_refused(stack: Stack) -> None:
    refused(stack, "the ledger has none of this id", release="19700101-000000")


def test_a_lock_that_is_none_is_refused_and_kept(host: Host, stack: Stack) -> None:
    with written(host, LOCK, "broken"):
        before = stack.replicas()
        run = stack.release(fastapi_backend_environment={"LOCK": "broken"})
        assert run.code != 0
        assert f"{LOCK} cannot be read" in run.said
        assert stack.replicas() == before
        assert host.file(LOCK).content_string == "broken"


def test_a_backend_without_a_health_check_is_refused(stack: Stack) -> None:
    refused(
        stack,
        "has no health check",
        "playbooks/release.yml",
        fastapi_backend_service_overrides={"healthcheck": {"disable": True}},
    )
