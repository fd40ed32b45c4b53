# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""What is read from a host before anything on it changes, and which of it forbids a deployment.

Pure: text and data in, data and messages out. The module preflight reads the host, the action
plugin of the same name decides. Runs on managed hosts: Python 3.10 or later, standard library only.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, TypedDict

from ansible_collections.fullstack.docker.plugins.module_utils.docker import strays
from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall, neighbours
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.postgres import data as postgres_data
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.data import Cluster

SUPPORTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "debian": {"12": ("docker", "none"), "13": ("docker", "distribution", "none")},
    "ubuntu": {
        "22.04": ("docker", "distribution", "none"),
        "24.04": ("docker", "distribution", "none"),
    },
}
"""Supported systems: os-release's ID and VERSION_ID, and the package sources that work there."""

ENGINE_PACKAGES: Mapping[str, str] = {"docker": "docker-ce", "distribution": "docker.io"}
"""The package that holds the engine, by package source."""

KNOWN_PACKAGES = frozenset(
    {
        "apparmor",
        "ca-certificates",
        "containerd",
        "containerd.io",
        "docker-buildx",
        "docker-buildx-plugin",
        "docker-ce",
        "docker-ce-cli",
        "docker-cli",
        "docker-compose",
        "docker-compose-plugin",
        "docker-compose-v2",
        "docker.io",
        "git",
        "nftables",
        "python3-apt",
    }
)
"""Packages whose installed version is reported: Docker's and those that it needs beside it."""

ARGUMENT_SPEC: dict[str, Any] = {
    "project": {"type": "str", "default": ""},
    "directory": {"type": "path", "default": ""},
    "published_ports": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "port": {"type": "int", "required": True},
            "address": {"type": "str", "default": "0.0.0.0"},
            "variable": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "from": {"type": "list", "elements": "str", "default": []},
        },
    },
    "share": {"type": "dict", "options": host_share.ASK_SPEC},
    "postgres": {
        "type": "dict",
        "options": {
            "volume": {"type": "str", "required": True},
            "major": {"type": "int", "required": True},
            "uid": {"type": "int"},
        },
    },
    "redis": {
        "type": "dict",
        "options": {"volume": {"type": "str", "required": True}, "uid": {"type": "int", "required": True}},
    },
    "volumes": {"type": "list", "elements": "str", "default": []},
    "services": {"type": "list", "elements": "str", "default": []},
    "removed_services": {"type": "list", "elements": "str", "default": []},
    "sysctls": {"type": "list", "elements": "str", "default": []},
    "minimum_memory_mb": {"type": "int", "default": 0},
    "minimum_disk_mb": {"type": "int", "default": 0},
    "minimum_engine": {"type": "str", "default": "25.0"},
    "minimum_compose": {"type": "str", "default": "2.26"},
    "minimum_kernel": {"type": "str", "default": "5.14"},
    "package_source": {
        "type": "str",
        "choices": ["docker", "distribution", "none"],
        "default": "none",
    },
    "package_version": {"type": "str", "default": "latest"},
    "data_root": {"type": "path"},
    "sources": {
        "type": "dict",
        "default": {},
    },
}
"""Arguments of the module and of the action plugin alike."""

DEPENDENCY_FILES = (
    "pyproject.toml",
    "uv.lock",
    "requirements.txt",
    "requirements-dev.txt",
    "package.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "package-lock.json",
    "npm-shrinkwrap.json",
    ".npmrc",
)
"""Files of a source that say what it depends on."""

_WILDCARDS = frozenset({"0.0.0.0", "::"})
_MEBIBYTE = 1024 * 1024


PublishedPort = TypedDict(
    "PublishedPort", {"port": int, "address": str, "variable": str, "service": str, "from": "list[str]"}
)
"""A port that the stack wants on the host, and who may ask for it (everybody, where it is empty)."""


class PostgresRequest(TypedDict):
    """What the PostgreSQL image of this run expects of its data volume."""

    volume: str
    major: int
    uid: int | None


class RedisRequest(TypedDict):
    """Who Redis runs as, and the volume that it writes to."""

    volume: str
    uid: int


class Request(TypedDict):
    """What a deployment asks of the host: the arguments of the module."""

    project: str
    directory: str
    published_ports: list[PublishedPort]
    share: dict[str, Any] | None
    postgres: PostgresRequest | None
    redis: RedisRequest | None
    volumes: list[str]
    services: list[str]
    removed_services: list[str]
    sysctls: list[str]
    minimum_memory_mb: int
    minimum_disk_mb: int
    minimum_engine: str
    minimum_compose: str
    minimum_kernel: str
    package_source: str
    package_version: str
    data_root: str | None


class Engine(TypedDict):
    """Docker Engine as it is on the host."""

    version: str | None
    """None: not installed."""
    running: bool
    enabled: bool
    """Its service starts at boot."""
    root: str
    """Data directory: the running engine's, else the one that daemon.json names."""
    stale: bool
    """daemon.json is newer than the running engine."""


class Firewall(TypedDict):
    """The firewall of the role docker_host, and what it depends on."""

    in_force: bool
    """The rules in the kernel are those that were loaded, and no newer ones are written."""
    enabled: bool
    """It is loaded at boot."""
    ssh_ports: list[int]
    """TCP ports that sshd listens on, and the port of the connection in use."""
    uplinks: list[str]
    """Interfaces with a default route."""


class Shares(TypedDict):
    """What the projects on the host ask of it, and what of it is not in place."""

    others: list[host_share.Share]
    """Of the other projects."""
    gone: list[str]
    """Those of them of which nothing is left but the share."""
    unreadable: list[str]
    """A line for each file that is no share."""
    ask: bool
    """Something is to be written before the deployment begins."""
    opens: bool
    """So it is where ports alone are asked for."""
    settle: bool
    """Something is to be written once it has succeeded."""


class Listener(TypedDict):
    """A listening TCP socket on one of the requested ports."""

    address: str
    port: int
    process: str | None
    pid: int | None
    project: str | None
    """Compose project of the container that publishes the port."""
    container: str | None


class Container(TypedDict):
    """A container of the project."""

    id: str
    name: str
    service: str
    image: str
    state: str
    health: str | None
    directory: str
    """Project directory that Compose wrote down."""
    files: str
    """Compose files that it was made by, as Compose wrote them down."""
    oneoff: bool


class Volume(TypedDict):
    """A data volume."""

    exists: bool
    path: str
    """Its directory on the host."""
    labels: dict[str, str]
    owner: tuple[int, int] | None
    """User and group of its top, where nobody else may write and something lies in it."""
    postgres: list[Cluster]


class Host(TypedDict):
    """All that is read from a host."""

    distribution: str
    distribution_version: str
    distribution_name: str
    codename: str
    architecture: str
    kernel: str
    cpus: int
    memory_bytes: int
    disk_free_bytes: int
    engine: Engine
    compose_version: str | None
    buildx_version: str | None
    packages: dict[str, str]
    listeners: list[Listener]
    containers: list[Container]
    described: list[str]
    """Services of the last deployment."""
    overrides: list[str]
    """Files in the project's folder that Compose reads by itself beside its own."""
    volumes: dict[str, Volume]
    sysctls: dict[str, str | None]
    firewall: Firewall
    shares: Shares
    neighbours: neighbours.Neighbours


class Socket(TypedDict):
    """A listening TCP socket as the kernel lists it."""

    address: str
    port: int
    inode: int


class Published(TypedDict):
    """A port that a running container publishes."""

    address: str
    port: int
    project: str | None
    container: str


# --- reading --------------------------------------------------------------------------------------


def parse_os_release(text: str) -> dict[str, str]:
    """Return the fields of an os-release file, without their quotes."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and name and not name.startswith("#"):
            fields[name] = value.strip("\"'")
    return fields


def parse_version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: `5:26.1.5+dfsg1-9` is (26, 1, 5), `` is ()."""
    found = re.match(r"(?:\d+:)?v?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()


def is_at_least(version: str, minimum: str) -> bool:
    """Return whether a version is the minimum or later; parts that are not given count as 0."""
    have, need = parse_version(version), parse_version(minimum)
    length = max(len(have), len(need))
    return have + (0,) * (length - len(have)) >= need + (0,) * (length - len(need))


def parse_dpkg_status(text: str, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return version and architecture of those of the named packages that are installed."""
    wanted = set(names)
    found: dict[str, tuple[str, str]] = {}
    for stanza in text.split("\n\n"):
        name = re.match(r"\s*Package: (\S+)", stanza)
        if name is None or name.group(1) not in wanted:
            continue
        fields = dict(re.findall(r"^(Status|Version|Architecture): (.+)$", stanza, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            found[name.group(1)] = (fields.get("Version", ""), fields.get("Architecture", ""))
    return found


def parse_memory(meminfo: str) -> int:
    """Return the host's memory in bytes from /proc/meminfo; 0 where it is not told."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def decode_address(word: str) -> str:
    """Return the IP address that /proc/net/tcp or tcp6 writes as hexadecimal words.

    An IPv4 address mapped into IPv6 comes back as IPv4.
    """
    packed = b"".join(struct.pack("=I", int(word[start : start + 8], 16)) for start in range(0, len(word), 8))
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    address = ipaddress.IPv6Address(packed)
    return str(address.ipv4_mapped or address)


def parse_listeners(table: str) -> list[Socket]:
    """Return the listening sockets of a /proc/net/tcp or tcp6 table."""
    sockets: list[Socket] = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == "0A":
            address, _colon, port = fields[1].partition(":")
            sockets.append(
                {
                    "address": decode_address(address),
                    "port": int(port, 16),
                    "inode": int(fields[9]),
                }
            )
    return sockets


def parse_published(ports: str) -> list[tuple[str, int]]:
    """Return addresses and host ports of what `docker ps` shows as Ports.

    `0.0.0.0:80->8080/tcp, [::]:8000-8001->8000-8001/tcp, 5432/tcp` publishes three TCP ports.
    """
    found: list[tuple[str, int]] = []
    for entry in ports.split(","):
        match = re.fullmatch(r"(.+):(\d+)(?:-(\d+))?->\d+(?:-\d+)?/tcp", entry.strip())
        if match:
            first, last = int(match.group(2)), int(match.group(3) or match.group(2))
            found += [(match.group(1).strip("[]"), port) for port in range(first, last + 1)]
    return found


PS_FORMAT = (
    '{"id":{{json .ID}},"name":{{json .Names}},"image":{{json .Image}},"state":{{json .State}},'
    '"status":{{json .Status}},"ports":{{json .Ports}},'
    '"project":{{json (.Label "com.docker.compose.project")}},'
    '"service":{{json (.Label "com.docker.compose.service")}},'
    '"files":{{json (.Label "com.docker.compose.project.config_files")}},'
    '"oneoff":{{json (.Label "com.docker.compose.oneoff")}},'
    '"directory":{{json (.Label "com.docker.compose.project.working_dir")}}}'
)
"""Format for `docker ps`: one JSON object a line."""


def parse_ps(text: str) -> list[dict[str, str]]:
    """Return the rows that `docker ps` printed in PS_FORMAT."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def health_of(status: str) -> str | None:
    """Return healthy, unhealthy or starting from the status that `docker ps` prints, else None."""
    found = re.search(r"\((?:health: )?(healthy|unhealthy|starting)\)", status)
    return found.group(1) if found else None


def containers_of(rows: Iterable[Mapping[str, str]], project: str) -> list[Container]:
    """Return the containers of one Compose project, in any state, sorted by name."""
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "service": row["service"],
            "image": row["image"],
            "state": row["state"],
            "health": health_of(row["status"]),
            "directory": row["directory"],
            "files": row["files"],
            "oneoff": row["oneoff"] == "True",
        }
        for row in sorted(rows, key=lambda row: row["name"])
        if project and row["project"] == project
    ]


def published_by(rows: Iterable[Mapping[str, str]]) -> list[Published]:
    """Return the host ports that running containers publish."""
    return [
        {
            "address": address,
            "port": port,
            "project": row["project"] or None,
            "container": row["name"],
        }
        for row in rows
        for address, port in parse_published(row["ports"])
    ]


def listeners_of(
    sockets: Iterable[Socket],
    published: Sequence[Published],
    holders: Mapping[int, tuple[int, str]],
) -> list[Listener]:
    """Join sockets with the processes that hold them and the containers behind them.

    Args:
        sockets: listening sockets.
        published: ports of running containers; those without a socket (the engine forwards them
            in the kernel alone when its userland proxy is off) count as listeners too.
        holders: process number and name by inode of the socket.
    """
    listeners: list[Listener] = []
    behind = {(entry["address"], entry["port"]): entry for entry in published}
    for entry in sockets:
        pid, process = holders.get(entry["inode"], (None, None))
        container = None
        if process in {None, "docker-proxy", "dockerd"}:
            container = behind.pop((entry["address"], entry["port"]), None)
        listeners.append(
            {
                "address": entry["address"],
                "port": entry["port"],
                "process": process,
                "pid": pid,
                "project": container["project"] if container else None,
                "container": container["container"] if container else None,
            }
        )
    for rest in behind.values():
        listeners.append(
            {
                "address": rest["address"],
                "port": rest["port"],
                "process": None,
                "pid": None,
                "project": rest["project"],
                "container": rest["container"],
            }
        )
    return listeners


def plugin_version(info: Mapping[str, Any], name: str) -> str | None:
    """Return the version of a Docker CLI plugin out of `docker info`, None where it lacks."""
    plugins = (info.get("ClientInfo") or {}).get("Plugins") or []
    for plugin in plugins:
        if plugin.get("Name") == name and not plugin.get("Err"):
            return str(plugin.get("Version", "")).lstrip("v")
    return None


# --- judging --------------------------------------------------------------------------------------


def addresses_overlap(one: str, other: str) -> bool:
    """Return whether two sockets on these addresses would clash on one port.

    The IPv6 wildcard counts as all addresses, since it takes IPv4 too unless told otherwise.
    """
    if one == other or "::" in {one, other}:
        return True
    ours, theirs = ipaddress.ip_address(one), ipaddress.ip_address(other)
    if ours.version != theirs.version:
        return False
    return not _WILDCARDS.isdisjoint({one, other})


def _megabytes(count: int) -> int:
    return count // _MEBIBYTE


def supported_systems() -> str:
    """Return the supported systems as a phrase: `Debian 12 or 13, Ubuntu 22.04 or 24.04`."""
    return ", ".join(f"{name.capitalize()} {' or '.join(versions)}" for name, versions in SUPPORTED.items())


def system_problems(request: Request, host: Host) -> Iterator[str]:
    """Yield what is wrong with the system, its kernel and its size."""
    source = request["package_source"]
    sources = SUPPORTED.get(host["distribution"], {}).get(host["distribution_version"])
    if sources is None:
        yield (f"target host: {host['distribution_name'] or 'this system'} is not supported; use {supported_systems()}")
    elif source not in sources:
        yield (
            f"docker_host_package_source: {source} has no Compose v2 and no recent Docker Engine "
            f"on {host['distribution_name']}; set it to {sources[0]}"
        )
    if not is_at_least(host["kernel"], request["minimum_kernel"]):
        yield (
            f"docker_host_kernel_minimum: {request['minimum_kernel']} is needed, the host runs "
            f"{host['kernel']}; install a newer kernel and reboot"
        )
    memory = _megabytes(host["memory_bytes"])
    if memory < request["minimum_memory_mb"]:
        yield (
            f"compose_project_memory_minimum: {request['minimum_memory_mb']} MB of memory are "
            f"needed, the host has {memory} MB; add memory or lower the minimum"
        )
    disk = _megabytes(host["disk_free_bytes"])
    if disk < request["minimum_disk_mb"]:
        yield (
            f"compose_project_disk_minimum: {request['minimum_disk_mb']} MB are needed free for "
            f"{host['engine']['root']}, {disk} MB are; free some space (docker builder prune, "
            f"docker image prune), add some, or lower the minimum"
        )


def engine_problems(request: Request, host: Host) -> Iterator[str]:
    """Yield what is wrong with Docker as it is, where this run is not going to put it right."""
    source, pin = request["package_source"], request["package_version"]
    minimum = request["minimum_engine"]
    engine = host["engine"]
    if pin != "latest" and source != "none" and not is_at_least(pin, minimum):
        yield (
            f"docker_host_package_version: {pin} is older than Docker Engine {minimum}, which the "
            f"stack needs; pin a later version or set latest"
        )
    if source == "none":
        yield from _unmanaged_engine_problems(request, host)
        return
    if engine["version"] is None:
        return
    package = ENGINE_PACKAGES[source]
    others = [name for name in ENGINE_PACKAGES.values() if name in host["packages"]]
    if package in others:
        asked, installed = parse_version(pin), host["packages"][package]
        if asked and parse_version(installed)[: len(asked)] > asked:
            yield (
                f"docker_host_package_version: {pin} is older than {package} {installed} on the "
                f"host, and an engine does not go back; pin that version or a later one"
            )
    elif others:
        other = {name: key for key, name in ENGINE_PACKAGES.items()}[others[0]]
        yield (
            f"docker_host_package_source: {source} would replace the installed {others[0]} by "
            f"{package}; set it to {other}, or remove {others[0]} first"
        )
    else:
        yield (
            f"docker_host_package_source: {source} would install {package} beside Docker Engine "
            f"{engine['version']}, which came from no package; set it to none, or remove that "
            f"engine first"
        )


def _unmanaged_engine_problems(request: Request, host: Host) -> Iterator[str]:
    variable = "docker_host_package_source: none"
    parts = (
        ("Docker Engine", host["engine"]["version"], request["minimum_engine"]),
        ("Docker Compose", host["compose_version"], request["minimum_compose"]),
        ("Docker Buildx", host["buildx_version"], "0"),
    )
    for name, version, minimum in parts:
        if version is None:
            yield (
                f"{variable} installs nothing, and {name} is not on the host; install it, or set docker or distribution"
            )
        elif not is_at_least(version, minimum):
            yield (
                f"{variable} leaves {name} {version}, and {minimum} or later is needed; upgrade "
                f"it, or set docker or distribution"
            )


def data_root_problems(request: Request, host: Host) -> Iterator[str]:
    """Yield a message where daemon.json would point a used engine at another data directory."""
    engine = host["engine"]
    wanted = host_share.daemon_options(host["shares"]["others"]).get("data-root") or request["data_root"]
    if engine["running"] and wanted and engine["root"].rstrip("/") != wanted.rstrip("/"):
        yield (
            f"docker_host_daemon_options: data-root would change from {engine['root']} to "
            f"{wanted}, and the engine would lose sight of its images and volumes; set data-root "
            f"to {engine['root']}, or stop the engine and move the data first"
        )


def project_problems(request: Request, host: Host) -> Iterator[str]:
    """Yield a message where another directory already runs a project of this name."""
    here = request["directory"].rstrip("/")
    places = {container["directory"].rstrip("/") for container in host["containers"]} - {""}
    described = [one for one in host["containers"] if one["service"] in request["services"] or not request["services"]]
    elsewhere = {container["directory"].rstrip("/") for container in described} - {"", here}
    # Beside the project itself, a service of another name that somebody made from elsewhere is no second project
    if here not in places:
        elsewhere = places
    if here and elsewhere:
        yield (
            f"compose_project_name: {request['project']} is already deployed from "
            f"{', '.join(sorted(elsewhere))}; choose another name, or set "
            f"compose_project_directory to that directory"
        )


def _strays(request: Request, host: Host) -> list[strays.Stray]:
    return strays.strays(host["containers"], request["services"]) if request["services"] else []


def service_problems(request: Request, host: Host) -> Iterator[str]:
    """Yield a message for each service that would be lost."""
    yield from strays.problems(_strays(request, host), host["described"], request["removed_services"])


def share_problems(request: Request, host: Host) -> Iterator[str]:
    """Yield what the host cannot be for this project and for its neighbours at once."""
    options, shares = request["share"], host["shares"]
    if options is None:
        return
    yield from shares["unreadable"]
    try:
        want = host_share.wanted(request["project"], request["directory"], options, request["published_ports"])
        if want["firewall"]:
            firewall.inside_rules(want["inside"], host["firewall"]["uplinks"])
    except firewall.FirewallError as error:
        yield str(error)
        return
    if not want["firewall"]:
        for opening in want["ports"]:
            if opening["from"] and not {"0.0.0.0/0", "::/0"}.intersection(opening["from"]):
                yield (
                    f"docker_host_firewall: is false, so that nothing keeps others from {opening['port']} than "
                    f"{opening['variable']} is open for; set it to true, or open the port for 0.0.0.0/0"
                )
    # What is left of a project that is gone gives way as well
    yielding = {*options["overruled"], *shares["gone"]}
    yield from host_share.conflicts(want, [one for one in shares["others"] if one["project"] not in yielding])
    for name in sorted(set(options["overruled"]) - {other["project"] for other in shares["others"]}):
        yield f"{host_share.LOOPHOLE}: there is no project {name} on this host; remove it from the list"


def notices(request: Request, host: Host) -> list[str]:
    """Return what the operator should know before anything happens."""
    gone = [
        f"nothing is left of project {name} but {host_share.FOLDER}/{name}.json, which keeps its ports open and its "
        f"settings in force; remove it by playbooks/teardown.yml with -e compose_project_name={name}"
        for name in host["shares"]["gone"]
    ]
    if not request["services"]:
        return gone
    return [
        *gone,
        *strays.notices(_strays(request, host), request["removed_services"]),
        *strays.override_notice(request["directory"], host["overrides"]),
    ]


def address_problems(ports: Sequence[PublishedPort]) -> Iterator[str]:
    """Yield the published addresses and ports that are none."""
    for port in ports:
        try:
            ipaddress.ip_address(port["address"])
        except ValueError:
            yield (
                f"{port['variable']}: {port['address']!r} is not an IP address to publish on; "
                f"use 0.0.0.0 for all, 127.0.0.1 for this host only, or one of the host's"
            )
        if not 1 <= port["port"] <= 65535:
            yield f"{port['variable']}: {port['port']} is not a port; use 1 to 65535"


def clashing_ports(ports: Sequence[PublishedPort]) -> Iterator[str]:
    """Yield a message for every two services that want the same port."""
    for one, other in combinations(ports, 2):
        if one["port"] == other["port"] and addresses_overlap(one["address"], other["address"]):
            yield (
                f"{other['variable']}: {other['port']} on {other['address']} for "
                f"{other['service']} is also {one['variable']} (on {one['address']} for "
                f"{one['service']}); choose another port for one of them"
            )


def held_ports(request: Request, host: Host) -> Iterator[str]:
    """Yield a message for every requested port that something else listens on."""
    for port in request["published_ports"]:
        for held in host["listeners"]:
            if held["port"] == port["port"] and addresses_overlap(held["address"], port["address"]):
                holder = _foreign_holder(held, request["project"], host["engine"]["running"])
                if holder:
                    yield (
                        f"{port['variable']}: {port['port']} on {port['address']} is held by "
                        f"{holder}, which is not part of project {request['project']}; stop it "
                        f"or choose another port"
                    )
                    break


def _foreign_holder(held: Listener, project: str, engine_running: bool) -> str | None:
    """Return words for who holds a port, None where it is the project or cannot be known."""
    if held["container"]:
        if held["project"] == project:
            return None
        owner = f" of project {held['project']}" if held["project"] else ""
        return f"container {held['container']}{owner}"
    if held["process"] == "docker-proxy" and not engine_running:
        return None
    if held["process"]:
        return f"process {held['process']} (pid {held['pid']})"
    return "a process that cannot be seen"


def postgres_problems(request: Request, host: Host) -> Iterator[str]:
    """Yield why the server cannot take over the data in its volume."""
    postgres = request["postgres"]
    volume = host["volumes"].get(postgres["volume"]) if postgres else None
    if postgres is None or volume is None:
        return
    server = next((one for one in host["containers"] if one["service"] == "db"), None)
    place = postgres_data.Place(volume["path"], server["name"] if server else None, server["image"] if server else None)
    wanted = postgres_data.Wanted(postgres["volume"], postgres["major"], postgres["uid"])
    yield from postgres_data.problems(wanted, volume["postgres"], place)


def redis_problems(request: Request, host: Host) -> Iterator[str]:
    """Yield why Redis could not write where its data is."""
    redis = request["redis"]
    volume = host["volumes"].get(redis["volume"]) if redis else None
    if redis and volume and volume["owner"] and volume["owner"][0] != redis["uid"]:
        uid, gid = volume["owner"]
        yield (
            f"redis_uid: {redis['uid']}, but the data in volume {redis['volume']} belongs to uid {uid}; it is "
            f"untouched: set redis_uid: {uid} and redis_gid: {gid}, or as root on the host: chown --recursive "
            f"{redis['uid']} {volume['path']}"
        )


def problems(request: Request, host: Host) -> list[str]:
    """Return everything that forbids this deployment on this host, one line each."""
    found = [
        *system_problems(request, host),
        *engine_problems(request, host),
        *data_root_problems(request, host),
        *project_problems(request, host),
        *neighbours.problems(request["project"], request["directory"], host["neighbours"]),
        *service_problems(request, host),
    ]
    ports = request["published_ports"]
    invalid = list(address_problems(ports))
    found += invalid or [*clashing_ports(ports), *held_ports(request, host), *share_problems(request, host)]
    return [*found, *postgres_problems(request, host), *redis_problems(request, host)]
