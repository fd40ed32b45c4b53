"""The image of a project's database beside the volume that it is to serve from, looked at before anything starts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.postgres import data as postgres_data
from ansible_collections.fullstack.docker.plugins.module_utils.postgres import image as postgres_image


class PostgresServer:
    """What is about to run the database of one project.

    Parameters:
        docker: commands of the project.
        wanted: ``service``, ``volume``, ``major``, ``uid`` and ``gid``, as the variables have them.
        image: the name of its image.
    """

    def __init__(self, docker: DockerCli, wanted: Mapping[str, Any], image: str) -> None:
        self._docker = docker
        self._wanted = wanted
        self._image = image
        self._leftovers: list[str] = []

    def refuse_unfit(self) -> tuple[list[Action], postgres_image.PostgresImage | None]:
        """Ask the image what it is, unless it serves already.

        Returns:
            What has to be done, and the image; none where it is not on the host, as in check mode, or serves, which
            proves it.

        Raises:
            DockerError: it cannot serve from the volume; the message says which variable to set to what.
        """
        wanted = self._docker.image_ids([self._image]).get(self._image)
        servers = [one for one in self._docker.containers() if one.service == self._wanted["service"]]
        if any(one.serving and one.image_id == wanted for one in servers):
            return [], None
        volume = self._wanted["volume"]
        top = self._docker.volume_path(volume)
        layout = postgres_data.expected_layout(self._wanted["major"])
        # Of one that cannot be looked into, it is taken for granted
        seen = bool(postgres_data.read_clusters(top, layout, shifted=True)) if top else volume in self._docker.volumes()
        self._leftovers = [os.path.join(top, one) for one in postgres_data.empty_folders(top)] if top else []
        reason = "left by a first start that failed"
        actions = [Action(Kind.REMOVE_LEFT, f"the empty folder {one}", reason) for one in self._leftovers]
        if wanted is None:
            return [*actions, Action(Kind.ASK, self._image)], None
        image = self._ask(self._image)
        # Whatever the volume says: data that this very image served from before is of its libc
        known = not seen or any(one.image_id == wanted for one in servers)
        libc = None if known else self._libc_of_data([one.image_id for one in servers])
        found = list(postgres_image.problems(image, self._wanted, holds_data=seen, libc=libc))
        if found:
            raise DockerError("\n".join(found))
        return actions, image

    def clear(self) -> None:
        """Remove the folders that a first start left which failed: another user's, and initdb wants none at all."""
        for folder in self._leftovers:
            # One that is empty no more is in use
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def _ask(self, name: str) -> postgres_image.PostgresImage:
        answers = self._docker.ask_image(name, postgres_image.QUESTIONS)
        return postgres_image.read(name, answers, self._docker.image_config(name) or {})

    def _libc_of_data(self, earlier: list[str]) -> str | None:
        """Return what the data was sorted by: what the volume says, else what the image says that served from it."""
        labels = self._docker.volume_labels(self._wanted["volume"])
        if postgres_image.IMAGE_LABEL in labels:
            return labels.get(postgres_image.LIBC_LABEL)
        for image in self._docker.image_ids(earlier):
            return self._ask(image).libc
        return None
