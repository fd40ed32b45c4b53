"""What the tests of this scenario share: an application to be changed, and the stack to release it to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenario.releases import Application, Stack

if TYPE_CHECKING:
    from tests.scenario.stack import Compose, Site, Web


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """Return a copy of the application, as it is."""
    copy = Application(tmp_path_factory.mktemp("application") / "app")
    copy.restore()
    return copy


@pytest.fixture(scope="module")
def stack(site: Site, compose: Compose, web: Web, application: Application) -> Stack:
    """Return the stack, to release to."""
    return Stack(site, compose, web, application)
