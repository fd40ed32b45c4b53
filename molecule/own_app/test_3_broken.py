"""A release whose container does not start: the one before serves on, with the command of its own image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenario.own_app import COMMAND, OWN_DOCKERFILE

if TYPE_CHECKING:
    from testinfra.host import Host

    from tests.scenario.own_app import Shop
    from tests.scenario.stack import Compose, Run, Site

BROKEN = OWN_DOCKERFILE | {"fastapi_backend_dockerfile": "deploy/Dockerfile.broken"}
COMMAND_FILE = "/opt/shop/infra/backend/image-command.env"


@pytest.fixture(scope="module")
def before(host: Host, compose: Compose) -> tuple[str, str]:
    """Return the backend and the command on the host, as they were."""
    return compose.ids()["backend"], host.file(COMMAND_FILE).content_string


@pytest.fixture(scope="module", autouse=True)
def failed(site: Site, before: tuple[str, str]) -> Run:
    """Deploy it."""
    run = site.run(**BROKEN)
    assert run.code != 0
    return run


def test_play_says_why(failed: Run) -> None:
    cause, serves = failed.output.partition("[ERROR]: Task failed: Module failed: ")[2].splitlines()[:2]
    assert "this release is broken" in cause
    assert serves.startswith("The old release ")
    assert serves.endswith(" still serves.")


def test_the_one_before_serves_on(compose: Compose, shop: Shop, before: tuple[str, str]) -> None:
    assert compose.ids()["backend"] == before[0]
    assert shop.about()["command"] == COMMAND


def test_compose_by_hand_would_start_the_one_before(host: Host, before: tuple[str, str]) -> None:
    assert host.file(COMMAND_FILE).content_string == before[1]
