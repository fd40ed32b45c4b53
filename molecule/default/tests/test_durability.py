"""What was written is there afterwards, and the stack serves again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import pytest

from tests.scenario.stack import SERVICES, Compose, Container, Site, Web, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

STARTED_AFTER = 60
KILLED_SERVES_AFTER = 15


class Data(NamedTuple):
    """A note in PostgreSQL and a number in Redis."""

    note: str
    visits: int


@pytest.fixture(scope="module")
def data(web: Web) -> Data:
    """Write both."""
    note = f"to outlive what follows, {uuid4()}"
    web.add_note(note)
    return Data(note, web.post("/api/visits").json()["count"])


def is_there(data: Data, web: Web) -> bool:
    """Tell whether both are as they were written."""
    return data.note in web.notes() and data.visits == web.visits()


@pytest.fixture(
    scope="class",
    params=[
        ("docker compose down", "docker compose up -d"),
        ("docker compose down -v", "site.yml"),
    ],
    ids=" then ".join,
)
def down_and_up(request: pytest.FixtureRequest, data: Data, compose: Compose, site: Site, web: Web) -> None:
    """Take the project down and bring it up."""
    down, up = request.param
    compose.output(down)
    assert compose.containers() == []
    if up == "site.yml":
        site.apply()
    else:
        compose.output(up)
    eventually(web.serving, STARTED_AFTER)


def test_data_outlives_the_containers(down_and_up: None, data: Data, web: Web) -> None:
    assert is_there(data, web)


class TestKilled:
    """The main process of a service is killed from the host: a crash."""

    @pytest.fixture(scope="class", params=["nginx", "backend", "db", "redis"])
    @classmethod
    def killed(cls, request: pytest.FixtureRequest, data: Data, compose: Compose, web: Web) -> str:
        service = str(request.param)
        before = compose.container(service)
        compose.kill(service)
        eventually(lambda: compose.container(service).pid not in {0, before.pid}, KILLED_SERVES_AFTER)
        eventually(web.serving, KILLED_SERVES_AFTER)
        return service

    def test_data_outlives_the_crash(self, killed: str, data: Data, web: Web) -> None:
        assert is_there(data, web)

    def test_service_becomes_healthy(self, killed: str, compose: Compose) -> None:
        assert eventually(lambda: compose.health(killed) == "healthy", KILLED_SERVES_AFTER)


class TestStopped:
    """`docker compose stop` ends each service cleanly: killed ones end with 137."""

    @pytest.fixture(scope="class")
    @classmethod
    def stopped(cls, compose: Compose, web: Web) -> Iterator[dict[str, Container]]:
        compose.output("docker compose stop")
        yield {container.service: container for container in compose.containers()}
        compose.output("docker compose start")
        eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), STARTED_AFTER)

    @pytest.mark.parametrize("service", ["nginx", "backend", "db", "redis"])
    def test_service_ended_by_itself(self, stopped: dict[str, Container], service: str) -> None:
        assert stopped[service].exit_code == 0


class TestRebooted:
    """The host was restarted under the stack."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def rebooted(cls, data: Data, reboot: Callable[[str], None], host: Host, compose: Compose, web: Web) -> None:
        reboot(host.backend.get_hostname())
        eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), STARTED_AFTER)

    def test_data_outlives_the_reboot(self, data: Data, web: Web) -> None:
        assert is_there(data, web)

    def test_nginx_is_where_its_front_door_is(self, compose: Compose) -> None:
        assert compose.container("nginx").network_namespace == compose.container("front_door").network_namespace

    def test_kernel_setting_is_in_force(self, host: Host) -> None:
        assert host.sysctl("vm.overcommit_memory") == 1

    @pytest.mark.parametrize("unit", ["docker", "app-healer"])
    def test_unit_runs(self, host: Host, unit: str) -> None:
        assert host.service(unit).is_running
