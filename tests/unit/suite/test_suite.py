"""The runner of the suite: what begins when, what it counts and tells, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.suite import command, model, running, schedule, summary
from tests.suite.model import Command, Outcome, Part
from tests.suite.parts import parts
from tests.suite.summary import tally

COUNTS = st.integers(0, 50)


# --- counting -------------------------------------------------------------------------------------


@given(passed=COUNTS, failed=COUNTS, errors=COUNTS, skipped=COUNTS)
def test_a_report_is_counted(passed: int, failed: int, errors: int, skipped: int) -> None:
    total = passed + failed + errors + skipped
    counts = f'tests="{total}" failures="{failed}" errors="{errors}" skipped="{skipped}"'
    report = f"<testsuites><testsuite {counts}/></testsuites>"
    assert tally(report, int(failed + errors > 0)) == (passed, failed + errors, skipped)


def test_the_suites_of_one_report_are_summed() -> None:
    report = '<testsuites><testsuite tests="2" failures="1"/><testsuite tests="3" skipped="1"/></testsuites>'
    assert tally(report, 1) == (3, 1, 1)


@pytest.mark.parametrize(("report", "passed"), [(None, 0), ('<testsuites><testsuite tests="3"/></testsuites>', 3)])
def test_a_command_that_fails_without_a_failed_test_is_one(report: str | None, passed: int) -> None:
    assert tally(report, 1) == (passed, 1, 0)


# --- the summary ----------------------------------------------------------------------------------

REPORT = """<testsuites><testsuite tests="2" failures="1"><testcase classname="t.page" name="test_works" time="7.5"/>
<testcase classname="t.page" name="test_title" time="0.5"><failure message="no title&#10;at all"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let reports lie in a folder of the test."""
    monkeypatch.setattr(model, "REPORTS", tmp_path)
    monkeypatch.setattr(running, "REPORTS", tmp_path)
    monkeypatch.setattr(summary, "REPOSITORY", tmp_path)
    return tmp_path


def test_the_last_line_is_the_sum(reports: Path) -> None:
    lines = summary.summary([Outcome(Part("lint"), failed=1), Outcome(Part("unit"), passed=7, skipped=2)])
    assert lines[-1] == "7 passed, 1 failed"


@pytest.mark.parametrize(("seconds", "over"), [(30, False), (45, False), (46, True)])
def test_a_part_stands_beside_its_budget_and_is_marked_when_over_by_half(seconds: float, over: bool) -> None:
    (line,) = summary.table([Outcome(Part("unit", budget=30), passed=1, seconds=seconds)])
    assert f"{seconds} s of   30 s" in line
    assert line.endswith("OVER BY HALF") is over


def test_what_failed_is_told_with_its_reason_its_evidence_and_where_more_stands(reports: Path) -> None:
    part = Part("molecule default")
    part.report.write_text(REPORT)
    outcome = Outcome(part, passed=1, failed=1, reported=True, evidence=("PLAY RECAP", "app-nginx-1 unhealthy"))
    lines = summary.summary([outcome])
    begin = lines.index("FAILED molecule default: t.page::test_title: no title")
    assert lines[begin + 1 :] == [
        "    at all",
        "  PLAY RECAP",
        "  app-nginx-1 unhealthy",
        "  see molecule-default.xml",
        "",
        "1 passed, 1 failed",
    ]


def test_a_command_that_failed_without_a_test_is_told(reports: Path) -> None:
    lines = summary.summary([Outcome(Part("lint app"), failed=1, evidence=("E501 Line too long",))])
    assert lines[-4:] == [
        "FAILED lint app: a command; how it ended stands below",
        "  E501 Line too long",
        "",
        "0 passed, 1 failed",
    ]


def test_the_ten_slowest_tests_are_named(reports: Path) -> None:
    part = Part("unit")
    cases = "".join(f'<testcase classname="t" name="test_{number}" time="{number}"/>' for number in range(12))
    part.report.write_text(f'<testsuites><testsuite tests="12">{cases}</testsuite></testsuites>')
    lines = summary.summary([Outcome(part, passed=12, reported=True)])
    assert [line for line in lines if "unit: t::" in line] == [
        f"{number:6.1f} s  unit: t::test_{number}" for number in range(11, 1, -1)
    ]


def test_a_report_of_an_earlier_run_is_not_read(reports: Path) -> None:
    part = Part("unit")
    part.report.write_text(REPORT)
    assert "t.page" not in "\n".join(summary.summary([Outcome(part, failed=1)]))


# --- what is run ----------------------------------------------------------------------------------

SOME = [
    Part("setup ground"),
    Part("lint collection", shard="checks"),
    Part("lint app", shard="checks"),
    Part("unit", shard="checks"),
    Part("molecule default", after=frozenset({"setup ground"}), shard="scenarios"),
    Part("molecule default alone", shard="scenarios"),
]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ([], [part.name for part in SOME]),
        (["lint"], ["lint collection", "lint app"]),
        (["unit", "lint app"], ["lint app", "unit"]),
        (["molecule default"], ["setup ground", "molecule default", "molecule default alone"]),
        (["molecule default alone"], ["molecule default alone"]),
        (["checks"], ["lint collection", "lint app", "unit"]),
        (["scenarios"], ["setup ground", "molecule default", "molecule default alone"]),
    ],
)
def test_parts_are_chosen_by_first_word_name_or_shard_with_what_they_come_after(
    names: list[str], chosen: list[str]
) -> None:
    assert [part.name for part in schedule.chosen(SOME, names)] == chosen


def test_an_unknown_part_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no part is called unti; there are: setup ground, lint collection, lint app"):
        schedule.chosen(SOME, ["unti"])


def test_every_test_runner_is_told_where_to_report() -> None:
    for part in parts(full=True):
        told = [word for one in part.commands for word in [*one.argv, *one.environment.values()]]
        assert (str(part.report) in " ".join(told)) is part.tests


def test_soaks_are_run_beside_all_else_and_by_full_alone() -> None:
    plain, full = ({part.name for part in parts(full=full)} for full in (False, True))
    assert plain < full
    assert {name.split()[0] for name in full - plain} == {"soak"}


def test_every_test_of_a_scenario_is_in_one_of_its_parts() -> None:
    found = {part.name: [one.environment.get("PYTEST_ADDOPTS") for one in part.commands] for part in parts(full=True)}
    marks = {
        name: [said.partition(" --junit")[0] for said in known if said]
        for name, known in found.items()
        if "release" in name or "own_app" in name
    }
    assert marks == {
        "molecule own_app": ["-m 'not soak'"],
        "molecule release": ["-m 'not alone and not soak'"],
        "molecule release alone": ["-m 'alone and not soak'"],
        "soak release": ["-m soak"],
    }


def test_every_shard_ends_within_an_hour() -> None:
    full = parts(full=True)
    for shard in {part.shard for part in full}:
        assert schedule.forecast(schedule.chosen(full, [shard])) < 3600, shard


def test_all_of_plain_make_test_ends_within_forty_minutes() -> None:
    assert schedule.forecast(parts(full=False)) <= 2400


def test_shards_are_listed_with_their_parts() -> None:
    lines = command.listing(schedule.chosen(parts(full=True), []))
    assert re.fullmatch(r"scenarios \(\d+ min\)", next(line for line in lines if line.startswith("scenarios")))
    assert next(line for line in lines if line.startswith("  molecule release alone")).endswith(" s  alone")


def test_files_that_are_not_asked_for_are_left_out() -> None:
    kept = "molecule/release/test_2_replicas.py"
    options = command.deselected("release", [kept])
    assert f"--deselect={kept}" not in options
    assert "--deselect=molecule/release/test_1_releases.py" in options
    assert command.deselected("release", []) == []
    assert command.deselected("release", ["test_2_replicas.py"], model.REPOSITORY / "molecule/release") == options


def test_a_file_of_another_scenario_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no test file of release: molecule/default/tests/test_page\.py; there are: "):
        command.deselected("release", ["molecule/default/tests/test_page.py"])


# --- what begins when -----------------------------------------------------------------------------


@st.composite
def suites(draw: st.DrawFn) -> list[Part]:
    """Make up parts, each of which may come after earlier ones."""
    found: list[Part] = []
    for number in range(draw(st.integers(1, 9))):
        earlier = [part.name for part in found]
        found.append(
            Part(
                f"part {number}",
                budget=draw(st.integers(1, 900)),
                alone=draw(st.booleans()),
                after=frozenset(draw(st.sets(st.sampled_from(earlier), max_size=2)) if earlier else ()),
                follows=frozenset(draw(st.sets(st.sampled_from(earlier), max_size=1)) if earlier else ()),
                uses=frozenset(draw(st.sets(st.sampled_from("ab")))),
            )
        )
    return draw(st.permutations(found))


@given(all_parts=suites(), data=st.data())
def test_parts_run_beside_each_other_as_they_declare(all_parts: list[Part], data: st.DataObject) -> None:
    waiting, now, done = list(all_parts), list[Part](), set[str]()
    while waiting or now:
        while part := schedule.startable(waiting, now, done):
            assert part.after | part.follows <= done
            waiting.remove(part)
            now.append(part)
            assert len(now) <= schedule.AT_ONCE
            assert len(now) == 1 or not any(one.alone for one in now)
            assert sum(len(one.uses) for one in now) == len({use for one in now for use in one.uses})
        assert now, "nothing runs, and nothing begins"
        ended = data.draw(st.sampled_from(now))
        now.remove(ended)
        done.add(ended.name)


@given(suites())
def test_two_at_once_take_no_longer_than_one_after_the_other(all_parts: list[Part]) -> None:
    longest = max(part.budget for part in all_parts)
    assert longest <= schedule.forecast(all_parts) <= sum(part.budget for part in all_parts)


def test_the_longest_way_begins_first() -> None:
    quick, ground = Part("quick", budget=50), Part("ground", budget=9)
    scenario = Part("scenario", budget=500, after=frozenset({"ground"}))
    assert schedule.startable([quick, scenario, ground], [], set()) == ground
    assert schedule.startable([quick, scenario], [], {"ground"}) == scenario


def test_what_follows_another_part_waits_for_it_only_where_that_is_run() -> None:
    unit, ground = Part("unit", follows=frozenset({"ground"})), Part("ground")
    assert schedule.startable([unit], [ground], set()) is None
    assert schedule.startable([unit], [], set()) == unit


def test_what_comes_after_a_failed_part_is_given_up_to_the_last() -> None:
    then, other = Part("then", after=frozenset({"first"})), Part("other")
    last = Part("last", after=frozenset({"then"}))
    assert schedule.hopeless([then, last, other], ["first"]) == [then, last]


# --- running --------------------------------------------------------------------------------------


def shell(line: str) -> tuple[Command, ...]:
    return (Command(("sh", "-c", line)),)


def test_a_part_whose_tests_left_no_report_has_failed(reports: Path) -> None:
    empty, nothing = running.run([Part("molecule empty", shell("true")), Part("lint nothing", shell("true"))])
    assert (empty.failed, empty.note) == (1, "no test ran")
    assert nothing.failed == 0


def test_a_part_is_counted_by_its_report(reports: Path) -> None:
    (outcome,) = running.run([Part("unit", shell(f"cat >{reports}/unit.xml <<'E'\n{REPORT}\nE\nexit 1"))])
    assert (outcome.passed, outcome.failed, outcome.reported) == (1, 1, True)


def test_what_two_parts_print_at_once_does_not_mix(reports: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each waits for the other to have begun, so that they do run at once."""
    meet = "echo {0} 1; touch {1}/{0}; while ! test -e {1}/{2}; do sleep 0.01; done; echo {0} 2"
    lines = [meet.format(*names) for names in (("a", reports, "b"), ("b", reports, "a"))]
    running.run([Part(f"lint {number}", shell(line)) for number, line in enumerate(lines)])
    printed = [line for line in capfd.readouterr().out.splitlines() if re.fullmatch(r"[ab] \d", line)]
    assert sorted([printed[:2], printed[2:]]) == [["a 1", "a 2"], ["b 1", "b 2"]]


def test_begin_and_end_of_each_part_are_told(reports: Path) -> None:
    told: list[str] = []
    running.run([Part("lint this", shell("true"))], tell=told.append)
    begin, end = told
    assert re.fullmatch(r"=== \d\d:\d\d:\d\d lint this begins", begin)
    assert re.fullmatch(r"=== \d\d:\d\d:\d\d lint this ends after \d+ s: done\n", end)


def test_a_part_that_takes_long_shows_that_it_lives(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "HEARTBEAT", 0)
    told: list[str] = []
    running.run([Part("lint this", shell("sleep 1.2"))], tell=told.append)
    assert re.fullmatch(r"... \d\d:\d\d:\d\d lint this \(\d+ of 60 s\)", told[1])


def test_evidence_is_how_the_command_ended_and_how_the_hosts_were(reports: Path) -> None:
    (reports / "app1.txt").write_text("app1:\napp-nginx-1 unhealthy\n")
    part = Part(
        "molecule one", shell("echo before; printf '\\033[31mfatal: no\\033[0m\\n\\n'; exit 2"), hosts=("app1",)
    )
    (outcome,) = running.run([part])
    assert outcome.evidence[-3:] == ("fatal: no", "app1:", "app-nginx-1 unhealthy")


def test_what_needs_a_failed_part_is_not_run(reports: Path) -> None:
    ground = Part("setup ground", shell("exit 1"))
    scenario = Part("molecule one", shell(f"touch {reports}/ran"), after=frozenset({"setup ground"}))
    _ground, outcome = running.run([ground, scenario])
    assert (outcome.failed, outcome.note) == (1, "not run: needs setup ground")
    assert not (reports / "ran").exists()


# Starts what leaves its session, and what does not listen to a polite signal
LEFT = """
setsid sleep 4242 &
sh -c 'trap "" TERM; echo >$1/stubborn; while :; do sleep 0.1; done' - $1 &
echo >$1/begun
wait
"""
SUITE = """
import sys
from pathlib import Path
from tests.suite import model, running
folder, left = sys.argv[1:]
model.REPORTS, running.GRACE = Path(folder), 0.5
commands = (model.Command(("sh", "-c", left, "-", folder)),)
farewell = (model.Command(("sh", "-c", "echo gone >$1/farewell", "-", folder)),)
outcomes = running.run([model.Part("lint endless", commands, farewell=farewell)])
print([outcome.note for outcome in outcomes])
"""


def test_what_was_made_for_a_part_that_never_begins_is_removed(reports: Path) -> None:
    host = frozenset({"host"})
    made = Part("setup host", shell("true"), uses=host)
    endless = Part("lint endless", shell("sleep 4244"), after=frozenset({made.name}))
    farewell = shell(f"touch {reports}/farewell")
    waiting = Part("lint host", shell("true"), after=frozenset({endless.name}), uses=host, farewell=farewell)

    def interrupt(text: str) -> None:
        if "endless begins" in text:
            raise running.Stopped("SIGINT")

    outcomes = running.run([made, endless, waiting], tell=interrupt)
    assert [outcome.note for outcome in outcomes] == ["", "interrupted", "not run: interrupted"]
    assert (reports / "farewell").exists()


def of_the_test(mark: str) -> list[Path]:
    """Return the processes that have a mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"SUITE_TEST={mark}" in (process / "environ").read_text(errors="replace"):
                found.append(process)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda n: n.name)
def test_a_suite_that_is_stopped_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    argv, environment = [sys.executable, "-c", SUITE, str(tmp_path), LEFT], {**os.environ, "SUITE_TEST": str(tmp_path)}
    with subprocess.Popen(argv, cwd=model.REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not all((tmp_path / name).exists() for name in ("begun", "stubborn")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(of_the_test(str(tmp_path))) >= 5
        process.send_signal(number)
        said = process.communicate(timeout=60)[0]
    while of_the_test(str(tmp_path)) and time.monotonic() < deadline + 30:
        time.sleep(0.05)
    assert of_the_test(str(tmp_path)) == []
    assert (tmp_path / "farewell").read_text() == "gone\n"
    assert "['interrupted']" in said or number is signal.SIGKILL
