"""Traffic while something happens: clients that never retry, so that what they miss is counted."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.stack import Web

# Seconds between two requests of a keep-alive client: none, a short pause, a long one
PAUSES = (0.0, 0.04, 0.3)
WEBSOCKETS = 5


@dataclass
class Load:
    """What clients have seen."""

    web: Web
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    closed: list[int | None] = field(default_factory=list)
    """Close codes of websockets that the other side closed; none where there was no close frame."""
    releases: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Send traffic until stopped."""
        asyncio.run(self._all())

    def stop(self) -> None:
        """Let every client finish what it has begun."""
        self._stop.set()

    async def _all(self) -> None:
        clients = [self._keep_alive(pause, method) for pause in PAUSES for method in ("GET", "POST")]
        await asyncio.gather(*clients, self._one_each(), self._slow(), *(self._talk() for _ in range(WEBSOCKETS)))

    async def _keep_alive(self, pause: float, method: str) -> None:
        """Send requests over one connection for as long as the server keeps it."""
        path = "/api/visits" if method == "POST" else "/api/health"
        streams = None
        while not self._stop.is_set():
            try:
                streams = streams or await asyncio.open_connection(self.web.address, self.web.port)
                if not await self._ask(*streams, method, path):
                    streams = None
            except (OSError, EOFError) as error:
                self.failures.append(f"{method} {path}: {error!r}")
                streams = None
            await asyncio.sleep(pause)

    async def _one_each(self) -> None:
        """Open a connection for each request."""
        while not self._stop.is_set():
            await self._alone("/api/health")
            await asyncio.sleep(0.01)

    async def _slow(self) -> None:
        """Ask for answers that take their time."""
        while not self._stop.is_set():
            await self._alone("/api/slow?seconds=5")

    async def _alone(self, path: str) -> None:
        try:
            reader, writer = await asyncio.open_connection(self.web.address, self.web.port)
            await self._ask(reader, writer, "GET", path, last=True)
        except (OSError, EOFError) as error:
            self.failures.append(f"GET {path}: {error!r}")

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str, *, last: bool = False
    ) -> bool:
        """Send a request, read the answer, and return whether the connection stays open."""
        ending = "Connection: close\r\n" if last else ""
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{ending}\r\n".encode())
        await writer.drain()
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 40)).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        await reader.readexactly(int(fields.get("content-length", 0)))
        status = int(head.split()[1])
        if status < 300:
            self.answered += 1
        else:
            self.failures.append(f"{method} {path}: {status}")
        if last or fields.get("connection") == "close":
            writer.close()
            return False
        return True

    async def _talk(self) -> None:
        """Talk over a websocket, and come back when it is closed."""
        address = f"ws://localhost:{self.web.port}/api/ws/echo"
        while not self._stop.is_set():
            try:
                async with connect(address, host=self.web.address, port=self.web.port) as channel:
                    while not self._stop.is_set():
                        await channel.send("still there?")
                        await channel.recv()
                        await asyncio.sleep(0.1)
            except ConnectionClosed as closed:
                self.closed.append(closed.rcvd.code if closed.rcvd else None)
            except OSError as error:
                self.failures.append(f"websocket: {error!r}")


@contextmanager
def traffic(web: Web, seconds_before: float = 1.0) -> Iterator[Load]:
    """Send traffic while the block runs; it has begun when the block begins, and is over after it.

    Raises:
        AssertionError: nothing was answered before the block, so that it would prove nothing.
    """
    load = Load(web)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        deadline = time.monotonic() + 10 * seconds_before
        while load.answered < 50 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert load.answered >= 50, load.failures[:5]
        yield load
    finally:
        load.stop()
        thread.join(60)
