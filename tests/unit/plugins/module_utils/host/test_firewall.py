"""Which rules the firewall gets, and which ports are refused."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.host import state as host_state
from ansible_collections.fullstack.docker.plugins.modules import preflight
from tests.unit.real_ansible import REPOSITORY

ROLE = REPOSITORY / "roles" / "docker_host"


def published(address: str, port: int = 8420) -> dict[str, Any]:
    return {"port": port, "address": address, "variable": "nginx_frontend_port", "service": "front_door"}


@pytest.mark.parametrize(
    ("address", "rules"),
    [
        ("0.0.0.0", ['meta l4proto tcp ct original proto-dst 8420 accept comment "nginx_frontend_port"']),
        ("::", ['meta l4proto tcp ct original proto-dst 8420 accept comment "nginx_frontend_port"']),
        (
            "192.0.2.7",
            [
                "meta l4proto tcp ct original proto-dst 8420 ct original ip daddr 192.0.2.7 "
                'accept comment "nginx_frontend_port"'
            ],
        ),
        (
            "[2001:db8::7]",
            [
                "meta l4proto tcp ct original proto-dst 8420 ct original ip6 daddr 2001:db8::7 "
                'accept comment "nginx_frontend_port"'
            ],
        ),
        ("127.0.0.1", []),
        ("127.1.2.3", []),
        ("::1", []),
    ],
)
def test_what_is_published_is_open_unless_on_a_loopback_address(address: str, rules: list[str]) -> None:
    assert firewall.open_rules([], [published(address)]) == rules


def test_a_port_is_open_to_everybody_unless_it_says_from_where() -> None:
    assert firewall.open_rules([{"port": 9100}], []) == [
        'meta l4proto tcp ct original proto-dst 9100 accept comment "docker_host_firewall_ports"'
    ]


def test_a_port_is_open_to_networks_of_both_families_and_joined_where_they_overlap() -> None:
    port = {"port": "53", "protocol": "udp", "from": ["10.1.0.0/16", "2001:db8::/32", "10.0.0.0/8", "192.0.2.1"]}
    assert firewall.open_rules([port], []) == [
        "ip saddr { 10.0.0.0/8, 192.0.2.1/32 } meta l4proto udp ct original proto-dst 53 "
        'accept comment "docker_host_firewall_ports"',
        "ip6 saddr { 2001:db8::/32 } meta l4proto udp ct original proto-dst 53 "
        'accept comment "docker_host_firewall_ports"',
    ]


def test_one_network_needs_no_list() -> None:
    (rule,) = firewall.open_rules([{"port": 53, "from": "192.0.2.0/24"}], [])
    assert rule.startswith("ip saddr { 192.0.2.0/24 } meta l4proto tcp ")


def test_a_port_that_is_asked_for_twice_has_one_rule() -> None:
    assert len(firewall.open_rules([{"port": 80}, {"port": 80, "protocol": "tcp"}], [])) == 1


@pytest.mark.parametrize(
    ("port", "message"),
    [
        ({"port": 0}, "docker_host_firewall_ports[1].port: 0 is no port"),
        ({"port": 65536}, "docker_host_firewall_ports[1].port: 65536 is no port"),
        ({"port": "6000-6010"}, "docker_host_firewall_ports[1].port: 6000-6010 is no port"),
        ({}, "docker_host_firewall_ports[1].port: None is no port"),
        ({"port": 53, "protocol": "sctp"}, "docker_host_firewall_ports[1].protocol: sctp is not known"),
        ({"port": 53, "from": ["10.0.0.1/8"]}, "docker_host_firewall_ports[1].from: 10.0.0.1/8 has host bits set"),
        ({"port": 53, "from": "office"}, "docker_host_firewall_ports[1].from: 'office' does not appear to be"),
        ({"port": 53, "source": "10.0.0.0/8"}, "docker_host_firewall_ports[1]: there is no source"),
    ],
)
def test_a_port_that_cannot_be_opened_is_refused(port: dict[str, Any], message: str) -> None:
    with pytest.raises(firewall.FirewallError) as refusal:
        firewall.open_rules([{"port": 80}, port], [])
    assert str(refusal.value).startswith(message)


def test_an_address_that_is_none_is_refused_by_its_variable() -> None:
    with pytest.raises(firewall.FirewallError, match="nginx_frontend_port: is published on localhost"):
        firewall.open_rules([], [published("localhost")])


def test_what_comes_from_containers_is_let_through_by_its_interface() -> None:
    assert firewall.inside_rules(["docker0", "br-*"], ["eth0", "br0"]) == [
        'iifname "docker0" accept',
        'iifname "br-*" accept',
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("br-*", "docker_host_firewall_inside: br-* takes in br-lan, over which this host reaches the outside"),
        ("br-lan", "docker_host_firewall_inside: br-lan takes in br-lan"),
        ("*", "docker_host_firewall_inside: * is no interface"),
        ('docker0" accept', 'docker_host_firewall_inside: docker0" accept is no interface'),
        ("", "docker_host_firewall_inside:  is no interface"),
    ],
)
def test_an_interface_that_leads_outside_is_refused_as_one_of_containers(name: str, message: str) -> None:
    with pytest.raises(firewall.FirewallError) as refusal:
        firewall.inside_rules(["docker0", name], ["eth0", "br-lan"])
    assert str(refusal.value).startswith(message)


@given(st.dictionaries(st.sampled_from(["port", "protocol", "from"]), st.text() | st.integers() | st.lists(st.text())))
def test_no_value_gets_into_the_rules_as_it_is(port: dict[str, Any]) -> None:
    try:
        rules = firewall.open_rules([port], [])
    except firewall.FirewallError:
        return
    assert all(rule.count('"') == 2 and "\n" not in rule and ";" not in rule for rule in rules)


NETWORKS = st.sampled_from(["10.0.0.0/8", "192.0.2.1", "0.0.0.0/0", "2001:db8::/32", "::/0"])
PUBLISHED = st.fixed_dictionaries(
    {
        "port": st.integers(1, 65535),
        "address": st.sampled_from(["0.0.0.0", "::", "192.0.2.7", "2001:db8::7", "127.0.0.1"]),
        "from": st.lists(NETWORKS, max_size=3),
        "variable": st.sampled_from(["postgres_port", "nginx_frontend_port"]),
    }
)


@given(st.lists(PUBLISHED), st.sampled_from(["", "shop", "a_b-c.d"]))
def test_rules_are_read_as_they_are_written(published: list[dict[str, Any]], project: str) -> None:
    written = [rule for opening in firewall.openings([], published) for rule in firewall.rules_of(opening, project)]
    text = firewall.ruleset(written, ["docker0"], [22, 2222])
    read = firewall.parse_rules(text)
    assert [rule for name, opening in read for rule in firewall.rules_of(opening, name)] == list(dict.fromkeys(written))
    assert firewall.parse_ssh_ports(text) == [22, 2222]


def test_a_published_port_is_open_to_those_alone_that_it_names() -> None:
    (rule,) = firewall.open_rules([], [{**published("0.0.0.0", 3421), "from": ["192.0.2.0/24"]}])
    assert rule.startswith("ip saddr { 192.0.2.0/24 } meta l4proto tcp ct original proto-dst 3421 accept")


def test_a_network_that_is_none_is_refused_by_its_variable() -> None:
    entry = {**published("0.0.0.0", 3421), "variable": "postgres_port", "from": ["office"]}
    with pytest.raises(firewall.FirewallError, match=r"^postgres_port_from: 'office' does not appear to be"):
        firewall.openings([], [entry])


# --- what is read from the host -------------------------------------------------------------------

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100D50A\t0003\t0\t0\t0\t00000000\t0\t0\t0
tun0\t00000000\t0100000A\t0003\t0\t0\t0\t00000080\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
ZERO = "0" * 32
ROUTES6 = f"""\
{ZERO} 00 {ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 br-lan
fe800000000000000000000000000000 40 {ZERO} 00 {ZERO} 00000100 00000001 00000000 00000001 eth1
{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200 lo
"""


def test_default_routes_of_both_families_lead_outside() -> None:
    assert firewall.default_interfaces(ROUTES, ROUTES6) == ["br-lan", "eth0"]
    assert firewall.default_interfaces("", "") == []


def test_this_system_can_be_asked() -> None:
    found = preflight.read_firewall()
    assert found["in_force"] is False
    assert found["enabled"] is False


def test_the_port_of_the_connection_is_found_in_a_process_above() -> None:
    # As by sudo: the shell has the variable, what it runs has not
    with subprocess.Popen(
        ["sh", "-c", "env --unset=SSH_CONNECTION sleep 60 & echo $!; wait"],
        env={**os.environ, "SSH_CONNECTION": "192.0.2.9 50000 192.0.2.1 2222"},
        stdout=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        pid = int(shell.stdout.readline())
        assert host_state.read_connection_port(pid) == 2222
        os.kill(pid, signal.SIGTERM)


def test_a_process_that_is_gone_has_no_connection() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    assert host_state.read_connection_port(gone.pid) is None


# --- agreement with the role ----------------------------------------------------------------------


def test_the_role_and_the_module_mean_the_same_files() -> None:
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    assert variables["__docker_host_firewall_unit"] == firewall.UNIT
    assert variables["__docker_host_firewall_list"] == " ".join(firewall.LIST)
    assert variables["__docker_host_firewall_rules"] == firewall.RULES
    assert variables["__docker_host_daemon_path"] == host_share.DAEMON
    assert variables["__docker_host_sysctl_path"] == host_share.SYSCTLS
    assert f"truncate:{firewall.LOADED}\n" in (ROLE / "templates" / "firewall.service.j2").read_text()
