"""Changes that reach every window of their owner, by whichever worker they were made."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from app.changes import BACKLOG, READY, Hub
from app.security import issue_access_token
from app.settings import Settings
from tests.replica import Replica, hear
from tests.servers import HOST, gunicorn

PATH = "ws://localhost/ws/notes"


@pytest.fixture(scope="module")
def replicas(environment: dict[str, str]) -> Iterator[list[Replica]]:
    with ExitStack() as stack:
        ports = [stack.enter_context(gunicorn(environment))[1] for _ in range(2)]
        yield [Replica(port) for port in ports]


def test_a_change_reaches_all_windows_of_its_owner_on_all_replicas(
    replicas: list[Replica],
) -> None:
    here, there = replicas
    token = here.sign_up()
    with here.window(token) as one, there.window(token) as other:
        note = here.call("POST", "/notes", {"text": "hello"}, token)
        there.call("DELETE", f"/notes/{note['id']}", token=token)
        for socket in (one, other):
            changes = [hear(socket), hear(socket)]
            # The worker's own subscription may have begun just then
            assert [change for change in changes if change["type"] != "ready"] == [
                {"type": "added", "note": note},
                {"type": "deleted", "id": note["id"]},
            ]


def test_what_one_replica_has_cached_the_other_makes_it_forget(replicas: list[Replica]) -> None:
    here, there = replicas
    token = here.sign_up()
    assert there.call("GET", "/notes", token=token) == []
    note = here.call("POST", "/notes", {"text": "hello"}, token)
    assert there.call("GET", "/notes", token=token) == [note]


def test_nobody_hears_of_the_notes_of_others(replicas: list[Replica]) -> None:
    here, there = replicas
    token, token_of_another = here.sign_up(), there.sign_up()
    with there.window(token_of_another) as socket:
        here.call("POST", "/notes", {"text": "secret"}, token)
        note = there.call("POST", "/notes", {"text": "own"}, token_of_another)
        assert hear(socket) == {"type": "added", "note": note}


@pytest.mark.parametrize("question", ["still there?", b"\x00"])
def test_a_window_is_told_that_the_other_end_lives(
    replicas: list[Replica], question: str | bytes
) -> None:
    with replicas[0].window(replicas[0].sign_up()) as socket:
        socket.send(question)
        assert hear(socket) == {"type": "pong"}


@pytest.mark.parametrize("first", ["", "x.y.z", b"\x00"])
def test_who_does_not_say_who_it_is_is_sent_away(replicas: list[Replica], first: Any) -> None:
    with connect(f"ws://{HOST}:{replicas[0].port}/ws/notes") as socket:
        socket.send(first)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4401


def test_a_window_is_closed_when_its_token_runs_out(client: TestClient, settings: Settings) -> None:
    life = timedelta(minutes=settings.access_token_expire_minutes)
    token = issue_access_token(settings, uuid4(), datetime.now(UTC) - life + timedelta(seconds=2))
    with client.websocket_connect(PATH) as socket:
        socket.send_text(token)
        assert socket.receive_text() == READY
        message = socket.receive()
        while message["type"] == "websocket.send":
            message = socket.receive()
        assert message["code"] == 4401


def test_a_window_that_falls_behind_is_told_to_load_anew() -> None:
    hub, user_id = Hub(), uuid4()
    with hub.follow(user_id) as changes:
        for number in range(1, BACKLOG + 2):
            hub.hear(
                {
                    "type": "message",
                    "data": json.dumps({"owner": user_id.hex, "change": str(number)}),
                }
            )
        heard = [changes.get_nowait() for _ in range(changes.qsize())]
    assert heard == [READY, str(BACKLOG), str(BACKLOG + 1)]
