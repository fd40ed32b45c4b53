"""The files that describe a project, and a second name for those by which the containers that serve were made.

A deployment writes the files before it starts anything. Where it fails, the earlier ones come back, so that whatever
starts a container afterwards, be it a reboot or somebody by hand, starts what served before. The second names are hard
links: they take no space, and a file that is replaced as a whole keeps its old content under them.
Standard library only: the healer uses it on the host.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ansible_collections.fullstack.docker.plugins.module_utils.state import journal

FOLDER = ".described"
PARTS = ("compose.yml", ".env", "infra")


class Description:
    """The description of the project in a folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kept = directory / FOLDER

    def keep(self, live: str) -> None:
        """Remember the files as those by which everything that runs was made.

        Parameters:
            live: path below the folder of the file that a release writes while it goes on, which is never put back;
                empty for none.

        Raises:
            OSError: they cannot be linked.
        """
        files = [one for one in files_of(self.directory) if str(one) != live]
        kept = files_of(self.kept)
        if files == kept and all(os.path.samefile(self.directory / one, self.kept / one) for one in files):
            return
        staged = self.kept.with_name(f"{FOLDER}.new")
        if staged.exists():
            shutil.rmtree(staged)
        staged.mkdir(mode=0o700)
        for one in files:
            (staged / one).parent.mkdir(parents=True, exist_ok=True)
            os.link(self.directory / one, staged / one)
        self.forget()
        staged.replace(self.kept)

    def forget(self) -> None:
        """Say that something is about to run by the files as they are now: there is no way back from them any more."""
        if self.kept.exists():
            shutil.rmtree(self.kept)

    def text(self, one: str) -> str:
        """Return what a remembered file says, empty where it is not remembered."""
        path = self.kept / one
        return path.read_text() if path.exists() else ""

    def put_back(self, *, within_release: bool = False) -> list[str]:
        """Bring the remembered files back, where some are remembered; files that came in between stay.

        A release that was left unfinished comes first: only its end tells by which files anything runs.

        Parameters:
            within_release: it is that release which asks, as it is undone.

        Returns:
            The paths of those that differed.

        Raises:
            OSError: they cannot be linked.
        """
        if not within_release and (self.directory / journal.FILE).exists():
            return []
        differing = self.differing()
        for one in differing:
            place = self.directory / one
            place.parent.mkdir(parents=True, exist_ok=True)
            staged = place.with_name(f".{place.name}.old")
            staged.unlink(missing_ok=True)
            os.link(self.kept / one, staged)
            staged.replace(place)
        return [str(one) for one in differing]

    def differing(self) -> list[Path]:
        """Return the remembered files, relative to the folder, that are not in their places any more."""
        return [one for one in files_of(self.kept) if not self._same(one)]

    def _same(self, one: Path) -> bool:
        place = self.directory / one
        return place.exists() and os.path.samefile(place, self.kept / one)


def files_of(root: Path) -> list[Path]:
    """Return the files of a description below a folder, relative to it, in order."""
    found = [path for part in PARTS for path in (root / part, *sorted((root / part).rglob("*")))]
    return [path.relative_to(root) for path in found if path.is_file() and "__pycache__" not in path.parts]
