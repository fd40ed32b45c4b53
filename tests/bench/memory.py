"""Memory of the stack while nobody asks for anything."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.bench.table import Rows

if TYPE_CHECKING:
    from tests.bench.host import Stack

TITLE = "Memory of the idle stack"
UNITS = {"B": 1e-6, "KiB": 1024e-6, "MiB": 1024**2 / 1e6, "GiB": 1024**3 / 1e6}


def megabytes(text: str) -> float:
    """Read a quantity as Docker writes it, such as 12.5MiB."""
    found = re.fullmatch(r"([\d.]+)([A-Za-z]+)", text.strip())
    assert found, text
    return float(found[1]) * UNITS[found[2]]


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Read what each container holds, beside its limit."""
    lines = stack.output("docker stats --no-stream --format json $(docker compose ps -q)").splitlines()
    total = 0.0
    for one in sorted(map(json.loads, lines), key=lambda one: str(one["Name"])):
        used, limit = map(megabytes, one["MemUsage"].split("/"))
        total += used
        rows.add(re.sub(r"^app-|-\d+$", "", one["Name"]), used, "MB", beside="its limit", other=limit)
    rows.add("all", total, "MB")
    return [
        "Four workers of the backend, each the whole application; file cache that can be given back is not counted."
    ]
