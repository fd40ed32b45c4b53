"""Write numbered notes by the application as fast as it takes them. Runs in a container like the backend's.

    python3 - NAME

A note is NAME and a number. Prints each number that was acknowledged, never writes one twice, ends when its input does.
A user may write so many notes a minute: each writer has users of its own (writer-…), and takes a new one at that limit.
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import time
import uuid

WRITERS = 4
HEADERS = {"Host": "localhost", "Content-Type": "application/json"}


def post(connection: http.client.HTTPConnection, path: str, data: dict[str, str], token: str = "") -> tuple[int, bytes]:
    """Send data and return status and body of the answer."""
    connection.request("POST", path, json.dumps(data), HEADERS | {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def sign_up(connection: http.client.HTTPConnection) -> str:
    """Return the access token of a new user; empty when the application could not make one."""
    user = {"name": f"writer-{uuid.uuid4().hex[:24]}", "password": uuid.uuid4().hex}
    status, body = post(connection, "/auth/register", user)
    return str(json.loads(body)["access_token"]) if status == http.HTTPStatus.CREATED else ""


def write(name: str, numbers: itertools.count[int], stop: threading.Event) -> None:
    """Write until told to stop."""
    token = ""
    while not stop.is_set():
        connection = http.client.HTTPConnection("backend", 8000, timeout=10)
        try:
            while not stop.is_set():
                token = token or sign_up(connection)
                number = next(numbers)
                status, _ = post(connection, "/notes", {"text": f"{name} {number}"}, token)
                if status == http.HTTPStatus.CREATED:
                    sys.stdout.write(f"{number}\n")
                    sys.stdout.flush()
                elif status in {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.TOO_MANY_REQUESTS}:
                    token = ""
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
