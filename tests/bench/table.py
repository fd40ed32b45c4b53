"""Tables of figures: what was measured, what stands beside it, and whether the goal was met."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

REPOSITORY = Path(__file__).resolve().parents[2]
OUT = REPOSITORY / "bench" / "out"


@dataclass(frozen=True)
class Goal:
    """What a figure should come to: its value, its ratio to the other (÷), how often it goes into it (x), or Δ."""

    of: Literal["", "÷", "x", "Δ"]
    limit: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{self.of} {'≥' if self.at_least else '≤'} {number(self.limit)}".strip()

    def met(self, value: float, other: float | None) -> bool:
        """Tell whether a figure meets it."""
        found = value
        if self.of and other is not None:
            found = {"÷": value / (other or 1e-9), "x": other / (value or 1e-9), "Δ": value - other}[self.of]
        return found >= self.limit if self.at_least else found <= self.limit


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        figure: what was measured.
        value: what it came to.
        unit: of both values.
        beside: what it is compared with.
        other: what that came to.
        goal: what it should come to.
        more_is_better: of the value, as of requests a second.
        chart: the name of its bar in the chart, empty for none.
    """

    figure: str
    value: float
    unit: str = ""
    beside: str = ""
    other: float | None = None
    goal: Goal | None = None
    more_is_better: bool = False
    chart: str = ""

    @property
    def ratio(self) -> float | None:
        """The value divided by the other."""
        return self.value / self.other if self.other else None

    @property
    def holds(self) -> bool | None:
        """Whether the goal was met; none where there is no goal."""
        return None if self.goal is None else self.goal.met(self.value, self.other)

    def cells(self) -> list[str]:
        """Return the row as it is shown."""
        beside = "" if self.other is None else f"{quantity(self.other, self.unit)} {self.beside}".strip()
        verdict = {None: "", True: "holds", False: "DOES NOT HOLD"}[self.holds]
        return [
            self.figure,
            quantity(self.value, self.unit),
            beside,
            "" if self.ratio is None else number(self.ratio),
            "" if self.goal is None else str(self.goal),
            verdict,
        ]


HEADINGS = ("figure", "measured", "beside it", "÷", "goal", "")


@dataclass(frozen=True)
class Table:
    """The figures of one subject."""

    name: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0
    machine: str = ""

    def text(self) -> str:
        """Return the table as it is printed."""
        lines = [HEADINGS, *(row.cells() for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
        drawn = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        return "\n".join(
            [f"\n{self.title}  (make bench ONLY={self.name}, {self.seconds:.0f} s)", *drawn, *self.notes, ""]
        )

    def write(self) -> None:
        """Write it below bench/out."""
        OUT.mkdir(parents=True, exist_ok=True)
        (OUT / f"{self.name}.json").write_text(json.dumps(self.data(), indent=1, ensure_ascii=False) + "\n")

    def data(self) -> dict[str, Any]:
        """Return it as data."""
        rows = [
            {
                **{key: value for key, value in vars(row).items() if key != "goal"},
                "ratio": row.ratio,
                "goal": None if row.goal is None else vars(row.goal),
                "holds": row.holds,
            }
            for row in self.rows
        ]
        return {**vars(self), "rows": rows, "notes": list(self.notes)}


def read(name: str) -> Table | None:
    """Read a table that an earlier run wrote; none where there is none."""
    path = OUT / f"{name}.json"
    if not path.exists():
        return None
    data = json.loads(path.read_text())
    rows = []
    for one in data.pop("rows"):
        goal = one.pop("goal")
        rows.append(Row(**{k: v for k, v in one.items() if k not in {"ratio", "holds"}}, goal=goal and Goal(**goal)))
    return Table(**{**data, "rows": tuple(rows), "notes": tuple(data["notes"])})


def number(value: float) -> str:
    """Write a number with three digits that say something."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def quantity(value: float, unit: str) -> str:
    """Write a number with its unit."""
    return f"{number(value)} {unit}".strip()


@dataclass
class Rows:
    """Collects the rows of a table."""

    found: list[Row] = field(default_factory=list)

    def add(self, figure: str, value: float, unit: str = "", **more: Any) -> None:
        """Add one."""
        self.found.append(Row(figure, value, unit, **more))
