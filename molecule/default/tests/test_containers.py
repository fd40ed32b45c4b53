"""What the kernel enforces on the containers, and what the engine does for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.scenario.stack import SERVICES, Compose, Container

if TYPE_CHECKING:
    from testinfra.host import Host

MEBIBYTE = 1024 * 1024


class Limits(NamedTuple):
    """As the specification's table has them; memory in MiB."""

    cpus: float
    memory: int
    cpus_reserved: float
    memory_reserved: int


LIMITS = {
    "nginx": Limits(1.0, 256, 0.25, 64),
    "backend": Limits(2.0, 1024, 0.5, 256),
    "db": Limits(1.0, 512, 0.25, 128),
    "redis": Limits(0.5, 256, 0.1, 64),
}
UIDS = {"front_door": 65534, "nginx": 101, "backend": 1001, "db": 999, "redis": 999}
CHECKED = ("nginx", "backend", "db", "redis")


@pytest.fixture(scope="module")
def containers(compose: Compose) -> dict[str, Container]:
    """Return the container of each service."""
    return {container.service: container for container in compose.containers()}


@pytest.mark.parametrize("service", LIMITS)
def test_memory_is_limited(containers: dict[str, Container], service: str) -> None:
    assert containers[service].limits["memory"] == LIMITS[service].memory * MEBIBYTE


@pytest.mark.parametrize("service", LIMITS)
def test_memory_is_reserved(containers: dict[str, Container], service: str) -> None:
    assert containers[service].limits["memory_reserved"] == LIMITS[service].memory_reserved * MEBIBYTE


@pytest.mark.parametrize("service", LIMITS)
def test_processor_time_is_limited(host: Host, containers: dict[str, Container], service: str) -> None:
    cores = int(host.check_output("nproc"))
    assert containers[service].limits["cpus"] == min(LIMITS[service].cpus, cores)


@pytest.mark.parametrize("service", LIMITS)
def test_processor_time_is_reserved(containers: dict[str, Container], service: str) -> None:
    # A core is 1024 shares; cgroup v2 knows them by a coarser weight
    assert containers[service].limits["cpu_shares"] == pytest.approx(LIMITS[service].cpus_reserved * 1024, abs=30)


@pytest.mark.parametrize(
    ("service", "most"), [("front_door", 8), ("nginx", 50), ("backend", 200), ("db", 400), ("redis", 50)]
)
def test_number_of_processes_is_limited(containers: dict[str, Container], service: str, most: int) -> None:
    assert containers[service].limits["pids"] == most


@pytest.mark.parametrize("service", UIDS)
def test_every_process_has_the_uid_of_its_service(containers: dict[str, Container], service: str) -> None:
    assert {uid for process in containers[service].processes for uid in process["uids"]} == {UIDS[service]}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"])
def test_no_process_has_a_capability(containers: dict[str, Container], service: str, kind: str) -> None:
    assert {process["capabilities"][kind] for process in containers[service].processes} == {0}


@pytest.mark.parametrize("service", SERVICES)
def test_no_process_can_gain_privileges(containers: dict[str, Container], service: str) -> None:
    assert all(process["no_new_privileges"] for process in containers[service].processes)


@pytest.mark.parametrize("service", SERVICES)
def test_root_is_read_only(containers: dict[str, Container], service: str) -> None:
    assert "ro" in containers[service].mounts["/"]


@pytest.mark.parametrize(
    ("service", "folder"),
    [
        ("nginx", "/etc/nginx/fullstack"),
        ("backend", "/etc/fullstack"),
        ("db", "/etc/postgresql"),
        ("redis", "/etc/redis"),
    ],
)
def test_configuration_is_read_only(containers: dict[str, Container], service: str, folder: str) -> None:
    assert "ro" in containers[service].mounts[folder]


@pytest.mark.parametrize("service", CHECKED)
def test_service_is_healthy(containers: dict[str, Container], service: str) -> None:
    assert containers[service].health == "healthy"


@pytest.mark.parametrize("service", CHECKED)
def test_health_is_asked_for_at_once(containers: dict[str, Container], service: str) -> None:
    a_second = 1_000_000_000
    assert containers[service].inspect["Config"]["Healthcheck"]["StartInterval"] == a_second


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_started_again(containers: dict[str, Container], service: str) -> None:
    assert containers[service].inspect["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.mark.parametrize("service", SERVICES)
def test_log_is_rotated(containers: dict[str, Container], service: str) -> None:
    rotation = {"max-size": "10m", "max-file": "5"}
    assert containers[service].inspect["HostConfig"]["LogConfig"] == {"Type": "local", "Config": rotation}


def test_no_container_was_killed_for_memory(containers: dict[str, Container]) -> None:
    assert {service: container.limits["oom_kills"] for service, container in containers.items()} == dict.fromkeys(
        containers, 0
    )


def test_nginx_is_where_its_front_door_is(containers: dict[str, Container]) -> None:
    assert containers["nginx"].network_namespace == containers["front_door"].network_namespace


def test_connection_moves_to_another_nginx_when_its_listener_closes(compose: Compose) -> None:
    assert compose.exec("front_door", "cat", "/proc/sys/net/ipv4/tcp_migrate_req") == "1"


def test_redis_may_fork_however_much_memory_it_holds(host: Host) -> None:
    assert host.sysctl("vm.overcommit_memory") == 1
