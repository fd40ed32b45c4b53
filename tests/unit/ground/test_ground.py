"""What the ground decides: which mirror, which client, when an image is made anew."""

from __future__ import annotations

import pytest

from tests.ground.ground import AptSettings, Image, client_can_build, find_mirror, select_apt_options, tag_images

APT = AptSettings("http://mirror.test/debian/", ())
IMAGES = (
    Image("debian:trixie", suite="trixie"),
    Image("redis:8", folder="redis", base="debian:trixie"),
    Image("nginx:1", folder="nginx", base="debian:trixie", builder="redis:8"),
)
FILES: dict[str, list[str | bytes]] = {"redis": ["Dockerfile", "-", b"FROM"], "nginx": ["Dockerfile", "-", b"FROM"]}


def changed(apt: AptSettings = APT, files: dict[str, list[str | bytes]] | None = None) -> set[str]:
    """Name the images whose tag is another than before."""
    before, after = tag_images(IMAGES, APT, FILES), tag_images(IMAGES, apt, {**FILES, **(files or {})})
    return {name for name in before if before[name] != after[name]}


def test_same_inputs_give_the_same_tags() -> None:
    assert changed() == set()


def test_another_mirror_remakes_everything() -> None:
    assert changed(apt=AptSettings("http://other.test/debian/", ())) == {"debian:trixie", "redis:8", "nginx:1"}


def test_a_file_remakes_its_image_and_what_is_built_with_it() -> None:
    assert changed(files={"redis": ["Dockerfile", "-", b"FROM x"]}) == {"redis:8", "nginx:1"}


def test_an_executable_bit_counts() -> None:
    assert changed(files={"nginx": ["Dockerfile", "x", b"FROM"]}) == {"nginx:1"}


def test_mirror_is_the_main_archive_of_the_release() -> None:
    targets = "http://a.test/security/ trixie-security main\nhttp://b.test/debian/ trixie main"
    assert find_mirror(targets, "trixie") == "http://b.test/debian/"


def test_no_mirror_where_no_line_fits() -> None:
    assert find_mirror("http://b.test/debian/ trixie contrib", "trixie") == ""


def test_apt_options_are_only_those_that_reach_the_mirror() -> None:
    dump = 'Acquire "";\nAcquire::Check-Date "false";\nAcquire::Languages "none";\n'
    assert select_apt_options(dump) == ('Acquire::Check-Date "false";',)


@pytest.mark.parametrize(
    ("version", "has_buildx", "expected"),
    [
        ("Docker version 20.10.24+dfsg1, build 297e128", False, True),
        ("Docker version 28.2.2, build e6534b4", False, False),
        ("Docker version 28.2.2, build e6534b4", True, True),
        ("", False, False),
    ],
)
def test_client_that_can_build(version: str, has_buildx: bool, expected: bool) -> None:
    assert client_can_build(version, has_buildx=has_buildx) is expected
