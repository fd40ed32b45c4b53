"""What a client cannot do to the others, with the limits that hold by default: ask too fast, too much, too slowly."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest

from tests.scenario.stack import Compose, Container, Web, eventually, run_script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

# Of a request whose client says nothing more
CUT_OFF_AFTER = 15
TEN_MIB = 10 * 1024 * 1024


@pytest.fixture(scope="module")
def neighbour_address(neighbour: Host) -> str:
    return str(neighbour.interface("eth0").addresses[0])


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


# --- slow clients: begun first, looked at last, since each takes its 15 seconds --------------------


def life(web: Web, begin: bytes, drop: bytes) -> tuple[float, bytes]:
    """Begin a request, add a drop each second, and return how many seconds it lived and what came back."""
    began = time.monotonic()
    with socket.create_connection((web.address, web.port), timeout=1) as channel:
        channel.sendall(begin)
        while time.monotonic() - began < 3 * CUT_OFF_AFTER:
            try:
                return time.monotonic() - began, channel.recv(4096)
            except TimeoutError:
                channel.sendall(drop)
            except ConnectionResetError:
                return time.monotonic() - began, b""
    raise AssertionError("was not cut off")


HEAD = b"POST /api/notes HTTP/1.1\r\nHost: localhost\r\n"
SLOW = {
    "says nothing": (b"", b""),
    "never ends its headers": (HEAD, b"X-Slow: 1\r\n"),
    "never sends its body": (HEAD + b"Content-Length: 9\r\n\r\n", b""),
}


@pytest.fixture(scope="module", autouse=True)
def slow(web: Web, pool: ThreadPoolExecutor) -> dict[str, Future[tuple[float, bytes]]]:
    return {name: pool.submit(life, web, begin, drop) for name, (begin, drop) in SLOW.items()}


# --- fast clients ----------------------------------------------------------------------------------


class Waits(NamedTuple):
    """Seconds that answers took: half of them less than the one, all but one in a hundred less than the other."""

    median: float
    p99: float


def waits(web: Web) -> Waits:
    """Ask as fast as a client may and return how many seconds the answers took."""
    seconds = []
    for _ in range(60):
        began = time.monotonic()
        assert web.get("/api/health").status == 200
        seconds.append(time.monotonic() - began)
        time.sleep(max(0.0, 0.102 - seconds[-1]))
    seconds.sort()
    return Waits(median=seconds[30], p99=seconds[-2])


@dataclass
class Comparison:
    """How long another client waits while the neighbour is quiet, and while it asks 40 times as fast as it may."""

    quiet: Waits
    busy: Waits
    statuses: dict[str, int]
    refusal: dict[str, Any]

    @property
    def unnoticed(self) -> bool:
        """Whether no wait is twice as long as without the flood."""
        return self.busy.median < 2 * self.quiet.median and self.busy.p99 < 2 * self.quiet.p99


@pytest.mark.alone
class TestFlood:
    """A client that asks far too fast, and the others meanwhile."""

    @pytest.fixture(scope="class")
    @classmethod
    def comparisons(cls, web: Web, neighbour: Host, pool: ThreadPoolExecutor) -> list[Comparison]:
        """Compare until the flood goes unnoticed, five times at most: the machine has other things to do as well."""
        made: list[Comparison] = []
        while len(made) < 5 and not any(one.unnoticed for one in made):
            quiet = waits(web)
            target = (web.address, str(web.port), web.name, "/api/visits")
            flood = pool.submit(run_script, neighbour, "flood", *target, "45", "400", "8")
            made.append(Comparison(quiet, waits(web), **flood.result()))
        return made

    @pytest.fixture(scope="class")
    @classmethod
    def refusal(cls, comparisons: list[Comparison]) -> dict[str, Any]:
        return comparisons[0].refusal

    def test_nobody_else_waits_twice_as_long(self, comparisons: list[Comparison]) -> None:
        assert any(one.unnoticed for one in comparisons), comparisons

    def test_whoever_it_says_it_is_it_is_one_client(self, comparisons: list[Comparison]) -> None:
        """The burst of 20 and 10 a second, whatever X-Forwarded-For says."""
        assert comparisons[0].statuses["200"] <= 20 + 10 * 10

    def test_all_else_is_refused(self, comparisons: list[Comparison]) -> None:
        assert set(comparisons[0].statuses) == {"200", "429"}

    def test_refusal_says_so_as_the_application_would(self, refusal: dict[str, Any]) -> None:
        assert json.loads(refusal["body"]) == {"detail": "Too many requests"}

    def test_refusal_has_every_header_once(self, refusal: dict[str, Any]) -> None:
        counted = Counter(name for name, _value in refusal["headers"])
        assert {"Content-Security-Policy", "X-Frame-Options", "Retry-After"} <= set(counted)
        assert set(counted.values()) == {1}


def test_client_holds_fifty_requests_at_most(web: Web, neighbour: Host) -> None:
    assert run_script(neighbour, "hold", web.address, str(web.port), web.name, "/api/notes", "60") == 50


def test_client_is_known_by_its_real_address(
    host: Host, web: Web, compose: Compose, neighbour: Host, neighbour_address: str
) -> None:
    """In the log, and by default whatever it claims."""
    path = f"/{uuid4()}"
    run_script(neighbour, "flood", web.address, str(web.port), web.name, path, "1", "1", "1")

    def logged() -> list[dict[str, Any]]:
        lines = host.check_output("docker logs --tail 500 %s", compose.container("nginx").id).splitlines()
        return [json.loads(line) for line in lines if path in line]

    assert [line["client"] for line in eventually(logged, 5)] == [neighbour_address]


class TestUploads:
    """40 of 10 MB side by side: more than the memory of nginx."""

    @pytest.fixture(scope="class")
    @classmethod
    def before(cls, compose: Compose) -> Container:
        return compose.container("nginx")

    @pytest.fixture(scope="class")
    @classmethod
    def statuses(cls, before: Container, web: Web, neighbour: Host) -> list[int]:
        size = str(TEN_MIB)
        found: list[int] = run_script(
            neighbour, "upload", web.address, str(web.port), web.name, "/api/notes", "40", size
        )
        return found

    def test_application_got_all_of_them(self, statuses: list[int]) -> None:
        """A note of somebody who is not signed in is refused once it was read."""
        assert statuses == [401] * 40

    def test_they_are_more_than_the_memory(self, before: Container) -> None:
        assert before.limits["memory"] < 40 * TEN_MIB

    def test_nginx_was_not_killed(self, statuses: list[int], before: Container, compose: Compose) -> None:
        after = compose.container("nginx")
        assert (after.pid, after.limits["oom_kills"]) == (before.pid, 0)

    def test_nothing_of_them_is_left(self, statuses: list[int], host: Host) -> None:
        assert host.check_output("find /opt/app/spool/nginx -type f") == ""


@pytest.mark.parametrize("name", SLOW)
def test_slow_client_is_cut_off(slow: dict[str, Future[tuple[float, bytes]]], name: str) -> None:
    seconds, answer = slow[name].result()
    assert (abs(seconds - CUT_OFF_AFTER) < 2, answer) == (True, b""), seconds
