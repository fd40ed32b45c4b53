"""Engine, images and containers after the CIS Docker Benchmark; docs/hardening.md says which test is for what."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.scenario.stack import PROJECT, SERVICES, Compose, Container, Web

if TYPE_CHECKING:
    from pathlib import Path

    from testinfra.host import Host

# The directory and the volumes of the project
OWN = ("/opt/app/", "/var/lib/docker/volumes/app_")


@pytest.fixture(scope="module")
def containers(compose: Compose) -> dict[str, Container]:
    """Return the container of each service."""
    return {container.service: container for container in compose.containers()}


@pytest.fixture(scope="module")
def kernel(host: Host, containers: dict[str, Container]) -> dict[str, str]:
    """Return limits and status of the main process of each service, as the kernel has them."""
    files = " ".join(f"/proc/{container.pid}/limits /proc/{container.pid}/status" for container in containers.values())
    # tail names each file before its content
    parts = re.split(r"==> /proc/(\d+)/\w+ <==\n", host.check_output(f"tail --lines=+1 {files}"))[1:]
    texts: dict[int, str] = {}
    for pid, text in zip(parts[::2], parts[1::2], strict=True):
        texts[int(pid)] = texts.get(int(pid), "") + text
    return {service: texts[container.pid] for service, container in containers.items()}


@pytest.fixture(scope="module")
def information(host: Host) -> dict[str, Any]:
    """Return what the engine says of itself."""
    found: dict[str, Any] = json.loads(host.check_output("docker info --format '{{json .}}'"))
    return found


@pytest.fixture(scope="module")
def dockerfiles(host: Host) -> str:
    """Return all Dockerfiles on the host, lines that go on joined."""
    text = host.check_output("cat /opt/app/infra/docker/*.prod")
    return str(text).replace("\\\n", " ")


class TestEngine:
    """Section 2."""

    @pytest.fixture(scope="class")
    @classmethod
    def options(cls, host: Host) -> dict[str, Any]:
        """Return daemon.json."""
        found: dict[str, Any] = json.loads(host.file("/etc/docker/daemon.json").content_string)
        return found

    def test_containers_on_the_default_bridge_do_not_reach_each_other(self, host: Host) -> None:
        option = '{{ index .Options "com.docker.network.bridge.enable_icc" }}'
        assert host.check_output("docker network inspect bridge --format %s", option) == "false"

    def test_log_level_is_info(self, options: dict[str, Any]) -> None:
        assert options["log-level"] == "info"

    def test_engine_manages_its_packet_filter(self, options: dict[str, Any], host: Host, web: Web) -> None:
        assert "iptables" not in options
        assert f"--dport {web.port} " in host.check_output("iptables --table nat --list-rules DOCKER")

    def test_registries_are_encrypted_but_for_what_the_inventory_names(self, information: dict[str, Any]) -> None:
        registries = information["RegistryConfig"]["IndexConfigs"]
        assert {name for name, registry in registries.items() if not registry["Secure"]} == {"registry.lan:5000"}

    def test_storage_is_overlay2(self, information: dict[str, Any]) -> None:
        assert information["Driver"] == "overlay2"

    def test_engine_takes_orders_from_its_socket_alone(self, options: dict[str, Any], host: Host) -> None:
        assert "hosts" not in options
        assert re.findall(r"-H[ =](\S+)", host.check_output("ps -o args= -C dockerd")) == ["fd://"]

    def test_socket_is_open_to_root_and_the_group_docker(self, host: Host) -> None:
        socket = host.file("/run/docker.sock")
        assert (socket.user, socket.group, socket.mode) == ("root", "docker", 0o660)

    def test_nobody_is_in_the_group_docker(self, host: Host) -> None:
        assert host.group("docker").members == []

    @pytest.mark.parametrize("service", SERVICES)
    def test_open_files_are_limited(self, kernel: dict[str, str], service: str) -> None:
        assert re.search("Max open files +16384 +16384", kernel[service])

    @pytest.mark.parametrize("option", ["cgroup-parent", "storage-opts", "seccomp-profile", "experimental"])
    def test_default_is_kept(self, options: dict[str, Any], option: str) -> None:
        assert option not in options

    def test_logs_are_not_in_json_files(self, information: dict[str, Any]) -> None:
        assert information["LoggingDriver"] != "json-file"

    def test_container_without_any_option_cannot_gain_privileges(
        self, containers: dict[str, Container], host: Host
    ) -> None:
        image = containers["front_door"].inspect["Config"]["Image"]
        assert host.check_output(f"docker run --rm {image} grep NoNewPrivs /proc/self/status").split()[-1] == "1"

    def test_containers_outlive_the_engine(self, information: dict[str, Any]) -> None:
        assert information["LiveRestoreEnabled"]

    def test_no_proxy_stands_between(self, host: Host) -> None:
        assert host.process.filter(comm="docker-proxy") == []

    def test_system_calls_are_filtered(self, information: dict[str, Any]) -> None:
        assert [option for option in information["SecurityOptions"] if option.startswith("name=seccomp,")]

    def test_nothing_experimental_is_on(self, information: dict[str, Any]) -> None:
        assert not information["ExperimentalBuild"]

    def test_swarm_is_off(self, information: dict[str, Any]) -> None:
        assert information["Swarm"]["LocalNodeState"] == "inactive"


class TestDockerfiles:
    """Section 4."""

    def test_every_base_has_a_version(self, dockerfiles: str) -> None:
        bases = re.findall(r"^FROM (\S+)", dockerfiles, re.MULTILINE)
        assert bases
        assert [base for base in bases if not re.search(r":(?!latest$)[\w.-]+$|@sha256:", base)] == []

    @pytest.mark.parametrize("words", [r"^ADD ", r"\b(apt|apt-get|apk|dnf|yum) +update\b"])
    def test_no_dockerfile_says(self, dockerfiles: str, words: str) -> None:
        assert re.findall(words, dockerfiles, re.MULTILINE) == []

    @pytest.mark.parametrize("option", ["--locked", "--require-hashes", "--frozen-lockfile"])
    def test_packages_are_those_of_a_lock(self, dockerfiles: str, option: str) -> None:
        assert option in dockerfiles


class Setting(NamedTuple):
    """A key of `HostConfig`, and what it may be."""

    key: str
    allowed: tuple[Any, ...]


@pytest.mark.parametrize("service", SERVICES)
class TestContainer:
    """Section 5."""

    def test_no_security_profile_is_off(self, containers: dict[str, Container], service: str) -> None:
        options = containers[service].inspect["HostConfig"]["SecurityOpt"]
        assert [option for option in options if "unconfined" in option or "disable" in option] == []

    def test_apparmor_is_on_where_the_kernel_has_it(
        self, containers: dict[str, Container], information: dict[str, Any], service: str
    ) -> None:
        known = "name=apparmor" in information["SecurityOptions"]
        assert containers[service].inspect["AppArmorProfile"] == ("docker-default" if known else "")

    @pytest.mark.parametrize(
        "setting",
        [
            Setting("CapAdd", (None, [])),
            Setting("Privileged", (False,)),
            Setting("PidMode", ("",)),
            Setting("IpcMode", ("private",)),
            Setting("UTSMode", ("",)),
            Setting("UsernsMode", ("",)),
            Setting("CgroupParent", ("",)),
            Setting("Devices", (None, [])),
        ],
        ids=lambda setting: setting.key,
    )
    def test_setting_is_the_safe_one(self, containers: dict[str, Container], service: str, setting: Setting) -> None:
        assert containers[service].inspect["HostConfig"][setting.key] in setting.allowed

    def test_it_is_on_networks_of_its_own(self, containers: dict[str, Container], service: str) -> None:
        mode = containers[service].inspect["HostConfig"]["NetworkMode"]
        assert mode.startswith(("app_", "container:"))

    def test_mounts_are_the_projects_own(self, containers: dict[str, Container], service: str) -> None:
        sources = [mount["Source"] for mount in containers[service].inspect["Mounts"]]
        assert [source for source in sources if not source.startswith(OWN)] == []

    def test_mounts_are_not_passed_on(self, containers: dict[str, Container], service: str) -> None:
        kinds = {mount["Propagation"] for mount in containers[service].inspect["Mounts"]}
        assert kinds <= {"", "rprivate"}

    def test_memory_and_processor_are_limited(self, containers: dict[str, Container], service: str) -> None:
        settings = containers[service].inspect["HostConfig"]
        assert settings["Memory"] > 0
        assert settings["NanoCpus"] > 0

    def test_restarts_have_no_count(self, containers: dict[str, Container], service: str) -> None:
        assert containers[service].inspect["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] == 0

    def test_processes_are_those_of_the_service(self, containers: dict[str, Container], service: str) -> None:
        assert not [one for one in containers[service].processes if "sshd" in one["command"][0]]

    def test_system_calls_are_filtered(self, kernel: dict[str, str], service: str) -> None:
        # 2: by a filter
        assert re.search(r"^Seccomp:\s+2$", kernel[service], re.MULTILINE)


def test_front_door_alone_publishes_a_port(containers: dict[str, Container], web: Web) -> None:
    published = {
        service: [int(binding["HostPort"]) for binding in bindings]
        for service, container in containers.items()
        for bindings in container.inspect["NetworkSettings"]["Ports"].values()
        if bindings
    }
    assert published == {"front_door": [web.port]}


def test_published_port_is_no_privileged_one(web: Web) -> None:
    assert web.port >= 1024


def test_no_command_is_given_to_a_container_as_root() -> None:
    folders = (PROJECT / name for name in ("roles", "plugins", "playbooks"))
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".yml", ".j2"}]
    commands = re.compile(r"""(?:docker|compose)[ "',(]+exec\b.{0,80}""", re.DOTALL)
    found = [command for path in files for command in commands.findall(path.read_text())]
    assert found
    assert [command for command in found if re.search(r"""--privileged|(-u|--user)[ ="',]+(0|root)\b""", command)] == []


class Control(NamedTuple):
    """A line of the tables of docs/hardening.md."""

    number: str
    title: str
    state: str
    tests: str


class TestPage:
    """docs/hardening.md, against the numbers of docker-bench-security 1.6 and the tests that there are."""

    NUMBERS = (
        *(f"2.{number}" for number in range(1, 19)),
        *(f"4.{number}" for number in range(1, 13)),
        *(f"5.{number}" for number in range(1, 33)),
    )
    STATES = frozenset({"met", "not possible", "by hand", "exception"})

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls) -> str:
        return (PROJECT / "docs/hardening.md").read_text()

    @pytest.fixture(scope="class")
    @classmethod
    def controls(cls, page: str) -> list[Control]:
        lines = (line for line in page.splitlines() if re.match(r"\| \d+\.\d+ \|", line))
        return [Control(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines]

    def test_every_control_has_its_line(self, controls: list[Control]) -> None:
        assert tuple(control.number for control in controls) == self.NUMBERS

    def test_every_line_has_a_state(self, controls: list[Control]) -> None:
        assert {control.state.partition(":")[0] for control in controls} <= self.STATES

    def test_exceptions_are_few_and_have_a_reason(self, controls: list[Control], page: str) -> None:
        exceptions = [control.number for control in controls if control.state == "exception"]
        assert len(exceptions) <= 4
        assert exceptions == re.findall(r"^- \*\*(\d+\.\d+)\*\*", page, re.MULTILINE)

    def test_what_is_met_is_tested(self, controls: list[Control]) -> None:
        assert [control.number for control in controls if control.state == "met" and "`" not in control.tests] == []

    def test_every_test_exists(self, controls: list[Control]) -> None:
        named = re.findall(r"`([\w/]+\.py)::(\w+)(?:::(\w+))?`", " ".join(control.tests for control in controls))
        missing = [(file, name) for file, *names in named for name in names if name and not self.defines(file, name)]
        assert named
        assert missing == []

    @staticmethod
    def defines(file: str, name: str) -> bool:
        """Tell whether a file of tests, in this folder where no other is named, has a class or function of a name."""
        folder = PROJECT if "/" in file else PROJECT / "molecule/default/tests"
        path: Path = folder / file
        return re.search(rf"^ *(def|class) {name}\b", path.read_text(), re.MULTILINE) is not None
