"""A scale that was set by hand: over a release with what takes long, and with what a client or a death does to one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.scenario import poison
from tests.scenario.load import Load, traffic
from tests.scenario.stack import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scenario.releases import Stack
    from tests.scenario.stack import Compose, Run, Web

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
    poison.add_to(stack.application)
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


def went_on(load: Load) -> bool:
    """Wait until the others have got many more answers."""
    enough = load.answered + 300
    return eventually(lambda: load.answered > enough, 30)


def asked(compose: Compose, path: str) -> list[list[str]]:
    """Return the replicas that each request for a path was sent to, as nginx tells it."""
    lines = compose.output("docker compose logs --no-log-prefix --since 5m nginx").splitlines()
    found = [json.loads(line[line.index("{") :]) for line in lines if f'"uri":"{path}"' in line]
    return [line["upstream"].split(", ") for line in found]


def test_a_replica_that_is_killed_costs_nothing_that_is_sent_after_its_death(
    released: Released, compose: Compose, web: Web
) -> None:
    """What it had in hand may fail; a GET of that was sent once more."""
    with traffic(web, slow=0.1, websockets=0) as load:
        victim = compose.containers("backend")[0]
        compose.host.check_output("kill -9 %s", str(victim.pid))
        eventually(lambda: not compose.host.file(f"/proc/{victim.pid}").exists, 10)
        died = time.monotonic()
        eventually(lambda: len([one for one in compose.containers("backend") if one.serving]) == REPLICAS, 60)
    print(f"lost with the replica: {load.failures}")
    assert load.failed_after(died) == []


def test_a_request_that_kills_its_worker_is_sent_to_one_more_replica_and_stops_nobody(
    released: Released, compose: Compose, web: Web
) -> None:
    with traffic(web, slow=0.1, websockets=0) as load:
        answer = web.get("/api/poison/crash")
        died = time.monotonic()
        assert went_on(load)
    print(f"lost with the two workers: {load.failures}")
    assert load.failed_after(died) == []
    assert (answer.status, answer.json()) == (502, {"detail": "The application cannot be reached"})
    assert [len(set(replicas)) <= len(replicas) == 2 for replicas in asked(compose, "/api/poison/crash")] == [True]


def test_an_answer_with_large_headers_arrives_and_stops_nobody(released: Released, web: Web) -> None:
    with traffic(web, slow=0.1, websockets=0) as load:
        answers = [web.get("/api/poison/headers/16000") for _ in range(2)]
        assert went_on(load)
    assert [(answer.status, len(answer.headers["X-Part-015"])) for answer in answers] == [(200, 985)] * 2
    assert load.failures == []
