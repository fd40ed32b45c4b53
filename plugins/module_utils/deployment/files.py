"""Files on the host that move together with a release: commands of images, secrets, the description of what runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.docker.images import image_command
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.project.model import ModelError
from ansible_collections.fullstack.docker.plugins.module_utils.report.cause import StepError
from ansible_collections.fullstack.docker.plugins.module_utils.state import durable_file, stack
from ansible_collections.fullstack.docker.plugins.module_utils.state.description import Description

SECRETS = "secrets"


class Files:
    """The files of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.description = Description(run.directory)

    def rolling_before(self) -> dict[str, Any] | None:
        """Return how the front that serves is rolled, as its deployment said; none where nothing tells."""
        try:
            found: dict[str, Any] = stack.parse(self.description.text(stack.FILE))["rolling"]
        except (ValueError, KeyError, TypeError):
            return None
        return found

    @contextmanager
    def image_commands(self, images: Mapping[str, str]) -> Iterator[None]:
        """Write the command of each image that keeps its own for as long as this release does not fail.

        Parameters:
            images: their names, by service.
        """
        wanted = self._wanted_commands(images)
        before = {path: path.read_text() if path.exists() else None for path in wanted}
        changed = [path for path, text in wanted.items() if before[path] != text]

        def put(texts: Mapping[Path, str | None]) -> None:
            for path in changed:
                text = texts[path]
                if text is None:
                    path.unlink()
                else:
                    durable_file.replace(path, text)

        self._run.do([Action(Kind.WRITE, str(path)) for path in changed], lambda: put(wanted))
        try:
            yield
        except StepError:
            self._run.perform(lambda: put(before))
            raise

    def _wanted_commands(self, images: Mapping[str, str]) -> dict[Path, str]:
        wanted = {}
        for service, file in self._run.parameters["image_commands"].items():
            image = images[service]
            config = self._run.docker.image_config(image)
            if config is None:  # in check mode it is not built yet
                continue
            try:
                wanted[self._run.directory / file] = image_command(image, config)
            except ModelError as error:
                raise DockerError(str(error)) from error
        return wanted

    def secrets(self) -> list[str]:
        """Return the secret values of the project, to keep them out of what is printed."""
        files = (self._run.directory / SECRETS).rglob("*")
        return [path.read_text(errors="replace").strip() for path in files if path.is_file()]

    def forget_secrets(self) -> None:
        """Remove the files of secrets that are wanted no more; until here the old containers could need them."""
        wanted = self._run.parameters["secret_paths"]
        if wanted is None:
            return
        folder = self._run.directory / SECRETS
        files = {str(path.relative_to(self._run.directory)) for path in folder.rglob("*") if not path.is_dir()}
        left = sorted(files - set(wanted))

        def remove() -> None:
            for path in left:
                (self._run.directory / path).unlink()
            # The deepest first
            for below in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
                if not any(below.iterdir()):
                    below.rmdir()

        self._run.do([Action(Kind.REMOVE, path) for path in left], remove)

    def keep_description(self) -> None:
        """Remember the files that describe what runs now, for the next deployment that fails."""
        self._run.perform(lambda: self.description.keep(self._run.parameters["rolling"].get("upstream", "")))

    def undo_description(self) -> None:
        """Put the files back that describe what runs, unless something runs by the new ones or is about to."""
        try:
            self._run.perform(self.description.put_back)
        except OSError as error:
            self._run.warn(f"the files of the release that serves could not all be put back: {error}")
