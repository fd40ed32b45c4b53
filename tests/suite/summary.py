"""What the suite came to: the counts of JUnit reports, and the table at the end."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.suite.model import REPOSITORY, Outcome

# Characters that the summary shows of why a test failed, and lines of what it said besides
REASON_LENGTH = 200
REASON_LINES = 12
# Failed tests of a part that are told of at length
FULLY_TOLD = 5
SLOWEST = 10


class Test(NamedTuple):
    """A test of a report."""

    name: str
    seconds: float
    """With the fixtures that were made for it, though others use them too."""
    reason: str
    """Why it failed, empty when it did not."""


def tests(report: str) -> Iterator[Test]:
    """Yield the tests of a JUnit report."""
    for case in ET.fromstring(report).iter("testcase"):  # noqa: S314 - written by our own test runners
        troubles = [*case.findall("failure"), *case.findall("error")]
        reasons = [(trouble.get("message") or trouble.text or "?").strip() for trouble in troubles]
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        yield Test(name, float(case.get("time") or 0), "\n".join(reasons))


def tally(report: str | None, failures: int) -> tuple[int, int, int]:
    """Count tests.

    Args:
        report: a JUnit report, or None where the part has none.
        failures: how many of the part's commands failed.

    Returns:
        The numbers of passed, failed and skipped tests. A command that failed without a failed test (a linter, a
        scenario that did not converge) is a failed test itself.
    """
    total = failed = skipped = 0
    if report is not None:
        for suite in ET.fromstring(report).iter("testsuite"):  # noqa: S314 - written by our own test runners
            total += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0))
    passed = total - failed - skipped
    return passed, max(failed, failures), skipped


def report_of(outcome: Outcome) -> list[Test]:
    """Return the tests that a part's report tells of."""
    report = outcome.part.report
    return list(tests(report.read_text())) if outcome.reported and report.exists() else []


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the line of each part: counts, and its seconds beside its budget."""
    outcomes = list(outcomes)
    width = max((len(outcome.part.name) for outcome in outcomes), default=0)
    lines = []
    for one in outcomes:
        counts = f"{one.passed:4} passed  {one.failed:3} failed  {one.skipped:3} skipped"
        time = f"{one.seconds:5.0f} s of {one.part.budget:4} s"
        over = "OVER BY HALF" if one.seconds > 1.5 * one.part.budget else ""
        lines.append("  ".join(filter(None, (f"{one.part.name:{width}}", counts, time, over, one.note))))
    return lines


def slowest(found: Iterable[tuple[str, Test]]) -> list[str]:
    """Return a line for each of the slowest tests, given with the name of their part."""
    ranked = sorted(found, key=lambda one: -one[1].seconds)[:SLOWEST]
    return [f"{test.seconds:6.1f} s  {name}: {test.name}" for name, test in ranked]


def told(outcome: Outcome, found: Iterable[Test]) -> list[str]:
    """Return what a person needs who wonders why a part failed."""
    name = outcome.part.name
    lines = []
    for number, test in enumerate(one for one in found if one.reason):
        first, *rest = test.reason.splitlines()
        lines.append(f"FAILED {name}: {test.name}: {first[:REASON_LENGTH]}")
        if number < FULLY_TOLD:
            lines += [f"    {line[:REASON_LENGTH]}" for line in rest[-REASON_LINES:]]
    if not lines:
        lines.append(f"FAILED {name}: {outcome.note or 'a command; how it ended stands below'}")
    lines += [f"  {line}" for line in outcome.evidence]
    reports = [path for path in (outcome.part.report, outcome.part.log) if path.exists()]
    if reports:
        lines.append(f"  see {', '.join(str(path.relative_to(REPOSITORY)) for path in reports)}")
    return lines


def summary(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the summary: the parts, the slowest tests, what failed and why, and the sums at the end."""
    outcomes = list(outcomes)
    found = [(outcome, report_of(outcome)) for outcome in outcomes]
    lines = table(outcomes)
    if ranked := slowest((outcome.part.name, test) for outcome, tests_ in found for test in tests_):
        lines += ["", "slowest tests, with what was made for them:", *ranked]
    for outcome, tests_ in found:
        if outcome.failed:
            lines += ["", *told(outcome, tests_)]
    counts = f"{sum(one.passed for one in outcomes)} passed, {sum(one.failed for one in outcomes)} failed"
    return [*lines, "", counts]
