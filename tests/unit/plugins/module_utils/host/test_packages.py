"""What apt is asked for on which host."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from ansible_collections.fullstack.docker.plugins.filter.docker_packages import docker_packages
from ansible_collections.fullstack.docker.plugins.module_utils.host.packages import pattern_of

SETTINGS: dict[str, Any] = {
    "packages": ["docker-ce", "docker-ce-cli", "docker-compose-plugin"],
    "companions": ["iptables"],
    "engine_version": "latest",
    "compose_version": "latest",
    "state": "present",
    "engine_minimum": "25.0",
    "compose_minimum": "2.26",
}
INSTALLED = {
    "docker-ce": "5:28.1.1-1~debian.13~trixie",
    "docker-ce-cli": "5:28.1.1-1~debian.13~trixie",
    "docker-compose-plugin": "2.40.0-1~debian.13~trixie",
    "iptables": "1.8.11-2",
}


def host(packages: dict[str, str], engine: str | None = None, compose: str | None = None) -> dict[str, Any]:
    return {"packages": packages, "engine": {"version": engine}, "compose_version": compose}


@pytest.mark.parametrize(
    ("package", "version", "pattern"),
    [
        ("docker-ce", "latest", ""),
        ("docker-ce", "28", "5:28.*"),
        ("docker-ce", "28.1", "5:28.1.*"),
        ("docker-ce-cli", "28.1.1", "5:28.1.1*"),
        ("docker.io", "26.1", "26.1.*"),
        ("docker-compose-plugin", "2.40", "2.40.*"),
        ("docker-ce", "5:28.1.1-1~debian.13~trixie", "5:28.1.1-1~debian.13~trixie"),
        ("docker.io", "26.1.5+dfsg1-9", "26.1.5+dfsg1-9"),
    ],
)
def test_pattern(package: str, version: str, pattern: str) -> None:
    assert pattern_of(package, version) == pattern


def test_a_short_version_does_not_reach_into_the_next_number() -> None:
    assert not fnmatchcase("5:28.10.0-1", pattern_of("docker-ce", "28.1"))
    assert fnmatchcase("5:28.1.0-1", pattern_of("docker-ce", "28.1"))


def test_a_bare_host_gets_everything() -> None:
    plan = docker_packages(host({}), SETTINGS)
    assert plan == {
        "packages": ["docker-ce", "docker-ce-cli", "docker-compose-plugin", "iptables"],
        "state": "present",
        "new": True,
    }


def test_a_host_that_has_everything_is_left_alone() -> None:
    plan = docker_packages(host(INSTALLED, "28.1.1", "2.40.0"), SETTINGS)
    assert (plan["state"], plan["new"]) == ("present", False)


@pytest.mark.parametrize("version", ["28", "28.1", "28.1.1", "5:28.1.1-1~debian.13~trixie"])
def test_a_pin_that_is_met_is_left_alone(version: str) -> None:
    plan = docker_packages(host(INSTALLED, "28.1.1", "2.40.0"), SETTINGS | {"engine_version": version})
    assert not plan["new"]


def test_a_new_pin_moves_the_engine() -> None:
    plan = docker_packages(host(INSTALLED, "28.1.1", "2.40.0"), SETTINGS | {"engine_version": "28.3"})
    assert plan["packages"][:2] == ["docker-ce=5:28.3.*", "docker-ce-cli=5:28.3.*"]
    assert plan["new"]


def test_a_new_compose_leaves_the_engine() -> None:
    plan = docker_packages(host(INSTALLED, "28.1.1", "2.40.0"), SETTINGS | {"compose_version": "2.41.0"})
    assert "docker-compose-plugin=2.41.0*" in plan["packages"]
    assert plan["new"]


@pytest.mark.parametrize(("engine", "compose"), [("24.0.9", "2.40.0"), ("28.1.1", "2.20.0")])
def test_what_is_too_old_is_upgraded(engine: str, compose: str) -> None:
    plan = docker_packages(host(INSTALLED, engine, compose), SETTINGS)
    assert (plan["state"], plan["new"]) == ("latest", False)


def test_latest_looks_every_time() -> None:
    plan = docker_packages(host(INSTALLED, "28.1.1", "2.40.0"), SETTINGS | {"state": "latest"})
    assert (plan["state"], plan["new"]) == ("latest", False)


def test_a_missing_companion_does_not_touch_the_engine() -> None:
    packages = {name: version for name, version in INSTALLED.items() if name != "iptables"}
    plan = docker_packages(host(packages, "28.1.1", "2.40.0"), SETTINGS)
    assert plan["new"]
