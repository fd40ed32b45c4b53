"""What a release does with Docker and nginx, on an engine in memory; under real traffic the scenarios look at it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.rollout import rolling
from ansible_collections.fullstack.docker.plugins.module_utils.rollout.rolling import DockerWorld
from ansible_collections.fullstack.docker.plugins.module_utils.state.journal import ReleaseError
from tests.unit.plugins.module_utils.engine import Engine
from tests.unit.plugins.module_utils.rollout import test_rolling

PLAN = replace(test_rolling.PLAN, server_options="max_fails=0", drain_signal="", patience=1)
MODEL = {"services": {name: {"image": name} for name in ("front_door", "nginx", "backend")}}
# A master of nginx that has other workers after a SIGHUP, as its standard output tells
MASTER = """
import signal, sys
print("ready", flush=True)
signal.sigwait({signal.SIGHUP})
print("reloaded", flush=True)
"""
OLD, NEW = "PID COMMAND\n11 nginx: worker process\n", "PID COMMAND\n12 nginx: worker process\n"


@pytest.fixture
def engine() -> Engine:
    """Return one on which everything serves: backend-1, nginx-2, front_door-3."""
    engine = Engine(MODEL, hashes=dict.fromkeys(MODEL["services"], "hash"))
    for service in ("backend", "nginx", "front_door"):
        engine.add(service, service)
    return engine


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> DockerWorld:
    """Return what replaces containers there."""
    (tmp_path / PLAN.upstream).write_text(PLAN.default)
    return DockerWorld(engine.docker(tmp_path), PLAN, timeout=2)


@pytest.fixture
def nginx(engine: Engine) -> Iterator[subprocess.Popen[str]]:
    """Let the container of nginx be a process of this machine."""
    program = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})" + MASTER
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        container(engine, "nginx-2")["State"]["Pid"] = process.pid
        yield process
        process.kill()


def container(engine: Engine, name: str) -> dict[str, Any]:
    return next(one for one in engine.containers if one["Id"] == name)


def test_as_many_new_ones_start_beside_the_old(engine: Engine, world: DockerWorld) -> None:
    engine.add("backend", "backend")
    world.start("backend", ["backend-1", "backend-4"])
    assert world.containers("backend") == ["backend-1", "backend-4", "backend-5", "backend-6"]
    assert world.containers("nginx") == ["nginx-2"]


def test_those_that_are_not_well_get_no_requests(engine: Engine, world: DockerWorld) -> None:
    engine.add("backend", "backend", Health={"Status": "unhealthy"})
    engine.add("backend", "backend", Status="exited")
    assert world.alive(["backend-1", "backend-4", "backend-5", "backend-9"]) == ["backend-1"]


def test_healthy_ones_are_waited_for(engine: Engine, world: DockerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    state = container(engine, "backend-1")["State"]
    state["Health"] = {"Status": "starting"}
    # The next look is the one that finds it well
    monkeypatch.setattr("time.sleep", lambda _seconds: state.update(Health={"Status": "healthy"}))
    world.health(["backend-1"])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Status": "exited"}, "shop-backend-1 is healthy (exited)"),
        ({"Health": {"Status": "unhealthy"}}, "shop-backend-1 is unhealthy (running)"),
    ],
)
def test_one_that_is_lost_ends_the_wait_at_once(
    engine: Engine, world: DockerWorld, state: dict[str, Any], words: str
) -> None:
    container(engine, "backend-1")["State"].update(state)
    with pytest.raises(ReleaseError) as error:
        world.health(["backend-1"])
    assert str(error.value.what) == words
    assert [witness.name for witness in error.value.witnesses] == ["shop-backend-1"]


def test_one_that_never_gets_well_is_waited_for_so_long(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container(engine, "backend-1")["State"]["Health"] = {"Status": "starting"}
    monkeypatch.setattr(rolling, "POLL", 0.01)
    with pytest.raises(ReleaseError, match=r"waited 0\.05 s for it to become healthy"):
        DockerWorld(engine.docker(tmp_path), PLAN, timeout=2).health(["backend-1"], timeout=0.05)


def test_nginx_is_pointed_at_addresses_and_its_new_workers_waited_for(
    engine: Engine, world: DockerWorld, tmp_path: Path, nginx: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.tops["nginx-2"] = OLD
    monkeypatch.setattr("time.sleep", lambda _seconds: engine.tops.update({"nginx-2": NEW}))
    world.pin(["backend-1"])
    assert (tmp_path / PLAN.upstream).read_text() == (
        "server 10.0.0.1:8000 max_fails=0;\nserver backend:8000 resolve down;\n"
    )
    assert nginx.stdout is not None
    assert nginx.stdout.readline() == "reloaded\n"


def test_a_configuration_that_is_not_valid_is_taken_back(engine: Engine, world: DockerWorld, tmp_path: Path) -> None:
    engine.tops["nginx-2"], engine.failing = OLD, "exec"
    with pytest.raises(ReleaseError):
        world.pin(["backend-1"])
    assert (tmp_path / PLAN.upstream).read_text() == PLAN.default


def test_an_nginx_that_is_ending_is_not_asked_to_read_anything(engine: Engine, world: DockerWorld) -> None:
    engine.tops["nginx-2"] = "PID COMMAND\n11 nginx: worker process is shutting down\n"
    engine.failing = "exec"
    world.pin(["backend-1"])


def test_workers_that_leave_are_waited_for_as_long_as_is_granted(
    engine: Engine, world: DockerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.tops["nginx-2"] = OLD + "10 nginx: worker process is shutting down\n"
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        engine.tops["nginx-2"] = NEW

    monkeypatch.setattr("time.sleep", sleep)
    world.drain()
    assert looks == [rolling.WATCH]


@pytest.mark.parametrize(("gently", "done"), [(True, ["stop backend-1", "rm backend-1"]), (False, ["rm backend-1"])])
def test_old_ones_finish_what_they_do_where_that_is_wanted(
    engine: Engine, world: DockerWorld, gently: bool, done: list[str]
) -> None:
    world.remove(["backend-1"], gently=gently)
    assert engine.done == done
    assert world.containers("backend") == []


def test_moving_tags_are_moved_only_where_they_name_something_else(engine: Engine, world: DockerWorld) -> None:
    engine.images |= {"shop-backend:current": "one", "shop-backend:new": "two", "shop-nginx:current": "three"}
    world.name_images({"shop-backend:current": "shop-backend:new", "shop-nginx:current": "three"})
    assert engine.done == ["tag shop-backend:new shop-backend:current"]
