"""Upload bodies side by side, all of them complete but for a byte before the first is finished; print the statuses.

    python3 - ADDRESS PORT HOST PATH COUNT BYTES

One that is refused for coming too fast is tried again.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import sys


def begin(address: str, port: int, head: bytes, body: bytes) -> socket.socket:
    """Return a connection that has sent all of the body but its last byte."""
    while True:
        channel = socket.create_connection((address, port), timeout=30)
        channel.sendall(head)
        # A refusal comes at once, before the body is asked for
        if not select.select([channel], [], [], 0.1)[0]:
            channel.sendall(body[:-1])
            return channel
        channel.close()


def finish(channel: socket.socket, body: bytes) -> int:
    """Send the last byte and return the status of the answer."""
    channel.sendall(body[-1:])
    answer = http.client.HTTPResponse(channel)
    answer.begin()
    return answer.status


def main(address: str, port: str, host: str, path: str, count: str, size: str) -> None:
    """Print the statuses."""
    body = b'{"text": "%s"}' % (b"x" * (int(size) - 12))
    lines = (f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode()
    begun = [begin(address, int(port), head, body) for _ in range(int(count))]
    print(json.dumps([finish(channel, body) for channel in begun]))


if __name__ == "__main__":
    main(*sys.argv[1:])
