"""The page docs/figures.md: all tables of a run, each with the command that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.table import HEADINGS, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.table import Table

FILE = REPOSITORY / "docs" / "figures.md"
INTRODUCTION = """\
# Figures

Written by `make bench`, in one run of everything on one machine; do not edit. Each table has the other way beside it,
measured in the same run, on the same machine, in turn. Look at the ratios (÷), not at the seconds: the machine is
small and does other things too. A goal names what it is about: ÷ measured divided by the other, x the other divided by
measured, Δ the difference, else the value itself.

![What this stack costs beside the usual way](bench.svg)

Measured on: {machine}.
"""


def section(table: Table) -> str:
    """Return a table as Markdown."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *(row.cells() for row in table.rows)]
    drawn = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    drawn[0] = drawn[0].replace(" |  |", " | verdict |")
    command = f"Made by `make bench ONLY={table.name}`."
    return "\n".join([f"## {table.title}\n", command, "", *drawn, *(f"\n{note}" for note in table.notes), ""])


def page(tables: Sequence[Table], unmeasured: Sequence[str] = ()) -> str:
    """Return the whole page."""
    missed = [f"- {table.title}: {row.figure}, goal {row.goal}, {' beside '.join(filter(None, row.cells()[1:3]))}"
              for table in tables for row in table.rows if row.holds is False]  # fmt: skip
    left = [f"- {title}: not measured in this run" for title in unmeasured]
    plain = ["## What does not hold\n", *([*missed, *left] or ["Nothing."]), ""]
    return "\n".join([INTRODUCTION.format(machine=tables[0].machine), *plain, *map(section, tables)])


def write(tables: Sequence[Table], unmeasured: Sequence[str]) -> None:
    """Write it.

    Args:
        tables: what was measured.
        unmeasured: the titles of what was not.
    """
    FILE.write_text(page(tables, unmeasured))
