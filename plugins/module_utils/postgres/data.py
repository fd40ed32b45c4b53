"""PostgreSQL's data in a volume: what is there, and the way out where an image cannot take it over.

``read_clusters`` and ``empty_folders`` look at the disk, all else is pure. Runs on managed hosts: Python 3.10 or later,
standard library only.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

GUIDE = "docs/operations.md, PostgreSQL: another major version, or another kind of image"


class Cluster(TypedDict):
    """A PostgreSQL data directory found in a volume."""

    path: str
    """Relative to the volume, `.` for its top."""
    major: int | None
    """None: not empty, but without PG_VERSION."""
    uid: int | None
    """Owner; None where user namespaces shift the numbers."""
    gid: int | None
    complete: bool
    """False: initdb was interrupted, so that no server ever ran on it."""


@dataclass(frozen=True)
class Wanted:
    """What the variables say of the server."""

    volume: str
    major: int
    uid: int | None


@dataclass(frozen=True)
class Place:
    """Where the data lies, and what runs on it."""

    top: str
    """The volume's directory on the host."""
    container: str | None = None
    """The container of the server, where there is one."""
    image: str | None = None
    """Its image."""


def expected_layout(major: int) -> str:
    """Return where in its volume the official image of a major version keeps the data."""
    return f"{major}/docker" if major >= 18 else "."


# --- reading --------------------------------------------------------------------------------------


def read_clusters(top: str, layout: str, *, shifted: bool) -> list[Cluster]:
    """Return the PostgreSQL data directories in a volume, at most two levels down.

    Args:
        top: the volume's directory on the host.
        layout: where the data is expected; reported without PG_VERSION too when it holds more than empty folders.
        shifted: user namespaces shift the owners, so that they say nothing.
    """
    found: list[Cluster] = []
    level = ["."]
    for depth in range(3):
        below: list[str] = []
        for path in level:
            directory = os.path.normpath(os.path.join(top, path))
            try:
                # A mounted file system brings lost+found along
                names = sorted(set(os.listdir(directory)) - {"lost+found"})
                status = os.lstat(directory)
            except OSError:
                continue
            if stat.S_ISLNK(status.st_mode):
                continue
            whole = "PG_VERSION" in names
            if whole or (path == layout and _holds_something(directory)):
                found.append(
                    {
                        "path": path,
                        "major": _major(os.path.join(directory, "PG_VERSION")),
                        "uid": None if shifted else status.st_uid,
                        "gid": None if shifted else status.st_gid,
                        "complete": os.path.exists(os.path.join(directory, "global", "pg_control")),
                    }
                )
            if not whole and depth < 2:
                # Every database in base/ has a PG_VERSION of its own
                below += [os.path.normpath(os.path.join(path, n)) for n in names if n != "base"]
        level = below
    return found


def _major(path: str) -> int | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            number = re.match(r"\d+", stream.read())
    except OSError:
        return None
    return int(number.group()) if number else None


def _holds_something(top: str) -> bool:
    """Tell whether there is anything but folders below a directory."""
    for folder, folders, files in os.walk(top):
        if files or any(os.path.islink(os.path.join(folder, one)) for one in folders):
            return True
    return False


def empty_folders(top: str) -> list[str]:
    """Return the folders of a volume that holds nothing but folders, relative to it, the deepest first.

    A first start that failed leaves them. They may belong to another user, and initdb wants a directory that is empty;
    a volume that is empty altogether gets its owner from the image.
    """
    if _holds_something(top):
        return []
    below = [os.path.relpath(folder, top) for folder, _folders, _files in os.walk(top, topdown=False)]
    # A mounted file system brings lost+found along
    return [folder for folder in below if folder not in {".", "lost+found"}]


# --- judging --------------------------------------------------------------------------------------


def problems(wanted: Wanted, clusters: Sequence[Cluster], place: Place) -> Iterator[str]:
    """Yield why the server cannot take over the data in its volume, and what to do, one line each."""
    layout = expected_layout(wanted.major)
    at = {cluster["path"]: cluster for cluster in clusters}
    cluster = at.get(layout)
    if not clusters:
        return
    if cluster is None or cluster["major"] != wanted.major:
        yield _wrong_data(wanted, clusters, place)
        return
    if not cluster["complete"]:
        yield (
            f"postgres_version: the making of the database in volume {wanted.volume} was interrupted (no pg_control), "
            f"so that no server ever ran on it. Put it aside, as root on the host: {put_aside(cluster, place)}; then "
            "run this again"
        )
        return
    if None not in {wanted.uid, cluster["uid"]} and wanted.uid != cluster["uid"]:
        yield (
            f"postgres_uid: {wanted.uid}, but the data in volume {wanted.volume} belongs to uid {cluster['uid']}; it "
            f"is untouched. Set {_owner(cluster)} and postgres_image to an image of that kind{_runs(place)}. For an "
            f"image of another kind, dump and restore ({GUIDE})"
        )


def _wrong_data(wanted: Wanted, clusters: Sequence[Cluster], place: Place) -> str:
    """Return the message for a volume that holds no data which this major version can open."""
    readable = [cluster for cluster in clusters if cluster["major"] is not None]
    layout = expected_layout(wanted.major)
    if not readable:
        stray = clusters[0]
        return (
            f"postgres_version: volume {wanted.volume} is not empty but holds no PostgreSQL data in {layout} (no "
            f"PG_VERSION); it is untouched. Restore a backup into it, or put aside what is there, as root on the host: "
            f"{put_aside(stray, place)}; then run this again"
        )
    same = [cluster for cluster in readable if cluster["major"] == wanted.major]
    if same:
        return (
            f"postgres_version: {wanted.major} keeps its data in {layout} of the volume, but volume {wanted.volume} "
            f"holds it in {same[0]['path']}; it is untouched. Move it, as root on the host: "
            f"{move(same[0], wanted.major, place)}; then run this again"
        )
    held = max(readable, key=lambda cluster: cluster["major"] or 0)
    major = held["major"] or 0
    go_on = f"set postgres_version: {major}, postgres_image to an image of {major}{_runs(place)}"
    go_on += f" and {_owner(held)}" if held["uid"] is not None and held["uid"] != wanted.uid else ""
    if held["path"] != expected_layout(major):
        go_on += (
            f", and move the data from {held['path']} to {expected_layout(major)} of the volume, where {major} looks "
            f"for it, as root on the host: {move(held, major, place)}"
        )
    return (
        f"postgres_version: {wanted.major}, but volume {wanted.volume} holds data of PostgreSQL {major} in "
        f"{held['path']}; it is untouched. To go on with {major}, {go_on}. To go to {wanted.major}, dump and restore "
        f"({GUIDE})"
    )


def _runs(place: Place) -> str:
    return f" ({place.container} runs {place.image})" if place.container and place.image else ""


def _owner(cluster: Cluster) -> str:
    return f"postgres_uid: {cluster['uid']}, postgres_gid: {cluster['gid']}"


def move(cluster: Cluster, major: int, place: Place) -> str:
    """Return the commands that bring data to where its major version looks for it; a rename each, nothing is copied."""
    source, target = cluster["path"], expected_layout(major)
    owner = f"{cluster['uid']}:{cluster['gid']}" if cluster["uid"] is not None else ""
    steps = _begin(place)
    if target == ".":
        steps += [f"chown {owner} ."] if owner else []
        steps += ["chmod 0700 .", f"mv {source}/* .", f"rmdir --parents {source}"]
    else:
        folder = os.path.dirname(target)
        steps += [f"mkdir --parents {target if source == '.' else folder}"]
        steps += [f"chown {owner} {folder}"] if owner else []
        if source == ".":
            steps += [f"find . -mindepth 1 -maxdepth 1 ! -name {folder} -exec mv --target-directory={target} {{}} +"]
            steps += [f"chown {owner} {target}"] if owner else []
        else:
            steps += [f"mv --no-target-directory {source} {target}"]
        steps += [f"chmod 0700 {target}"]
    return " && ".join(steps)


def put_aside(cluster: Cluster, place: Place) -> str:
    """Return the commands that take a folder out of the volume's sight, and keep it beside the volume."""
    aside = "../put-aside-$(date +%s)"
    if cluster["path"] != ".":
        return " && ".join([*_begin(place), f"mv {cluster['path']} {aside}"])
    steps = [
        f"aside={aside}",
        'mkdir "$aside"',
        'find . -mindepth 1 -maxdepth 1 -exec mv --target-directory="$aside" {} +',
    ]
    return " && ".join([*_begin(place), *steps])


def _begin(place: Place) -> list[str]:
    stop = [f"docker stop {place.container}"] if place.container else []
    return [*stop, f"cd {shlex.quote(place.top)}"]
