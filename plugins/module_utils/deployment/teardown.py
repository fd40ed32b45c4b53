# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""What of a host belongs to a project, and goes with it. Pure; runs on managed hosts: Python 3.10 or later."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import FOLDER_LABEL

# What deployments put into a project's folder; anything else there is somebody's own, such as a dump
OWN = frozenset(
    {".described", ".env", ".lock", ".release", "backend", "compose.yml", "frontend", "infra", "releases.json"}
    | {"secrets", "spool"}
)
_STAGED = re.compile(r"\.[\w.-]+\.(new|old)|\.described\..*")
DATA = ("postgres_data", "redis_data")
REPOSITORIES = ("backend", "nginx")


def refusal(project: str, typed: str, typed_volumes: str, *, check_mode: bool) -> str:
    """Return why nothing is touched; empty where it is confirmed.

    Args:
        project: the stack that the inventory describes.
        typed: the name that was typed to confirm; check mode needs none.
        typed_volumes: the name that was typed to confirm that the data goes too; empty leaves the data.
        check_mode: nothing is going to be touched anyway.
    """
    how = f"nothing was touched. To remove this stack, type -e teardown_project={project}"
    how_volumes = f"nothing was touched. To remove its data as well, for good, type -e teardown_volumes={project}"
    if typed_volumes not in ("", project):
        return f"teardown_volumes: is {typed_volumes}, and the stack of this inventory is {project}; {how_volumes}"
    if typed == project or (check_mode and not typed):
        return ""
    if not typed:
        return f"teardown_project: is not given; {how}"
    return f"teardown_project: is {typed}, and the stack of this inventory is {project}; {how}"


def elsewhere(containers: Iterable[Mapping[str, Any]], directory: str) -> list[str]:
    """Return folders, other than the project's, that containers of its name were made from."""
    folders = {str(one["Config"]["Labels"].get(FOLDER_LABEL) or "").rstrip("/") for one in containers}
    return sorted(folders - {"", directory.rstrip("/")})


def own_entries(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return what of a project's folder deployments made, and what is somebody's own."""
    listed = sorted(names)
    own = [name for name in listed if name in OWN or _STAGED.fullmatch(name)]
    return own, [name for name in listed if name not in own]


def images_of(project: str, images: Sequence[tuple[str, str, str]], nameless: Iterable[str]) -> dict[str, str]:
    """Return the ids of a project's images, by what they are removed by.

    Args:
        project: the project.
        images: id, repository and tag of each image on the host.
        nameless: ids of images that were built for the project and lost their name.
    """
    mine = {f"{project}-{name}" for name in REPOSITORIES}
    named = {
        f"{repository}:{tag}": image for image, repository, tag in images if repository in mine and tag != "<none>"
    }
    return {**named, **{image: image for image in nameless}}


def volumes_of(project: str, volumes: Mapping[str, str]) -> list[str]:
    """Return the volumes of a project.

    Args:
        project: the project.
        volumes: the Compose project of each volume on the host by its name, empty for none.
    """
    data = {f"{project}_{name}" for name in DATA}
    return sorted(name for name, owner in volumes.items() if owner == project or (name in data and not owner))
