"""What else lives on a host where a project wants its folder and its units.

``read`` looks at the disk, all else is pure. Runs on managed hosts: Python 3.10 or later, standard library only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypedDict

UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
# What the units of every project start
OURS = "/infra/healer/healer.py"


class Neighbours(TypedDict):
    """What else is there."""

    units: list[str]
    """Unit files by the names of the project's that are not the project's."""
    projects: dict[str, str]
    """Folders of the other projects deployed by this collection that have containers, by name."""
    here: str | None
    """The project whose files lie in the folder already."""


def read(project: str, directory: str, rows: Iterable[Mapping[str, str]]) -> Neighbours:
    """Look at what is there.

    Args:
        project: name of the project.
        directory: its folder.
        rows: containers as `docker ps` lists them.
    """
    paths = [f"{folder}/{project}{suffix}.service" for folder in UNIT_FOLDERS for suffix in ("", "-healer")]
    units = {
        os.path.realpath(path) for path in paths if project and os.path.isfile(path) and not _starts(path, project)
    }
    name = re.search(r"^name: *(\S+)", _read(os.path.join(directory, "compose.yml")), re.MULTILINE)
    others = {row["project"]: row["directory"] for row in rows if row["project"] not in {"", project}}
    return {
        "units": sorted(units),
        "projects": {other: folder for other, folder in others.items() if _is_ours(folder)},
        "here": name.group(1).strip("'\"") if name and _is_ours(directory) else None,
    }


def _starts(unit: str, project: str) -> bool:
    """Tell whether a unit is a project's: `app-healer` has a unit of the name of that which watches over `app`."""
    text = _read(unit)
    return OURS in text and f"--project {project} " in text


def _is_ours(folder: str) -> bool:
    """Tell whether a folder is one of a project that was deployed by this collection."""
    return os.path.isfile(os.path.join(folder, "infra", "stack.json"))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def problems(project: str, directory: str, found: Neighbours) -> Iterator[str]:
    """Yield what is in the way of a project, one line each."""
    for unit in found["units"]:
        yield (
            f"compose_project_name: {project} would replace the unit {unit}, which is not the project's; choose "
            "another name, or remove that unit"
        )
    here = directory.rstrip("/")
    if not here:
        return
    if found["here"] not in {None, project}:
        yield (
            f"compose_project_directory: {here} holds the project {found['here']}; choose another folder for "
            f"{project}, or set compose_project_name to {found['here']}"
        )
    for name, other in sorted(found["projects"].items()):
        there = other.rstrip("/")
        if there == here and found["here"] is None:
            yield f"compose_project_directory: {here} is the folder of project {name}; choose another folder"
        elif there.startswith(f"{here}/"):
            yield f"compose_project_directory: {here} has project {name} below it, in {there}; choose another folder"
        elif here.startswith(f"{there}/"):
            yield f"compose_project_directory: {here} lies in the folder of project {name}; choose another folder"
