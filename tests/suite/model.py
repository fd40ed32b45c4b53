"""What the suite is made of: commands, parts, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache"
REPORTS = CACHE / "reports"


@dataclass(frozen=True)
class Command:
    """One program to run."""

    argv: tuple[str, ...]
    folder: Path = REPOSITORY
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """One part of the suite."""

    name: str
    commands: tuple[Command, ...] = ()
    """All are run, also after one that failed."""
    prepare: tuple[Callable[[], None], ...] = ()
    """Install what the commands need."""
    budget: int = 60
    """Seconds that it may take on two quiet cores."""
    alone: bool = False
    """Whether nothing runs beside it, since it measures time under a load of its own."""
    after: frozenset[str] = frozenset()
    """Names of the parts that have to succeed before, and are run with it."""
    follows: frozenset[str] = frozenset()
    """Names of the parts that have to end before where they are run at all."""
    uses: frozenset[str] = frozenset()
    """What no two parts may use at once."""
    shard: str = ""
    """The piece of `make test-full` that it belongs to."""
    hosts: tuple[str, ...] = ()
    """Hosts of the test ground that it makes."""
    farewell: tuple[Command, ...] = ()
    """Remove what it leaves when it fails or is stopped."""

    @property
    def tests(self) -> bool:
        """Whether the part runs tests, which linters and preparations do not."""
        return not self.name.startswith(("lint", "setup"))

    @property
    def slug(self) -> str:
        """The name as files bear it."""
        return self.name.replace(" ", "-")

    @property
    def report(self) -> Path:
        """Where the part's tests leave their JUnit report; linters leave none."""
        return REPORTS / f"{self.slug}.xml"

    @property
    def log(self) -> Path:
        """Where all that the part prints is kept."""
        return REPORTS / f"{self.slug}.log"


@dataclass(frozen=True)
class Outcome:
    """What a part came to."""

    part: Part
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0
    note: str = ""
    reported: bool = False
    """Whether its tests left a report."""
    evidence: tuple[str, ...] = ()
    """Lines that say why it failed: how its command ended, how its hosts were."""
