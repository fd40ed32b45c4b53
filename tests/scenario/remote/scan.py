"""Try every TCP port of an address and print those that answer, as a JSON list. Runs on another machine.

python3 - ADDRESS
"""

from __future__ import annotations

import errno
import json
import multiprocessing
import resource
import select
import socket
import sys
import time

AT_ONCE = 16384
"""Ports that one process tries; what drops lets it wait until its patience is at an end, so all wait side by side."""
PATIENCE = 3.0
"""Seconds that a port may take to accept or refuse; one that does neither counts as closed."""


def connected(connection: socket.socket) -> bool:
    """Tell whether an attempt has ended in a connection."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def scan(address: str, ports: list[int]) -> list[int]:
    """Return those of the ports that accept a connection."""
    accepted: list[int] = []
    waiting: dict[int, tuple[socket.socket, int]] = {}
    poll = select.epoll()
    for port in ports:
        connection = socket.socket()
        connection.setblocking(False)
        result = connection.connect_ex((address, port))
        if result == errno.EINPROGRESS:
            waiting[connection.fileno()] = connection, port
            poll.register(connection, select.EPOLLOUT)
            continue
        if result == 0:
            accepted.append(port)
        connection.close()
    deadline = time.monotonic() + PATIENCE
    while waiting and time.monotonic() < deadline:
        for number, _event in poll.poll(0.1):
            connection, port = waiting.pop(number)
            if connected(connection):
                accepted.append(port)
            poll.unregister(connection)
            connection.close()
    for connection, _port in waiting.values():
        connection.close()
    poll.close()
    return accepted


def main(address: str) -> None:
    """Print the ports that answer."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parts = [list(range(first, min(first + AT_ONCE, 65536))) for first in range(1, 65536, AT_ONCE)]
    # Each process has a limit of its own of open files
    with multiprocessing.get_context("fork").Pool(len(parts)) as pool:
        found = pool.starmap(scan, [(address, part) for part in parts])
    print(json.dumps([port for part in found for port in part]))


if __name__ == "__main__":
    main(sys.argv[1])
