"""The runner of the suite: what it counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import suite

COUNTS = st.integers(0, 50)


@given(passed=COUNTS, failed=COUNTS, errors=COUNTS, skipped=COUNTS)
def test_a_report_is_counted(passed: int, failed: int, errors: int, skipped: int) -> None:
    total = passed + failed + errors + skipped
    counts = f'tests="{total}" failures="{failed}" errors="{errors}" skipped="{skipped}"'
    report = f"<testsuites><testsuite {counts}/></testsuites>"
    assert suite.tally(report, int(failed + errors > 0)) == (passed, failed + errors, skipped)


def test_the_suites_of_one_report_are_summed() -> None:
    report = '<testsuites><testsuite tests="2" failures="1"/><testsuite tests="3" skipped="1"/></testsuites>'
    assert suite.tally(report, 1) == (3, 1, 1)


@pytest.mark.parametrize(("report", "passed"), [(None, 0), ('<testsuites><testsuite tests="3"/></testsuites>', 3)])
def test_a_command_that_fails_without_a_failed_test_is_one(report: str | None, passed: int) -> None:
    assert suite.tally(report, 1) == (passed, 1, 0)


def test_the_last_line_is_the_sum() -> None:
    lines = suite.table([suite.Outcome("lint", failed=1), suite.Outcome("unit", passed=7, skipped=2)])
    assert lines[-1] == "7 passed, 1 failed"


def test_the_summary_names_what_failed_before_the_sum() -> None:
    report = """<testsuites><testsuite tests="2" failures="1"><testcase classname="tests.test_page" name="test_works"/>
        <testcase classname="tests.test_page" name="test_title"><failure message="no title&#10;at all"/></testcase>
        </testsuite></testsuites>"""
    outcome = suite.Outcome("unit", passed=1, failed=1, failures=tuple(suite.failures(report)))
    assert suite.table([outcome])[-2:] == ["FAILED unit: tests.test_page::test_title: no title", "1 passed, 1 failed"]


PARTS = [suite.Part(name, ()) for name in ("lint collection", "lint app", "unit", "molecule default")]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ([], ["lint collection", "lint app", "unit", "molecule default"]),
        (["lint"], ["lint collection", "lint app"]),
        (["unit", "lint app"], ["lint app", "unit"]),
        (["molecule default"], ["molecule default"]),
    ],
)
def test_parts_are_chosen_by_first_word_or_name(names: list[str], chosen: list[str]) -> None:
    assert [part.name for part in suite.chosen(PARTS, names)] == chosen


def test_an_unknown_part_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no part is called unti; there are: lint collection, lint app, unit"):
        suite.chosen(PARTS, ["unti"])


def test_a_part_whose_tests_left_no_report_has_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(suite, "REPORTS", tmp_path)
    outcome = suite.run_part(suite.Part("molecule empty", (suite.Command(("true",)),)))
    assert (outcome.failed, outcome.note) == (1, "no test ran")
    assert suite.run_part(suite.Part("lint nothing", (suite.Command(("true",)),))).failed == 0


def test_every_test_runner_is_told_where_to_report() -> None:
    for part in suite.parts(full=False):
        (*_others, last) = part.commands
        told = str(part.report) in " ".join([*last.argv, *last.environment.values()])
        assert told is not part.name.startswith("lint")
