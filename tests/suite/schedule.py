"""Which part of the suite begins next: pure decisions, two parts at a time where they let each other."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence

from tests.suite.model import Part

# Parts that run at once: a scenario waits for its host about half of its time, and two cores are what is promised
AT_ONCE = 2


def urgency(part: Part, parts: Iterable[Part]) -> int:
    """Return the seconds from the begin of a part to the end of the last one that waits for it."""
    parts = list(parts)
    return part.budget + max((urgency(one, parts) for one in parts if part.name in one.after | one.follows), default=0)


def startable(waiting: Sequence[Part], running: Collection[Part], succeeded: Collection[str]) -> Part | None:
    """Return the part that begins now, or none.

    The longest way goes first. What runs alone comes when nothing else can begin, and nothing begins beside it.

    Args:
        waiting: parts that have not begun.
        running: parts that have not ended.
        succeeded: names of the parts that others come after.
    """
    if len(running) >= AT_ONCE or any(part.alone for part in running):
        return None
    used = {one for part in running for one in part.uses}
    open_ends = {part.name for part in (*waiting, *running)}
    free = [
        part
        for part in waiting
        if part.after <= set(succeeded) and not part.follows & open_ends and not part.uses & used
    ]
    together = [part for part in free if not part.alone]
    if together:
        return max(together, key=lambda part: urgency(part, waiting))
    return free[0] if free and not running else None


def hopeless(waiting: Sequence[Part], failed: Collection[str]) -> list[Part]:
    """Return the parts that will never begin, since what they come after has failed or will never begin."""
    lost = set(failed)
    found: list[Part] = []
    while more := [part for part in waiting if part not in found and part.after & lost]:
        found += more
        lost |= {part.name for part in more}
    return found


def forecast(parts: Sequence[Part]) -> float:
    """Return the seconds that parts take together when each keeps to its budget."""
    waiting, succeeded = list(parts), {name for part in parts for name in part.after} - {one.name for one in parts}
    running: dict[str, Part] = {}
    ends: list[tuple[float, str]] = []
    now = 0.0
    while waiting or running:
        while part := startable(waiting, list(running.values()), succeeded):
            waiting.remove(part)
            running[part.name] = part
            heapq.heappush(ends, (now + part.budget, part.name))
        if not ends:
            raise ValueError(f"these wait for each other: {', '.join(part.name for part in waiting)}")
        now, name = heapq.heappop(ends)
        del running[name]
        succeeded.add(name)
    return now


def chosen(parts: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """Return the parts that are asked for by the first words of their name or by shard, all when none is.

    What they come after is among them.

    Raises:
        ValueError: for a name that no part has.
    """

    def fits(part: Part, name: str) -> bool:
        return name == part.shard or f"{part.name} ".startswith(f"{name} ")

    unknown = [name for name in names if not any(fits(part, name) for part in parts)]
    if unknown:
        raise ValueError(f"no part is called {', '.join(unknown)}; there are: {', '.join(part.name for part in parts)}")
    wanted = {part.name for part in parts if not names or any(fits(part, name) for name in names)}
    before = {part.name: part.after for part in parts}
    while more := {name for one in wanted for name in before[one]} - wanted:
        wanted |= more
    return [part for part in parts if part.name in wanted]
