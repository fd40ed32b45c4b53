"""How parts run: each in a process of its own that leaves nothing behind, all that it prints kept in a file."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType

from tests.suite.model import REPORTS, REPOSITORY, Command, Outcome, Part
from tests.suite.schedule import hopeless, startable
from tests.suite.summary import tally

PROGRAMS = REPOSITORY / ".venv" / "bin"
# Of <linux/prctl.h>
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# What ends the suite
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds that a process gets to end by itself, and a part that is stopped to remove its hosts
GRACE, FAREWELL = 10, 120
# Seconds between two signs of life
HEARTBEAT = 60
# Lines of a part's log that tell how its command ended
LAST_LINES = 25
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Stopped(BaseException):
    """Somebody wants the suite to end. No handler of common errors catches it."""


def say(text: str) -> None:
    """Print a line at once, in step with what the commands print."""
    print(text, flush=True)


def stop(number: int, _frame: FrameType | None) -> None:
    """Handle a signal that ends the suite."""
    raise Stopped(signal.Signals(number).name)


# --- one part, in its process ---------------------------------------------------------------------


def adopt() -> None:
    """Take over the processes that lose their parent, and end with the process that started this one."""
    library = ctypes.CDLL(None)
    parent = os.getppid()
    library.prctl(PR_SET_CHILD_SUBREAPER, 1)
    library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise Stopped("the suite has ended")


def descendants(ancestor: int) -> set[int]:
    """Return the processes that a process has started, and those that they have, but for a Docker Engine.

    An engine that the ground had to start by hand is the machine's, and outlives the suite.
    """
    children: dict[int, set[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = path.read_text(errors="replace").partition("(")[2].rpartition(")")
            state, parent = rest.split()[:2]
            if state != "Z" and name != "dockerd":
                children.setdefault(int(parent), set()).add(int(path.parent.name))
    found: set[int] = set()
    look = {ancestor}
    while look:
        look = set().union(*(children.get(one, set()) for one in look)) - found
        found |= look
    return found


def end_descendants() -> None:
    """End all that this process has started, whatever session it has moved to."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        deadline = time.monotonic() + patience
        told: set[int] = set()
        while (alive := descendants(os.getpid())) and time.monotonic() < deadline:
            for one in alive - told:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(one, number)
            told |= alive
            time.sleep(0.05)


def execute(command: Command) -> int:
    """Run a command with its output shown, and return its exit status."""
    environment = os.environ | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"} | command.environment
    say(f"$ {' '.join(command.argv)}")
    try:
        return subprocess.run(
            command.argv, cwd=command.folder, env=environment, stdin=subprocess.DEVNULL, check=False
        ).returncode
    except OSError as error:
        say(str(error))
        return 127


def must(*argv: str, folder: Path = REPOSITORY, environment: dict[str, str] | None = None) -> None:
    """Run a command that prepares a part.

    Raises:
        RuntimeError: when it fails.
    """
    if execute(Command(argv, folder, environment or {})) != 0:
        raise RuntimeError(f"failed: {' '.join(argv)}")


def last_lines(log: Path) -> list[str]:
    """Return how a log ends, without colours and empty lines."""
    lines = (ANSI.sub("", line).rstrip() for line in log.read_text(errors="replace").splitlines())
    return [line for line in lines if line.strip(" │")][-LAST_LINES:]


def run_part(part: Part) -> Outcome:
    """Run one part here and count."""
    part.report.unlink(missing_ok=True)
    evidence: list[str] = []
    broken, note = 0, ""
    try:
        for prepare in part.prepare:
            prepare()
        for command in part.commands:
            if execute(command) != 0:
                broken += 1
                evidence += last_lines(part.log) if part.log.exists() else []
    except RuntimeError as error:
        broken, note = 1, str(error)
    report = part.report.read_text() if part.report.exists() else None
    if report is None and part.tests and not broken:
        broken, note = 1, "no test ran"
    passed, failed, skipped = tally(report, broken)
    if broken:
        for command in part.farewell:
            execute(command)
    if failed:
        evidence += host_states(part)
    return Outcome(part, passed, failed, skipped, note=note, reported=report is not None, evidence=tuple(evidence))


def host_states(part: Part) -> list[str]:
    """Return how the part's hosts were when they were removed (molecule/shared/destroy.yml writes it)."""
    files = [REPORTS / f"{host}.txt" for host in part.hosts]
    return [line for file in files if file.exists() for line in file.read_text().splitlines()]


def work(part: Part, results: Connection) -> None:
    """Run one part in a process of its own."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    with part.log.open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        adopt()
        results.send(run_part(part))
    except Stopped:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_descendants()
        for command in part.farewell:
            execute(command)


# --- all of them ----------------------------------------------------------------------------------


class Running:
    """A part that runs."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.began = time.monotonic()
        part.log.write_bytes(b"")
        self.results, results = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.get_context("fork").Process(target=work, args=(part, results))
        # A signal that comes while Python makes the new process ready would be lost
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        self.process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        results.close()
        self._shown = 0

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self.began

    def show(self) -> None:
        """Print what it has printed since last asked."""
        with self.part.log.open("rb") as log:
            log.seek(self._shown)
            text = log.read()
        self._shown += len(text)
        sys.stdout.buffer.write(text)
        sys.stdout.flush()

    def outcome(self) -> Outcome:
        """Wait for its end, and return what it came to."""
        try:
            found: Outcome = self.results.recv()
        except EOFError:
            found = Outcome(self.part, failed=1, note="interrupted")
        self.process.join()
        return replace(found, seconds=self.seconds)

    def kill(self) -> None:
        """End it with all that it has started."""
        for one in descendants(self.process.pid or 0):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGKILL)
        self.process.kill()


@contextmanager
def stoppable() -> Iterator[None]:
    """Let the usual signals raise Stopped."""
    before = [signal.signal(number, stop) for number in ENDING]
    try:
        yield
    finally:
        for number, handler in zip(ENDING, before, strict=True):
            signal.signal(number, handler)


def stop_all(running: Sequence[Running]) -> None:
    """End all parts, their hosts too; a second signal does not wait for that."""
    for one in running:
        one.process.terminate()
    deadline = time.monotonic() + FAREWELL
    try:
        for one in running:
            one.process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for one in running:
            if one.process.is_alive():
                one.kill()


def run(parts: Sequence[Part], *, follow: bool = False, tell: Callable[[str], None] = say) -> list[Outcome]:
    """Run parts as they let each other; return what they came to, in their order.

    Args:
        parts: what to run.
        follow: print what a part prints as it comes, and run one at a time.
        tell: prints lines of our own.
    """
    waiting, running = list(parts), dict[str, Running]()
    outcomes: dict[str, Outcome] = {}
    spoken = time.monotonic()

    def succeeded() -> set[str]:
        missing = {name for part in parts for name in part.after} - {part.name for part in parts}
        return missing | {name for name, outcome in outcomes.items() if not outcome.failed}

    def begin(part: Part) -> None:
        beside = f", beside {', '.join(running)}" if running else ""
        running[part.name] = Running(part)
        waiting.remove(part)
        tell(f"=== {time.strftime('%H:%M:%S')} {part.name} begins{beside}")

    def finish(one: Running) -> None:
        outcome = outcomes[one.part.name] = one.outcome()
        del running[one.part.name]
        one.show()
        counts = f"{outcome.passed} passed, {outcome.failed} failed" if one.part.tests or outcome.failed else "done"
        tell(f"=== {time.strftime('%H:%M:%S')} {one.part.name} ends after {outcome.seconds:.0f} s: {counts}\n")

    with stoppable():
        try:
            while waiting or running:
                while not (follow and running) and (
                    part := startable(waiting, [one.part for one in running.values()], succeeded())
                ):
                    begin(part)
                    spoken = time.monotonic()
                for one in wait([one.results for one in running.values()], timeout=0.5):
                    finish(next(known for known in running.values() if known.results is one))
                    spoken = time.monotonic()
                failed = [name for name, outcome in outcomes.items() if outcome.failed]
                for part in hopeless(waiting, failed):
                    waiting.remove(part)
                    reason = ", ".join(sorted(part.after & outcomes.keys()))
                    outcomes[part.name] = Outcome(part, failed=1, note=f"not run: needs {reason}")
                if follow:
                    for known in running.values():
                        known.show()
                elif time.monotonic() - spoken > HEARTBEAT:
                    ages = (f"{one.part.name} ({one.seconds:.0f} of {one.part.budget} s)" for one in running.values())
                    tell(f"... {time.strftime('%H:%M:%S')} {', '.join(ages)}")
                    spoken = time.monotonic()
        except Stopped as reason:
            tell(f"=== stopped by {reason}: ending {', '.join(running) or 'nothing'}")
            stop_all(list(running.values()))
            made = {use for part in parts if part not in waiting for use in part.uses}
            for command in (command for part in waiting if part.uses & made for command in part.farewell):
                execute(command)
            for known in running.values():
                part = known.part
                evidence = (*last_lines(part.log), *host_states(part))
                outcomes[part.name] = Outcome(
                    part, failed=1, seconds=known.seconds, note="interrupted", evidence=evidence
                )
            for part in waiting:
                outcomes[part.name] = Outcome(part, failed=1, note="not run: interrupted")
    return [outcomes[part.name] for part in parts]
