"""What has to be known to undo or finish a release, on disk while it goes on.

Standard library only: the healer uses it on the host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

from ansible_collections.fullstack.docker.plugins.module_utils.report import cause
from ansible_collections.fullstack.docker.plugins.module_utils.state import durable_file

FILE = ".release"
VERSION = 1


class Step(str, Enum):
    """What a release is doing, in order."""

    PIN = "pin"
    START = "start"
    HEALTH = "health"
    SMOKE = "smoke"
    SWITCH = "switch"
    VERIFY = "verify"
    DOOR = "front door"
    DRAIN = "drain"
    RETIRE = "retire"

    @property
    def decided(self) -> bool:
        """Whether the new release stays, come what may."""
        return self in (Step.DRAIN, Step.RETIRE)


class ReleaseError(cause.StepError):
    """A step failed; its witnesses are the containers that it is about."""


@dataclass(frozen=True)
class Journal:
    """What has to be known to undo or finish a release.

    ``old`` are the ids of the containers that served before, by service, ``replaced`` the services that get new ones
    under traffic, ``images`` what the moving tags named before, by name. ``door`` says that the front door is replaced
    too, and with it the proxy in its network namespace.
    """

    step: Step
    replaced: tuple[str, ...]
    old: Mapping[str, Sequence[str]]
    images: Mapping[str, str] = field(default_factory=dict)
    door: bool = False


def parse(text: str) -> Journal:
    """Read a journal's text.

    Raises:
        ReleaseError: it is no journal of this version.
    """
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise ReleaseError(f"it has version {data['version']}, and this collection knows version {VERSION}")
        return Journal(
            step=Step(data["step"]),
            replaced=tuple(str(service) for service in data["replaced"]),
            old={str(service): [str(one) for one in ids] for service, ids in data["old"].items()},
            images={str(name): str(image) for name, image in data["images"].items()},
            door=bool(data.get("door", False)),  # an earlier version wrote none
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ReleaseError(f"it is no journal ({type(error).__name__}: {error})") from None


def serialise(journal: Journal) -> str:
    """Return a journal's text."""
    return json.dumps({"version": VERSION, **asdict(journal)}, indent=1) + "\n"


class JournalFile:
    """The journal on disk; there while a release goes on."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def read(self) -> Journal | None:
        """Return it, none where no release was left unfinished.

        Raises:
            ReleaseError: the file is not a journal.
        """
        try:
            return parse(self.path.read_text())
        except FileNotFoundError:
            return None
        except (ReleaseError, UnicodeDecodeError) as error:
            raise ReleaseError(
                f"{self.path} cannot be read: {error}. Nothing was touched. Look which containers serve "
                "(docker compose ps), remove the others, and then this file"
            ) from None

    def write(self, journal: Journal) -> None:
        """Replace it as a whole."""
        durable_file.replace(self.path, serialise(journal))

    def remove(self) -> None:
        """Say that nothing is left to undo or to finish."""
        self.path.unlink(missing_ok=True)
