"""What a PostgreSQL image says of itself, and which of it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.postgres.image import PostgresImage, problems, read

DEBIAN = """postgres (PostgreSQL) 18.1 (Debian 18.1-1)
uid 999
gid 999
\tlinux-vdso.so.1 (0x00007ffd)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f)
loader /lib/ld-musl-x86_64.so.1
loader /lib64/ld-linux-x86-64.so.2
"""
ALPINE = """postgres (PostgreSQL) 17rc1
uid 70
gid 70
\t/lib/ld-musl-x86_64.so.1 (0x7f)
\tlibpq.so.5 => /usr/local/lib/libpq.so.5 (0x7f)
loader /lib/ld-musl-x86_64.so.1
"""
WANTED: dict[str, Any] = {"volume": "shop_postgres_data", "major": 18, "uid": 999, "gid": 999}
GOOD = PostgresImage("postgres:18", 18, 999, 999, "glibc")


@pytest.mark.parametrize(
    ("answers", "env", "image"),
    [
        (DEBIAN, [], PostgresImage("x", 18, 999, 999, "glibc")),
        (ALPINE, ["PG_MAJOR=16"], PostgresImage("x", 17, 70, 70, "musl")),
        ("", ["PATH=/bin", "PG_MAJOR=16"], PostgresImage("x", 16, None, None, None)),
        ("loader /lib/ld-musl-aarch64.so.1\n", [], PostgresImage("x", None, None, None, "musl")),
        ("", None, PostgresImage("x", None, None, None, None)),
    ],
)
def test_answers_are_read(answers: str, env: list[str] | None, image: PostgresImage) -> None:
    assert read("x", answers, {"Env": env}) == image


def test_volume_is_labelled_by_what_the_image_says() -> None:
    assert read("x", ALPINE, {}).labels == {
        "fullstack.docker.postgres.major": "17",
        "fullstack.docker.postgres.libc": "musl",
        "fullstack.docker.postgres.image": "x",
    }


@pytest.mark.parametrize("holds_data", [False, True])
@pytest.mark.parametrize("libc", [None, "glibc"])
def test_a_good_image_passes(holds_data: bool, libc: str | None) -> None:
    assert list(problems(GOOD, WANTED, holds_data=holds_data, libc=libc)) == []


@pytest.mark.parametrize(
    ("image", "holds_data", "libc", "said"),
    [
        (
            PostgresImage("redis:7", None, None, None, "musl"),
            False,
            None,
            "postgres_image: redis:7 holds no PostgreSQL",
        ),
        (PostgresImage("p:17", 17, 999, 999, "glibc"), False, None, "set postgres_version: 17, or postgres_image to"),
        (PostgresImage("p:17", 17, 999, 999, "glibc"), True, None, "holds data of 18; the data is untouched: set"),
        (PostgresImage("p:18", 18, 70, 71, "musl"), False, None, "set postgres_uid: 70 and postgres_gid: 71"),
        (PostgresImage("p:18", 18, 999, 999, "musl"), True, "glibc", "set postgres_image to an image on glibc"),
    ],
)
def test_an_image_of_another_kind_is_refused(
    image: PostgresImage, holds_data: bool, libc: str | None, said: str
) -> None:
    (problem,) = problems(image, WANTED, holds_data=holds_data, libc=libc)
    assert said in problem
    assert "\n" not in problem


def test_data_decides_on_the_user_where_there_is_some() -> None:
    image = PostgresImage("p:18", 18, 70, 70, "glibc")
    assert list(problems(image, WANTED, holds_data=True, libc="glibc")) == []


def test_all_problems_are_told_at_once() -> None:
    image = PostgresImage("p:17", 17, 70, 70, "musl")
    assert len(list(problems(image, WANTED, holds_data=False, libc=None))) == 2
