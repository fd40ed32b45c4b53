"""Requests by wrk, sent on the host that is measured to its own ports and containers."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.host import BenchError

if TYPE_CHECKING:
    from tests.bench.host import Stack

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
SECONDS = 2
ROUNDS = 3


@dataclass(frozen=True)
class Load:
    """What a round came to; latencies in milliseconds."""

    rate: float
    p50: float
    p99: float


def parse(output: str) -> Load:
    """Read what wrk printed.

    Raises:
        BenchError: requests failed, so that the figures are of something else than answers.
    """
    trouble = re.findall(r"(?:Non-2xx|Socket errors).*", output)
    if trouble:
        raise BenchError(f"wrk: {'; '.join(trouble)}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    shares = {
        share: float(value) * UNITS[unit]
        for share, value, unit in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s|m)\b", output)
    }
    if rate is None or not {"50", "99"} <= shares.keys():
        raise BenchError(f"wrk printed no figures:\n{output}")
    return Load(float(rate[1]), shares["50"], shares["99"])


def wrk(stack: Stack, url: str, connections: int, *headers: str) -> Load:
    """Ask for a URL over and over, each connection again as soon as it has its answer."""
    more = " ".join(f"-H '{header}'" for header in ("Host: localhost", *headers))
    return parse(stack.output(f"wrk -t1 -c{connections} -d{SECONDS}s --latency {more} {url}"))


def median(rounds: list[Load]) -> Load:
    """Return the median of each figure."""
    return Load(
        *(statistics.median(values) for values in zip(*((one.rate, one.p50, one.p99) for one in rounds), strict=True))
    )


def side_by_side(variants: Mapping[str, Callable[[], Load]]) -> dict[str, Load]:
    """Measure variants in turn, several rounds, so that what else the machine does meets all of them."""
    rounds = [{name: measure() for name, measure in variants.items()} for _ in range(ROUNDS)]
    return {name: median([one[name] for one in rounds]) for name in variants}


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that so large a part of the values does not exceed.

    Raises:
        BenchError: there are none.
    """
    if not values:
        raise BenchError("no request was measured")
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def alone_since(seen: Sequence[tuple[float, str]], begin: float, version: str) -> float:
    """Return the seconds from a moment until a version alone answered.

    Args:
        seen: when was asked, and the version that answered; empty where none did.
        begin: the moment.
        version: the version.

    Raises:
        BenchError: it never did.
    """
    last = max((moment for moment, one in seen if one != version), default=begin)
    later = [moment for moment, one in seen if one == version and moment > last]
    if not later:
        raise BenchError(f"version {version} never answered alone")
    return max(0.0, later[0] - begin)
