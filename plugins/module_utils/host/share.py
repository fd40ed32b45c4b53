# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""What each project on a host asks of the host itself, and what all of them make of it together.

Firewall, daemon.json and kernel settings are there once on a host, and several projects may be. Each has a share: a
file with what it asks for. What is in force is the union of all shares, so that no project takes away what another
one needs. Pure: text and data in, data, text and messages out.

Runs on managed hosts: Python 3.10 or later, standard library only.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall
from ansible_collections.fullstack.docker.plugins.module_utils.host.firewall import Opening

VERSION = 1
FOLDER = "/etc/fullstack.docker"
"""Holds one share a project."""
DAEMON = "/etc/docker/daemon.json"
SYSCTLS = "/etc/sysctl.d/60-docker-host.conf"
HOST = "_host"
"""Share of the role docker_host where it is used without a project; no project can be called so."""
LOOPHOLE = "docker_host_overruled_projects"

# Drivers that know no rotation refuse its options
ROTATING = ("local", "json-file")
# Options that are sets: what two projects ask for is joined
_SETS = frozenset({"insecure-registries"})
ASK_SPEC: dict[str, Any] = {
    "firewall": {"type": "bool", "default": True},
    "inside": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "dict", "default": []},
    "daemon": {"type": "dict", "default": {}},
    "daemon_defaults": {"type": "dict", "default": {}},
    "daemon_rotation": {"type": "dict", "default": {}},
    "sysctls": {"type": "dict", "default": {}},
    "overruled": {"type": "list", "elements": "str", "default": []},
    "ssh_port": {"type": "int", "default": 22},
}
"""What modules take of what a project asks for."""

# Services whose ports the roles publish by a variable, and its name in .env
_VARIABLES = {
    "front_door": ("nginx_frontend_port", None),
    "db": ("postgres_port", "POSTGRES_HOST_PORT"),
    "redis": ("redis_port", "REDIS_HOST_PORT"),
}


class ShareError(Exception):
    """A share that cannot be read; the message names its path and the remedy."""


class Asked(TypedDict):
    """Ports that a deployment has asked for which has not succeeded yet."""

    run: str
    ports: list[Opening]


class Share(TypedDict):
    """What one project asks of the host."""

    project: str
    directory: str
    firewall: bool
    inside: list[str]
    daemon: dict[str, Any]
    sysctls: dict[str, str]
    ports: list[Opening]
    """Those of the last deployment that succeeded."""
    asked: Asked | None
    learned: bool
    """It is of a project that was deployed before there were shares, and read from what the host has."""


class Legacy(TypedDict):
    """A project that was deployed before there were shares."""

    project: str
    directory: str
    published: list[dict[str, Any]]
    """`service`, `address` and `port` of what its containers publish."""
    environment: str
    """Its .env."""


class Files(TypedDict):
    """The files of the host that are made of the shares, as they are."""

    rules: str
    daemon: str
    sysctls: str


# --- one share ------------------------------------------------------------------------------------


def empty(project: str, directory: str) -> Share:
    """Return the share of a project that asks for nothing."""
    return {
        "project": project,
        "directory": directory,
        "firewall": False,
        "inside": [],
        "daemon": {},
        "sysctls": {},
        "ports": [],
        "asked": None,
        "learned": False,
    }


def wanted(
    project: str, directory: str, options: Mapping[str, Any], published: Iterable[Mapping[str, Any]] = ()
) -> Share:
    """Return what a deployment asks for.

    Args:
        project: the project.
        directory: its folder on the host.
        options: `firewall`, `inside`, `ports` (of the host), `daemon` and `sysctls`, as the role's variables say.
        published: what the project publishes.

    Raises:
        FirewallError: a port or network is none.
    """
    return {
        **empty(project, directory),
        "firewall": bool(options["firewall"]),
        "inside": [str(name) for name in options["inside"]],
        "daemon": dict(options["daemon"]),
        "sysctls": {str(name): str(value) for name, value in options["sysctls"].items()},
        "ports": firewall.openings(options["ports"], published),
    }


def serialise(share: Share) -> str:
    """Return the text of a share's file."""
    return json.dumps({"version": VERSION, **share}, indent=2, sort_keys=True) + "\n"


def parse(text: str, path: str) -> Share:
    """Read the text of a share's file.

    Raises:
        ShareError: it is none.
    """
    try:
        data = json.loads(text)
        version = data["version"]
        if version != VERSION:
            raise ShareError(f"{path}: is of version {version}, and this collection knows {VERSION}; use a newer one")
        asked = data["asked"]
        return {
            "project": _text(data["project"]),
            "directory": _text(data["directory"]),
            "firewall": bool(data["firewall"]),
            "inside": [_text(name) for name in data["inside"]],
            "daemon": dict(data["daemon"]),
            "sysctls": {_text(name): _text(value) for name, value in data["sysctls"].items()},
            "ports": [_opening(entry) for entry in data["ports"]],
            "asked": _asked(asked) if asked is not None else None,
            "learned": bool(data["learned"]),
        }
    except (ValueError, TypeError, KeyError, AttributeError, firewall.FirewallError) as error:
        raise ShareError(
            f"{path}: is no share of a project ({type(error).__name__}: {error}), so that nobody knows what it asks of "
            "this host. Nothing was closed. Remove the file, and run site.yml of that project; until then its ports "
            "are learned from its containers"
        ) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _asked(data: Mapping[str, Any]) -> Asked:
    return {"run": _text(data["run"]), "ports": [_opening(entry) for entry in data["ports"]]}


def _opening(data: Mapping[str, Any]) -> Opening:
    address = _text(data["address"])
    # What is written here ends up in rules: it is checked as an input is
    if data["protocol"] not in ("tcp", "udp") or not 0 < int(data["port"]) < 65536:
        raise ValueError(f"{data['protocol']} {data['port']} is no port")
    if '"' in _text(data["variable"]) or "\n" in data["variable"]:
        raise ValueError(f"{data['variable']!r} is no variable")
    return {
        "port": int(data["port"]),
        "protocol": data["protocol"],
        "address": str(ipaddress.ip_address(address)) if address else "",
        "from": [str(ipaddress.ip_network(source)) for source in data["from"]],
        "variable": data["variable"],
        "service": _text(data["service"]),
    }


def all_ports(share: Share) -> list[Opening]:
    """Return the ports that a share keeps open: those that are settled, and those asked for meanwhile."""
    asked = share["asked"]
    return [*share["ports"], *(asked["ports"] if asked else [])]


def rules(share: Share) -> list[str]:
    """Return the rules of all ports of a share."""
    return [rule for opening in all_ports(share) for rule in firewall.rules_of(opening, share["project"])]


def published(opening: Opening, now: Iterable[tuple[str, int]] | None) -> bool:
    """Tell whether a port is one that containers publish now; none of now stands for not knowing, which keeps it."""
    if now is None:
        return True
    return any(opening["port"] == port and _same_address(opening["address"], address) for address, port in now)


def _same_address(one: str, other: str) -> bool:
    ours, theirs = ipaddress.ip_address(one or "0.0.0.0"), ipaddress.ip_address(other or "0.0.0.0")
    return ours == theirs or (ours.is_unspecified and theirs.is_unspecified)


# --- from one deployment to the next --------------------------------------------------------------


def ask(before: Share, want: Share, run: str, now: Iterable[tuple[str, int]] | None) -> Share:
    """Return a share for the time of a deployment: what is new is open, and what was open is open still.

    Options of the engine and the kernel are in force from then on, whatever comes of the deployment.

    Args:
        before: the share as it is.
        want: what the deployment asks for.
        run: what tells the deployment from others.
        now: what containers of the project publish.
    """
    settled = withdraw(before, "", now)["ports"]
    known = {rule for opening in settled for rule in firewall.rules_of(opening)}
    opens = any(rule not in known for opening in want["ports"] for rule in firewall.rules_of(opening))
    asked: Asked | None = {"run": run, "ports": want["ports"]} if opens else None
    return {**want, "ports": settled, "asked": asked, "learned": False}


def settle(share: Share, ports: list[Opening], run: str) -> Share:
    """Return a share after a deployment that succeeded: only its ports are open, and those of one that began since."""
    asked = share["asked"]
    return {**share, "ports": ports, "asked": asked if asked and asked["run"] != run else None, "learned": False}


def withdraw(share: Share, run: str, now: Iterable[tuple[str, int]] | None) -> Share:
    """Return a share after a deployment that failed: what it asked for is closed, unless it is published.

    Args:
        share: the share as it is.
        run: the deployment; empty for any that left something.
        now: what containers of the project publish; none where nobody can tell.
    """
    asked = share["asked"]
    if asked is None or run not in ("", asked["run"]):
        return share
    kept = [opening for opening in asked["ports"] if opening["service"] and published(opening, now)]
    return {**share, "ports": _each_once([*share["ports"], *kept]), "asked": None}


def _each_once(ports: Iterable[Opening]) -> list[Opening]:
    return list({json.dumps(opening, sort_keys=True): opening for opening in ports}.values())


# --- all shares together --------------------------------------------------------------------------


def conflicts(want: Share, others: Iterable[Share]) -> list[str]:
    """Return a line for each thing that a project asks for and another one asks for otherwise.

    Args:
        want: what a deployment asks for.
        others: shares of the other projects on the host.
    """
    found: list[str] = []
    for other in others:
        name = other["project"]
        way_out = f"; give both the same value, or change it for both with {LOOPHOLE}: [{name}]"
        if want["firewall"] != other["firewall"]:
            asks, does = ("false", "asks for the firewall") if other["firewall"] else ("true", "goes without one")
            found.append(f"docker_host_firewall: is {asks}, and project {name} on this host {does}{way_out}")
        for variable, ours, theirs in (
            ("docker_host_daemon_options", leaves(want["daemon"]), leaves(other["daemon"])),
            ("docker_host_sysctls", want["sysctls"], other["sysctls"]),
        ):
            for key in sorted(ours.keys() & theirs.keys()):
                if ours[key] != theirs[key] and key not in _SETS:
                    found.append(
                        f"{variable}: {key} is {_said(ours[key])}, and {_said(theirs[key])} for project {name} on this "
                        f"host{way_out}"
                    )
        for mine in want["ports"]:
            for its in all_ports(other):
                if mine["service"] and its["service"] and mine["port"] == its["port"] and _clash(mine, its):
                    found.append(
                        f"{mine['variable']}: {mine['port']} belongs to project {name} on this host "
                        f"({its['variable']}); choose another port"
                    )
                    break
    return found


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _clash(one: Opening, other: Opening) -> bool:
    ours, theirs = (ipaddress.ip_address(each["address"] or "0.0.0.0") for each in (one, other))
    return ours == theirs or (ours.version == theirs.version and (ours.is_unspecified or theirs.is_unspecified))


def leaves(options: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the values of nested options by their path, such as `log-opts.max-size`."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            found |= leaves(value, f"{path}.")
        else:
            found[path] = value
    return found


def agree(other: Share, want: Share) -> Share:
    """Return the share of a project that is overruled: it asks for what it asked, but as the other one has it."""
    ours = leaves(want["daemon"])
    theirs = leaves(other["daemon"])
    differing = {path for path in ours.keys() & theirs.keys() if ours[path] != theirs[path] and path not in _SETS}
    return {
        **other,
        "firewall": want["firewall"],
        "daemon": _overlaid(other["daemon"], want["daemon"], differing),
        "sysctls": {name: want["sysctls"].get(name, value) for name, value in other["sysctls"].items()},
    }


def _overlaid(theirs: Mapping[str, Any], ours: Mapping[str, Any], paths: set[str], above: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in theirs.items():
        path = f"{above}{name}"
        if path in paths:
            made[name] = ours[name]
        elif isinstance(value, Mapping) and isinstance(ours.get(name), Mapping):
            made[name] = _overlaid(value, ours[name], paths, f"{path}.")
        else:
            made[name] = value
    return made


def merge(base: Mapping[str, Any], over: Mapping[str, Any], *, join: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Merge nested options; where both have a value that is no mapping, `over` wins, and lists in `join` are joined."""
    merged = dict(base)
    for name, value in over.items():
        known = merged.get(name)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[name] = merge(known, value)
        elif name in join and isinstance(known, list) and isinstance(value, list):
            merged[name] = [*known, *(one for one in value if one not in known)]
        else:
            merged[name] = value
    return merged


def daemon_options(shares: Iterable[Share]) -> dict[str, Any]:
    """Return the options of the engine that all projects ask for."""
    options: dict[str, Any] = {}
    for share in shares:
        options = merge(options, share["daemon"], join=_SETS)
    return options


def daemon_text(shares: Iterable[Share], defaults: Mapping[str, Any], rotation: Mapping[str, Any]) -> str:
    """Return daemon.json.

    Args:
        shares: of all projects.
        defaults: the role's own options.
        rotation: the role's own options for those log drivers that rotate.
    """
    asked = daemon_options(shares)
    driver = asked.get("log-driver") or defaults.get("log-driver")
    options = merge(merge(defaults, rotation if driver in ROTATING else {}), asked)
    said = {name: value for name, value in options.items() if value is not None}
    # As the filter to_nice_json writes it, by which earlier versions did: another text would restart the engine
    return json.dumps(said, indent=4, sort_keys=True, separators=(",", ": ")) + "\n"


def sysctl_text(shares: Iterable[Share]) -> str:
    """Return the file of kernel settings."""
    values: dict[str, str] = {}
    for share in shares:
        values |= share["sysctls"]
    return "#\n# Ansible managed\n#\n" + "".join(f"{name} = {value}\n" for name, value in sorted(values.items()))


def rules_text(shares: Sequence[Share], ssh_ports: Iterable[int]) -> str:
    """Return the rule set of the firewall."""
    inside = dict.fromkeys(name for share in shares for name in share["inside"])
    return firewall.ruleset([rule for share in shares for rule in rules(share)], inside, ssh_ports)


# --- projects that have no share yet --------------------------------------------------------------


def learn(legacies: Sequence[Legacy], files: Files, defaults: Mapping[str, Any]) -> list[Share]:
    """Return the shares of projects that were deployed before there were shares.

    What is open stays open: a port of the old rule set belongs to the project that publishes it, and to all of them
    where nobody does. So do the options of engine and kernel.

    Args:
        legacies: the projects.
        files: what the last deployment wrote.
        defaults: the options of daemon.json that the role has of its own.
    """
    old = firewall.parse_rules(files["rules"])
    holders = {
        _place(entry["address"], entry["port"]): legacy["project"]
        for legacy in legacies
        for entry in legacy["published"]
        if entry["service"] in _VARIABLES
    }
    daemon = _parsed(files["daemon"])
    options = {name: value for name, value in daemon.items() if defaults.get(name) != value}
    sysctls = dict(re.findall(r"^([\w./-]+) = (.*)$", files["sysctls"], re.MULTILINE))
    shares = []
    for legacy in legacies:
        mine = [
            opening
            for project, opening in old
            if holders.get(_place(opening["address"], opening["port"]), project or legacy["project"])
            == legacy["project"]
        ]
        known = {_place(opening["address"], opening["port"]): opening for opening in mine}
        for entry in legacy["published"]:
            place = _place(entry["address"], entry["port"])
            if place in known:
                known[place] |= {"service": entry["service"], "address": entry["address"]}
            elif opened := _published_by_role(legacy, entry):
                mine.append(opened)
        share: Share = {
            **empty(legacy["project"], legacy["directory"]),
            "firewall": bool(files["rules"]),
            "inside": re.findall(r'^\s*iifname "(?!lo")([^"]+)" accept$', files["rules"], re.MULTILINE),
            "daemon": options,
            "sysctls": sysctls,
            "ports": mine,
            "learned": True,
        }
        shares.append(share)
    return shares


def _published_by_role(legacy: Legacy, entry: Mapping[str, Any]) -> Opening | None:
    """Return the opening for a port of a container, where a role publishes it and not an override by hand."""
    if entry["service"] not in _VARIABLES:
        return None
    variable, name = _VARIABLES[entry["service"]]
    if name and not re.search(rf"^{name}={entry['port']}$", legacy["environment"], re.MULTILINE):
        return None
    (opening,) = firewall.openings([], [{**entry, "variable": variable}])
    return opening


def _place(address: str, port: int) -> tuple[str, int]:
    return ("" if not address or ipaddress.ip_address(address).is_unspecified else address, int(port))


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
