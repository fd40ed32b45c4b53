"""Releases under traffic: clients that never retry see none of them, and a bad one never gets a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from shared.load import Load, traffic
from shared.stack import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.stack import Compose, Run, Site, Web

# One client sends more here than the limits grant one
UNLIMITED: dict[str, Any] = {
    "nginx_frontend_api_rate": "100000r/s",
    "nginx_frontend_api_burst": 10000,
    "nginx_frontend_connections_per_client": 1000,
}
GOING_AWAY = {1001, 1012}


@dataclass
class Release:
    """A run of the play under traffic, with what clients saw and which containers there were."""

    run: Run
    load: Load
    before: dict[str, str]
    after: dict[str, str]


def release(site: Site, compose: Compose, web: Web, **variables: Any) -> Release:
    """Deploy with other variables while traffic flows."""
    before = compose.ids()
    with traffic(web) as load:
        run = site.run(**UNLIMITED, **variables)
    return Release(run, load, before, compose.ids())


@pytest.fixture(scope="module")
def unlimited(site: Site, web: Web) -> Iterator[None]:
    """Lift the limits for the tests of this file."""
    site.apply(**UNLIMITED)
    yield
    site.apply()
    eventually(web.serving, 10)


@pytest.fixture(scope="module")
def good(unlimited: None, site: Site, compose: Compose, web: Web) -> Release:
    """Return a release of a new backend and a new nginx configuration."""
    variables = {"fastapi_backend_environment": {"NEW": "1"}, "nginx_frontend_body_size": "11m"}
    return release(site, compose, web, **variables)


@pytest.fixture(scope="module")
def bad(good: Release, site: Site, compose: Compose, web: Web) -> Release:
    """Return a release whose backend ends as soon as it starts."""
    variables = {"fastapi_backend_environment": {"DB_POOL_SIZE": "none"}, "nginx_frontend_body_size": "11m"}
    return release(site, compose, web, **variables)


class TestGoodRelease:
    """A new backend and a new nginx at once."""

    def test_it_succeeds(self, good: Release) -> None:
        assert good.run.code == 0, good.run.output

    def test_no_request_fails(self, good: Release) -> None:
        assert good.load.failures == []

    def test_there_was_traffic(self, good: Release) -> None:
        assert good.load.answered > 500

    def test_websockets_are_told_to_come_back(self, good: Release) -> None:
        assert good.load.closed
        assert set(good.load.closed) <= GOING_AWAY

    @pytest.mark.parametrize("service", ["backend", "nginx"])
    def test_what_changed_is_replaced(self, good: Release, service: str) -> None:
        assert good.before[service] != good.after[service]

    @pytest.mark.parametrize("service", ["front_door", "db", "redis"])
    def test_the_rest_is_left_alone(self, good: Release, service: str) -> None:
        assert good.before[service] == good.after[service]

    def test_compose_agrees_with_it(self, good: Release, compose: Compose) -> None:
        compose.output("docker compose up --detach")
        assert compose.ids() == good.after


class TestBadRelease:
    """A backend that does not start."""

    def test_it_fails(self, bad: Release) -> None:
        assert bad.run.code != 0

    def test_the_cause_is_shown(self, bad: Release) -> None:
        assert "db_pool_size" in bad.run.output.lower()

    def test_no_request_fails(self, bad: Release) -> None:
        assert bad.load.failures == []

    def test_what_served_serves_on(self, bad: Release) -> None:
        assert bad.before == bad.after
