"""The chart of docs/bench.svg: each figure as a bar beside the way that it is compared with, which is 100 %."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tests.bench.table import REPOSITORY, Row, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.table import Table

FILE = REPOSITORY / "docs" / "bench.svg"
ROW, BAR, LEFT, SCALE, WIDTH = 30, 14, 300, 270, 920
# What goes beyond this is cut off, with its number beside it
MOST = 1.3
# Up to here the two are called the same
SAME = 1.02
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f } .other { fill: #6e7781 } .head { font-weight: 600 }
.ours { fill: #1a7f64 } .worse { fill: #b35900 } .track { fill: #d0d7de }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .other { fill: #9198a1 }
  .ours { fill: #3fb68b } .worse { fill: #e09b48 } .track { fill: #3d444d }
}"""


def share(row: Row) -> float:
    """Return what a figure costs in parts of what the other way costs."""
    if not row.other or not row.value:
        return 0.0 if row.other else 1.0
    return row.other / row.value if row.more_is_better else row.value / row.other


def bar(row: Row, top: int) -> str:
    """Draw one figure."""
    ours, _bar, other = (part.strip() for part in row.chart.partition("|"))
    part = share(row)
    length = max(2, round(min(part, MOST) * SCALE))
    kind = "ours" if part <= SAME else "worse"
    return (
        f'<text x="{LEFT - 10}" y="{top + 12}" text-anchor="end">{escape(ours)}</text>'
        f'<rect class="track" x="{LEFT}" y="{top + 4}" width="{SCALE}" height="{BAR - 6}" rx="2"/>'
        f'<rect class="{kind}" x="{LEFT}" y="{top}" width="{length}" height="{BAR}" rx="2"/>'
        f'<text x="{LEFT + max(length, SCALE) + 10}" y="{top + 12}">{number(100 * part)} % '
        f'<tspan class="other">of {escape(other)}</tspan></text>'
    )


def draw(rows: Sequence[Row]) -> str:
    """Return the chart as SVG."""
    height = 50 + ROW * len(rows)
    bars = "\n".join(bar(row, 44 + ROW * place) for place, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" '
        f'aria-label="What this stack costs in time, size or latency, beside the usual way">\n<style>{STYLE}</style>\n'
        f'<text class="head" x="{LEFT}" y="24">time, size or latency; the grey bar is the other way, 100 %</text>\n'
        f"{bars}\n</svg>\n"
    )


def write(tables: Sequence[Table]) -> None:
    """Draw what the tables name for the chart."""
    FILE.write_text(draw([row for table in tables for row in table.rows if row.chart]))
