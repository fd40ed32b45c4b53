"""What the tests of this scenario share: a second stack on the host of the first one, and what is open on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenario.neighbours import Ports, Shop
from tests.scenario.stack import Compose, Site, Web

if TYPE_CHECKING:
    from testinfra.host import Host


@pytest.fixture(scope="session")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return the second stack, not yet deployed."""
    found = Shop(site, tmp_path_factory.mktemp("shop") / "app")
    found.restore()
    return found


@pytest.fixture(scope="module")
def ports(host: Host, web: Web) -> Ports:
    """Return what is open on the host."""
    return Ports(host, web.address)


@pytest.fixture(scope="module")
def shop_compose(host: Host) -> Compose:
    """Return the second Compose project on the host."""
    return Compose(host, "shop")
