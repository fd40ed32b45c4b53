"""Append numbers to a list in Redis as fast as it takes them. Runs in a container like the backend's.

    python3 - NAME

NAME is the list's. Prints each number that was acknowledged, never writes one twice, ends when its input does.
"""

from __future__ import annotations

import itertools
import sys
import threading
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry


def wait_for_end(stop: threading.Event) -> None:
    """Say so when the input ends."""
    sys.stdin.read()
    stop.set()


def main(name: str) -> None:
    """Write until the input ends."""
    password = Path("/run/secrets/redis_password").read_text()
    client = Redis("redis", 6379, password=password, retry=Retry(NoBackoff(), 0), socket_timeout=5)
    stop = threading.Event()
    threading.Thread(target=wait_for_end, args=(stop,)).start()
    for number in itertools.count(1):
        if stop.is_set():
            return
        try:
            client.rpush(name, number)
        except (RedisConnectionError, RedisTimeoutError):
            stop.wait(0.02)
            continue
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
