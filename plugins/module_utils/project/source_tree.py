# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Manifests of directories: what a source is on the controller, what stands on the host.

A manifest maps a relative path to one line that says what stands there:
`file:0644:<sha256>`, `link:<target>`, and for a directory, whose path ends in a slash,
`directory:0755`. Two trees are the same when their manifests are.
Runs on managed hosts: Python 3.10 or later, standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.project.dockerignore import (
    Rule,
    excluded,
    may_hold_exception,
)

Manifest = dict[str, str]
CHUNK = 1 << 20
ARGUMENT_SPEC: dict[str, Any] = {
    "sources": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "src": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "ignore": {"type": "list", "elements": "str", "default": []},
            "keep": {"type": "list", "elements": "str", "default": []},
            "required": {"type": "list", "elements": "str", "default": []},
            "variable": {"type": "str"},
            "_hash": {"type": "str"},
        },
    },
    "state": {"type": "str", "choices": ["present", "described"], "default": "present"},
    "_archive": {"type": "path"},
}
"""Options of both halves; the controller's passes on what begins with an underscore."""


class SourceTreeError(ValueError):
    """A source that cannot be sent; the message says why and what to do."""


def digest(manifest: Mapping[str, str]) -> str:
    """Return the SHA-256 of a manifest in hexadecimal. The order of its entries is of no matter."""
    text = json.dumps(dict(manifest), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    state = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            state.update(chunk)
    return state.hexdigest()


def walk(root: str, rules: list[Rule], keep: Iterable[str] = ()) -> list[str]:
    """Return the files and symbolic links of a source that its rules leave in, sorted.

    Links are never followed. Sockets, pipes and devices are passed over, as a build does.

    Args:
        root: the directory.
        rules: the parsed patterns.
        keep: paths that no rule leaves out.

    Raises:
        SourceTreeError: for a name that is not UTF-8.
    """
    kept = {posixpath.normpath(path) for path in keep}
    found: list[str] = []
    pending = [""]
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(root, directory)) as entries:
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                try:
                    path.encode()
                except UnicodeEncodeError:
                    raise SourceTreeError(f"{path!r} is not a UTF-8 file name; rename the file or ignore it") from None
                out = excluded(path, rules) and path not in kept
                if entry.is_dir(follow_symlinks=False):
                    wanted_below = any(name.startswith(path + "/") for name in kept)
                    if not out or wanted_below or may_hold_exception(path, rules):
                        pending.append(path)
                elif not out and (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
                    found.append(path)
    return sorted(found)


def describe(root: str, paths: Iterable[str]) -> Manifest:
    """Return the manifest of a source, as it should stand on the host.

    Modes are 0644, or 0755 where the owner may execute. A directory is in it when it holds
    something; empty ones are not sent, as git does not keep them.

    Raises:
        SourceTreeError: for a symbolic link that leaves the source.
    """
    manifest: Manifest = {"./": "directory:0755"}
    for path in paths:
        full = os.path.join(root, path)
        status = os.lstat(full)
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(full)
            if leaves(path, target):
                raise SourceTreeError(
                    f"{path} is a symbolic link to {target}, which is outside of the source;"
                    " copy the file in, or name the link in .dockerignore"
                )
            manifest[path] = f"link:{target}"
        else:
            mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
            manifest[path] = f"file:{mode:04o}:{file_digest(full)}"
        for above in ancestors(path):
            manifest[f"{above}/"] = "directory:0755"
    return manifest


def ancestors(path: str) -> list[str]:
    """Return the directories above a relative path, outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def leaves(path: str, target: str) -> bool:
    """Return whether a symbolic link at a relative path points out of the tree."""
    if target.startswith("/"):
        return True
    resolved = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return resolved == ".." or resolved.startswith("../")


def observe(root: str) -> Manifest:
    """Return the manifest of what really stands in a directory, empty when there is none.

    Modes are the real ones; an owner other than the user who looks is part of the line, so that
    either drift shows as a difference.
    """
    if os.path.islink(root) or not os.path.isdir(root):
        return {}
    manifest: Manifest = {"./": _line(root)}
    pending = [""]
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(root, directory)) as entries:
            for entry in entries:
                # A name that is not UTF-8 is none of ours; it only has to differ.
                name = os.fsencode(entry.name).decode("utf-8", errors="backslashreplace")
                path = f"{directory}/{name}" if directory else name
                if entry.is_dir(follow_symlinks=False):
                    manifest[f"{path}/"] = _line(entry.path)
                    if name == entry.name:
                        pending.append(path)
                else:
                    manifest[path] = _line(entry.path)
    return manifest


def closed(root: str) -> dict[str, int]:
    """Return the mode that each file and directory of a git checkout needs which others than its owner cannot read.

    What git keeps for itself in .git is left out.
    """
    found: dict[str, int] = {}
    for directory, names, files in os.walk(root):
        if directory == root:
            names[:] = [name for name in names if name != ".git"]
        for path in (directory, *(os.path.join(directory, name) for name in files)):
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                continue
            mode = stat.S_IMODE(status.st_mode)
            executable = stat.S_ISDIR(status.st_mode) or mode & stat.S_IXUSR
            if (wanted := mode | (0o555 if executable else 0o444)) != mode:
                found[path] = wanted
    return found


def _line(path: str) -> str:
    status = os.lstat(path)
    own = status.st_uid == os.geteuid() and status.st_gid == os.getegid()
    owner = "" if own else f":{status.st_uid}:{status.st_gid}"
    if stat.S_ISLNK(status.st_mode):
        return f"link:{os.readlink(path)}{owner}"
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        return f"directory:{mode:04o}{owner}"
    if stat.S_ISREG(status.st_mode):
        return f"file:{mode:04o}:{file_digest(path)}{owner}"
    return f"other:{mode:04o}{owner}"


def compare(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the sorted paths that are added, removed and modified from found to wanted.

    Directories are named only where they alone differ.
    """
    return {
        "added": sorted(p for p in wanted.keys() - found.keys() if not p.endswith("/")),
        "removed": sorted(
            p
            for p in found.keys() - wanted.keys()
            if not (p.endswith("/") and any(q != p and q.startswith(p) for q in found))
        ),
        "modified": sorted(p for p in wanted.keys() & found.keys() if wanted[p] != found[p]),
    }


def diff_lines(dest: str, changes: Mapping[str, list[str]]) -> str:
    """Return the names of what changes as the text of a diff. Content is never part of it."""
    signs = {"added": "+", "removed": "-", "modified": "~"}
    return "".join(
        f"{sign} {posixpath.normpath(posixpath.join(dest, path))}\n"
        for word, sign in signs.items()
        for path in changes[word]
    )
