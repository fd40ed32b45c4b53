"""Kill the main process of a service again and again while something is written to it. Runs on the host.

    python3 - DIRECTORY SERVICE KILLS SECONDS WRITER NAME

WRITER is the text of a script that runs in a container like the backend's, with NAME as its argument. It prints each
number that was acknowledged, one a line, and ends when its input does. Each kill comes so many SECONDS after the first
number that was acknowledged since the service was started again. Prints a JSON object: when each number came, and when
the kills were.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

PATIENCE = 60


def docker(*arguments: str) -> str:
    """Run docker and return what it prints."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


class Written:
    """The numbers that were acknowledged, with the time at which this was heard of."""

    def __init__(self, stream: IO[str]) -> None:
        self.numbers: list[tuple[int, float]] = []
        self._stream = stream
        self._news = threading.Condition()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        for line in self._stream:
            with self._news:
                self.numbers.append((int(line), time.monotonic()))
                self._news.notify_all()

    def wait(self, since: float) -> float:
        """Return when the first number after a time came."""
        with self._news:
            if not self._news.wait_for(lambda: self.numbers and self.numbers[-1][1] > since, PATIENCE):
                sys.exit(f"nothing was acknowledged for {PATIENCE} s")
        return next(at for _number, at in self.numbers if at > since)

    def end(self) -> None:
        """Hear the rest."""
        self._listener.join()


@contextmanager
def started_by_hand(container: str) -> Iterator[None]:
    """Keep the engine from starting a container: it would wait longer each time."""
    docker("update", "--restart=no", container)
    try:
        yield
    finally:
        docker("update", "--restart=unless-stopped", container)


def kill(container: str) -> tuple[float, float]:
    """Kill the main process as the kernel does, and start the container again; return when each was."""
    pid = docker("inspect", "--format", "{{.State.Pid}}", container)
    killed = time.monotonic()
    subprocess.run(["kill", "-9", pid], check=True)
    docker("wait", container)
    docker("start", container)
    return killed, time.monotonic()


def main(directory: str, service: str, kills: str, seconds: str, writer: str, name: str) -> None:
    """Print what was acknowledged."""
    compose = ["compose", "--project-directory", directory]
    container = docker(*compose, "ps", "--quiet", service)
    run = ["docker", *compose, "run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", "python3", "backend", "-c"]
    killed, started = [], 0.0
    with (
        subprocess.Popen([*run, writer, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
        started_by_hand(container),
    ):
        assert process.stdin
        assert process.stdout
        written = Written(process.stdout)
        for _ in range(int(kills)):
            time.sleep(max(0.0, written.wait(started) + float(seconds) - time.monotonic()))
            at, started = kill(container)
            killed.append(at)
        written.wait(started)
        process.stdin.close()
        written.end()
    print(json.dumps({"acknowledged": written.numbers, "killed": killed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
