"""Who reaches what: from which network, by which names; what a second host reaches, test_exposure.py asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.scenario.stack import Compose, Container

if TYPE_CHECKING:
    from testinfra.host import Host

INNER = {"backend": 8000, "db": 5432, "redis": 6379}
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)"
RESOLVE = "import json, socket, sys; print(json.dumps({name: socket.gethostbyname(name) for name in sys.argv[1:]}))"


@pytest.fixture(scope="module")
def containers(compose: Compose) -> dict[str, Container]:
    """Return the container of each service."""
    return {container.service: container for container in compose.containers()}


@pytest.mark.parametrize("service", INNER)
def test_service_is_on_the_backend_network_alone(containers: dict[str, Container], service: str) -> None:
    assert set(containers[service].addresses) == {"app_backend"}


def test_front_door_is_on_both_networks(containers: dict[str, Container]) -> None:
    assert set(containers["front_door"].addresses) == {"app_backend", "app_frontend"}


@pytest.mark.parametrize("service", INNER)
@pytest.mark.parametrize(("network", "reached"), [("app_backend", True), ("app_frontend", False)])
def test_service_is_reached_from_its_own_network_alone(
    host: Host, containers: dict[str, Container], service: str, network: str, reached: bool
) -> None:
    done = host.run(
        "docker run --rm --network %s --entrypoint python3 app-backend:current -c %s %s %s",
        network,
        CONNECT,
        containers[service].addresses["app_backend"],
        str(INNER[service]),
    )
    assert done.succeeded == reached, done.stderr


class TestNames:
    """Of the services, and those that people know them by."""

    NAMES = (
        ("backend", "backend"),
        ("db", "db"),
        ("redis", "redis"),
        ("nginx", "front_door"),
        ("app-backend", "backend"),
        ("app-db", "db"),
        ("app-redis", "redis"),
        ("app-nginx", "front_door"),
    )

    @pytest.fixture(scope="class")
    @classmethod
    def resolved(cls, compose: Compose) -> dict[str, str]:
        """Return the address that the backend finds for each name."""
        names = (name for name, _service in cls.NAMES)
        found: dict[str, str] = json.loads(compose.exec("backend", "python3", "-c", RESOLVE, *names))
        return found

    @pytest.mark.parametrize(("name", "service"), NAMES)
    def test_name_leads_to_the_service(
        self, resolved: dict[str, str], containers: dict[str, Container], name: str, service: str
    ) -> None:
        assert resolved[name] == containers[service].addresses["app_backend"]
