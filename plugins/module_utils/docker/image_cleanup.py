"""Which images of a project nothing needs any more, as the engine and the ledger know them."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.fullstack.docker.plugins.module_utils.docker import containers
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli
from ansible_collections.fullstack.docker.plugins.module_utils.docker.images import Image, superfluous

FORMAT = "{{.ID}}\t{{.Repository}}\t{{.Tag}}\t{{.CreatedAt}}"


def disposable(docker: DockerCli, keep: int, needed: set[str], coming: Iterable[str] = ()) -> list[str]:
    """Return what can be removed: names of old releases, and ids of images that lost their name.

    Parameters:
        docker: the project.
        keep: how many images of each repository stay.
        needed: ids of the images that a rollback needs.
        coming: names of images that are going to be built first, and count as the newest.
    """
    stay = docker.used_images() | needed
    lines = docker.run(["image", "ls", "--no-trunc", "--format", FORMAT]).splitlines()
    known = [Image(*line.split("\t")) for line in lines]
    parts = [name.rpartition(":") for name in coming]
    expected = [Image("", repository, tag, "") for repository, _colon, tag in parts]
    newest_first = expected + sorted(known, key=lambda image: image.created, reverse=True)
    label = f"label={containers.PROJECT_LABEL}={docker.project}"
    query = ["image", "ls", "--quiet", "--no-trunc", "--filter", "dangling=true", "--filter", label]
    nameless = set(docker.run(query).split())
    return superfluous(newest_first, docker.project, stay, keep) + sorted(nameless - stay)
