"""What a PostgreSQL image is, as it says itself when it is asked, and why it will not do: pure functions, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAJOR_LABEL = "fullstack.docker.postgres.major"
LIBC_LABEL = "fullstack.docker.postgres.libc"
IMAGE_LABEL = "fullstack.docker.postgres.image"
"""Labels of a data volume: what the image said that it was made for. Where the last one lacks, the libc is a guess."""

QUESTIONS = """
postgres --version
while IFS=: read -r name _ uid gid _; do
  if [ "$name" = postgres ]; then echo "uid $uid"; echo "gid $gid"; fi
done </etc/passwd
ldd "$(command -v postgres)"
for loader in /lib/ld-musl-* /lib/ld-linux-* /lib64/ld-linux-* /lib/*/ld-linux-*; do
  if [ -e "$loader" ]; then echo "loader $loader"; fi
done
exit 0
"""
"""For the sh of any image; what a tool says that is not there is of no matter."""

_LIBCS = {"ld-musl": "musl", "ld-linux": "glibc", "libc.so.6": "glibc"}


@dataclass(frozen=True)
class PostgresImage:
    """An image of the server; what it does not say is none."""

    name: str
    major: int | None
    uid: int | None
    gid: int | None
    libc: str | None

    @property
    def labels(self) -> dict[str, str]:
        """The labels of a volume that is made for it."""
        said = {MAJOR_LABEL: self.major, LIBC_LABEL: self.libc, IMAGE_LABEL: self.name}
        return {label: str(value) for label, value in said.items() if value is not None}


def read(name: str, answers: str, config: Mapping[str, Any]) -> PostgresImage:
    """Return what an image is.

    Parameters:
        name: of the image.
        answers: what its shell said to ``QUESTIONS``; empty where it has none.
        config: the keys of ``Config`` in ``docker image inspect``; its PG_MAJOR counts where no server answers.
    """
    version = re.search(r"^postgres \(PostgreSQL\) (\d+)", answers, re.MULTILINE)
    declared = re.search(r"^PG_MAJOR=(\d+)$", "\n".join(config.get("Env") or []), re.MULTILINE)
    major = version or declared
    return PostgresImage(
        name=name,
        major=int(major.group(1)) if major else None,
        uid=_number("uid", answers),
        gid=_number("gid", answers),
        libc=_libc(answers),
    )


def _number(word: str, answers: str) -> int | None:
    found = re.search(rf"^{word} (\d+)$", answers, re.MULTILINE)
    return int(found.group(1)) if found else None


def _libc(answers: str) -> str | None:
    """Return the libc that the server was linked with; the first one named is its own, others are merely there."""
    found = re.search("|".join(re.escape(word) for word in _LIBCS), answers)
    return _LIBCS[found.group()] if found else None


def problems(image: PostgresImage, wanted: Mapping[str, Any], *, holds_data: bool, libc: str | None) -> Iterator[str]:
    """Yield why an image cannot serve from its volume, one line each.

    Parameters:
        image: what it is.
        wanted: ``volume`` (its name), ``major``, ``uid`` and ``gid``, as the variables have them.
        holds_data: whether data of ``major`` is in the volume; they belong to ``uid``, preflight has looked at that.
        libc: what the data was sorted by, none where nothing tells.
    """
    volume, major = wanted["volume"], wanted["major"]
    if image.major is None:
        yield (
            f"postgres_image: {image.name} holds no PostgreSQL server (no command postgres, and no PG_MAJOR); name an "
            f"image of PostgreSQL {major} that is used as the official one is"
        )
        return
    if image.major != major and holds_data:
        yield (
            f"postgres_image: {image.name} is of PostgreSQL {image.major}, but volume {volume} holds data of {major}; "
            f"the data is untouched: set postgres_image to an image of {major}"
        )
    elif image.major != major:
        yield (
            f"postgres_version: {major}, but postgres_image {image.name} is of PostgreSQL {image.major}; set "
            f"postgres_version: {image.major}, or postgres_image to an image of {major}"
        )
    if not holds_data and image.uid is not None and image.uid != wanted["uid"]:
        yield (
            f"postgres_uid: {wanted['uid']}, but {image.name} runs the server as {image.uid}; set postgres_uid: "
            f"{image.uid} and postgres_gid: {image.gid}"
        )
    if holds_data and None not in (libc, image.libc) and libc != image.libc:
        yield (
            f"postgres_image: {image.name} is built on {image.libc}, but the data in volume {volume} was made on "
            f"{libc}, which sorts text in another order and would break the indexes; the data is untouched: set "
            f"postgres_image to an image on {libc}, or dump and restore (docs/operations.md, PostgreSQL: another major "
            "version, or another kind of image)"
        )
