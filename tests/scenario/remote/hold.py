"""Open requests that wait for their body, as many as are let in, and print how many were, as JSON.

    python3 - ADDRESS PORT HOST PATH MOST

One that is refused may only have come too fast, so the next one waits for its turn; after ten refusals in a row nothing
more is let in.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

# Seconds in which the limit of requests lets one more in (10 a second)
TURN = 0.1


def open_request(address: str, port: int, head: bytes) -> socket.socket | None:
    """Return a connection whose request is let in, or none when it is answered, which is a refusal, within a turn."""
    channel = socket.create_connection((address, port), timeout=5)
    channel.sendall(head)
    channel.settimeout(TURN)
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
    while refusals < 10 and len(held) < int(most):
        channel = open_request(address, int(port), head)
        if channel:
            held.append(channel)
        else:
            time.sleep(TURN)
        refusals = 0 if channel else refusals + 1
    refused_late, _, _ = select.select(held, [], [], 0)
    print(json.dumps(len(held) - len(refused_late)))


if __name__ == "__main__":
    main(*sys.argv[1:])
