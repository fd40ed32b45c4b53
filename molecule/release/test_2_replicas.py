"""A scale that was set by hand, over a release, with what takes long, and with one replica dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.load import Load, traffic
from shared.stack import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.conftest import Stack
    from shared.stack import Compose, Run, Web

pytestmark = pytest.mark.alone

WEBSOCKETS = 50
REPLICAS = 3
GOING_AWAY = {1001, 1012}


@pytest.fixture(scope="module")
def scaled(compose: Compose, web: Web) -> Iterator[None]:
    """Have three replicas, by hand."""
    compose.output(f"docker compose up --detach --wait --scale backend={REPLICAS} 2>&1")
    yield
    compose.output("docker compose up --detach --wait 2>&1")
    eventually(web.serving, 30)


@pytest.fixture(scope="module")
def released(scaled: None, stack: Stack, web: Web) -> tuple[Run, Load, dict[str, list[str]], dict[str, list[str]]]:
    """Release with requests of ten seconds and many open websockets."""
    before = stack.replicas()
    with traffic(web, pauses=(0.04,), slow=10.0, websockets=WEBSOCKETS) as load:
        run = stack.release(fastapi_backend_environment={"SCALED": "yes"})
    return run, load, before, stack.replicas()


Released = tuple["Run", Load, dict[str, list[str]], dict[str, list[str]]]


def test_all_replicas_are_new(released: Released) -> None:
    run, _load, before, after = released
    assert run.code == 0, run.output[-3000:]
    assert len(after["backend"]) == REPLICAS
    assert not set(before["backend"]) & set(after["backend"])


def test_no_request_fails_that_takes_ten_seconds(released: Released) -> None:
    assert released[1].failures == []


def test_every_websocket_is_told_to_come_back(released: Released) -> None:
    closed = released[1].closed
    assert len(closed) >= WEBSOCKETS
    assert set(closed) <= GOING_AWAY


def test_a_replica_that_is_killed_costs_no_get(released: Released, compose: Compose, web: Web) -> None:
    with traffic(web, slow=0.1, websockets=0) as load:
        victim = compose.containers("backend")[0]
        compose.host.check_output("kill -9 %s", str(victim.pid))
        eventually(lambda: len([one for one in compose.containers("backend") if one.serving]) == REPLICAS, 60)
    print(f"POSTs lost with the replica: {[one for one in load.failures if ' POST ' in one]}")
    assert [one for one in load.failures if "GET /api/health" in one] == []
