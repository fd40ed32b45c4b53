"""nginx lives in the network namespace of front_door: what happens to the one happens to the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.scenario.stack import SERVICES, Compose, Web, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

SERVES_AFTER = 5
HEALTH_CHECK = "docker compose exec -T nginx /etc/nginx/fullstack/healthcheck"


@pytest.fixture(autouse=True)
def settled(compose: Compose, web: Web) -> Iterator[None]:
    """Do not leave the next test a stack that is still starting."""
    yield
    eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), 60)


def kill_front_door(compose: Compose) -> None:
    """Kill its process from the host, and wait until the engine has started another."""
    before = compose.container("front_door").pid
    compose.kill("front_door")
    eventually(lambda: compose.container("front_door").pid not in {0, before}, SERVES_AFTER)


def in_one_namespace(compose: Compose) -> bool:
    """Tell whether nginx is where its front door is."""
    namespaces = [compose.container(service).network_namespace for service in ("front_door", "nginx")]
    return None not in namespaces and namespaces[0] == namespaces[1]


def page_is_served(web: Web) -> bool:
    """Tell whether a user gets the page."""
    return web.get("/").status == 200


def test_page_is_served_soon_after_front_door_was_killed(compose: Compose, web: Web) -> None:
    began = time.monotonic()
    kill_front_door(compose)
    assert eventually(lambda: page_is_served(web), SERVES_AFTER - (time.monotonic() - began))


def test_nginx_follows_front_door_into_its_new_namespace(compose: Compose, web: Web) -> None:
    kill_front_door(compose)
    assert eventually(lambda: in_one_namespace(compose), SERVES_AFTER)


@pytest.mark.parametrize(
    "commands",
    [
        ["docker compose restart"],
        ["docker compose stop", "docker compose start"],
        ["docker compose restart front_door"],
    ],
    ids=" and ".join,
)
def test_page_is_served_soon_after(compose: Compose, web: Web, commands: list[str]) -> None:
    for command in commands:
        compose.output(command)
    assert eventually(lambda: page_is_served(web), SERVES_AFTER)


class TestNobodyWatches:
    """The healer is stopped while front_door dies: nginx is left in a namespace that nobody reaches."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def orphaned(cls, host: Host, compose: Compose) -> Iterator[None]:
        host.check_output("systemctl stop app-healer")
        kill_front_door(compose)
        yield
        host.check_output("systemctl start app-healer")

    @pytest.fixture(autouse=True)
    def settled(self) -> None:
        """There is nothing to wait for: it stays as it is."""

    def test_page_is_not_served(self, web: Web) -> None:
        with pytest.raises(OSError, match=r"refused|timed out|reset"):
            web.get("/")

    def test_health_check_says_so(self, compose: Compose) -> None:
        assert "only the loopback interface is left" in compose.run(HEALTH_CHECK).stderr

    def test_health_check_fails(self, compose: Compose) -> None:
        assert compose.run(HEALTH_CHECK).failed

    def test_healer_repairs_what_it_finds_when_it_starts(self, host: Host, compose: Compose, web: Web) -> None:
        host.check_output("systemctl start app-healer")
        assert eventually(lambda: page_is_served(web), SERVES_AFTER)
