# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""What the firewall of a Docker host lets in. Pure: text and data in, nftables rules out.

Runs on managed hosts: Python 3.10 or later, standard library only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

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


def open_rules(ports: Sequence[Mapping[str, Any]], published: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the nftables rules that let connections in, each for one port.

    They match the port that the client asked for, whatever Docker makes of it.

    Args:
        ports: `port`, `protocol` (tcp or udp, by default tcp) and `from` (networks, by default any).
        published: `port`, `address` and `variable` of what the project publishes; what is published
            on a loopback address stays closed.

    Raises:
        FirewallError: a port, protocol or network is none.
    """
    rules: list[str] = []
    for entry in published:
        rules += _published_rules(entry)
    for number, entry in enumerate(ports):
        rules += _port_rules(entry, f"{PORTS}[{number}]")
    return list(dict.fromkeys(rules))


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


def _published_rules(entry: Mapping[str, Any]) -> list[str]:
    variable = entry["variable"]
    try:
        address = ipaddress.ip_address(entry["address"].strip("[]"))
    except ValueError:
        raise FirewallError(f"{variable}: is published on {entry['address']}; give an IP address") from None
    if address.is_loopback:
        return []
    to = "" if address.is_unspecified else f" ct original {_family(address.version)} daddr {address}"
    return [_rule("", "tcp", int(entry["port"]), to, variable)]


def _port_rules(entry: Mapping[str, Any], where: str) -> list[str]:
    unknown = sorted(set(entry) - {"port", "protocol", "from"})
    if unknown:
        raise FirewallError(f"{where}: there is no {', '.join(unknown)}; give port, protocol and from")
    port, protocol = _port(entry.get("port"), where), entry.get("protocol") or "tcp"
    if protocol not in ("tcp", "udp"):
        raise FirewallError(f"{where}.protocol: {protocol} is not known; use tcp or udp")
    sources = entry.get("from") or []
    networks = [_network(source, where) for source in (sources if isinstance(sources, list) else [sources])]
    if not networks:
        return [_rule("", protocol, port, "", PORTS)]
    rules = []
    for version in (4, 6):
        # Overlapping ones are joined: older versions of nft refuse them
        joined = ipaddress.collapse_addresses(  # type: ignore[type-var]
            network for network in networks if network.version == version
        )
        if texts := [str(network) for network in joined]:
            source = f"{_family(version)} saddr {{ {', '.join(texts)} }} "
            rules.append(_rule(source, protocol, port, "", PORTS))
    return rules


def _port(value: Any, where: str) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise FirewallError(f"{where}.port: {text} is no port; give a number from 1 to 65535")
    return int(text)


def _network(value: Any, where: str) -> Network:
    try:
        return ipaddress.ip_network(str(value).strip())
    except ValueError as error:
        raise FirewallError(f"{where}.from: {error}; give an address or a network such as 192.0.2.0/24") from None


def _family(version: int) -> str:
    return "ip" if version == 4 else "ip6"


def _rule(source: str, protocol: str, port: int, to: str, comment: str) -> str:
    return f'{source}meta l4proto {protocol} ct original proto-dst {port}{to} accept comment "{comment}"'
