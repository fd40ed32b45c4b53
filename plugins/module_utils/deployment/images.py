"""The images of a deployment: pulled, built, named, and removed when they are too old."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker import image_cleanup, images
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.project import source_tree

CURRENT = "current"


def to_pull(model: Mapping[str, Any], builds: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the images that come from elsewhere: those of services, and the bases of builds.

    Parameters:
        model: the project as Compose understands it.
        builds: images made on the host.
    """
    made = {build["service"] for build in builds}
    plain = {
        service["image"]
        for name, service in model["services"].items()
        if name not in made and not service["image"].endswith(f":{CURRENT}")
    }
    return plain | {base for build in builds for base in build["bases"]}


class Images:
    """The images of one run; ``tags`` are the immutable ones of what is built here, by service."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._docker = run.docker
        self.tags: dict[str, str] = {}

    @property
    def builds(self) -> list[dict[str, Any]]:
        """Images made on the host; a rollback learns only later which."""
        found: list[dict[str, Any]] = self._run.parameters["builds"]
        return found

    def pull(self, model: Mapping[str, Any]) -> dict[str, str]:
        """Pull what is missing, side by side; return the ids of those that are there, by name."""
        wanted = to_pull(model, self.builds)
        there = self._docker.image_ids(wanted)
        missing = sorted(wanted - set(there))
        self._run.do([Action(Kind.PULL, image) for image in missing], lambda: self._docker.pull(missing))
        return self._docker.image_ids(wanted) if missing else there

    def build(self, there: Mapping[str, str]) -> None:
        """Build what has no image of its tag yet, on bases by their ids."""
        for build in self.builds:
            source = self._run.parameters["sources"].get(build["source"], "")
            ids = [there.get(base, base) for base in build["bases"]]
            self.tags[build["service"]] = images.tag(build["inputs"], source, ids)
        names = {build["service"]: self.released(build) for build in self.builds}
        opened = {build["service"] for build in self.builds if self._open_checkout(build)}
        known = self._docker.image_ids(names.values())
        absent = sorted(service for service, name in names.items() if name not in known or service in opened)
        # An image that asks for it is told its tag, so that the application can say which release it is
        told = {service: {"args": {"RELEASE": self.tags[service]}} for service in absent}
        override = {"services": {service: {"image": names[service], "build": told[service]} for service in absent}}
        self._run.do(
            [Action(Kind.BUILD, names[service]) for service in absent],
            lambda: self._docker.compose("--progress", "plain", "build", *absent, override=json.dumps(override)),
        )

    def _open_checkout(self, build: Mapping[str, Any]) -> bool:
        """Let every user read a checkout that a login of a strict umask made; tell whether it was closed.

        An image that was built of it is as closed, and has the tag of the commit: it loses it first, so that a run
        which is interrupted here builds anew all the same.
        """
        folder = self._run.directory / build["source"]
        closed = source_tree.closed(str(folder)) if (folder / ".git").exists() else {}

        def open_it() -> None:
            self._docker.run(["image", "rm", self.released(build)], ok=(0, 1))
            for path, mode in closed.items():
                os.chmod(path, mode)

        if closed:
            self._run.do([Action(Kind.OPEN, str(folder))], open_it)
        return bool(closed)

    def released(self, build: Mapping[str, Any]) -> str:
        """Return the name of the image of this release."""
        return f"{build['image']}:{self.tags[build['service']]}"

    def of_release(self) -> dict[str, str]:
        """Return the name of each image that is built here, by service."""
        return {build["service"]: self.released(build) for build in self.builds}

    def moving(self) -> dict[str, str]:
        """Return what the moving tags name now."""
        return self._docker.image_ids(f"{build['image']}:{CURRENT}" for build in self.builds)

    def moves(self, images: Mapping[str, str]) -> dict[str, str]:
        """Return the images of this release by the moving tags that do not name them yet, and tell of them."""
        moves = {}
        for build in self.builds:
            name, moving = images[build["service"]], f"{build['image']}:{CURRENT}"
            ids = self._docker.image_ids([name, moving])
            if ids.get(name) != ids.get(moving):
                self._run.say(Action(Kind.TAG, moving, name))
                moves[moving] = name
        return moves

    def name(self, images: Mapping[str, str]) -> None:
        """Let each moving tag name an image."""
        for moving, name in images.items():
            self._run.perform(partial(self._docker.run, ["tag", name, moving]))

    def forget(self, needed: set[str], coming: Collection[str]) -> None:
        """Remove the images of releases that are too old to go back to.

        Parameters:
            needed: ids of those that a rollback needs.
            coming: names of those that are not built yet, as in check mode.
        """
        for name in image_cleanup.disposable(self._docker, self._run.parameters["keep"], needed, coming):
            self._run.do([Action(Kind.REMOVE_IMAGE, name)], partial(self._remove, name))

    def _remove(self, name: str) -> None:
        try:
            self._docker.run(["image", "rm", name])
        except DockerError as error:
            # The release is in service; the next one tries again
            self._run.warn(f"{name} could not be removed: {error}")
