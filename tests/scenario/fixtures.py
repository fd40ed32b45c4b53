"""Fixtures of all scenarios: the hosts of the ground and the commands that act on them from outside."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import testinfra

from tests.scenario.stack import Compose, Site, Web

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def neighbour() -> testinfra.host.Host:
    """Return a second machine on the host's network, which is no part of the stack."""
    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    return testinfra.get_host("ansible://fullstack-neighbour", ansible_inventory=inventory)


@pytest.fixture(scope="session")
def reboot() -> Callable[[str], None]:
    """Return a function that reboots a host and comes back when its units have started."""

    def restart(name: str) -> None:
        subprocess.run([PROJECT / "tests/ground/host", "reboot", name], check=True)

    return restart


@pytest.fixture(scope="session")
def site() -> Site:
    """Return the play, to be run once more."""
    return Site(Path(os.environ["MOLECULE_INVENTORY_FILE"]))


@pytest.fixture(scope="module")
def compose(host: testinfra.host.Host) -> Compose:
    """Return the Compose project on the host."""
    return Compose(host)


@pytest.fixture(scope="module")
def web(host: testinfra.host.Host) -> Web:
    """Return the published port of the host."""
    return Web(name=host.backend.get_hostname(), address=host.interface("eth0").addresses[0])
