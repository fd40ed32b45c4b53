"""Open requests that wait for their body, as many as are let in, and print how many were, as JSON.

    python3 - ADDRESS PORT HOST PATH MOST

One that is refused is tried again, since it may have come too fast; after 30 refusals in a row nothing more is let in.
"""

from __future__ import annotations

import json
import socket
import sys


def open_request(address: str, port: int, head: bytes) -> socket.socket | None:
    """Return a connection whose request is let in, or none when it is answered, which is a refusal, within 0.1 s."""
    channel = socket.create_connection((address, port), timeout=5)
    channel.sendall(head)
    channel.settimeout(0.1)
    try:
        answer = channel.recv(16)
    except TimeoutError:
        return channel
    assert answer.startswith(b"HTTP/1.1 429"), answer
    channel.close()
    return None


def main(address: str, port: str, host: str, path: str, most: str) -> None:
    """Print how many are held at once."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n\r\n".encode()
    held: list[socket.socket] = []
    refusals = 0
    while refusals < 30 and len(held) < int(most):
        channel = open_request(address, int(port), head)
        refusals = 0 if channel else refusals + 1
        held += [channel] if channel else []
    print(json.dumps(len(held)))


if __name__ == "__main__":
    main(*sys.argv[1:])
