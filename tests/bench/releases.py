"""Releases and rollbacks under load, and one release beside `docker compose up -d --build`."""

from __future__ import annotations

import csv
import http.client
import math
import os
import re
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.bench.host import NAME, SSH, Timed
from tests.bench.load import alone_since, percentile, wrk
from tests.bench.table import REPOSITORY, Goal, Rows
from tests.ground import ground

os.environ.setdefault("MOLECULE_PROJECT_DIRECTORY", str(REPOSITORY))
from tests.scenario.load import Load, traffic
from tests.scenario.stack import Web

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.host import Stack

TITLE = "Releases under load"
MARK = "X-Bench-Version"
# Laid around the application, so that each answer tells which version of the source gave it
WRAPPER = """

_bench_app = app


async def app(scope, receive, send):
    async def marked(message):
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), (b"x-bench-version", b"{version}")]
        await send(message)

    await _bench_app(scope, receive, marked)
"""
# Clients with pauses alone where time is measured, so that both ways have the same, light load
LIGHT: dict[str, Any] = {"pauses": (0.04, 0.3), "slow": 1.0}
STEADY = 12.0
# So many answers in a row, 20 ms apart or more, say that a version alone is left
STEADILY = 25
HEY_CLIENTS = 8


@dataclass
class Probe:
    """Asks which version answers, every 20 ms, on a connection of its own."""

    web: Web
    seen: list[tuple[float, str]] = field(default_factory=list)
    """When, and the version; empty where there was no good answer."""

    def run(self, stop: threading.Event) -> None:
        """Ask until told to stop."""
        while not stop.wait(0.02):
            self.seen.append((time.monotonic(), self.ask()))

    def ask(self) -> str:
        """Return the version that answers."""
        connection = http.client.HTTPConnection(self.web.address, self.web.port, timeout=5)
        try:
            connection.request("GET", "/api/health", headers={"Host": "localhost"})
            answer = connection.getresponse()
            answer.read()
            return answer.getheader(MARK, "") if answer.status == 200 else ""
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()


class Deployer:
    """Changes the copy of the source, and releases it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.main = stack.source / "backend/app/main.py"
        self.page = stack.source / "frontend/src/main.tsx"
        self.texts = {path: path.read_text() for path in (self.main, self.page)}
        self.body_size = 10

    def backend(self, version: str) -> None:
        """Make the backend another version."""
        self.main.write_text(self.marked(version))

    def marked(self, version: str) -> str:
        """Return the backend's module with a version."""
        return self.texts[self.main] + WRAPPER.replace("{version}", version)

    def frontend(self, version: str) -> None:
        """Make the frontend another version."""
        self.page.write_text(f'{self.texts[self.page]}document.documentElement.dataset["bench"] = "{version}";\n')

    def nginx(self, version: str) -> None:
        """Change nginx's configuration."""
        self.body_size += 1

    def release(self) -> Timed:
        """Release what there is by the everyday command."""
        return self.stack.play("playbooks/release.yml", "-v", nginx_frontend_body_size=f"{self.body_size}m")

    def ids(self) -> list[str]:
        """Return the ids of the ledger's releases, the oldest first."""
        text = self.stack.output("cat releases.json")
        found = re.findall(r'"release": "([^"]+)"', text)
        return list(dict.fromkeys(found))

    def restore(self) -> None:
        """Put the copy of the source back."""
        for path, text in self.texts.items():
            path.write_text(text)


@dataclass(frozen=True)
class Watched:
    """A change of version, as clients saw it."""

    seconds: float
    alone: float
    failed: int
    answered: int
    output: str

    def step(self, name: str) -> float:
        """Return how long a step took on the host, as the play told."""
        found = re.findall(rf"^ +{name}: ([\d.]+)$", self.output, re.MULTILINE)
        return float(found[-1]) if found else math.nan


@contextmanager
def probing(web: Web) -> Iterator[Probe]:
    """Ask for the version while the block runs."""
    probe, stop = Probe(web), threading.Event()
    thread = threading.Thread(target=probe.run, args=(stop,))
    thread.start()
    try:
        yield probe
    finally:
        stop.set()
        thread.join(20)


def watch(web: Web, version: str, act: Callable[[], Timed]) -> Watched:
    """Change the version under a light load."""
    with traffic(web, **LIGHT) as load, probing(web) as probe:
        begin = time.monotonic()
        done = act()
        # Compose ends before the new version answers
        ground.wait_for(f"version {version}", lambda: {one for _when, one in probe.seen[-STEADILY:]} == {version}, 90)
    return Watched(
        done.seconds, alone_since(probe.seen, begin, version), len(load.failures), load.answered, done.output
    )


def latencies(stack: Stack, rate: float, act: Callable[[], Timed]) -> tuple[float, float]:
    """Ask at a fixed rate, first for a while, then while something happens; return both p99s in milliseconds."""
    pid = "/run/bench-hey.pid"
    url = "http://127.0.0.1:8420/api/health"
    line = (f"echo $$ >{pid}; date +%s.%N; exec hey -z 300s -c {HEY_CLIENTS} -q {rate / HEY_CLIENTS:.2f} -t 30 "
            f"-host localhost -o csv {url}")  # fmt: skip
    hey = subprocess.Popen([*SSH, NAME, line], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(STEADY)
        begin = time.time()
        act()
        end = time.time()
    finally:
        stack.output(f"kill -INT $(cat {pid}); rm {pid}")
        output, _nothing = hey.communicate(timeout=60)
    first, *lines = output.splitlines()
    answers = [
        (float(first) + float(one["offset"]), 1000 * float(one["response-time"])) for one in csv.DictReader(lines)
    ]
    steady = [took for moment, took in answers if float(first) + 2 < moment < begin]
    during = [took for moment, took in answers if begin <= moment <= end]
    return percentile(steady, 0.99), percentile(during, 0.99)


def many(deployer: Deployer, web: Web, releases: int, rollbacks: int) -> tuple[Load, dict[str, list[float]]]:
    """Release backend, frontend and nginx's configuration in turn, then go back and forth, under load."""
    seconds: dict[str, list[float]] = {"backend": [], "frontend": [], "nginx": [], "rollback": []}
    with traffic(web) as load:
        for number in range(releases):
            kind = ("backend", "frontend", "nginx")[number % 3]
            getattr(deployer, kind)(f"many-{number}")
            seconds[kind].append(deployer.release().seconds)
            print(f"  release {number + 1}/{releases}: {kind}, {seconds[kind][-1]:.1f} s, {load.answered} answers, "
                  f"{len(load.failures)} failed", flush=True)  # fmt: skip
        newest = deployer.ids()
        # Between these two lies one release of each kind
        for number in range(rollbacks):
            target = (newest[-4], newest[-1])[number % 2]
            seconds["rollback"].append(deployer.stack.play("playbooks/rollback.yml", release=target).seconds)
            print(f"  rollback {number + 1}/{rollbacks}: {seconds['rollback'][-1]:.1f} s", flush=True)
    return load, seconds


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Release, go back, and do the same by plain Compose."""
    rollbacks = math.ceil(releases / 5)
    web = Web(name="localhost", address=stack.address)
    deployer = Deployer(stack)
    try:
        return compare(stack, rows, deployer, web, releases, rollbacks)
    finally:
        deployer.restore()


def compare(stack: Stack, rows: Rows, deployer: Deployer, web: Web, releases: int, rollbacks: int) -> list[str]:
    """Measure with the source as the deployer changes it."""
    deployer.backend("first")
    deployer.release()
    load, seconds = many(deployer, web, releases, rollbacks)
    rows.add(f"{releases} releases and {rollbacks} rollbacks: failed requests", len(load.failures), goal=Goal("", 0))
    rows.add("requests answered meanwhile", load.answered)
    rows.add("longest time without any answer", 1000 * load.gap, "ms", goal=Goal("", 100))
    told = sum(code in {1001, 1012} for code in load.closed)
    rows.add("websockets closed without being told to come back", len(load.closed) - told, goal=Goal("", 0))
    rows.add("websockets told to come back", told)
    for kind, took in seconds.items():
        rows.add(f"{kind}, the whole play, median", sorted(took)[len(took) // 2], "s")

    deployer.release()  # whatever the last rollback left behind is none of what follows
    deployer.backend("ours")
    ours = watch(web, "ours", deployer.release)
    deployer.backend("theirs")
    stack.source_to_host(deployer.main, "backend/app/main.py")
    theirs = watch(web, "theirs", lambda: stack.run("docker compose up -d --build backend 2>&1"))
    beside = "docker compose up -d --build"
    rows.add("one release of the backend, built: failed requests", ours.failed, beside=beside, other=theirs.failed,
             goal=Goal("", 0))  # fmt: skip
    rows.add("the whole command", ours.seconds, "s", beside=beside, other=theirs.seconds)
    rows.add(
        "until the new version alone answers", ours.alone, "s", beside=beside, other=theirs.alone, goal=Goal("÷", 1.5)
    )
    rows.add(
        "the same without the build, as with an image that is present", ours.alone - ours.step("images"), "s",
        goal=Goal("", 10),
    )  # fmt: skip
    for step in ("images", "start", "health", "smoke", "switch", "verify", "drain", "retire"):
        if not math.isnan(ours.step(step)):
            rows.add(f"of ours, {step}", ours.step(step), "s")

    deployer.backend("ours")
    present = watch(web, "ours", deployer.release)
    rows.add("image present, and it served before: until it alone answers", present.alone, "s", goal=Goal("", 10))
    rows.add("its failed requests", present.failed, goal=Goal("", 0))
    deployer.backend("next")
    deployer.release()
    target = deployer.ids()[-2]
    back = watch(web, "ours", lambda: stack.play("playbooks/rollback.yml", release=target))
    rows.add("rollback, image present: until the old version alone answers", back.alone, "s", goal=Goal("", 5))
    rows.add("its failed requests", back.failed, goal=Goal("", 0))

    capacity = wrk(stack, "http://127.0.0.1:8420/api/health", 32).rate
    steady, during = latencies(stack, 0.3 * capacity, deployer.release)
    rows.add(
        "p99 at 30 % of capacity, during a release", during, "ms", beside="steady", other=steady, goal=Goal("÷", 1.5)
    )
    lost = [f"Failed: {'; '.join(load.failures[:5])}."] if load.failures else []
    return [
        *lost,
        "Load: keep-alive clients that never retry, half of them POST, with and without pauses, one connection a "
        "request, 5-second answers, websockets. The single releases have the clients with pauses alone.",
        "The times are those of the whole way: Ansible's start on the machine that deploys, the comparison of host and "
        f"inventory, the source; plain Compose had its source on the host already. Capacity: {capacity:.0f} "
        "requests/s.",
        "Host, clients and the machine that deploys are the same two cores here: what they take from each other is in "
        "the gap and in the p99.",
    ]
