"""What the healer decides; that it does it is tested on a real host."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.state import lock as stack_lock
from ansible_collections.fullstack.docker.plugins.module_utils.state.description import Description
from tests.unit.real_ansible import REPOSITORY

PATH = REPOSITORY / "roles/compose_project/files/healer.py"
spec = importlib.util.spec_from_file_location("healer", PATH)
assert spec is not None
assert spec.loader is not None
healer = importlib.util.module_from_spec(spec)
sys.modules["healer"] = healer
spec.loader.exec_module(healer)

DOORS = {"door": 1}


def nginx(namespace: int | None, *, running: bool = True, exit_code: int = 0, mode: str = "container:door") -> Any:
    return {
        "HostConfig": {"NetworkMode": mode},
        "State": {"Running": running, "ExitCode": exit_code},
        "namespace": namespace,
    }


@pytest.mark.parametrize(
    ("container", "lost"),
    [
        (nginx(1), False),
        (nginx(2), True),
        (nginx(None), False),  # it is just going
        (nginx(None, running=False, exit_code=128), True),
        (nginx(None, running=False, exit_code=0), False),  # stopped by somebody
        (nginx(2, mode="container:another"), False),
        (nginx(2, mode="shop_backend"), False),
    ],
)
def test_nginx_is_put_back_only_where_it_lost_its_front_door(container: Any, lost: bool) -> None:
    assert healer.lost_its_door(container, DOORS) is lost


def test_only_services_that_compose_knows_are_scaled() -> None:
    services = ["backend", "backend", "mailer", "mailer", "db", "", ""]
    containers = [{"Config": {"Labels": {healer.SERVICE_LABEL: name} if name else {}}} for name in services]
    assert healer.crowds(containers, ["backend", "db"]) == {"backend": 2}


def test_restarts_come_later_each_time() -> None:
    patience = healer.Patience(pause=10, most=30)
    due = [now for now in range(0, 200) if patience.due("a", float(now))]
    assert due == [0, 10, 30, 60, 90, 120, 150, 180]


def test_the_next_look_comes_when_the_first_pause_is_over() -> None:
    patience = healer.Patience(pause=10, most=30)
    assert patience.wait(0.0, 30) == 30
    patience.due("a", 0.0)
    patience.due("b", 4.0)
    assert patience.wait(4.0, 30) == 6
    assert patience.wait(12.0, 30) == 2
    assert patience.wait(20.0, 30) == 30


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/nowhere/tell", "No such file"),
        ("false", "ended with 1"),
        ("no 'end", "No closing quotation"),
    ],
)
def test_a_command_that_cannot_be_told_is_no_reason_to_stop(
    command: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    healer.notify(command, "app-backend-1 stays unhealthy")
    assert said in capsys.readouterr().out


def test_a_command_is_told_in_one_argument(tmp_path: Path) -> None:
    healer.notify(f"touch -- {tmp_path}/a", f"{tmp_path}/two words")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "two words"}


def test_a_container_that_became_healthy_starts_afresh() -> None:
    patience = healer.Patience(pause=10, most=30)
    patience.due("a", 0.0)
    patience.forget("a")
    assert patience.due("a", 1.0)


def test_a_deployment_is_seen_by_its_lock(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    assert not healer.deploying(str(lock))
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert healer.deploying(str(lock))
    assert not healer.deploying(str(lock))


@pytest.mark.parametrize(
    ("running", "restarting", "verdict"),
    [
        (True, False, "unhealthy"),
        (False, False, None),  # stopped by somebody: Docker calls that unhealthy
        (True, True, None),
    ],
)
def test_only_what_runs_has_a_health(running: bool, restarting: bool, verdict: str | None) -> None:
    state = {"Running": running, "Restarting": restarting, "Health": {"Status": "unhealthy"}}
    assert healer.verdict({"State": state}) == verdict


def test_a_container_without_a_check_has_no_health() -> None:
    assert healer.verdict({"State": {"Running": True, "Restarting": False}}) is None


@pytest.mark.parametrize(("days", "soon"), [(1, True), (13, True), (15, False)])
def test_a_certificate_that_ends_soon_is_seen(tmp_path: Path, days: int, soon: bool) -> None:
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "certificate.pem")]
    subprocess.run([*request, *files, "-subj", "/CN=a", "-days", str(days)], check=True, capture_output=True)
    assert healer.certificate_ends_soon(tmp_path / "certificate.pem") is soon


def test_no_certificate_does_not_end(tmp_path: Path) -> None:
    assert not healer.certificate_ends_soon(tmp_path / "certificate.pem")


def died(directory: Path) -> Path:
    """Leave the lock of a deployment that died at work, over a project whose files are remembered."""
    (directory / "compose.yml").write_text("serves")
    Description(directory).keep("")
    lock = directory / stack_lock.FILE
    holder = stack_lock.Holder("x", "jo@laptop", since=1.0, renewed=1.0, pid=1, working=True)
    lock.write_text(json.dumps(asdict(holder)))
    return lock


def test_the_files_that_a_dead_deployment_wrote_are_taken_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = died(tmp_path)
    (tmp_path / "compose.yml").unlink()
    (tmp_path / "compose.yml").write_text("never served")
    assert healer.recover("shop", tmp_path, "")
    assert (tmp_path / "compose.yml").read_text() == "serves"
    assert "put back the files" in capsys.readouterr().out
    assert not lock.read_text().strip()


def test_a_dead_deployment_that_wrote_nothing_is_left_for_the_next_one_to_tell_of(tmp_path: Path) -> None:
    lock = died(tmp_path)
    assert healer.recover("shop", tmp_path, "")
    assert "jo@laptop" in lock.read_text()
