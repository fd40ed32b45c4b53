"""The application, as the world reaches it, and how it is deployed by its own Dockerfile."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scenario.stack import Answer

SERVICE = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "app/service"
OWN_DOCKERFILE: dict[str, Any] = {
    "fastapi_backend_source": "path",
    "fastapi_backend_path": str(SERVICE),
    "fastapi_backend_dockerfile": "deploy/Dockerfile",
    "fastapi_backend_build_args": {"BASE": "registry.lan:5000/fullstack/python:3.13"},
    "fastapi_backend_port": 9000,
    "fastapi_backend_migrate_command": [],
    "nginx_frontend_source": "none",
}
"""Variables over those of the inventory: no migration and no frontend either."""

# What only that Dockerfile says
BANNER = """it's 5 o'clock; $HOME "quoted" \\ ${X:-y} `z` #1"""
COMMAND = ["python3", "-m", "uvicorn", "src.main:app", "--host", "0.0.0.0", "--port", "9000"]

ADDRESS = "10.213.0.20"
NAME = "shop.test"


@dataclass(frozen=True)
class Shop:
    """The application, as the world reaches it by its name."""

    authority: Path

    def context(self) -> ssl.SSLContext:
        """Return what a client trusts: the authority alone."""
        return ssl.create_default_context(cafile=str(self.authority))

    def handshake(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Open a connection; the caller closes it."""
        return context.wrap_socket(socket.create_connection((ADDRESS, 443), timeout=5), server_hostname=NAME)

    def request(self, method: str, path: str, data: Any = None, *, secure: bool = True) -> Answer:
        """Send a request on a connection of its own, data as JSON."""
        connection = http.client.HTTPConnection(NAME, timeout=5)
        connection.sock = (
            self.handshake(self.context()) if secure else socket.create_connection((ADDRESS, 80), timeout=5)
        )
        try:
            connection.request(method, path, None if data is None else json.dumps(data))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        """Ask for a path."""
        return self.request("GET", path)

    def about(self) -> dict[str, Any]:
        """Return what the application says of itself."""
        answer = self.get("/api/about")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json()
        return found

    def own_address(self) -> str:
        """Return the address that the tests come from."""
        with self.handshake(self.context()) as connection:
            return str(connection.getsockname()[0])

    def serial(self) -> int:
        """Return the number of the certificate that is served."""
        with self.handshake(self.context()) as connection:
            certificate = connection.getpeercert()
        assert certificate
        return int(str(certificate["serialNumber"]), 16)
