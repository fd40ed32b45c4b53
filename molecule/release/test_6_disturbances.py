"""What goes wrong beside releases: the engine dies, a data service does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenario.load import traffic
from tests.scenario.stack import SERVICES, eventually

if TYPE_CHECKING:
    from testinfra.host import Host

    from tests.scenario.stack import Compose, Web

pytestmark = pytest.mark.alone

# Seconds within which a crash of one service is over
SERVES_AFTER = 5
# Seconds for which an engine that starts may refuse connections
REFUSED = 2


@pytest.mark.parametrize("service", ["nginx", "backend", "db", "redis"])
def test_what_has_seen_releases_comes_back_after_a_crash(service: str, compose: Compose, web: Web) -> None:
    """A signal that Docker itself passes on would have taken its restart policy from a container."""
    eventually(web.serving, 30)
    before = compose.container(service).pid
    compose.kill(service)
    eventually(lambda: compose.container(service).pid not in {0, before} and web.serving(), SERVES_AFTER)
    eventually(lambda: compose.serving(len(SERVICES)), 60)


def test_an_engine_that_is_killed_stops_nothing(host: Host, compose: Compose, web: Web) -> None:
    """Only when it is back it lays its rules for the published port anew: connections of that moment are refused."""
    eventually(web.serving, 30)
    before = compose.ids()
    with traffic(web, pauses=(0.04,), slow=1.0, websockets=0) as load:
        host.check_output("systemctl kill --signal=KILL docker")
        eventually(lambda: host.run("docker info").rc == 0, 30)
        eventually(web.serving, 30)
    assert [one for one in load.failures if "ConnectionRefused" not in one] == []
    assert load.gap < REFUSED
    assert compose.ids() == before


@pytest.mark.parametrize("service", ["db", "redis"])
def test_a_data_service_that_is_cut_off_hurts_no_route_that_does_not_need_it(
    service: str, compose: Compose, web: Web
) -> None:
    # After a restart of the engine the project is brought up once more, which would end the pause
    eventually(lambda: compose.serving(len(SERVICES)), 60)
    with traffic(web, pauses=(0.04,), slow=1.0, websockets=0) as load:
        compose.output(f"docker compose pause {service}")
        eventually(lambda: web.get("/api/health/ready").status == 503, 20)
        compose.output(f"docker compose unpause {service}")
        eventually(lambda: web.get("/api/health/ready").status == 200, 30)
        load.failures[:] = [one for one in load.failures if "/health" in one or "/slow" in one]
        eventually(lambda: compose.serving(len(SERVICES)), 60)
    assert load.failures == []
