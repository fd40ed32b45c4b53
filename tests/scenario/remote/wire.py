"""Send requests as they are written, byte by byte, and print the answers as a JSON list. Text is latin-1.

python3 - ADDRESS PORT REQUESTS    REQUESTS: a JSON list of [address to send from, request]
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
from typing import Any


def send(address: str, port: int, request: str, source: str = "") -> dict[str, Any]:
    """Send a request on a connection of its own and return the answer.

    Args:
        address: address of the server.
        port: its port.
        request: the whole request, or as much of it as there is to be.
        source: address to send from; the system's choice when empty.

    Returns:
        ``status``, ``headers`` (list of name and value) and ``body``.
    """
    with socket.create_connection((address, port), timeout=5, source_address=(source, 0)) as channel:
        channel.sendall(request.encode("latin-1"))
        answer = http.client.HTTPResponse(channel, method=request.split(None, 1)[0])
        answer.begin()
        body = b"" if answer.status == 101 else answer.read()
        return {"status": answer.status, "headers": answer.getheaders(), "body": body.decode("latin-1")}


def main(address: str, port: str, requests: str) -> None:
    """Print the answers."""
    print(json.dumps([send(address, int(port), request, source) for source, request in json.loads(requests)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
