"""What the tests of this scenario share: the team's files, the application, the project on the host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.scenario.own_app import Shop
from tests.scenario.stack import Compose

if TYPE_CHECKING:
    from testinfra.host import Host


@pytest.fixture(scope="session")
def team() -> Path:
    """Return the folder of the team's files (see prepare.yml)."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "team"


@pytest.fixture(scope="session")
def shop(team: Path) -> Shop:
    """Return the application, as the world reaches it."""
    return Shop(team / "authority.pem")


@pytest.fixture(scope="module")
def compose(host: Host) -> Compose:
    """Return the Compose project on the host."""
    return Compose(host, project="shop")


@pytest.fixture(scope="module")
def secrets(host: Host) -> dict[str, str]:
    """Return the secrets that the backend is given, by file."""
    files = host.check_output("find /opt/shop/secrets/backend -type f -printf '%P\n'").split()
    return {name: host.file(f"/opt/shop/secrets/backend/{name}").content_string for name in files}
