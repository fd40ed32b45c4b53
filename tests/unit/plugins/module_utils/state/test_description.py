"""The files that describe a project are remembered, and come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.state.description import FOLDER, Description

LIVE = "infra/nginx/upstream.nginx"
FILES = {"compose.yml": "one", ".env": "one", "infra/nginx/nginx.conf": "one", LIVE: "one"}


def write(directory: Path, files: dict[str, str]) -> None:
    """Replace files as a whole, as a deployment does."""
    for name, text in files.items():
        place = directory / name
        place.parent.mkdir(parents=True, exist_ok=True)
        staged = place.with_name("staged")
        staged.write_text(text)
        staged.replace(place)


def texts(directory: Path) -> dict[str, str]:
    """Return the content of what a deployment has written."""
    return {name: (directory / name).read_text() for name in FILES}


@pytest.fixture
def described(tmp_path: Path) -> Description:
    """Return the description of a project that runs."""
    write(tmp_path, FILES)
    found = Description(tmp_path)
    found.keep(LIVE)
    return found


def test_what_a_failed_release_wrote_is_undone(described: Description) -> None:
    write(described.directory, {"compose.yml": "two", "infra/nginx/nginx.conf": "two"})
    assert described.put_back() == ["compose.yml", "infra/nginx/nginx.conf"]
    assert texts(described.directory) == FILES


def test_a_file_that_is_gone_comes_back(described: Description) -> None:
    (described.directory / ".env").unlink()
    assert described.put_back() == [".env"]
    assert texts(described.directory) == FILES


def test_nothing_is_put_back_twice(described: Description) -> None:
    write(described.directory, {"compose.yml": "two"})
    described.put_back()
    assert described.put_back() == []


def test_the_live_file_is_left_alone(described: Description) -> None:
    write(described.directory, {LIVE: "two"})
    assert described.put_back() == []
    assert texts(described.directory)[LIVE] == "two"


def test_a_file_that_came_in_between_stays(described: Description) -> None:
    write(described.directory, {"infra/more": "mine"})
    described.put_back()
    assert (described.directory / "infra/more").read_text() == "mine"


def test_what_something_runs_by_is_not_undone(described: Description) -> None:
    write(described.directory, {"compose.yml": "two"})
    described.forget()
    assert described.put_back() == []
    assert texts(described.directory)["compose.yml"] == "two"


def test_the_last_that_was_kept_comes_back(described: Description) -> None:
    write(described.directory, {"compose.yml": "two"})
    described.keep(LIVE)
    write(described.directory, {"compose.yml": "three"})
    described.put_back()
    assert texts(described.directory)["compose.yml"] == "two"


def test_keeping_the_same_files_again_touches_nothing(described: Description) -> None:
    before = described.kept.stat()
    described.keep(LIVE)
    assert (described.kept.stat().st_ino, described.kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_that_is_wanted_no_more_is_forgotten(described: Description) -> None:
    (described.directory / ".env").unlink()
    described.keep(LIVE)
    assert not (described.kept / ".env").exists()
    described.put_back()
    assert not (described.directory / ".env").exists()


def test_what_an_interrupted_run_left_is_in_nobodys_way(described: Description) -> None:
    (described.directory / f"{FOLDER}.new").mkdir()
    (described.directory / f"{FOLDER}.new/compose.yml").write_text("half")
    (described.directory / ".compose.yml.old").write_text("half")
    write(described.directory, {"compose.yml": "two"})
    described.put_back()
    assert texts(described.directory) == FILES
    write(described.directory, {"compose.yml": "three"})
    described.keep(LIVE)
    assert (described.kept / "compose.yml").read_text() == "three"
    assert sorted(path.name for path in described.directory.iterdir()) == [FOLDER, ".env", "compose.yml", "infra"]


def test_a_release_that_was_left_unfinished_comes_first(described: Description) -> None:
    write(described.directory, {"compose.yml": "two"})
    journal = described.directory / ".release"
    journal.touch()
    assert described.put_back() == []
    journal.unlink()
    assert described.put_back() == ["compose.yml"]


def test_a_project_that_never_ran_has_nothing_to_put_back(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    assert Description(tmp_path).put_back() == []


def test_nobody_else_reads_the_names(described: Description) -> None:
    assert described.kept.stat().st_mode & 0o777 == 0o700
