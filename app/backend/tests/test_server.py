"""The application under the server that production runs."""

import json
import signal
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.servers import HOST, gunicorn


def wait_for_echo(socket: ClientConnection) -> None:
    socket.send("ping")
    assert socket.recv(timeout=5) == "ping"


def test_a_stop_cuts_nobody_off(environment: dict[str, str], tmp_path: Path) -> None:
    """SIGTERM lets a request finish and closes a websocket politely; every log is JSON."""
    log = tmp_path / "log"
    with (
        gunicorn(environment, log) as (server, port),
        connect(f"ws://{HOST}:{port}/ws/echo") as socket,
        closing(HTTPConnection(HOST, port)) as http,
    ):
        http.connect()
        # Once the worker answers a message, it has seen what was sent to it before.
        wait_for_echo(socket)
        http.request("GET", "/slow?seconds=1")
        wait_for_echo(socket)
        server.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
        answer = http.getresponse().read()
        server.wait(timeout=10)

    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1012
    assert answer == b'{"seconds":1.0}'
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    requests = [(e["path"], e["status"]) for e in entries if e["message"] == "request"]
    assert requests == [("/ws/echo", 101), ("/slow", 200)]
