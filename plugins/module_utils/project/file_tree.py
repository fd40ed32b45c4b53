# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""What a file, a directory or an absence should be, what it is, and where the two differ.

Everything here is pure except `observe`; the module file_tree does the writing.
Runs on managed hosts: Python 3.10 or later, standard library only.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

_OCTAL = re.compile(r"0?[0-7]{3,4}")


class FileTreeError(ValueError):
    """The request cannot be met; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Wanted:
    """One file or directory as it should be."""

    name: str
    """The path as the task gave it; messages and results use it."""
    path: str
    """Absolute, normalised."""
    content: bytes | None
    """None for a directory."""
    mode: int
    uid: int | None
    """None: the user does not exist yet (allowed in check mode only)."""
    gid: int | None
    secret: bool = False
    """The content is never shown."""

    @property
    def kind(self) -> str:
        """`file` or `directory`, the words of `Found.kind`."""
        return "directory" if self.content is None else "file"


@dataclass(frozen=True)
class Found:
    """What stands at a path now. Symbolic links are not followed."""

    kind: str
    """file, directory, link, other or absent."""
    content: bytes = b""
    mode: int = 0
    uid: int = 0
    gid: int = 0
    empty: bool = True
    """A directory without entries."""


@dataclass(frozen=True)
class Change:
    """One path where what is wanted and what was found differ."""

    wanted: Wanted
    found: Found
    words: tuple[str, ...]
    """What differs, in the words of `differences`."""

    @property
    def rewrites(self) -> bool:
        """Return whether the content is written anew, rather than mode and owner set."""
        return not {"missing", "type", "content"}.isdisjoint(self.words)


def parse_mode(value: object, where: str) -> int:
    """Turn an octal string such as '0644' into a number.

    Args:
        value: what the task gave.
        where: the option's name, for the message.

    Raises:
        FileTreeError: for anything but a string of three or four octal digits. A bare number is
            refused too: YAML reads 0644 as 420 and 644 as something else again.
    """
    if not isinstance(value, str) or not _OCTAL.fullmatch(value):
        raise FileTreeError(f"{where}: {value!r} is not a file mode; write a quoted octal number such as '0644'")
    return int(value, 8)


def locate(root: str, name: str) -> str:
    """Return the absolute path of `name`, which is relative to `root` or absolute.

    Raises:
        FileTreeError: for an empty name, and for a relative one that leaves the root.
    """
    if not name.strip() or "\0" in name:
        raise FileTreeError(f"{name!r} is not a path; name a file below {root}")
    if os.path.isabs(name):
        return os.path.normpath(name)
    normalised = os.path.normpath(name)
    if normalised.split(os.sep)[0] == os.pardir:
        raise FileTreeError(f"{name} leaves {root}; write an absolute path if that is meant")
    return os.path.normpath(os.path.join(root, normalised))


def duplicates(paths: Iterable[str]) -> list[str]:
    """Return the paths that occur more than once, sorted."""
    seen: set[str] = set()
    twice: set[str] = set()
    for path in paths:
        (twice if path in seen else seen).add(path)
    return sorted(twice)


def parents(path: str) -> list[str]:
    """Return the directories above an absolute path, outermost first, without `/`."""
    found: list[str] = []
    current = os.path.dirname(path)
    while current not in {os.sep, ""}:
        found.append(current)
        current = os.path.dirname(current)
    return found[::-1]


def is_below(root: str, path: str) -> bool:
    """Return whether a path lies below the root; both are absolute and normalised."""
    return path.startswith(root.rstrip(os.sep) + os.sep)


def observe(path: str) -> Found:
    """Read what stands at `path`, without following a symbolic link."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Found("absent")
    found = Found("other", mode=stat.S_IMODE(status.st_mode), uid=status.st_uid, gid=status.st_gid)
    if stat.S_ISLNK(status.st_mode):
        return replace(found, kind="link")
    if stat.S_ISDIR(status.st_mode):
        with os.scandir(path) as entries:
            empty = next(entries, None) is None
        return replace(found, kind="directory", empty=empty)
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as stream:
            return replace(found, kind="file", content=stream.read())
    return found


def obstacle(wanted: Wanted, found: Found) -> str | None:
    """Return why `wanted` cannot take the place of what was found, or None when it can.

    A symbolic link gives way to a file, and so does the empty directory that the engine leaves
    where the source of a bind mount was missing. Nothing else that holds data is removed.
    """
    if wanted.kind == "file" and found.kind == "directory" and not found.empty:
        return f"{wanted.path} is a directory with content where a file belongs; move it away"
    if wanted.kind == "directory" and found.kind in {"file", "link", "other"}:
        return f"{wanted.path} is a {found.kind} where a directory belongs; move it away"
    if found.kind == "other":
        return f"{wanted.path} is a device, socket or pipe; move it away"
    return None


def differences(wanted: Wanted, found: Found) -> list[str]:
    """Return the words for what differs: `missing`, `type`, `content`, `mode`, `owner`, `group`."""
    if found.kind == "absent":
        return ["missing"]
    if found.kind != wanted.kind:
        return ["type"]
    pairs: Mapping[str, tuple[object, object]] = {
        "content": (wanted.content or b"", found.content),
        "mode": (wanted.mode, found.mode),
        "owner": (wanted.uid, found.uid),
        "group": (wanted.gid, found.gid),
    }
    return [word for word, (should, is_) in pairs.items() if should != is_]


def _attributes(kind: str, mode: int, uid: int | None, gid: int | None) -> str:
    def shown(number: int | None) -> str:
        return "new" if number is None else str(number)

    return f"{kind} mode={mode:04o} owner={shown(uid)} group={shown(gid)}\n"


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def diff_of(change: Change) -> dict[str, str]:
    """Return one entry of Ansible's diff: mode and owner where they change, and new content.

    The content of a secret is never part of it, neither the old nor the new.
    """
    wanted, found = change.wanted, change.found
    before = _attributes(found.kind, found.mode, found.uid, found.gid)
    after = _attributes(wanted.kind, wanted.mode, wanted.uid, wanted.gid)
    if found.kind == "absent":
        before = ""
    if wanted.content is not None and change.rewrites:
        if before == after or (found.kind == "absent" and not wanted.secret):
            before = after = ""
        if wanted.secret:
            after += "content: (secret, new)\n"
        else:
            before += _text(found.content)
            after += _text(wanted.content)
    return {"before_header": wanted.path, "after_header": wanted.path, "before": before, "after": after}


def due(when_changed: Iterable[str] | None, changed: Iterable[str]) -> bool:
    """Return whether a validation is due: one of its files changed, or any where it names none."""
    names = set(changed)
    return bool(names) if when_changed is None else bool(names & set(when_changed))
