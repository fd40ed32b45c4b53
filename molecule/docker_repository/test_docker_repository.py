"""Docker from its own repository: what an operator finds on the host, then what changes and refusals do to it.

The tests run in the order of this file: each begins with the host as the one before has left it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.ground import ground

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

    from tests.scenario.docker_repository import Fingerprint, Play, Preflight

JOURNALD = {"insecure-registries": ["registry.lan:5000"], "log-driver": "journald"}


def engine_version(host: Host) -> str:
    return str(host.check_output("dpkg-query --show --showformat '${Version}' docker-ce"))


def engine_started(host: Host) -> str:
    return str(host.check_output("systemctl show docker --property ActiveEnterTimestampMonotonic"))


def container_started(host: Host) -> str:
    return str(host.check_output("docker inspect --format '{{.State.Running}} {{.State.StartedAt}}' witness"))


@pytest.fixture(scope="module")
def witness(host: Host) -> Iterator[str]:
    """Run a container that must outlive whatever happens to the engine; return its start."""
    host.check_output(
        "docker run --detach --name witness --publish 8420:80 --label com.docker.compose.project=blog "
        "registry.lan:5000/fullstack/busybox:1 busybox sleep 3600"
    )
    yield container_started(host)
    host.check_output("docker rm --force witness")


# --- what the first run leaves --------------------------------------------------------------------


def test_python_was_installed(host: Host) -> None:
    assert host.package("python3").is_installed


@pytest.mark.parametrize(
    "name",
    ["docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin", "docker-buildx-plugin"],
)
def test_package_comes_from_the_repository(host: Host, name: str) -> None:
    assert "apt.lan" in host.check_output(f"apt-cache policy {name}")
    assert host.package(name).is_installed


def test_the_pinned_engine_is_installed_though_a_newer_one_is_there(host: Host) -> None:
    assert engine_version(host).startswith("5:26.1.4-")
    assert "Candidate: 5:26.1.5-" in host.check_output("apt-cache policy docker-ce")


def test_apt_trusts_that_key_for_that_repository_only(host: Host) -> None:
    source = host.file("/etc/apt/sources.list.d/docker.sources")
    assert source.contains("^Signed-By: /etc/apt/keyrings/docker.asc$")
    assert source.contains("^URIs: http://apt.lan/linux/debian$")
    assert host.file("/etc/apt/keyrings/docker.asc").mode == 0o644
    assert host.check_output("ls /etc/apt/trusted.gpg.d | grep -v debian-archive || true") == ""


def test_the_engine_runs_and_starts_at_boot(host: Host) -> None:
    service = host.service("docker")
    assert service.is_running
    assert service.is_enabled


@pytest.mark.parametrize("command", ["docker compose version", "docker buildx version"])
def test_plugin_answers(host: Host, command: str) -> None:
    assert host.run(command).succeeded


def test_the_engine_took_its_configuration(host: Host) -> None:
    information = json.loads(host.check_output("docker info --format '{{json .}}'"))
    assert information["LiveRestoreEnabled"]
    assert information["LoggingDriver"] == "local"
    assert "registry.lan:5000" in information["RegistryConfig"]["IndexConfigs"]


def test_daemon_json_joins_defaults_and_options(host: Host) -> None:
    assert json.loads(host.file("/etc/docker/daemon.json").content_string) == {
        "insecure-registries": ["registry.lan:5000"],
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 16384, "Hard": 16384}},
        "icc": False,
        "live-restore": True,
        "log-level": "info",
        "no-new-privileges": True,
        "userland-proxy": False,
        "log-driver": "local",
        "log-opts": {"max-file": "5", "max-size": "10m"},
    }


def test_kernel_settings_are_in_force_and_kept(host: Host) -> None:
    assert host.sysctl("vm.overcommit_memory") == 1
    assert host.file("/etc/sysctl.d/60-docker-host.conf").contains("^vm.overcommit_memory = 1$")


# --- changes --------------------------------------------------------------------------------------


def test_new_options_restart_the_engine_and_no_container(host: Host, play: Play, witness: str) -> None:
    before = engine_started(host)
    play(docker_host_daemon_options=JOURNALD)
    # journald rotates by itself and knows no log-opts
    assert "log-opts" not in json.loads(host.file("/etc/docker/daemon.json").content_string)
    assert host.check_output("docker info --format '{{.LoggingDriver}}'") == "journald"
    assert engine_started(host) != before
    assert container_started(host) == witness


def test_a_run_that_ended_before_the_restart_is_made_good(host: Host, play: Play, witness: str) -> None:
    # Such a run leaves a daemon.json that is newer than the engine
    host.check_output("touch /etc/docker/daemon.json")
    before = engine_started(host)
    play(docker_host_daemon_options=JOURNALD)
    assert engine_started(host) != before
    assert container_started(host) == witness


def test_a_stopped_engine_is_started_and_enabled(host: Host, play: Play, witness: str) -> None:
    host.check_output("systemctl disable --now docker.service docker.socket")
    assert "changed=1" in play(docker_host_daemon_options=JOURNALD)
    assert host.service("docker").is_running
    assert host.service("docker").is_enabled
    assert container_started(host) == witness


def test_a_repository_signed_by_another_key_is_refused(host: Host, play: Play) -> None:
    # An empty key is Docker's own, which has not signed this repository
    output = play(fails=True, docker_host_repository_key="", docker_host_package_version="26.1.5")
    assert "docker_host_repository_key" in output
    assert "Missing key" in output
    assert engine_version(host).startswith("5:26.1.4-")
    assert host.service("docker").is_running


def test_a_new_pin_upgrades_the_engine_and_no_container(host: Host, play: Play, witness: str) -> None:
    play(docker_host_package_version="26.1.5")
    assert engine_version(host).startswith("5:26.1.5-")
    assert host.service("docker").is_running
    assert container_started(host) == witness


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param(
            {"docker_host_package_version": "24.0"},
            [
                "docker_host_package_version: 24.0 is older than Docker Engine 25.0",
                "docker_host_package_version: 24.0 is older than docker-ce 5:26.1.5",
            ],
            id="pin below the minimum, and below what is there",
        ),
        pytest.param(
            {
                "docker_host_package_source": "distribution",
                "docker_host_kernel_minimum": "99.1",
                "docker_host_daemon_options": {"data-root": "/srv/docker"},
            },
            [
                "docker_host_kernel_minimum: 99.1 is needed",
                "docker_host_package_source: distribution would replace the installed docker-ce",
                "docker_host_daemon_options: data-root would change from /var/lib/docker to /srv/docker",
            ],
            id="three at once",
        ),
        pytest.param(
            {"docker_host_package_source": "none", "docker_host_engine_minimum": "99"},
            ["docker_host_package_source: none leaves Docker Engine 26.1.5", "99 or later"],
            id="old engine that is not ours to upgrade",
        ),
        pytest.param(
            {
                "docker_host_package_version": "26.1.5",
                "docker_host_daemon_options": {"no-such-option": True},
            },
            ["docker_host_daemon_options: dockerd --validate", "no-such-option"],
            id="option that dockerd does not know",
        ),
    ],
)
@pytest.mark.usefixtures("witness")
def test_refused_without_a_trace(
    play: Play, fingerprint: Fingerprint, variables: dict[str, Any], words: list[str]
) -> None:
    before = fingerprint()
    output = play(fails=True, **{"docker_host_package_version": "26.1.5", **variables})
    for word in words:
        assert word in output
    assert fingerprint() == before


@pytest.mark.usefixtures("witness")
def test_an_engine_from_elsewhere_that_is_recent_enough_is_taken(play: Play) -> None:
    assert "changed=0" in play(docker_host_package_source="none")


@pytest.mark.usefixtures("witness")
def test_preflight_tells_all_that_is_wrong_and_changes_nothing(preflight: Preflight, fingerprint: Fingerprint) -> None:
    before = fingerprint()
    result = preflight(
        project="shop",
        minimum_memory_mb=10**9,
        minimum_disk_mb=10**9,
        published_ports=[
            {"port": 22, "variable": "nginx_frontend_port", "service": "nginx"},
            {"port": 8420, "variable": "postgres_port", "service": "db"},
            {"port": 8420, "address": "127.0.0.1", "variable": "redis_port", "service": "redis"},
        ],
    )
    assert [problem.partition(":")[0] for problem in result["problems"]] == [
        "compose_project_memory_minimum",
        "compose_project_disk_minimum",
        "redis_port",
        "nginx_frontend_port",
        "postgres_port",
        "redis_port",
    ]
    assert "held by process sshd (pid " in result["problems"][3]
    assert "held by container witness of project blog" in result["problems"][4]
    assert fingerprint() == before


@pytest.mark.usefixtures("witness")
def test_preflight_lets_a_project_keep_its_own_ports(preflight: Preflight) -> None:
    ports = [{"port": 8420, "variable": "nginx_frontend_port", "service": "nginx"}]
    result = preflight(project="blog", published_ports=ports)
    assert result["problems"] == []
    (listener,) = result["host"]["listeners"]
    # Without a userland proxy the engine itself holds the port
    assert (listener["process"], listener["container"]) == ("dockerd", "witness")


@pytest.fixture
def unsupported() -> Iterator[str]:
    """Run a system that is not supported, Debian's next release, without Python; return its name."""
    name = "fullstack-unsupported"
    label = f"--label={ground.PREFIX}=host"
    ground.docker("run", "--detach", label, f"--name={name}", f"{ground.PREFIX}/debian:forky", "sleep", "600")
    yield name
    ground.host_down(name)


def test_an_unsupported_system_is_refused_by_name(
    play: Play, unsupported: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    inventory = tmp_path_factory.mktemp("inventory") / "hosts.ini"
    inventory.write_text(
        f"[fullstack]\n{unsupported} ansible_connection=community.docker.docker ansible_become=false\n"
    )
    output = play(fails=True, inventory=str(inventory))
    assert "Debian GNU/Linux forky/sid is not supported; use Debian 12 or 13" in output
    assert ground.docker("diff", unsupported) == ""
