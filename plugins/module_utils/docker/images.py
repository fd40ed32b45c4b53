"""Images: their tags, their commands, and which of them nothing needs. Pure, no I/O."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.project.model import ModelError, env_line

# Environment variable in which the entrypoint of a container finds the command of its image
IMAGE_COMMAND = "FULLSTACK_COMMAND"


def tag(inputs: Sequence[Any], source: str, base_ids: Iterable[str]) -> str:
    """Return the immutable tag of an image: the same for the same source, Dockerfile, arguments and bases."""
    text = json.dumps([list(inputs), source, list(base_ids)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def image_command(image: str, config: Mapping[str, Any]) -> str:
    """Return the line of an env_file that holds an image's ENTRYPOINT and CMD, quoted for a shell.

    Parameters:
        image: its name, for messages.
        config: the keys of ``Config`` in ``docker image inspect``.

    Raises:
        ModelError: the image says nothing, or something that the line cannot hold.
    """
    argv = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    if not argv:
        raise ModelError(f"{image} has neither ENTRYPOINT nor CMD; set fastapi_backend_command")
    try:
        return env_line(IMAGE_COMMAND, shlex.join(argv)) + "\n"
    except ModelError:
        raise ModelError(f"{image}: a line break in its ENTRYPOINT or CMD; set fastapi_backend_command") from None


@dataclass(frozen=True)
class Image:
    """One name of an image; ``created`` sorts by time."""

    id: str
    repository: str
    tag: str
    created: str


def superfluous(images: Iterable[Image], project: str, used: set[str], keep: int) -> list[str]:
    """Return the names of images that nothing needs.

    Parameters:
        images: named images of the host, the newest first.
        project: only images of this project are looked at.
        used: ids of images that containers were made from, or that a rollback needs.
        keep: how many of each repository stay, the newest; the current one and used ones stay beside them.
    """
    listed = list(images)
    current = {image.id for image in listed if image.tag == "current"}
    seen: dict[str, int] = {}
    names = []
    for image in listed:
        if image.repository not in (f"{project}-backend", f"{project}-nginx") or image.tag in ("current", "<none>"):
            continue
        seen[image.repository] = seen.get(image.repository, 0) + 1
        if seen[image.repository] > keep and image.id not in used | current:
            names.append(f"{image.repository}:{image.tag}")
    return names
