"""A running server, as its clients see it."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.conftest import PASSWORD, unused_name
from tests.servers import HOST


class Replica:
    """One of several servers that share a database and a Redis."""

    def __init__(self, port: int) -> None:
        self.port = port

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """Send a request, which has to succeed, and return what it answers."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        with closing(HTTPConnection(HOST, self.port, timeout=5)) as connection:
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        assert answer.status < 300, content
        return json.loads(content or "null")

    def sign_up(self) -> str:
        """Sign somebody new up and return the access token."""
        body = {"name": unused_name(), "password": PASSWORD}
        return str(self.call("POST", "/auth/register", body)["access_token"])

    @contextmanager
    def window(self, token: str) -> Iterator[ClientConnection]:
        """Open a window of a user; it is ready."""
        with connect(f"ws://{HOST}:{self.port}/ws/notes") as socket:
            socket.send(token)
            while hear(socket) != {"type": "ready"}:
                pass
            yield socket


def hear(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=5))
