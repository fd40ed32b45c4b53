"""What a run may do to a project, each kind with the words by which operators are told of it. Pure, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """A kind of action, and what is said of it; none of these sentences is ever read by code."""

    # Services
    CREATE = "{subject}: create"
    RECREATE = "{subject}: recreate: {reason}"
    START = "{subject}: start"
    SCALE = "{subject}: scale from {reason}"
    AWAIT = "{subject}: wait for it: {reason}"
    BEGIN = "start {subject}"
    REPLACE_DOOR = "replace {subject} once the rest is good: {reason}"
    RECOVER = "{subject}"
    GO_BACK = "go back from {reason} to release {subject}"
    # Images, volumes, containers, files
    PULL = "pull {subject}"
    ASK = "ask {subject} for its version, user and libc"
    BUILD = "build {subject}"
    TAG = "tag {reason} as {subject}"
    CREATE_VOLUME = "create volume {subject}"
    REMOVE_IMAGE = "remove image {subject}"
    REMOVE = "remove {subject}"
    REMOVE_LEFT = "remove {subject}, {reason}"
    WRITE = "write {subject}"
    OPEN = "let every user read {subject}"
    MAKE = "make {subject}"
    # The database
    ROLE = "{subject}"
    MIGRATE = "migrate ({subject})"
    DOWNGRADE = "downgrade the schema to {subject}"
    # The ledger
    RECORD = "record the release in {subject}"
    RECORD_STRANGERS = "record {subject} as unmanaged: {reason}"

    @property
    def replaces(self) -> bool:
        """Whether a service gets other containers than it had."""
        return self in (Kind.CREATE, Kind.RECREATE)


@dataclass(frozen=True)
class Action:
    """One thing to do, to a service, an image, a volume, a file, and why."""

    kind: Kind
    subject: str
    reason: str = ""

    def __str__(self) -> str:
        """Return it in the operator's words."""
        return self.kind.value.format(subject=self.subject, reason=self.reason)
