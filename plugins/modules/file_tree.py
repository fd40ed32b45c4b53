#!/usr/bin/python
# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Write a tree of files in one remote call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: file_tree
short_description: Write a tree of files in one remote call
description:
  - Brings many files and directories to their wanted content, mode and owner by one module call,
    where M(ansible.builtin.template) would need two for each file.
  - New content can be validated by commands that see a staging copy of all files. When one of
    them refuses it, nothing on the host has changed.
  - Files are replaced by rename, so a reader sees the old file or the new one, never a part.
version_added: 0.1.0
options:
  root:
    description:
      - Directory that relative paths start from. It is created with mode 0755 when it is missing.
    type: path
    required: true
  files:
    description: The files.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path relative to O(root), or absolute.
        type: str
        required: true
      content:
        description:
          - The whole content. Exactly one of this and O(files[].secret_content) is needed.
        type: str
      secret_content:
        description: A content that no output, log or diff may show.
        type: str
      mode:
        description: Permissions as a quoted octal number.
        type: raw
        default: "0644"
      owner:
        description: User name or number. The user who runs the module when it is left out.
        type: str
      group:
        description: Group name or number. The group of the user who runs the module when left out.
        type: str
  directories:
    description:
      - Directories with a mode and owner of their own. Missing parents of files and directories
        are created with mode 0755, and need not be listed.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path relative to O(root), or absolute.
        type: str
        required: true
      mode:
        description: Permissions as a quoted octal number.
        type: raw
        default: "0755"
      owner:
        description: User name or number. The user who runs the module when it is left out.
        type: str
      group:
        description: Group name or number. The group of the user who runs the module when left out.
        type: str
  absent:
    description: Files, symbolic links and empty directories to remove.
    type: list
    elements: str
    default: []
  validate:
    description:
      - Commands that must succeed before anything is put in place.
      - They run in a staging directory that holds all files of this call at their relative paths
        (an absolute path loses its leading slash), with the environment of the module.
    type: list
    elements: dict
    default: []
    suboptions:
      argv:
        description: Command and arguments. No shell takes part.
        type: list
        elements: str
        required: true
      when_changed:
        description:
          - Paths as given in O(files). The command runs when one of them changes; without this
            option, when any file changes.
        type: list
        elements: str
author:
  - The fullstack.docker maintainers (@fullstack-docker)
attributes:
  check_mode:
    description: Says what would change, and validates the new content.
    support: full
  diff_mode:
    description: Shows the changed files. Nothing of a secret.
    support: full
notes:
  - In check mode a validation whose command is not on the host is left out with a warning.
"""

EXAMPLES = r"""
- name: Write the project
  fullstack.docker.file_tree:
    root: /opt/shop
    files:
      - path: compose.yml
        content: "{{ compose | ansible.builtin.to_nice_yaml }}"
      - path: secrets/postgres_password
        secret_content: "{{ postgres_password }}"
        mode: "0400"
        owner: "70"
    directories:
      - path: secrets
        mode: "0711"
    absent:
      - docker-compose.yml
    validate:
      - argv: [docker, compose, --file, compose.yml, config, --quiet]
        when_changed: [compose.yml]
"""

RETURN = r"""
changed_paths:
  description: Paths, as the task named them, that were (or in check mode would be) changed.
  type: list
  elements: str
  returned: always
  sample: [compose.yml, infra/nginx/prod.nginx]
"""

import grp
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.project.file_tree import (
    Change,
    FileTreeError,
    Found,
    Wanted,
    diff_of,
    differences,
    due,
    duplicates,
    is_below,
    locate,
    observe,
    obstacle,
    parents,
    parse_mode,
)


def identity(value: str | None, own: int, lookup: Callable[[str], int], where: str, *, may_lack: bool) -> int | None:
    """Return the number of a user or group.

    Args:
        value: name, number as text, or None for `own`.
        own: the number of the user or group that runs the module.
        lookup: from name to number, raising KeyError.
        where: the option's name, for the message.
        may_lack: return None for an unknown name, where the name may be made before it is needed.
    """
    if value is None:
        return own
    if value.isdecimal():
        return int(value)
    try:
        return lookup(value)
    except KeyError:
        if may_lack:
            return None
        raise FileTreeError(f"{where}: the host knows no {value!r}; create it first or give a number") from None


def wanted_entries(root: str, params: dict[str, Any], *, check_mode: bool) -> list[Wanted]:
    """Return the directories, then the files, as they should be. Raises FileTreeError."""
    entries: list[Wanted] = []
    for kind in ("directories", "files"):
        for item in params[kind]:
            where = f"{kind}[{item['path']}]"
            secret = item.get("secret_content")
            text = secret if secret is not None else item.get("content")
            entries.append(
                Wanted(
                    name=item["path"],
                    path=locate(root, item["path"]),
                    content=None if kind == "directories" else text.encode(),
                    mode=parse_mode(item["mode"], f"{where}.mode"),
                    uid=identity(
                        item["owner"],
                        os.geteuid(),
                        lambda name: pwd.getpwnam(name).pw_uid,
                        f"{where}.owner",
                        may_lack=check_mode,
                    ),
                    gid=identity(
                        item["group"],
                        os.getegid(),
                        lambda name: grp.getgrnam(name).gr_gid,
                        f"{where}.group",
                        may_lack=check_mode,
                    ),
                    secret=secret is not None,
                )
            )
    return entries


def refuse_conflicts(entries: list[Wanted], absent: dict[str, str]) -> None:
    """Raise FileTreeError for a path that is asked for twice, or wanted and unwanted at once."""
    for path in duplicates([*(entry.path for entry in entries), *absent.values()]):
        raise FileTreeError(f"{path} is named twice in files, directories and absent; keep one")
    files = {entry.path for entry in entries if entry.kind == "file"}
    for entry in entries:
        for above in parents(entry.path):
            if above in files:
                raise FileTreeError(f"{above} cannot be a file and the directory of {entry.path}")


def refuse_links(root: str, path: str) -> None:
    """Raise FileTreeError where a directory between the root and a path is not a real one.

    A symbolic link there would let whoever owns it send the write elsewhere.
    """
    for above in parents(path):
        if is_below(root, above) and observe_kind(above) not in {"directory", "absent"}:
            raise FileTreeError(f"{above} is not a directory but must hold {path}; move it away")


def observe_kind(path: str) -> str:
    """Return only the kind of what stands at a path."""
    if os.path.islink(path):
        return "link"
    if os.path.isdir(path):
        return "directory"
    return "file" if os.path.lexists(path) else "absent"


def refuse_removal(path: str, found: Found) -> None:
    """Raise FileTreeError where `absent` would take more than a file, a link, an empty directory."""
    if found.kind == "other" or (found.kind == "directory" and not found.empty):
        raise FileTreeError(f"absent: {path} is not empty or not a file; remove it by hand")


def run_validations(module: AnsibleModule, entries: list[Wanted], root: str, changed: list[str]) -> None:
    """Run the validations that are due in a staging copy. Raises FileTreeError on a refusal."""
    validations = [item for item in module.params["validate"] if due(item["when_changed"], changed)]
    if not validations:
        return
    staging = tempfile.mkdtemp(prefix="file_tree.", dir=module.tmpdir)
    try:
        for entry in entries:
            below = is_below(root, entry.path)
            relative = os.path.relpath(entry.path, root) if below else entry.path.lstrip(os.sep)
            target = os.path.join(staging, relative)
            if entry.content is None:
                os.makedirs(target, mode=0o700, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.mode | 0o400)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(entry.content)
        for item in validations:
            argv: list[str] = item["argv"]
            if shutil.which(argv[0]) is None:
                if not module.check_mode:
                    raise FileTreeError(f"{argv[0]} is needed to validate and is not on the host")
                module.warn(f"not validated: {argv[0]} is not on the host yet")
                continue
            code, out, err = module.run_command(argv, cwd=staging)
            if code != 0:
                names = ", ".join(item["when_changed"] or changed)
                said = (err.strip() or out.strip()).replace(staging, root.rstrip(os.sep))
                raise FileTreeError(f"{' '.join(argv)} refuses the new {names}; nothing was changed:\n{said}")
    finally:
        shutil.rmtree(staging)


def write_beside(entry: Wanted) -> str:
    """Write a file's new content beside it and return the temporary path."""
    directory, name = os.path.split(entry.path)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=directory)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(entry.content or b"")
        stream.flush()
        os.fchown(descriptor, entry.uid or 0, entry.gid or 0)
        os.fchmod(descriptor, entry.mode)
        os.fsync(descriptor)
    return temporary


def own(entry: Wanted) -> None:
    """Give what stands at the entry's path its owner and mode. The owner comes first: it clears set-id bits."""
    os.chown(entry.path, entry.uid or 0, entry.gid or 0)
    os.chmod(entry.path, entry.mode)


def make_directories(entries: list[Wanted]) -> None:
    """Make the directories among the entries, and the parents of all that are missing."""
    described = {entry.path: entry for entry in entries if entry.kind == "directory"}
    for entry in entries:
        for path in [*parents(entry.path), *([entry.path] if entry.path in described else [])]:
            if not os.path.isdir(path):
                os.mkdir(path, 0o700)
                if path not in described:
                    os.chmod(path, 0o755)
    for entry in described.values():
        own(entry)


def write_files(changes: list[Change]) -> None:
    """Write all new contents beside their places, then rename each into place.

    What can fail for want of space or rights fails before the first rename.
    """
    pending: list[tuple[str, Change]] = []
    try:
        for change in changes:
            pending.append((write_beside(change.wanted), change))
        while pending:
            temporary, change = pending[0]
            if change.found.kind == "directory":
                os.rmdir(change.wanted.path)
            os.rename(temporary, change.wanted.path)
            pending.pop(0)
    finally:
        for temporary, _change in pending:
            os.unlink(temporary)


def apply(changes: list[Change], removals: list[tuple[str, Found]]) -> None:
    """Make the changes, directories first, removals last."""
    make_directories([change.wanted for change in changes])
    files = [change for change in changes if change.wanted.kind == "file"]
    write_files([change for change in files if change.rewrites])
    for change in files:
        if not change.rewrites:
            own(change.wanted)
    for path, found in removals:
        (os.rmdir if found.kind == "directory" else os.unlink)(path)


def main() -> None:
    """Run the module."""
    owner: dict[str, Any] = {"owner": {"type": "str"}, "group": {"type": "str"}}
    os.umask(0o022)  # whatever the login's is: services read what is made here as other users
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "str", "required": True},
                    "content": {"type": "str"},
                    "secret_content": {"type": "str", "no_log": True},
                    "mode": {"type": "raw", "default": "0644"},
                    **owner,
                },
                "mutually_exclusive": [("content", "secret_content")],
                "required_one_of": [("content", "secret_content")],
            },
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "str", "required": True},
                    "mode": {"type": "raw", "default": "0755"},
                    **owner,
                },
            },
            "absent": {"type": "list", "elements": "str", "default": []},
            "validate": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "argv": {"type": "list", "elements": "str", "required": True},
                    "when_changed": {"type": "list", "elements": "str"},
                },
            },
        },
        supports_check_mode=True,
    )
    params = module.params
    root = os.path.normpath(params["root"])
    try:
        entries = wanted_entries(root, params, check_mode=module.check_mode)
        unwanted = {name: locate(root, name) for name in params["absent"]}
        refuse_conflicts(entries, unwanted)
        names = {entry.name for entry in entries if entry.kind == "file"}
        for item in params["validate"]:
            for name in set(item["when_changed"] or []) - names:
                raise FileTreeError(f"validate: when_changed names {name}, which is not in files")

        changes: list[Change] = []
        for entry in entries:
            refuse_links(root, entry.path)
            found = observe(entry.path)
            reason = obstacle(entry, found)
            if reason:
                raise FileTreeError(reason)
            if words := differences(entry, found):
                changes.append(Change(entry, found, tuple(words)))
        removals: list[tuple[str, Found]] = []
        for path in unwanted.values():
            refuse_links(root, path)
            found = observe(path)
            if found.kind != "absent":
                refuse_removal(path, found)
                removals.append((path, found))

        changed_files = [change.wanted.name for change in changes if change.wanted.kind == "file"]
        run_validations(module, entries, root, changed_files)
        if not module.check_mode:
            apply(changes, removals)
    except FileTreeError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or root}: {error.strerror}")

    removed = {path for path, _found in removals}
    result: dict[str, Any] = {
        "changed": bool(changes or removals),
        "changed_paths": [change.wanted.name for change in changes]
        + [name for name, path in unwanted.items() if path in removed],
    }
    if module._diff and not module.no_log:
        result["diff"] = [diff_of(change) for change in changes] + [
            {"before_header": path, "after_header": path, "before": f"{found.kind}\n", "after": ""}
            for path, found in removals
        ]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
