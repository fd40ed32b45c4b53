"""PostgreSQL's data in a volume: what is found, and that the way out which is named leads out."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.postgres import data as postgres_data
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.data import (
    Place,
    Wanted,
    empty_folders,
    expected_layout,
    problems,
    read_clusters,
)
from tests.unit.real_ansible import REPOSITORY

UID, GID = os.getuid(), os.getgid()


def make_cluster(path: Path, version: str, *, complete: bool = True) -> None:
    """Lay out the parts of a PostgreSQL data directory that are looked at."""
    (path / "base" / "1").mkdir(parents=True)
    (path / "base" / "1" / "PG_VERSION").write_text(f"{version}\n")
    (path / "global").mkdir()
    if complete:
        (path / "global" / "pg_control").write_text("")
    (path / "PG_VERSION").write_text(f"{version}\n")


def told(volume: Path, major: int, uid: int | None = UID, **runs: str) -> list[str]:
    """Return what is said of a volume that lies in a folder."""
    clusters = read_clusters(str(volume), expected_layout(major), shifted=False)
    return list(problems(Wanted("shop_data", major, uid), clusters, Place(str(volume), **runs)))


def follow(message: str) -> None:
    """Type the commands that a message names."""
    found = re.search(r"as root on the host: (.+?)(?:; then run this again|\. To go to)", message)
    assert found, message
    subprocess.run(["sh", "-euc", found.group(1)], check=True)


@pytest.mark.parametrize(
    ("layout", "version", "major"),
    [(".", "17", 17), ("data", "17", 17), ("18/docker", "18", 18), ("9.6/main", "9.6", 9)],
)
def test_a_cluster_is_found_wherever_it_lies(tmp_path: Path, layout: str, version: str, major: int) -> None:
    make_cluster(tmp_path / layout, version)
    (tmp_path / "lost+found").mkdir()
    assert read_clusters(str(tmp_path), "18/docker", shifted=False) == [
        {"path": layout, "major": major, "uid": UID, "gid": GID, "complete": True}
    ]


def test_two_clusters_are_both_found(tmp_path: Path) -> None:
    make_cluster(tmp_path / "17" / "docker", "17")
    make_cluster(tmp_path / "18" / "docker", "18")
    found = read_clusters(str(tmp_path), "18/docker", shifted=True)
    assert [(entry["path"], entry["major"], entry["uid"]) for entry in found] == [
        ("17/docker", 17, None),
        ("18/docker", 18, None),
    ]


def test_half_made_data_is_told_from_empty_folders(tmp_path: Path) -> None:
    (tmp_path / "18" / "docker" / "pg_wal").mkdir(parents=True)
    assert read_clusters(str(tmp_path), "18/docker", shifted=False) == []
    (tmp_path / "18" / "docker" / "pg_wal" / "notes").write_text("")
    (found,) = read_clusters(str(tmp_path), "18/docker", shifted=False)
    assert (found["path"], found["major"]) == ("18/docker", None)


def test_half_made_data_does_not_hide_a_cluster_below(tmp_path: Path) -> None:
    make_cluster(tmp_path / "18" / "docker", "18")
    found = read_clusters(str(tmp_path), ".", shifted=False)
    assert [(entry["path"], entry["major"]) for entry in found] == [(".", None), ("18/docker", 18)]


def test_links_are_not_followed(tmp_path: Path) -> None:
    make_cluster(tmp_path / "elsewhere", "17")
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "data").symlink_to(tmp_path / "elsewhere")
    assert read_clusters(str(volume), "18/docker", shifted=False) == []


class TestEmptyFolders:
    """What a first start leaves that failed."""

    def test_all_of_them_can_be_removed_in_their_order(self, tmp_path: Path) -> None:
        (tmp_path / "18" / "docker" / "pg_wal").mkdir(parents=True)
        (tmp_path / "18" / "docker" / "base").mkdir()
        (tmp_path / "lost+found").mkdir()
        found = empty_folders(str(tmp_path))
        for folder in found:
            (tmp_path / folder).rmdir()
        assert [one.name for one in tmp_path.iterdir()] == ["lost+found"]

    @pytest.mark.parametrize("kind", ["file", "link"])
    def test_a_volume_with_anything_else_in_it_is_left_alone(self, tmp_path: Path, kind: str) -> None:
        (tmp_path / "18" / "docker").mkdir(parents=True)
        one = tmp_path / "18" / "one"
        one.write_text("") if kind == "file" else one.symlink_to(tmp_path)
        assert empty_folders(str(tmp_path)) == []

    def test_an_empty_volume_has_none(self, tmp_path: Path) -> None:
        assert empty_folders(str(tmp_path)) == []


class TestWayOut:
    """Each message is followed, as an operator would, and nothing is left to say."""

    layouts = st.sampled_from([".", "17/docker", "18/docker", "19/docker", "data", "pg/main"])

    @given(st.data())
    def test_data_can_be_moved_to_where_it_is_looked_for(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        major = data.draw(st.sampled_from([16, 17, 18, 19]))
        layout = data.draw(self.layouts.filter(lambda one: one != expected_layout(major)))
        volume = tmp_path_factory.mktemp("volume with 'space")
        make_cluster(volume / layout, str(major))
        (message,) = told(volume, major)
        assert message.startswith(f"postgres_version: {major} keeps its data in ")
        follow(message)
        assert told(volume, major) == []
        place = volume / expected_layout(major)
        assert (place.stat().st_mode & 0o777, (place / "base" / "1" / "PG_VERSION").exists()) == (0o700, True)

    @pytest.mark.parametrize("layout", ["18/docker", "."])
    def test_data_of_an_image_of_another_version_than_was_said(self, tmp_path: Path, layout: str) -> None:
        make_cluster(tmp_path / layout, "17")
        (message,) = told(tmp_path, 18, container="shop-db-1", image="postgres:17")
        assert "set postgres_version: 17, postgres_image to an image of 17 (shop-db-1 runs postgres:17)" in message
        assert ("docker stop shop-db-1" in message) == (layout != ".")
        if layout != ".":
            follow(message.replace("docker stop shop-db-1 && ", ""))
        assert told(tmp_path, 17) == []

    @pytest.mark.parametrize("major", [17, 18])
    def test_a_cluster_whose_making_was_interrupted_can_be_put_aside(self, tmp_path: Path, major: int) -> None:
        volume = tmp_path / "volume"
        make_cluster(volume / expected_layout(major), str(major), complete=False)
        (message,) = told(volume, major)
        assert "was interrupted" in message
        follow(message)
        assert told(volume, major) == []
        (kept,) = tmp_path.glob("put-aside-*")
        assert (kept / "PG_VERSION").exists()

    @pytest.mark.parametrize("major", [17, 18])
    def test_what_is_no_data_can_be_put_aside(self, tmp_path: Path, major: int) -> None:
        volume = tmp_path / "volume"
        place = volume / expected_layout(major)
        place.mkdir(parents=True)
        (place / "notes").write_text("")
        (message,) = told(volume, major)
        assert "no PG_VERSION" in message
        follow(message)
        assert told(volume, major) == []
        assert len([*tmp_path.rglob("notes")]) == 1

    def test_data_of_another_user(self, tmp_path: Path) -> None:
        make_cluster(tmp_path / "18" / "docker", "18")
        (message,) = told(tmp_path, 18, uid=UID + 70, container="shop-db-1", image="postgres:18")
        assert f"Set postgres_uid: {UID}, postgres_gid: {GID}" in message
        assert "(shop-db-1 runs postgres:18)" in message


def test_guide_is_a_heading_of_the_operations_page() -> None:
    page, _comma, heading = postgres_data.GUIDE.partition(", ")
    text = (REPOSITORY / page).read_text()
    assert f"\n## {heading}\n" in text or f"\n### {heading}\n" in text
