"""Traffic while something happens: clients that never retry, so that what they miss is counted."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.scenario.stack import Web

# Seconds between two requests of a keep-alive client: none, a short pause, a long one
PAUSES = (0.0, 0.04, 0.3)
WEBSOCKETS = 5
# Seconds between two rows: a user of the application may write 120 a minute
ROW_PAUSE = 0.6
# Seconds between two looks whether the clients get to run
TICK = 0.02
NO_FIELDS: dict[str, str] = {}


class Failure(str):
    """A request without a good answer, in words; `sent` is when it was sent, by the monotonic clock."""

    sent: float

    def __new__(cls, words: str, sent: float) -> Failure:
        """Return the words with the moment."""
        failure = super().__new__(cls, words)
        failure.sent = sent
        return failure


class Span(NamedTuple):
    """From when to when something lasted, in seconds."""

    begin: float
    end: float

    def less(self, others: Iterable[Span]) -> float:
        """Return how long it lasted without the times that it shares with others, which do not overlap."""
        shared = (min(self.end, other.end) - max(self.begin, other.begin) for other in others)
        return self.end - self.begin - sum(max(0.0, one) for one in shared)


@dataclass
class Load:
    """What clients have seen."""

    web: Web
    answered: int = 0
    failures: list[Failure] = field(default_factory=list)
    closed: list[int | None] = field(default_factory=list)
    """Close codes of websockets that the other side closed; none where there was no close frame."""
    releases: set[str] = field(default_factory=set)
    """Releases of the backend that answered."""
    rows: list[str] = field(default_factory=list)
    """Texts of the notes that were acknowledged, each sent once."""
    pauses: tuple[float, ...] = PAUSES
    slow: float = 5.0
    """Seconds that the slow requests take."""
    websockets: int = WEBSOCKETS
    _last: float = 0.0
    _gaps: list[Span] = field(default_factory=list)
    """Times without any answer while all clients asked."""
    _stalls: list[Span] = field(default_factory=list)
    """Times for which this process did not get to ask."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def failed_after(self, moment: float) -> list[Failure]:
        """Return the failures of requests that were sent after a moment of the monotonic clock."""
        return [failure for failure in self.failures if failure.sent > moment]

    @property
    def gap(self) -> float:
        """Longest time without any answer while all clients asked, in seconds, but for when they did not get to."""
        return max((gap.less(self._stalls) for gap in self._gaps), default=0.0)

    def run(self) -> None:
        """Send traffic until stopped."""
        asyncio.run(self._all())

    def stop(self) -> None:
        """Let every client finish what it has begun."""
        self._stop.set()

    async def _all(self) -> None:
        clients = [self._keep_alive(pause) for pause in self.pauses]
        talkers = [self._talk() for _ in range(self.websockets)]
        await asyncio.gather(*clients, self._one_each(), self._slow(), self._write(), *talkers, self._watch())

    async def _watch(self) -> None:
        """Take note of when this process was kept from running: what else the machine does is no fault of the stack."""
        while not self._stop.is_set():
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            if time.monotonic() > due + TICK:
                self._stalls.append(Span(due, time.monotonic()))

    async def _keep_alive(self, pause: float) -> None:
        """Send requests over one connection for as long as the server keeps it, every other one a POST."""
        streams = None
        for method, path in itertools.cycle((("GET", "/api/health"), ("POST", "/api/visits"))):
            if self._stop.is_set():
                return
            sent = time.monotonic()
            try:
                streams = streams or await asyncio.open_connection(self.web.address, self.web.port)
                if not await self._ask(*streams, method, path):
                    streams = None
            except (OSError, EOFError) as error:
                self._fail(method, path, repr(error), sent)
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
            await self._alone(f"/api/slow?seconds={self.slow:g}")

    async def _write(self) -> None:
        """Write numbered rows, no more than one user may."""
        for number in itertools.count():
            if self._stop.is_set():
                return
            text = f"{self.web.user.name} {number}"
            body = json.dumps({"text": text}).encode()
            # In a thread: signing in again would hold up all the other clients
            fields = {**await asyncio.to_thread(self.web.user.bearer), "Content-Type": "application/json"}
            sent = time.monotonic()
            try:
                streams = await asyncio.open_connection(self.web.address, self.web.port)
                before = len(self.failures)
                await self._ask(*streams, "POST", "/api/notes", last=True, body=body, fields=fields)
                if len(self.failures) == before:
                    self.rows.append(text)
            except (OSError, EOFError) as error:
                self._fail("POST", "/api/notes", repr(error), sent)
            await asyncio.sleep(ROW_PAUSE)

    async def _alone(self, path: str) -> None:
        sent = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection(self.web.address, self.web.port)
            await self._ask(reader, writer, "GET", path, last=True)
        except (OSError, EOFError) as error:
            self._fail("GET", path, repr(error), sent)

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        method: str,
        path: str,
        *,
        last: bool = False,
        body: bytes = b"",
        fields: Mapping[str, str] = NO_FIELDS,
    ) -> bool:
        """Send a request, read the answer, and return whether the connection stays open."""
        said = {"Host": "localhost", "Content-Length": str(len(body)), **fields}
        if last:
            said["Connection"] = "close"
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        sent = time.monotonic()
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        await writer.drain()
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 40)).decode().lower()
        got = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        await reader.readexactly(int(got.get("content-length", 0)))
        status = int(head.split()[1])
        # All that is asked for here is the application's: a page is no answer
        if status < 300 and not got.get("content-type", "").startswith("text/html"):
            self._count(got.get("x-release", ""))
        else:
            self._fail(method, path, f"{status} {got.get('content-type', '')}".strip(), sent)
        if last or got.get("connection") == "close":
            writer.close()
            return False
        return True

    def _fail(self, method: str, path: str, cause: str, sent: float) -> None:
        """Take note of a request without a good answer."""
        self.failures.append(Failure(f"{time.strftime('%H:%M:%S')} {method} {path}: {cause}", sent))

    def _count(self, release: str) -> None:
        """Take note of an answer."""
        now = time.monotonic()
        # Once stopped, what still comes are the last slow answers, seconds apart.
        if not self._stop.is_set() and now - (self._last or now) > TICK:
            self._gaps.append(Span(self._last, now))
        self._last = now
        self.answered += 1
        self.releases.add(release)

    async def _talk(self) -> None:
        """Talk over a websocket, and come back when it is closed."""
        address = f"ws://localhost:{self.web.port}/api/ws/echo"
        while not self._stop.is_set():
            sent = time.monotonic()
            try:
                async with connect(address, host=self.web.address, port=self.web.port) as channel:
                    while not self._stop.is_set():
                        await channel.send("still there?")
                        await channel.recv()
                        await asyncio.sleep(0.1)
            except ConnectionClosed as closed:
                self.closed.append(closed.rcvd.code if closed.rcvd else None)
            except (OSError, EOFError, InvalidHandshake) as error:
                self._fail("GET", "/api/ws/echo", repr(error), sent)


@contextmanager
def traffic(web: Web, seconds_before: float = 1.0, **options: Any) -> Iterator[Load]:
    """Send traffic while the block runs; it has begun when the block begins, and is over after it.

    Args:
        web: where to.
        seconds_before: how long it may take to begin, ten times.
        options: fields of Load.

    Raises:
        AssertionError: nothing was answered before the block, so that it would prove nothing.
    """
    web.user.bearer()  # signs up before the clients begin
    load = Load(web, **options)
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
