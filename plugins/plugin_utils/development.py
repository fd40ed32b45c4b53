# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""What forbids a development environment on a machine. Pure: data in, messages out; runs on the controller."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import tomllib
import yaml

with suppress(ImportError):  # every controller has it by ansible-core; ansible-test looks at plugins where it is not
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.utils import canonicalize_name

from ansible_collections.fullstack.docker.plugins.module_utils.host.preflight import (
    Host,
    Request,
    address_problems,
    clashing_ports,
    held_ports,
    is_at_least,
    project_problems,
)
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.image import MAJOR_LABEL

Files = Mapping[str, str]

_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_NODE_KINDS = ("dependencies", "devDependencies", "optionalDependencies")


def problems(
    request: Request, host: Host, developer: Mapping[str, Any], sources: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Return everything that forbids this environment on this machine, one line each.

    Args:
        request: the ports, volumes and minimum versions.
        host: what the module preflight read.
        developer: what it read of the user and of the sources.
        sources: by name, the ``path`` of a source and the ``variable`` that sets it.
    """
    docker = list(docker_problems(request, host, developer))
    invalid = list(address_problems(request["published_ports"]))
    ports = invalid or [*clashing_ports(request["published_ports"]), *held_ports(request, host)]
    found = [*docker, *project_problems(request, host), *ports, *volume_problems(request, host)]
    for name, source in sources.items():
        found += source_problems(name, source["path"], source["variable"], developer["dependencies"][name])
    return found


def docker_problems(request: Request, host: Host, developer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with Docker as the developer reaches it."""
    if not developer["client"]:
        yield (
            f"Docker: there is no docker command on this machine; install Docker Engine {request['minimum_engine']} "
            f"or later with its plugins Compose and Buildx"
        )
        return
    engine = host["engine"]
    if not engine["running"] or engine["version"] is None:
        said = developer["engine_error"] or "it does not answer"
        yield (
            f"Docker: the engine cannot be reached ({said}); start it, or add yourself to the group docker and "
            f"log in again"
        )
        return
    parts = (
        ("Engine", engine["version"], request["minimum_engine"]),
        ("Compose", host["compose_version"], request["minimum_compose"]),
        ("Buildx", host["buildx_version"], "0"),
    )
    for name, version, minimum in parts:
        if version is None:
            yield f"Docker: the plugin {name} is not on this machine; install it"
        elif not is_at_least(version, minimum):
            yield f"Docker: {name} is {version}, and {minimum} or later is needed; upgrade it"


def volume_problems(request: Request, host: Host) -> Iterator[str]:
    """Yield a message where the data volume was made by another major version of PostgreSQL."""
    postgres = request["postgres"]
    volume = host["volumes"].get(postgres["volume"]) if postgres else None
    major = volume["labels"].get(MAJOR_LABEL) if volume else None
    if postgres and major and major != str(postgres["major"]):
        servers = [one["name"] for one in host["containers"] if one["service"] == "db"]
        drop = [*(f"docker rm --force {name}" for name in servers), f"docker volume rm {postgres['volume']}"]
        yield (
            f"postgres_version: {postgres['major']}, but volume {postgres['volume']} holds data of PostgreSQL {major}; "
            f"set it to {major} with an image of it, or drop the data: {' && '.join(drop)}"
        )


# --- sources --------------------------------------------------------------------------------------


def source_problems(name: str, path: str, variable: str, files: Files | None) -> list[str]:
    """Return why a source cannot be run: it is not there, or its lock file is not of it."""
    where = f"{variable}: {path}"
    if files is None:
        return [f"{where} is no folder on this machine; name the folder that holds the {name}'s source"]
    judge = backend_problems if name == "backend" else frontend_problems
    try:
        return [f"{where}{'/' if problem[0] != ' ' else ''}{problem}" for problem in judge(files)]
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, yaml.YAMLError, InvalidRequirement) as error:
        return [f"{where}: what says its dependencies cannot be read: {' '.join(str(error).split())}"]


def backend_problems(files: Files) -> Iterator[str]:
    """Yield what is wrong with the dependency files of a Python project."""
    if not files.keys() & {"pyproject.toml", "requirements.txt"}:
        yield " holds no pyproject.toml and no requirements.txt; name the folder that holds the backend's source"
        return
    project = tomllib.loads(files.get("pyproject.toml", ""))
    if "uv.lock" in files:
        if names := stale_uv_lock(project, tomllib.loads(files["uv.lock"])):
            yield f"uv.lock is not of this pyproject.toml ({', '.join(names)}); run uv lock there"
        return
    groups = {"requirements.txt": (), "requirements-dev.txt": ("dev",)}
    for file, extra in groups.items():
        # Without hashes it is no lock, but what a person wrote
        if "--hash=" in files.get(file, "") and (names := stale_requirements(project, files[file], extra)):
            yield f"{file} is not of this pyproject.toml ({', '.join(names)}); compile it anew by uv pip compile"


def frontend_problems(files: Files) -> Iterator[str]:
    """Yield what is wrong with the dependency files of a Node project."""
    if "package.json" not in files:
        yield " holds no package.json; name the folder that holds the frontend's source"
        return
    package = json.loads(files["package.json"])
    npm = next((file for file in ("package-lock.json", "npm-shrinkwrap.json") if file in files), None)
    if "pnpm-lock.yaml" in files:
        if names := stale_pnpm_lock(package, files["pnpm-lock.yaml"]):
            yield f"pnpm-lock.yaml is not of this package.json ({', '.join(names)}); run pnpm install there"
    elif npm:
        locked = json.loads(files[npm]).get("packages", {}).get("", {})
        if names := differing(_wanted_by(package), _wanted_by(locked)):
            yield f"{npm} is not of this package.json ({', '.join(names)}); run npm install there"
    else:
        yield " holds no pnpm-lock.yaml and no package-lock.json; commit the one of your package manager"


def differing(wanted: Mapping[str, object], locked: Mapping[str, object]) -> list[str]:
    """Return the names that only one of the two has, or that differ."""
    missing = object()
    names = wanted.keys() | locked.keys()
    return sorted(name for name in names if wanted.get(name, missing) != locked.get(name, missing))


def _wanted_by(package: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(version) for kind in _NODE_KINDS for name, version in (package.get(kind) or {}).items()}


def stale_pnpm_lock(package: Mapping[str, Any], lock: str) -> list[str]:
    """Return the dependencies for which pnpm's lock was not made."""
    # The part of interest alone: the whole takes seconds to read
    section = re.search(r"^importers:\n(?:[ \n].*\n?|\n)*", lock, re.MULTILINE)
    read = yaml.safe_load(section[0] if section else lock) or {}
    root = read.get("importers", {}).get(".", {}) if section else read
    locked = {
        name: str(entry.get("specifier") if isinstance(entry, Mapping) else entry)
        for kind in _NODE_KINDS
        for name, entry in (root.get(kind) or {}).items()
    }
    return differing(_wanted_by(package), locked)


def _requirements(project: Mapping[str, Any], groups: Iterable[str]) -> list[Requirement]:
    """Return what a project and some of its dependency groups require; what a group includes is left out."""
    listed = list(project.get("project", {}).get("dependencies", []))
    for group in groups:
        listed += [one for one in project.get("dependency-groups", {}).get(group, []) if isinstance(one, str)]
    return [Requirement(line) for line in listed]


def stale_requirements(project: Mapping[str, Any], lock: str, groups: Iterable[str]) -> list[str]:
    """Return the requirements of a project that a compiled requirements file does not meet."""
    pins = {canonicalize_name(name): version for name, version in _PIN.findall(lock)}
    stale = set()
    for requirement in _requirements(project, groups):
        version = pins.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            stale.add(requirement.name)
    return sorted(stale)


def stale_uv_lock(project: Mapping[str, Any], lock: Mapping[str, Any]) -> list[str]:
    """Return the requirements of a project for which its uv.lock was not made."""
    own = [one for one in lock.get("package", []) if "." in one.get("source", {}).values()]
    if not own or "dependencies" in project.get("project", {}).get("dynamic", []):
        return []
    metadata = own[0].get("metadata", {})
    listed = [one for one in metadata.get("requires-dist", []) if "extra ==" not in one.get("marker", "")]
    wanted = _versions((one.name, str(one.specifier)) for one in _requirements(project, ()))
    locked = _versions((one["name"], one.get("specifier", "")) for one in listed)
    stale = differing(wanted, locked)
    for group, entries in project.get("dependency-groups", {}).items():
        if any(not isinstance(one, str) for one in entries):
            continue
        wanted = _versions((one.name, str(one.specifier)) for one in map(Requirement, entries))
        listed = metadata.get("requires-dev", {}).get(group, [])
        stale += differing(wanted, _versions((one["name"], one.get("specifier", "")) for one in listed))
    return sorted(set(stale))


def _versions(pairs: Iterable[tuple[str, str]]) -> dict[str, SpecifierSet]:
    return {canonicalize_name(name): SpecifierSet(specifier) for name, specifier in pairs}
