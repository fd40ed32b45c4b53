# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""What apt has to do so that a host has the Docker that is asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypedDict

from ansible_collections.fullstack.docker.plugins.module_utils.host.preflight import Host, is_at_least

_ENGINE = frozenset({"docker-ce", "docker-ce-cli", "docker.io", "docker-cli"})
_COMPOSE = frozenset({"docker-compose-plugin", "docker-compose", "docker-compose-v2"})
_EPOCHS: Mapping[str, str] = {"docker-ce": "5:", "docker-ce-cli": "5:"}
"""Docker's repository numbers the engine with an epoch, which people leave out."""


class Settings(TypedDict):
    """What is asked for, as the role's variables say it."""

    packages: Sequence[str]
    companions: Sequence[str]
    engine_version: str
    compose_version: str
    state: str
    engine_minimum: str
    compose_minimum: str


class Plan(TypedDict):
    """What apt has to do."""

    packages: list[str]
    """Package names, with a version pattern where one is pinned."""
    state: str
    """present or latest."""
    new: bool
    """A package is missing, or has another version than the pinned one."""


def pattern_of(package: str, version: str) -> str:
    """Return the version of a package as a pattern for apt, empty for `latest`.

    Args:
        package: name of the package.
        version: `latest`, a number such as 28, 28.3 or 28.3.3, or a whole version as apt shows it.
    """
    if version == "latest":
        return ""
    if not version.replace(".", "").isdecimal():
        return version
    # 28.1 is any 28.1.x, but not 28.10.x
    suffix = "*" if version.count(".") >= 2 else ".*"
    return f"{_EPOCHS.get(package, '')}{version}{suffix}"


def make_plan(host: Host, settings: Settings) -> Plan:
    """Return what apt has to do on a host.

    What is older than the minimum is upgraded, whatever `state` says.
    """
    installed = host["packages"]
    pins = {
        name: pattern_of(
            name,
            settings["engine_version"]
            if name in _ENGINE
            else settings["compose_version"]
            if name in _COMPOSE
            else "latest",
        )
        for name in [*settings["packages"], *settings["companions"]]
    }
    missing = {name for name in pins if name not in installed}
    unmatched = {
        name for name, pin in pins.items() if pin and name in installed and not fnmatchcase(installed[name], pin)
    }
    engine, compose = host["engine"]["version"], host["compose_version"]
    outdated = bool(
        (engine and not is_at_least(engine, settings["engine_minimum"]))
        or (compose and not is_at_least(compose, settings["compose_minimum"]))
    )
    state = "latest" if outdated else settings["state"]
    return {
        "packages": [f"{name}={pin}" if pin else name for name, pin in pins.items()],
        "state": state,
        "new": bool(missing or unmatched),
    }
