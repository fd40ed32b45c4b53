"""What the bench makes of what it measures."""

from __future__ import annotations

import pytest

from tests.bench import chart, figures, load
from tests.bench.host import BenchError, changed, remote_calls
from tests.bench.table import Goal, Row, Table, number

WRK = """\
Running 3s test @ http://127.0.0.1:8420/api/health
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.50ms    9.83ms 126.98ms   97.59%
  Latency Distribution
     50%  812.00us
     75%    1.02ms
     90%    2.30ms
     99%   47.60ms
  8361 requests in 3.00s, 2.22MB read
Requests/sec:   2787.13
"""


class TestGoal:
    """A figure meets its goal, or it is said plainly that it does not."""

    @pytest.mark.parametrize(
        ("goal", "value", "other", "met"),
        [
            (Goal("", 20), 9, None, True),
            (Goal("", 20), 21, None, False),
            (Goal("÷", 1.5), 150, 100, True),
            (Goal("÷", 1.5), 151, 100, False),
            (Goal("÷", 50, at_least=True), 49, 1, False),
            (Goal("x", 10, at_least=True), 1, 10, True),
            (Goal("x", 10, at_least=True), 1, 9, False),
            (Goal("Δ", 2), 102, 100, True),
            (Goal("Δ", 2), 103, 100, False),
        ],
    )
    def test_verdict(self, goal: Goal, value: float, other: float | None, met: bool) -> None:
        assert Row("figure", value, other=other, goal=goal).holds is met

    def test_without_a_goal_there_is_none(self) -> None:
        assert Row("figure", 1).holds is None


class TestLoad:
    """What the load generator prints, and what a prober saw."""

    def test_latencies_are_milliseconds(self) -> None:
        assert load.parse(WRK) == load.Load(2787.13, 0.812, 47.6)

    @pytest.mark.parametrize("trouble", ["  Non-2xx or 3xx responses: 7", "  Socket errors: connect 0, read 1"])
    def test_failed_requests_are_no_figure(self, trouble: str) -> None:
        with pytest.raises(BenchError, match=trouble.strip()):
            load.parse(f"{WRK}{trouble}\n")

    def test_output_without_figures(self) -> None:
        with pytest.raises(BenchError, match="no figures"):
            load.parse("unable to connect")

    def test_percentile(self) -> None:
        assert load.percentile(list(range(1, 101)), 0.99) == 99

    def test_new_version_alone(self) -> None:
        seen = [(10.0, "old"), (11.0, "new"), (12.0, "old"), (13.0, ""), (14.0, "new"), (15.0, "new")]
        assert load.alone_since(seen, 10.0, "new") == 4.0

    @pytest.mark.parametrize("seen", [[], [(10.0, "old")], [(10.0, "new"), (11.0, "")]])
    def test_new_version_never_alone(self, seen: list[tuple[float, str]]) -> None:
        with pytest.raises(BenchError, match="never answered alone"):
            load.alone_since(seen, 10.0, "new")


class TestPages:
    """The tables, the page and the chart."""

    @pytest.fixture
    def table(self) -> Table:
        rows = (
            Row("build", 30, "s", beside="cold", other=10, goal=Goal("÷", 1.5), chart="build | cold <build>"),
            Row("requests", 400, "requests/s", beside="live", other=100, more_is_better=True, chart="page | live"),
        )
        return Table("builds", "Builds", rows, ("A note.",))

    def test_table_says_what_does_not_hold(self, table: Table) -> None:
        assert "DOES NOT HOLD" in table.text()

    def test_page_names_the_command_of_each_table(self, table: Table) -> None:
        assert "make bench ONLY=builds" in figures.page([table])

    def test_page_begins_with_what_does_not_hold(self, table: Table) -> None:
        plain = figures.page([table]).partition("## Builds")[0]
        assert "Builds: build" in plain
        assert "requests" not in plain.partition("## What does not hold")[2]

    def test_bars_are_costs(self, table: Table) -> None:
        assert [chart.share(row) for row in table.rows] == [3.0, 0.25]

    def test_chart_is_escaped(self, table: Table) -> None:
        drawn = chart.draw(table.rows)
        assert "cold &lt;build&gt;" in drawn
        assert drawn.count("<rect") == 4


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.954, "0.95"), (12.34, "12.3"), (12345.6, "12,346")])
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_play_output() -> None:
    output = "<host> SSH: EXEC ssh\n<host> SSH: EXEC ssh\nhost : ok=30 changed=0 unreachable=0\nb : ok=3 changed=2 x"
    assert (remote_calls(output), changed(output)) == (2, 2)
