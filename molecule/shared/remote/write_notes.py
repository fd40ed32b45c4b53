"""Write numbered notes by the application as fast as it takes them. Runs in a container like the backend's.

    python3 - NAME

A note is NAME and a number. Prints each number that was acknowledged, never writes one twice, ends when its input does.
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import time

WRITERS = 4


def write(name: str, numbers: itertools.count[int], stop: threading.Event) -> None:
    """Write until told to stop."""
    headers = {"Host": "localhost", "Content-Type": "application/json"}
    while not stop.is_set():
        connection = http.client.HTTPConnection("backend", 8000, timeout=10)
        try:
            while not stop.is_set():
                number = next(numbers)
                connection.request("POST", "/notes", json.dumps({"text": f"{name} {number}"}), headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status == http.HTTPStatus.CREATED:
                    sys.stdout.write(f"{number}\n")
                    sys.stdout.flush()
                else:
                    time.sleep(0.02)
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
        finally:
            connection.close()


def main(name: str) -> None:
    """Let some write at once."""
    numbers, stop = itertools.count(1), threading.Event()
    writers = [threading.Thread(target=write, args=(name, numbers, stop)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main(sys.argv[1])
