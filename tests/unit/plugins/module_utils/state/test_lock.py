"""Who deploys: one run at a time, and a dead one is known as dead."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.state import lock as stack_lock
from ansible_collections.fullstack.docker.plugins.module_utils.state.lock import Holder, LockError, StackLock, verdict

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
HOLDER = Holder(run="a", who="jo@laptop", since=NOW - 100, renewed=NOW - 1, pid=1)


def lock(folder: Path, run: str, now: float = NOW) -> StackLock:
    return StackLock(folder, run, f"{run}@laptop", clock=lambda: now)


@pytest.mark.parametrize(
    ("holder", "run", "now", "expected"),
    [
        (None, "b", NOW, "free"),
        (HOLDER, "a", NOW, "free"),
        (HOLDER, "b", NOW, "held"),
        (HOLDER, "b", NOW + 28, "held"),
        (HOLDER, "b", NOW + 29, "taken over"),
        (HOLDER, "b", NOW - 3600, "taken over"),  # the clock was set back
        (Holder(**{**asdict(HOLDER), "working": True}), "b", NOW, "taken over"),  # it died at work
    ],
)
def test_a_holder_without_a_process_is_believed_for_a_while(
    holder: Holder | None, run: str, now: float, expected: str
) -> None:
    assert verdict(holder, run, now) == expected


def test_a_run_goes_on_where_it_has_left_off(tmp_path: Path) -> None:
    with lock(tmp_path, "a").held(release=False):
        pass
    again = lock(tmp_path, "a", NOW + 20)
    with again.held(release=True):
        found = again.holder()
        assert found is not None
        assert found.since == NOW
    assert again.holder() is None
    assert again.notice == ""


def test_between_two_calls_of_a_run_another_one_is_refused_and_told_by_whom_and_since_when(tmp_path: Path) -> None:
    with lock(tmp_path, "a").held(release=False):
        pass
    with (
        pytest.raises(LockError, match=r"a@laptop, since 2027-01-15 08:00:00 UTC"),
        lock(tmp_path, "b").held(release=True),
    ):
        pass


def test_while_a_module_works_another_run_is_refused_and_told_the_step(tmp_path: Path) -> None:
    first = lock(tmp_path, "a")
    with first.held(release=True):
        first.step("drain")
        with pytest.raises(LockError, match="in step drain"), lock(tmp_path, "b", NOW + 3600).held(release=True):
            pass


def test_a_run_that_is_gone_is_taken_over_with_a_notice(tmp_path: Path) -> None:
    with lock(tmp_path, "a").held(release=False):
        pass
    second = lock(tmp_path, "b", NOW + stack_lock.LEASE)
    with second.held(release=True):
        assert "took over from a deployment that is gone: a@laptop" in second.notice


def test_a_module_that_was_killed_is_known_as_dead_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib\n"
        "from ansible_collections.fullstack.docker.plugins.module_utils.state import lock\n"
        "with lock.StackLock(pathlib.Path(sys.argv[1]), 'a', 'a@laptop').held(release=True):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    collections = str(stack_lock.__file__).partition("/ansible_collections/")[0]
    argv = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(argv, cwd=collections, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGKILL)
    second = StackLock(tmp_path, "b", "b@laptop")
    with second.held(release=True):
        assert "a@laptop" in second.notice


def test_the_healer_is_waited_for(tmp_path: Path) -> None:
    healer = StackLock(tmp_path, stack_lock.HEALER, stack_lock.HEALER)
    with healer.held(release=True), pytest.raises(LockError), lock(tmp_path, "b").held(release=True, patience=0.5):
        pass
    with lock(tmp_path, "b").held(release=True, patience=0.5):
        pass


@pytest.mark.parametrize("text", ["process 1 since", "{}", "[]", '{"run": 1}'])
def test_a_file_that_is_no_lock_is_refused_and_left(tmp_path: Path, text: str) -> None:
    (tmp_path / ".lock").write_text(text)
    with pytest.raises(LockError, match=r"cannot be read.*remove it"), lock(tmp_path, "b").held(release=True):
        pass
    assert (tmp_path / ".lock").read_text() == text


@given(st.builds(Holder, since=st.floats(0, 1e10), renewed=st.floats(0, 1e10), began=st.floats(0, 1e10)))
def test_a_holder_is_read_as_it_was_written(holder: Holder) -> None:
    assert stack_lock.parse(json.dumps(asdict(holder))) == holder
