"""What a second host reaches that has a route to the containers' networks and tries everything.

Beside the stack, the host runs what a firewall is for: a service of its own, and a container that
somebody published by hand.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.scenario.stack import PROJECT, SERVICES, Compose, Site, Web, eventually, run_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

INNER = {"backend": 8000, "db": 5432, "redis": 6379, "front_door": 80}
OWN_PORT = 9997
"""Of a service on the host itself."""
HANDMADE_PORT = 9999
"""Of the container that was published by hand; inside, it has the port that is open on the host."""
# The image's own label would make it one of the project's containers
SERVER = "--label=com.docker.compose.project=handmade --entrypoint=python3 app-backend:current -m http.server"
HOST6, NEIGHBOUR6 = "fd00:213::10", "fd00:213::11"
NETWORK6, CONTAINER6 = "fd00:99::/64", "fd00:99::99"
STARTED_AFTER = 60

Place = tuple[str, int]
# Prints those of the places that answer. A refusal is an answer: what is dropped gets none.
REACH = """
import concurrent.futures, json, socket, sys

def answers(place):
    try:
        socket.create_connection(place, timeout=2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True

places = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(places)) as pool:
    print(json.dumps([place for place, found in zip(places, pool.map(answers, map(tuple, places))) if found]))
"""


def reached(source: Host, *places: Place) -> list[Place]:
    """Return those of the places that answer a host."""
    answered = json.loads(source.check_output("python3 -c %s %s", REACH, json.dumps(places)))
    return [(address, port) for address, port in answered]


def served(host: Host, *ports: int) -> bool:
    """Tell whether the host itself is answered on ports of its own."""
    return len(reached(host, *(("127.0.0.1", port) for port in ports))) == len(ports)


def behind(host: Host, compose: Compose) -> list[Place]:
    """Return what there is behind the host, by the addresses of the containers themselves."""
    containers = {container.service: container for container in compose.containers()}
    inner = [(address, port) for name, port in INNER.items() for address in containers[name].addresses.values()]
    address = host.check_output("docker inspect --format %s handmade", "{{.NetworkSettings.Networks.bridge.IPAddress}}")
    return [*inner, (address, 8420)]


@pytest.fixture(scope="module", autouse=True)
def unsafe(host: Host, neighbour: Host, compose: Compose, web: Web) -> Iterator[None]:
    """Run what the firewall has to hide, and give the neighbour a route to the networks of the containers."""
    host.check_output(f"systemd-run --unit=own python3 -m http.server {OWN_PORT}")
    host.check_output(
        f"docker run --detach --restart=always --name=handmade --publish={HANDMADE_PORT}:8420 {SERVER} 8420"
    )
    subnet = "{{(index .IPAM.Config 0).Subnet}}"
    subnets = host.check_output("docker network inspect --format %s bridge app_backend app_frontend", subnet).split()
    for network in subnets:
        neighbour.check_output("ip route replace %s via %s", network, web.address)
    eventually(lambda: served(host, HANDMADE_PORT, OWN_PORT), STARTED_AFTER)
    yield
    for network in subnets:
        neighbour.check_output("ip route delete %s", network)
    host.run("systemctl stop own")
    host.check_output("docker rm --force handmade")
    eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), STARTED_AFTER)


@pytest.fixture
def no_firewall(host: Host) -> Iterator[None]:
    """Take the firewall out of force for a test."""
    host.check_output("systemctl stop fullstack-firewall")
    yield
    host.check_output("systemctl start fullstack-firewall")


@pytest.mark.usefixtures("no_firewall")
def test_without_the_firewall_all_of_it_is_reached(host: Host, neighbour: Host, compose: Compose, web: Web) -> None:
    places = [*behind(host, compose), (web.address, HANDMADE_PORT), (web.address, OWN_PORT)]
    assert reached(neighbour, *places) == places


class TestIPv6:
    """The same over IPv6, which the ground leaves off."""

    OWN = (HOST6, OWN_PORT + 1)
    HANDMADE = (CONTAINER6, 8420)
    SSH = (HOST6, 22)

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def addresses(cls, host: Host, neighbour: Host) -> Iterator[None]:
        """Give both hosts an address, and the first one a service and a container that have one too."""
        switch = "sysctl -q -w net.ipv6.conf.all.disable_ipv6={0} net.ipv6.conf.default.disable_ipv6={0}"
        for machine, address in ((host, HOST6), (neighbour, NEIGHBOUR6)):
            machine.check_output(switch.format(0))
            machine.check_output("ip address add %s/64 dev eth0 nodad", address)
        neighbour.check_output("ip route add %s via %s", NETWORK6, HOST6)
        host.check_output("sysctl -q -w net.ipv6.conf.all.forwarding=1")
        host.check_output("systemd-run --unit=own6 python3 -m http.server %s --bind ::", str(cls.OWN[1]))
        host.check_output("docker network create --ipv6 --subnet %s six", NETWORK6)
        host.check_output(
            f"docker run --detach --name=handmade6 --network=six --ip6=%s {SERVER} 8420 --bind ::", CONTAINER6
        )
        eventually(lambda: len(reached(host, cls.OWN, cls.HANDMADE)) == 2, STARTED_AFTER)
        yield
        host.check_output("docker rm --force handmade6")
        host.check_output("docker network rm six")
        host.check_output("systemctl stop own6")
        for machine in (host, neighbour):
            machine.check_output(switch.format(1))

    def test_ssh_alone_is_reached(self, neighbour: Host) -> None:
        assert reached(neighbour, self.SSH, self.OWN, self.HANDMADE) == [self.SSH]

    @pytest.mark.usefixtures("no_firewall")
    def test_without_the_firewall_all_of_it_is_reached(self, neighbour: Host) -> None:
        assert len(reached(neighbour, self.SSH, self.OWN, self.HANDMADE)) == 3


def test_a_session_outlives_the_firewall_coming_and_going(host: Host) -> None:
    command = ["ssh", "-F", str(PROJECT / ".cache/ground/ssh/config"), host.backend.get_hostname(), "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        for action in ("reload", "stop", "start"):
            host.check_output("systemctl %s fullstack-firewall", action)
            session.stdin.write(f"{action}\n")
            session.stdin.flush()
            assert session.stdout.readline() == f"{action}\n"
        session.stdin.close()


def test_the_distributions_own_rules_do_not_wipe_it_out(host: Host) -> None:
    wipe = "table inet fullstack_firewall\ndelete table inet fullstack_firewall\n"
    host.check_output("cp /etc/nftables.conf /etc/nftables.conf.kept && printf %s >/etc/nftables.conf", wipe)
    for action in ("start", "reload"):
        host.check_output("systemctl %s nftables", action)
        assert "policy drop" in host.check_output("nft list table inet fullstack_firewall")
    host.check_output("mv /etc/nftables.conf.kept /etc/nftables.conf")


def test_what_was_taken_out_by_hand_is_put_back(host: Host, neighbour: Host, compose: Compose, site: Site) -> None:
    before = host.check_output("nft list table inet fullstack_firewall")
    host.check_output("nft delete table inet fullstack_firewall")
    assert site.apply().changed == 1
    assert host.check_output("nft list table inet fullstack_firewall") == before
    assert reached(neighbour, *behind(host, compose)) == []


def test_an_interface_that_leads_outside_is_refused(host: Host, site: Site) -> None:
    before = host.check_output("nft list table inet fullstack_firewall")
    done = site.run(docker_host_firewall_inside=["docker0", "eth*"])
    assert done.code != 0
    assert "docker_host_firewall_inside: eth* takes in eth0" in done.said
    assert host.check_output("nft list table inet fullstack_firewall") == before


def test_a_port_is_opened_by_variable_for_whom_it_names(host: Host, neighbour: Host, web: Web, site: Site) -> None:
    friend = neighbour.interface("eth0").addresses[0]
    ports = [{"port": HANDMADE_PORT, "from": [friend]}, {"port": OWN_PORT, "from": ["192.0.2.0/24"]}]
    site.apply(docker_host_firewall_ports=ports)
    assert reached(neighbour, (web.address, HANDMADE_PORT), (web.address, OWN_PORT)) == [(web.address, HANDMADE_PORT)]
    site.apply()
    assert reached(neighbour, (web.address, HANDMADE_PORT), (web.address, OWN_PORT)) == []


class TestExposure:
    """As deployed, and after everything that could bring Docker's rules forward."""

    @pytest.fixture(scope="class", autouse=True, params=["deployed", "engine restarted", "rebooted"])
    @classmethod
    def state(
        cls, request: pytest.FixtureRequest, host: Host, compose: Compose, web: Web, reboot: Callable[[str], None]
    ) -> None:
        if request.param == "engine restarted":
            # Containers run on; their health is asked for half a minute later, which nothing here waits for
            host.check_output("systemctl restart docker")
        elif request.param == "rebooted":
            reboot(host.backend.get_hostname())
            eventually(lambda: compose.serving(len(SERVICES)), STARTED_AFTER)
        eventually(web.serving, STARTED_AFTER)
        eventually(lambda: served(host, HANDMADE_PORT), STARTED_AFTER)

    def test_all_ports_but_two_are_closed(self, neighbour: Host, web: Web) -> None:
        assert run_script(neighbour, "scan", web.address) == [22, web.port]

    def test_no_container_is_reached_by_its_own_address(self, host: Host, neighbour: Host, compose: Compose) -> None:
        assert reached(neighbour, *behind(host, compose)) == []

    def test_the_host_reaches_all_of_it(self, host: Host, compose: Compose) -> None:
        places = [*behind(host, compose), ("127.0.0.1", 8420), ("127.0.0.1", HANDMADE_PORT)]
        assert reached(host, *places) == places

    def test_containers_reach_the_outside(self, neighbour: Host, compose: Compose) -> None:
        place = (neighbour.interface("eth0").addresses[0], 22)
        assert json.loads(compose.exec("backend", "python3", "-c", REACH, json.dumps([place]))) == [list(place)]
