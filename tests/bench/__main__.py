"""Measure, print a table for each subject, and write it below bench/out; `make bench ONLY=runs` for one of them."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.bench import (
    assets,
    builds,
    chart,
    connections,
    dev,
    figures,
    images,
    memory,
    packages,
    pooling,
    releases,
    runs,
    server,
)
from tests.bench.host import BenchError, Stack
from tests.bench.table import Rows, Table, read
from tests.ground import ground

# In the order in which they are measured: `runs` deploys to the bare host that the others go on with
MODULES = {
    "runs": runs,
    "memory": memory,
    "connections": connections,
    "pooling": pooling,
    "server": server,
    "assets": assets,
    "images": images,
    "packages": packages,
    "dev": dev,
    "releases": releases,
    "builds": builds,
}


def machine() -> str:
    """Say what is measured on, and what else it does."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{os.cpu_count()} cores, Linux {os.uname().release}, load {load}"


def measure(name: str, stack: Stack, *, releases: int) -> Table:
    """Measure one table, print and write it."""
    begin, rows, before = time.monotonic(), Rows(), machine()
    notes = MODULES[name].measure(stack, rows, releases=releases)
    table = Table(name, MODULES[name].TITLE, tuple(rows.found), tuple(notes), time.monotonic() - begin, before)
    table.write()
    print(table.text(), flush=True)
    return table


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TABLE", help=f"{', '.join(MODULES)}; all without a name")
    parser.add_argument("--releases", type=int, default=12, help="releases under load, and a fifth of it rollbacks")
    parser.add_argument("--keep", action="store_true", help="keep the host, and use the one that an earlier run kept")
    parser.add_argument("--draw", action="store_true", help="measure nothing; write docs/ from what was measured last")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(MODULES)
    if unknown:
        parser.error(f"no table is called {', '.join(sorted(unknown))}; there are: {', '.join(MODULES)}")
    broken = {}
    if not arguments.draw:
        ground.build_all(everything=False)
        stack = Stack(keep=arguments.keep)
        try:
            for name in arguments.names or MODULES:
                try:
                    measure(name, stack, releases=arguments.releases)
                except (BenchError, ground.GroundError) as error:
                    broken[name] = error
                    print(f"\n{name}: NOT MEASURED: {error}", flush=True)
        finally:
            stack.down()
    tables = [table for table in map(read, MODULES) if table]
    missed = [f"{table.name}: {row.figure}" for table in tables for row in table.rows if row.holds is False]
    print("\nDoes not hold: " + ("; ".join(missed) or "nothing"))
    # Documentation comes from one run of everything, never from parts of several
    if arguments.draw or not (arguments.names or broken):
        chart.write(tables)
        measured = {table.name for table in tables}
        figures.write(tables, [module.TITLE for name, module in MODULES.items() if name not in measured])
    if broken:
        sys.exit(f"bench: not measured: {', '.join(broken)}")


if __name__ == "__main__":
    ground.main(main)
