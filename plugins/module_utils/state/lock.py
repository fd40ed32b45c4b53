"""Who deploys to a project: one run at a time, over all of its remote calls.

The file has two halves. While a module works, it holds a lock of the kernel on the file, which ends with its process,
however that ends. Between two modules of a run nobody is there to hold anything, so that the text of the file speaks
for the run for ``LEASE`` seconds more. A run that died is therefore known as dead at once, or after that time.
Standard library only: the healer uses it on the host.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

FILE = ".lock"
# Seconds that a run is waited for between two of its calls
LEASE = 30.0
# Who the healer is in the file; it is waited for, as it is done soon
HEALER = "healer"
POLL = 0.2


class LockError(RuntimeError):
    """The project cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Holder:
    """What the file says.

    ``run`` tells runs apart, ``who`` is for people, ``since`` and ``renewed`` are seconds since the epoch, ``pid`` is
    the process that wrote it, ``step`` what it was doing and ``began`` when it began to. ``working`` says that it held
    the kernel's lock: without that lock it is dead.
    """

    run: str
    who: str
    since: float
    renewed: float
    pid: int
    working: bool = False
    step: str = ""
    began: float = 0.0

    @property
    def text(self) -> str:
        """Who it is, in the words of a message."""
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since))
        return f"{self.who}, since {since}" + (f", in step {self.step}" if self.step else "")


def parse(text: str) -> Holder | None:
    """Read the file's text; none where nobody holds the project.

    Raises:
        LockError: it is something else.
    """
    if not text.strip():
        return None
    try:
        data = json.loads(text)
        return Holder(
            run=str(data["run"]),
            who=str(data["who"]),
            since=float(data["since"]),
            renewed=float(data["renewed"]),
            pid=int(data["pid"]),
            working=bool(data["working"]),
            step=str(data["step"]),
            began=float(data["began"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise LockError(f"it is no lock file ({type(error).__name__}: {error})") from None


def verdict(holder: Holder | None, run: str, now: float) -> str:
    """Tell what to do about a holder that has not the kernel's lock: ``free``, ``held`` or ``taken over``."""
    if holder is None or holder.run == run:
        return "free"
    if holder.working:
        return "taken over"
    # A clock that was set back must not lock everybody out
    return "held" if 0 <= now - holder.renewed < LEASE else "taken over"


class StackLock:
    """The lock of one project."""

    def __init__(self, directory: Path, run: str, who: str, clock: Callable[[], float] = time.time) -> None:
        self.path = directory / FILE
        self.run = run
        self.who = who
        self.notice = ""
        """What an operator should know of how the project was had."""
        self._clock = clock
        self._descriptor: int | None = None
        self._holder: Holder | None = None

    @contextmanager
    def held(self, *, release: bool, patience: float = 0) -> Iterator[None]:
        """Hold the project while the block runs; with ``release`` it is free afterwards, else the run goes on.

        Parameters:
            patience: seconds that the healer is waited for.

        Raises:
            LockError: another run has it, or the file is no lock file.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._take(descriptor, time.monotonic() + patience)
            self._descriptor = descriptor
            try:
                yield
            finally:
                self._descriptor = None
                self._put(descriptor, None if release else replace(self._renewed(), working=False, step=""))
        finally:
            os.close(descriptor)

    def step(self, name: str) -> None:
        """Say what is being done, for whoever asks meanwhile."""
        if self._descriptor is None or self._holder is None:
            return
        self._holder = replace(self._renewed(), step=name, began=self._clock())
        self._put(self._descriptor, self._holder)

    def holder(self) -> Holder | None:
        """Return what the file says now; none where there is no file, or nobody holds the project.

        Raises:
            LockError: the file is no lock file.
        """
        try:
            return self._parse(self.path.read_text())
        except FileNotFoundError:
            return None

    def _take(self, descriptor: int, until: float) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = self._read(descriptor)
                if holder is None or holder.who != HEALER or time.monotonic() > until:
                    raise self._refusal(holder) from None
                time.sleep(POLL)
        holder = self._read(descriptor)
        now = self._clock()
        found = verdict(holder, self.run, now)
        if found == "held":
            raise self._refusal(holder)
        if found == "taken over" and holder is not None:
            self.notice = f"took over from a deployment that is gone: {holder.text}"
        since = holder.since if holder is not None and holder.run == self.run else now
        self._holder = Holder(self.run, self.who, since, now, os.getpid(), working=True)
        self._put(descriptor, self._holder)

    def _refusal(self, holder: Holder | None) -> LockError:
        by = holder.text if holder else "unknown, which has just begun"
        return LockError(
            f"another deployment of {self.path.parent} is running: {by}. Nothing was touched. "
            f"Wait for its end; should it be dead, it is known as such after {LEASE:.0f} s"
        )

    def _renewed(self) -> Holder:
        if self._holder is None:
            raise LockError("the lock is not held by this run")
        return replace(self._holder, renewed=self._clock())

    def _read(self, descriptor: int) -> Holder | None:
        return self._parse(os.pread(descriptor, 65536, 0).decode(errors="replace"))

    def _parse(self, text: str) -> Holder | None:
        try:
            return parse(text)
        except LockError as error:
            raise LockError(
                f"{self.path} cannot be read: {error}. Nothing was touched. When no deployment is running, remove it"
            ) from None

    @staticmethod
    def _put(descriptor: int, holder: Holder | None) -> None:
        """Write in place: the kernel's lock is on this very file. A reader may see half of it, and asks again."""
        text = json.dumps(asdict(holder)) + "\n" if holder else ""
        # Padded, so that one write replaces all of a longer text
        os.pwrite(descriptor, text.ljust(512).encode(), 0)
        if not text:
            os.ftruncate(descriptor, 0)
