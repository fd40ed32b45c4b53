# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""What the firewall of a Docker host lets in. Pure: text and data in, nftables rules out.

Runs on managed hosts: Python 3.10 or later, standard library only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

RULES = "/etc/fullstack-firewall.nft"
"""The rule set, as it is loaded."""
LOADED = "/run/fullstack-firewall"
"""What nft listed right after it was loaded."""
UNIT = "fullstack-firewall.service"
LIST = ("/usr/sbin/nft", "--stateless", "list", "table", "inet", "fullstack_firewall")
"""Command that lists the rules in force, in the words of LOADED."""

PORTS = "docker_host_firewall_ports"
INSIDE = "docker_host_firewall_inside"
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}\*?")

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

Opening = TypedDict(
    "Opening", {"port": int, "protocol": str, "address": str, "from": "list[str]", "variable": str, "service": str}
)
"""A port that others may ask for. `address` is where it is published, empty for any; without `from` everybody may;
`service` is the one that publishes it, empty for a port of the host."""

# As open_rules writes them, and as the version did that knew of one project only
_RULE = re.compile(
    r"\s*(?:ip6? saddr \{ (?P<from>[^}]*) \} )?meta l4proto (?P<protocol>tcp|udp) ct original proto-dst (?P<port>\d+)"
    r'(?: ct original ip6? daddr (?P<address>\S+))? accept comment "(?:(?P<project>[^":\s]+): )?(?P<variable>[^"]*)"'
)
_SSH = re.compile(r"^\s*tcp dport \{ ([\d, ]+) \} accept$", re.MULTILINE)
# nft takes no longer ones
_COMMENT_LENGTH = 127

_RULESET = """\
# Ansible managed. It is made of what each project on this host asks for: /etc/fullstack.docker/
# Replaces its own table in one step, and touches no other one.
table inet fullstack_firewall
delete table inet fullstack_firewall
table inet fullstack_firewall {
    # Ports that others may ask for. What counts is the port asked for, not where Docker leads it.
    chain open {
%(open)s    }

    # To the host itself, Docker's proxies included
    chain input {
        type filter hook input priority filter - 10; policy drop;
        iifname "lo" accept
        ct state established,related accept
        # Where sshd listens; by the port of its socket, so that a redirected one is let in too
        tcp dport { %(ssh)s } accept
        icmp type { destination-unreachable, time-exceeded, parameter-problem, echo-request } accept
        # Without neighbour discovery and router advertisements there is no IPv6 (RFC 4890)
        icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request } accept
        icmpv6 type { mld-listener-query, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
        # A DHCPv6 server answers a request that was sent to a group
        ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
        jump open
    }

    # Through the host, before Docker's own rules: what comes from outside and Docker has not redirected was sent
    # straight to the address of a container
    chain forward {
        type filter hook forward priority filter - 10; policy drop;
        ct state established,related accept
%(inside)s        ct status dnat jump open
    }
}
"""


class FirewallError(Exception):
    """A value that no rule can be made of; the message names the variable and the remedy."""


def default_interfaces(routes: str, routes6: str) -> list[str]:
    """Return the interfaces over which the host reaches everything else.

    Args:
        routes: /proc/net/route.
        routes6: /proc/net/ipv6_route.
    """
    # Interface Destination Gateway Flags RefCnt Use Metric Mask …
    rows = (line.split() for line in routes.splitlines()[1:])
    found = {row[0] for row in rows if len(row) > 7 and int(row[1], 16) == int(row[7], 16) == 0}
    # Destination prefix … Interface; the kernel keeps an unreachable default on lo
    rows = (line.split() for line in routes6.splitlines())
    found |= {row[-1] for row in rows if len(row) > 9 and int(row[0], 16) == int(row[1], 16) == 0}
    return sorted(found - {"lo"})


def openings(ports: Sequence[Mapping[str, Any]], published: Iterable[Mapping[str, Any]]) -> list[Opening]:
    """Return what is asked for, each port in the same form.

    Args:
        ports: of the host: `port`, `protocol` (tcp or udp, by default tcp) and `from` (networks, by default any).
        published: of the project: `port`, `address`, `from`, `service`, and `variable`, which sets the port.

    Raises:
        FirewallError: a port, protocol, address or network is none.
    """
    found = [_published(entry) for entry in published]
    return found + [_port_of_host(entry, f"{PORTS}[{number}]") for number, entry in enumerate(ports)]


def reaches_outside(opening: Opening) -> bool:
    """Tell whether a port is one for others: what is published on a loopback address stays closed."""
    return not (opening["address"] and ipaddress.ip_address(opening["address"]).is_loopback)


def rules_of(opening: Opening, project: str = "") -> list[str]:
    """Return the nftables rules that let others ask for a port; none for one on a loopback address.

    They match the port that the client asked for, whatever Docker makes of it.
    """
    if not reaches_outside(opening):
        return []
    to = ""
    if opening["address"]:
        address = ipaddress.ip_address(opening["address"])
        to = "" if address.is_unspecified else f" ct original {_family(address.version)} daddr {address}"
    comment = f"{project}: {opening['variable']}" if project else opening["variable"]
    rule = (
        f"meta l4proto {opening['protocol']} ct original proto-dst {opening['port']}{to} accept "
        f'comment "{comment[:_COMMENT_LENGTH]}"'
    )
    if not opening["from"]:
        return [rule]
    networks = [ipaddress.ip_network(source) for source in opening["from"]]
    rules = []
    for version in (4, 6):
        if texts := [str(network) for network in networks if network.version == version]:
            rules.append(f"{_family(version)} saddr {{ {', '.join(texts)} }} {rule}")
    return rules


def open_rules(ports: Sequence[Mapping[str, Any]], published: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the rules of what openings() makes of the arguments, each once.

    Raises:
        FirewallError: a port, protocol, address or network is none.
    """
    return list(dict.fromkeys(rule for opening in openings(ports, published) for rule in rules_of(opening)))


def parse_rules(text: str) -> list[tuple[str, Opening]]:
    """Return the openings that a rule set has, each with its project (empty where none is named)."""
    found: list[tuple[str, Opening]] = []
    for match in filter(None, map(_RULE.fullmatch, text.splitlines())):
        opening: Opening = {
            "port": int(match["port"]),
            "protocol": match["protocol"],
            "address": match["address"] or "",
            "from": [source.strip() for source in (match["from"] or "").split(",") if source.strip()],
            "variable": match["variable"],
            "service": "",
        }
        found.append((match["project"] or "", opening))
    return found


def parse_ssh_ports(text: str) -> list[int]:
    """Return the ports that a rule set opens for SSH."""
    match = _SSH.search(text)
    return [int(port) for port in match[1].split(",")] if match else []


def ruleset(rules: Iterable[str], inside: Iterable[str], ssh_ports: Iterable[int]) -> str:
    """Return the whole rule set.

    Args:
        rules: for ports, as rules_of() makes them.
        inside: interfaces that may send through the host; inside_rules() refuses those that must not.
        ssh_ports: ports to let in for SSH.
    """
    return _RULESET % {
        "open": "".join(f"        {rule}\n" for rule in dict.fromkeys(rules)),
        "inside": "".join(f"        {rule}\n" for rule in inside_rules(inside, [])),
        "ssh": ", ".join(map(str, sorted(set(ssh_ports)))),
    }


def inside_rules(inside: Iterable[str], uplinks: Iterable[str]) -> list[str]:
    """Return the nftables rules that let through what comes from the inside.

    Args:
        inside: interfaces that containers send from; an asterisk at the end stands for anything.
        uplinks: interfaces over which the host reaches the outside.

    Raises:
        FirewallError: an interface is none, or leads outside: the firewall would let everything through.
    """
    rules: list[str] = []
    for name in map(str, inside):
        if not _INTERFACE.fullmatch(name):
            raise FirewallError(f"{INSIDE}: {name} is no interface; give a name such as docker0 or br-*")
        for uplink in uplinks:
            if uplink == name or (name.endswith("*") and uplink.startswith(name[:-1])):
                raise FirewallError(
                    f"{INSIDE}: {name} takes in {uplink}, over which this host reaches the outside, so that the "
                    "firewall would let everything through; name the bridges of containers more exactly"
                )
        rules.append(f'iifname "{name}" accept')
    return rules


def _published(entry: Mapping[str, Any]) -> Opening:
    variable = entry["variable"]
    try:
        address = ipaddress.ip_address(entry["address"].strip("[]"))
    except ValueError:
        raise FirewallError(f"{variable}: is published on {entry['address']}; give an IP address") from None
    return {
        "port": int(entry["port"]),
        "protocol": "tcp",
        "address": str(address),
        "from": _networks(entry.get("from") or [], f"{variable}_from"),
        "variable": variable,
        "service": entry.get("service") or "",
    }


def _port_of_host(entry: Mapping[str, Any], where: str) -> Opening:
    unknown = sorted(set(entry) - {"port", "protocol", "from"})
    if unknown:
        raise FirewallError(f"{where}: there is no {', '.join(unknown)}; give port, protocol and from")
    port, protocol = _port(entry.get("port"), where), entry.get("protocol") or "tcp"
    if protocol not in ("tcp", "udp"):
        raise FirewallError(f"{where}.protocol: {protocol} is not known; use tcp or udp")
    sources = _networks(entry.get("from") or [], f"{where}.from")
    return {"port": port, "protocol": protocol, "address": "", "from": sources, "variable": PORTS, "service": ""}


def _networks(sources: Any, where: str) -> list[str]:
    networks = [_network(source, where) for source in (sources if isinstance(sources, list) else [sources])]
    joined: list[str] = []
    for version in (4, 6):
        # Overlapping ones are joined: older versions of nft refuse them
        family = (network for network in networks if network.version == version)
        joined += map(str, ipaddress.collapse_addresses(family))  # type: ignore[type-var]
    return joined


def _port(value: Any, where: str) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise FirewallError(f"{where}.port: {text} is no port; give a number from 1 to 65535")
    return int(text)


def _network(value: Any, where: str) -> Network:
    try:
        return ipaddress.ip_network(str(value).strip())
    except ValueError as error:
        raise FirewallError(f"{where}: {error}; give an address or a network such as 192.0.2.0/24") from None


def _family(version: int) -> str:
    return "ip" if version == 4 else "ip6"
