#!/usr/bin/python
# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Bring source directories to the host: the half that runs there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: source_tree
short_description: Bring source directories of the controller to the host, as one archive
description:
  - Walks each source on the controller by the rules of .dockerignore, and compares what is left
    with what really stands on the host. There are no marker files, so every drift shows.
  - When nothing differs this is one remote call. When something does, one archive is sent, unpacked
    beside the destination, checked, and put in place by rename.
  - On the host files have mode 0644, or 0755 where the source's are executable, directories 0755,
    and all belong to the user who runs the module. Symbolic links inside of the source are kept.
    Empty directories are not sent.
version_added: 0.1.0
options:
  sources:
    description: The sources.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Short name, the key in the result.
        type: str
        required: true
      src:
        description: Directory on the controller. A relative one starts at the playbook's directory.
        type: str
        required: true
      dest:
        description: Absolute path on the host. The whole directory is this module's own.
        type: path
        required: true
      ignore:
        description:
          - Patterns by the rules of .dockerignore. The source's own .dockerignore comes after them,
            so that it can take up with C(!) what they leave out.
        type: list
        elements: str
        default: []
      keep:
        description: Paths that are sent whatever the patterns say, such as the Dockerfile.
        type: list
        elements: str
        default: []
      required:
        description: Paths without which the source is refused.
        type: list
        elements: str
        default: []
      variable:
        description: The name of the variable that sets O(sources[].src), for messages.
        type: str
      _hash:
        description: Set by the action plugin for the host, not by you.
        type: str
  state:
    description:
      - V(present) brings the sources to the host.
      - V(described) reads and checks them on the controller and returns their hashes; the host is
        not asked and not touched.
    type: str
    choices: [present, described]
    default: present
  _archive:
    description: Set by the action plugin for the host, not by you.
    type: path
author:
  - The fullstack.docker maintainers (@fullstack-docker)
attributes:
  action:
    description: Has an action plugin that runs on the controller.
    support: full
  check_mode:
    description: Says what would change; nothing is sent.
    support: full
  diff_mode:
    description: Lists names of files, never content.
    support: full
notes:
  - The rules are those of BuildKit. The source's .dockerignore itself is always sent.
"""

EXAMPLES = r"""
- name: Bring the backend to the host
  fullstack.docker.source_tree:
    sources:
      - name: backend
        src: "{{ fastapi_backend_source }}"
        dest: /opt/shop/backend
        ignore: ["**/.git", "**/.env*"]
        required: [pyproject.toml]
        variable: fastapi_backend_source
"""

RETURN = r"""
sources:
  description: What was found, by name.
  type: dict
  returned: always
  contains:
    hash:
      description: SHA-256 of names, modes and contents. The same everywhere for the same source.
      type: str
    revision:
      description: >-
        The commit that is checked out where the source is in a git checkout, with C(-dirty) for changes that are not
        committed; else the hash. Not with O(state=described).
      type: str
    changed:
      description: Whether the host's copy differed. Not with O(state=described).
      type: bool
    added:
      description: Files that the host lacked. Not with O(state=described).
      type: list
      elements: str
    removed:
      description: What the host had beyond the source. Not with O(state=described).
      type: list
      elements: str
    modified:
      description: What had another content, type, mode or owner. Not with O(state=described).
      type: list
      elements: str
    files:
      description: Number of files. Only with O(state=described).
      type: int
"""

import os
import shutil
import tarfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.project.source_tree import (
    ARGUMENT_SPEC,
    SourceTreeError,
    digest,
    observe,
)


def beside(dest: str, word: str) -> str:
    """Return the path of a directory beside the destination, for `new` or `old` content."""
    directory, name = os.path.split(dest)
    return os.path.join(directory, f".{name}.{word}")


def remove(path: str) -> None:
    """Remove whatever stands at a path, without following a link."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def unpack(archive: str, trees: dict[str, str]) -> None:
    """Unpack the archive's top-level folders into the given directories.

    Every member is written by hand: regular files, directories and links only, the owner is the
    user who runs the module, and no member is written through a link.

    Args:
        archive: path of a tar.gz.
        trees: from the folder's name in the archive to an absolute path that does not exist.
    """
    links: list[tuple[str, str]] = []
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            folder, _slash, path = member.name.partition("/")
            if folder not in trees or ".." in path.split("/"):
                raise SourceTreeError(f"the archive holds {member.name}, which was not asked for")
            target = os.path.join(trees[folder], path) if path else trees[folder]
            if member.isdir():
                os.mkdir(target)
                os.chmod(target, member.mode)
            elif member.issym():
                links.append((member.linkname, target))
            elif member.isreg():
                content = tar.extractfile(member)
                with open(target, "xb") as stream:
                    if content is not None:
                        shutil.copyfileobj(content, stream)
                    os.fchmod(stream.fileno(), member.mode)
            else:
                raise SourceTreeError(f"the archive holds {member.name}, which is no file or link")
    # Links come last, so that nothing can be written through one.
    for linkname, target in links:
        os.symlink(linkname, target)


def replace(sources: list[dict[str, Any]], archive: str) -> None:
    """Put the archive's trees in the place of what stands at the destinations."""
    fresh = {source["name"]: beside(source["dest"], "new") for source in sources}
    for source in sources:
        os.makedirs(os.path.dirname(source["dest"]), mode=0o755, exist_ok=True)
        # What a run that was killed may have left.
        remove(beside(source["dest"], "new"))
        remove(beside(source["dest"], "old"))
    try:
        unpack(archive, fresh)
        for source in sources:
            if digest(observe(fresh[source["name"]])) != source["_hash"]:
                raise SourceTreeError(f"{source['name']} changed on the controller while it was read; run it again")
        for source in sources:
            old = beside(source["dest"], "old")
            if os.path.lexists(source["dest"]):
                os.rename(source["dest"], old)
            os.rename(fresh[source["name"]], source["dest"])
            remove(old)
    finally:
        for path in fresh.values():
            remove(path)


def main() -> None:
    """Run the host's half: compare, and with an archive replace.

    The action plugin passes each source's name, dest and hash, and in a second call the archive.
    """
    os.umask(0o022)  # whatever the login's is: services read what is made here as other users
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    sources: list[dict[str, Any]] = module.params["sources"]
    try:
        if module.params["_archive"] and not module.check_mode:
            replace(sources, module.params["_archive"])
            module.exit_json(changed=True, found={})
        found = {}
        for source in sources:
            manifest = observe(source["dest"])
            if digest(manifest) != source["_hash"]:
                found[source["name"]] = manifest
    except SourceTreeError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    module.exit_json(changed=bool(found), found=found)


if __name__ == "__main__":
    main()
