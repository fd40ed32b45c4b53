"""The application under the server that production runs."""

import json
import signal
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.replica import Replica
from tests.servers import HOST, gunicorn


def wait_for_echo(socket: ClientConnection) -> None:
    socket.send("ping")
    assert socket.recv(timeout=5) == "ping"


def close_code(socket: ClientConnection) -> int | None:
    """Return the code that the server closes a websocket with; none where it sends none."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.recv(timeout=5)
    return closed.value.rcvd.code if closed.value.rcvd else None


def test_a_stop_cuts_nobody_off(environment: dict[str, str], tmp_path: Path) -> None:
    """SIGTERM lets a request finish and closes a websocket politely; every log is JSON."""
    log = tmp_path / "log"
    with (
        gunicorn(environment, log) as (server, port),
        connect(f"ws://{HOST}:{port}/ws/echo") as socket,
        (replica := Replica(port)).window(replica.sign_up()) as window,
        closing(HTTPConnection(HOST, port)) as http,
    ):
        http.connect()
        # Once the worker answers a message, it has seen what was sent to it before.
        wait_for_echo(socket)
        http.request("GET", "/slow?seconds=1")
        wait_for_echo(socket)
        server.send_signal(signal.SIGTERM)
        codes = [close_code(socket), close_code(window)]
        answer = http.getresponse().read()
        server.wait(timeout=10)

    assert codes == [1012, 1012]
    assert answer == b'{"seconds":1.0}'
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    requests = [(e["path"], e["status"]) for e in entries if e["message"] == "request"]
    assert {("/ws/echo", 101), ("/ws/notes", 101), ("/slow", 200)} <= set(requests)
