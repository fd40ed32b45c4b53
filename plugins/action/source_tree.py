# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""The controller's half of source_tree: read the sources, ask the host, send what differs."""

from __future__ import annotations

import gzip
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.fullstack.docker.plugins.module_utils.project.dockerignore import (
    PatternError,
    excluded,
    parse,
    read_patterns,
)
from ansible_collections.fullstack.docker.plugins.module_utils.project.source_tree import (
    ARGUMENT_SPEC,
    Manifest,
    SourceTreeError,
    compare,
    describe,
    diff_lines,
    digest,
    walk,
)

IGNORE_FILE = ".dockerignore"


@dataclass(frozen=True)
class Source:
    """A source that was read and found good."""

    name: str
    root: str
    dest: str
    manifest: Manifest
    hash: str


def read_source(params: Mapping[str, Any], root: str) -> Source:
    """Read one source.

    Args:
        params: one item of the option `sources`.
        root: the source's absolute path.

    Raises:
        SourceTreeError: when it does not exist, lacks what is required, or cannot be sent.
    """
    label = params["variable"] or f"sources[{params['name']}].src"
    if not os.path.isdir(root):
        problem = "is not a directory" if os.path.exists(root) else "does not exist"
        raise SourceTreeError(
            f"{label}: {root} {problem} on the machine that runs Ansible;"
            f" set {label} to the folder that holds the {params['name']}'s source"
        )
    try:
        own = os.path.join(root, IGNORE_FILE)
        patterns = list(params["ignore"])
        if os.path.isfile(own):
            with open(own, encoding="utf-8") as stream:
                patterns += read_patterns(stream.read())
        rules = parse(patterns)
        manifest = describe(root, walk(root, rules, [*params["keep"], IGNORE_FILE]))
    except (PatternError, SourceTreeError) as error:
        raise SourceTreeError(f"{label}: {root}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceTreeError(f"{label}: cannot read {root}: {error}") from None
    for path in params["required"]:
        if path in manifest or f"{path}/" in manifest:
            continue
        if os.path.exists(os.path.join(root, path)) and excluded(path, rules):
            raise SourceTreeError(f"{label}: {path} in {root} is left out by {IGNORE_FILE}; take it up by '!{path}'")
        raise SourceTreeError(
            f"{label}: {root} has no {path}; set {label} to the folder that holds the {params['name']}'s source"
        )
    if manifest.keys() <= {"./", IGNORE_FILE}:
        raise SourceTreeError(f"{label}: nothing of {root} is left to send; see {IGNORE_FILE}")
    return Source(params["name"], root, params["dest"], manifest, digest(manifest))


def revision(source: Source) -> str:
    """Return what people know this state of a source by: its commit, else its hash."""
    try:
        commit = _git(source.root, "rev-parse", "HEAD")
        dirty = "-dirty" if _git(source.root, "status", "--porcelain", "--", ".") else ""
    except (OSError, subprocess.SubprocessError):  # no git here, no checkout, or one that git does not trust
        return source.hash
    return commit + dirty


def _git(folder: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    command = ["git", "-C", folder, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, env=environment)
    return done.stdout.strip()


def pack(sources: list[Source], archive: str) -> None:
    """Write one tar.gz with a folder for each source. Its bytes depend on the sources only."""
    with (
        open(archive, "wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for source in sources:
            for path, line in sorted(source.manifest.items()):
                kind, _colon, rest = line.partition(":")
                member = tarfile.TarInfo(os.path.normpath(f"{source.name}/{path}"))
                if kind == "link":
                    member.type, member.linkname = tarfile.SYMTYPE, rest
                    tar.addfile(member)
                    continue
                member.mode = int(rest[:4], 8)
                if kind == "directory":
                    member.type = tarfile.DIRTYPE
                    tar.addfile(member)
                    continue
                # Read whole, so that a file that grows meanwhile cannot break the archive.
                with open(os.path.join(source.root, path), "rb") as stream:
                    content = stream.read()
                member.size = len(content)
                tar.addfile(member, BytesIO(content))


class ActionModule(ActionBase):
    """Run source_tree."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result for the task."""
        super().run(tmp, task_vars)
        _result, params = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        sources = self._read(params["sources"])
        if params["state"] == "described":
            return {
                "changed": False,
                "sources": {
                    source.name: {
                        "hash": source.hash,
                        "files": sum(not path.endswith("/") for path in source.manifest),
                    }
                    for source in sources
                },
            }
        answer = self._remote(sources, task_vars)
        if answer.get("failed") or "found" not in answer:
            return answer
        found: dict[str, Manifest] = answer["found"]
        differing = [source for source in sources if source.name in found]
        if differing and not self._task.check_mode:
            answer = self._send(differing, task_vars)
            if answer.get("failed"):
                return answer

        result: dict[str, Any] = {"changed": bool(differing), "sources": {}}
        diffs = []
        for source in sources:
            changes = compare(source.manifest, found.get(source.name, source.manifest))
            result["sources"][source.name] = {
                "hash": source.hash,
                "revision": revision(source),
                "changed": source.name in found,
                **changes,
            }
            if source.name in found:
                diffs.append({"prepared": diff_lines(source.dest, changes)})
        if self._task.diff:
            result["diff"] = diffs
        return result

    def _read(self, items: list[dict[str, Any]]) -> list[Source]:
        """Read all sources; all problems come in one message."""
        sources, problems = [], []
        for item in items:
            try:
                sources.append(read_source(item, self._loader.path_dwim(item["src"])))
            except SourceTreeError as error:
                problems.append(str(error))
        if problems:
            raise AnsibleActionFail("\n".join(problems))
        return sources

    def _remote(
        self, sources: list[Source], task_vars: dict[str, Any] | None, archive: str | None = None
    ) -> dict[str, Any]:
        """Run the module of the same name on the host."""
        wanted = [{"name": s.name, "src": s.root, "dest": s.dest, "_hash": s.hash} for s in sources]
        answer: dict[str, Any] = self._execute_module(
            module_name="fullstack.docker.source_tree",
            module_args={"sources": wanted} | ({"_archive": archive} if archive else {}),
            task_vars=task_vars,
        )
        return answer

    def _send(self, sources: list[Source], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Send one archive of the sources and have it put in place."""
        with tempfile.TemporaryDirectory(prefix="source_tree.") as local:
            archive = os.path.join(local, "sources.tar.gz")
            pack(sources, archive)
            remote_directory = self._connection._shell.tmpdir or self._make_tmp_path()
            remote = self._connection._shell.join_path(remote_directory, "sources.tar.gz")
            self._transfer_file(archive, remote)
            self._fixup_perms2((remote_directory, remote))
        return self._remote(sources, task_vars, remote)
