"""What the module preflight reads off a real system: this one."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.fullstack.docker.plugins.modules import preflight


def make_cluster(path: Path, version: str) -> None:
    """Lay out the parts of a PostgreSQL data directory that are looked at."""
    (path / "base" / "1").mkdir(parents=True)
    (path / "base" / "1" / "PG_VERSION").write_text(f"{version}\n")
    (path / "PG_VERSION").write_text(f"{version}\n")


def test_a_missing_volume_holds_nothing(tmp_path: Path) -> None:
    volumes = preflight.read_volumes(["shop_data"], {}, str(tmp_path), ".")
    path = str(tmp_path / "volumes" / "shop_data" / "_data")
    assert volumes == {"shop_data": {"exists": False, "path": path, "labels": {}, "owner": None, "postgres": []}}


def test_a_volume_is_read_without_an_engine(tmp_path: Path) -> None:
    make_cluster(tmp_path / "volumes" / "shop_data" / "_data", "17")
    volume = preflight.read_volumes(["shop_data"], {}, str(tmp_path), ".")["shop_data"]
    assert volume["exists"]
    assert [entry["major"] for entry in volume["postgres"]] == [17]


def test_the_owner_of_a_volume_counts_where_something_lies_in_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert preflight.read_owner(str(tmp_path)) is None
    (tmp_path / "appendonlydir").mkdir()
    assert preflight.read_owner(str(tmp_path)) == (os.getuid(), os.getgid())
    tmp_path.chmod(0o777)
    assert preflight.read_owner(str(tmp_path)) is None
    assert preflight.read_owner(str(tmp_path / "missing")) is None


def test_the_holder_of_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (listener,) = preflight.read_listeners({port}, [])
    assert listener == {
        "address": "127.0.0.1",
        "port": port,
        "process": Path("/proc/self/comm").read_text().strip(),
        "pid": os.getpid(),
        "project": None,
        "container": None,
    }


def test_a_free_port_has_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert preflight.read_listeners({port}, []) == []
    assert preflight.read_listeners(set(), []) == []


def test_free_space_is_read_for_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    free = preflight.read_free_bytes(str(tmp_path / "var" / "lib" / "docker"))
    assert free == pytest.approx(status.f_bavail * status.f_frsize, rel=0.05)


def test_the_start_of_a_process_is_read(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{os.getpid()}\n")
    started = preflight.started_at(str(pid_file))
    assert started is not None
    assert started <= time.time() < started + 24 * 3600
    pid_file.write_text("")
    assert preflight.started_at(str(pid_file)) is None
    assert preflight.started_at(str(tmp_path / "missing")) is None


def test_a_command_that_is_missing_fails_or_hangs_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert preflight.output(["/nonexistent"]) == ""
    assert preflight.output([sys.executable, "-c", "print(1); raise SystemExit(3)"]) == "1\n"
    monkeypatch.setattr(preflight, "TIMEOUT", 0.2)
    assert preflight.output([sys.executable, "-c", "import time; time.sleep(9)"]) == ""


def test_kernel_settings_are_read() -> None:
    assert preflight.read_sysctl("vm.overcommit_memory") in {"0", "1", "2"}
    assert preflight.read_sysctl("vm.no_such_setting") is None


@pytest.mark.parametrize("text", ["", "no json", "[]", "null"])
def test_broken_answers_count_as_empty(text: str) -> None:
    assert preflight.read_json(text) == {}
