#!/usr/bin/python
# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Read a host's state before a deployment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Refuse a host that a deployment would fail on, before anything changes
description:
  - Reads the host's system, size, Docker Engine, ports, containers and data volumes in one
    remote call, compares them with what the deployment needs, and fails with all problems found,
    one a line, each with the variable to change and the remedy.
  - Changes nothing, in check mode or out of it, and works on a host without Docker. What needs
    Docker is left out there.
  - An action plugin of the same name makes the comparison on the controller. Run by itself, the
    module only reads.
version_added: 0.1.0
extends_documentation_fragment:
  - fullstack.docker.project.published_ports
  - fullstack.docker.project.share
options:
  project:
    description: Name of the Compose project. What it holds already is no problem.
    type: str
    default: ""
  directory:
    description: Directory of the Compose project on the host.
    type: path
    default: ""
  published_ports:
    description: Ports that the deployment publishes on the host.
    type: list
    elements: dict
    default: []
  share:
    description:
      - What the project asks of the host, beside other projects. Their shares are read, and compared with it.
      - Without it, as for a development environment, they are not looked at.
    type: dict
  postgres:
    description: What the PostgreSQL image expects of its data volume.
    type: dict
    suboptions:
      volume:
        description: Name of the Docker volume.
        type: str
        required: true
      major:
        description: Major version of PostgreSQL in the image.
        type: int
        required: true
      uid:
        description: Number of the user that the server runs as.
        type: int
  redis:
    description: Who Redis runs as, and the volume that it writes to.
    type: dict
    suboptions:
      volume:
        description: Name of the Docker volume.
        type: str
        required: true
      uid:
        description: Number of the user that the server runs as.
        type: int
        required: true
  volumes:
    description: Names of further Docker volumes to report.
    type: list
    elements: str
    default: []
  services:
    description: Services that the deployment describes. Left out, it is not asked which of the project's it loses.
    type: list
    elements: str
    default: []
  removed_services:
    description: Services that are described no more and may be removed; also containers that somebody made by hand.
    type: list
    elements: str
    default: []
  sysctls:
    description: Names of kernel settings to report.
    type: list
    elements: str
    default: []
  minimum_memory_mb:
    description: Memory that the host must have, in MiB.
    type: int
    default: 0
  minimum_disk_mb:
    description: Space that must be free where Docker keeps its data, in MiB.
    type: int
    default: 0
  minimum_engine:
    description: Earliest version of Docker Engine that will do.
    type: str
    default: "25.0"
  minimum_compose:
    description: Earliest version of Docker Compose that will do.
    type: str
    default: "2.26"
  minimum_kernel:
    description: Earliest version of the Linux kernel that will do.
    type: str
    default: "5.14"
  package_source:
    description:
      - Where Docker's packages come from. With V(none) nobody is going to install or upgrade
        Docker, so that it must be there already.
    type: str
    choices: [docker, distribution, none]
    default: none
  package_version:
    description: Version of the engine that is going to be installed, or V(latest).
    type: str
    default: latest
  sources:
    description: >-
      Makes it a development environment. Folders on the host with the application's source, by name: C(path), and
      C(variable), which names it, for the message. What says what they depend on is read, and compared with their
      lock file.
    type: dict
    default: {}
  data_root:
    description: Data directory that the engine is going to be configured with.
    type: path
author:
  - The fullstack.docker maintainers (@fullstack-docker)
attributes:
  check_mode:
    description: Reads only, so that check mode makes no difference.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
notes:
  - An IPv6 wildcard listener is taken to hold the port on IPv4 too, as it does by default.
"""

EXAMPLES = r"""
- name: Refuse a host that cannot carry the stack
  fullstack.docker.preflight:
    project: shop
    directory: /opt/shop
    published_ports:
      - {port: 8420, address: 0.0.0.0, variable: nginx_frontend_port, service: nginx}
    postgres: {volume: shop_postgres_data, major: 18, uid: 70}
    volumes: [shop_redis_data]
    sysctls: "{{ docker_host_sysctls | list }}"
    minimum_memory_mb: "{{ compose_project_memory_minimum }}"
    minimum_disk_mb: "{{ compose_project_disk_minimum }}"
    minimum_engine: "{{ docker_host_engine_minimum }}"
    minimum_compose: "{{ docker_host_compose_minimum }}"
    minimum_kernel: "{{ docker_host_kernel_minimum }}"
    package_source: "{{ docker_host_package_source }}"
    package_version: "{{ docker_host_package_version }}"
    data_root: "{{ docker_host_daemon_options['data-root'] | default('/var/lib/docker') }}"
  register: preflight
"""

RETURN = r"""
problems:
  description: What forbids the deployment. The module by itself does not judge and returns none.
  type: list
  elements: str
  returned: always
  sample:
    - "nginx_frontend_port: 8420 on 0.0.0.0 is held by process nginx (pid 812), which is not part
      of project shop; stop it or choose another port"
developer:
  description: >-
    The user who is logged in, as whom containers of a development environment run, and what their sources depend on
    (from the action plugin a fingerprint of it).
  returned: with O(sources)
  type: dict
  sample: {uid: 1000, gid: 1000, user: "1000:1000"}
host:
  description: What was read from the host.
  type: dict
  returned: always
  contains:
    distribution:
      description: ID of os-release.
      type: str
      sample: debian
    distribution_version:
      description: VERSION_ID of os-release.
      type: str
      sample: "13"
    distribution_name:
      description: PRETTY_NAME of os-release.
      type: str
      sample: Debian GNU/Linux 13 (trixie)
    codename:
      description: VERSION_CODENAME of os-release.
      type: str
      sample: trixie
    architecture:
      description: Architecture as dpkg names it.
      type: str
      sample: amd64
    kernel:
      description: Release of the running kernel.
      type: str
      sample: 6.12.43+deb13-amd64
    cpus:
      description: Number of processors.
      type: int
      sample: 2
    memory_bytes:
      description: Memory.
      type: int
      sample: 4102381568
    disk_free_bytes:
      description: Space free for the engine's data directory, or where it is going to be made.
      type: int
      sample: 53687091200
    engine:
      description: >-
        Docker Engine. V(version) is null where there is none; V(root) is its data directory;
        V(stale) says that daemon.json is newer than the running engine.
      type: dict
      sample: {version: 26.1.5, running: true, enabled: true, root: /var/lib/docker, stale: false}
    compose_version:
      description: Version of the Compose plugin, null where there is none.
      type: str
      sample: 2.26.1
    buildx_version:
      description: Version of the Buildx plugin, null where there is none.
      type: str
      sample: 0.13.1
    packages:
      description: Versions of those of Docker's packages, and of the ones beside them, that are installed.
      type: dict
      sample: {docker.io: 26.1.5+dfsg1-9}
    listeners:
      description: TCP sockets that listen on one of the requested ports, and who holds them.
      type: list
      elements: dict
      sample:
        - address: 0.0.0.0
          port: 8420
          process: docker-proxy
          pid: 4711
          project: shop
          container: shop-front_door-1
    containers:
      description: Containers of the project in any state.
      type: list
      elements: dict
      sample:
        - id: 3f1c…
          name: shop-db-1
          service: db
          image: postgres:18-alpine
          state: running
          health: healthy
          directory: /opt/shop
          files: /opt/shop/compose.yml
          oneoff: false
    described:
      description: Services of the last deployment, as it wrote them down.
      type: list
      elements: str
      sample: [backend, db]
    overrides:
      description: Files in the project's folder that Compose reads by itself, and deployments do not.
      type: list
      elements: str
      sample: [compose.override.yml]
    volumes:
      description: The requested volumes by name, with the PostgreSQL data found in each.
      type: dict
      sample:
        shop_postgres_data:
          exists: true
          path: /var/lib/docker/volumes/shop_postgres_data/_data
          labels: {}
          owner: null
          postgres: [{path: 18/docker, major: 18, uid: 70, gid: 70, complete: true}]
    sysctls:
      description: The requested kernel settings, null where the kernel has none of that name.
      type: dict
      sample: {vm.overcommit_memory: "1"}
    firewall:
      description: >-
        The firewall of the role docker_host. V(in_force) says that the kernel has the rules that
        are written, V(enabled) that they are loaded at boot; V(ssh_ports) are those that sshd
        listens on and that of the connection in use; V(uplinks) are the interfaces with a default
        route.
      type: dict
      sample: {in_force: true, enabled: true, ssh_ports: [22], uplinks: [eth0]}
    neighbours:
      description: >-
        What is in the way of the project: unit files by its names that are not its own, the folders of other projects,
        and the project whose files lie in its folder.
      type: dict
      sample: {units: [], projects: {blog: /opt/blog}, here: shop}
    shares:
      description: >-
        What other projects ask of the host (V(others)), which of them are V(gone) but for that, files that are no
        share (V(unreadable)), and whether M(fullstack.docker.host_share) has anything to do before the deployment
        (V(ask); for ports alone V(opens)) and after it (V(settle)).
      type: dict
      sample: {others: [], gone: [], unreadable: [], ask: false, opens: false, settle: false}
"""

import functools
import glob
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.docker import strays
from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall, neighbours
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.host.preflight import (
    ARGUMENT_SPEC,
    DEPENDENCY_FILES,
    KNOWN_PACKAGES,
    PS_FORMAT,
    Engine,
    Firewall,
    Host,
    Listener,
    Request,
    Shares,
    Volume,
    containers_of,
    listeners_of,
    parse_dpkg_status,
    parse_listeners,
    parse_memory,
    parse_os_release,
    parse_ps,
    parse_version,
    plugin_version,
    published_by,
)
from ansible_collections.fullstack.docker.plugins.module_utils.host.state import (
    Defaults,
    HostError,
    HostState,
    firewall_enabled,
    read_ssh_ports,
    rules_in_force,
)
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.data import expected_layout, read_clusters

DAEMON_JSON = "/etc/docker/daemon.json"
DEFAULT_ROOT = "/var/lib/docker"
ENABLED = "/etc/systemd/system/multi-user.target.wants/docker.service"
"""Link that `systemctl enable docker` makes."""
TIMEOUT = 30
"""Seconds that a docker command may take; an engine that hangs counts as not running."""


def read(path: str) -> str:
    """Return a file's text, empty where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def output(argv: list[str]) -> str:
    """Return what a command prints, empty where it is missing or hangs.

    The exit status says nothing here: docker prints what it knows and fails for the rest.
    """
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def read_json(text: str) -> dict[str, Any]:
    """Return a JSON object, empty where the text holds none."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def started_at(pid_file: str) -> float | None:
    """Return when the process of a pid file started, in seconds since 1970, None if it is gone."""
    fields = read(f"/proc/{read(pid_file).strip() or '-'}/stat").rpartition(")")[2].split()
    uptime = read("/proc/uptime").split()
    if len(fields) < 20 or not uptime:
        return None
    age = float(uptime[0]) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - age


@functools.lru_cache(maxsize=1)
def read_docker() -> dict[str, Any]:
    """Return what `docker info` answers, empty without a client; asked once, since it takes a while."""
    return read_json(output(["docker", "info", "--format", "{{json .}}"]))


def read_engine(info: dict[str, Any]) -> Engine:
    """Return the engine's version and state.

    Args:
        info: what `docker info` answered; empty without a client or a running engine.
    """
    version = info.get("ServerVersion") or None
    running = version is not None
    if version is None and shutil.which("dockerd"):
        # Docker version 26.1.5+dfsg1, build a72d7cd
        words = output(["dockerd", "--version"]).replace(",", " ").split()
        version = next((word for word in words if parse_version(word)), None)
    configured = read_json(read(DAEMON_JSON)).get("data-root")
    started = started_at("/run/docker.pid") if running else None
    return {
        "version": version,
        "running": running,
        "enabled": os.path.islink(ENABLED),
        "root": str(info.get("DockerRootDir") or configured or DEFAULT_ROOT),
        "stale": bool(started is not None and os.path.exists(DAEMON_JSON) and os.stat(DAEMON_JSON).st_mtime > started),
    }


def read_free_bytes(path: str) -> int:
    """Return the space free for a directory, or for the nearest parent that exists."""
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def read_holders(inodes: Iterable[int]) -> dict[int, tuple[int, str]]:
    """Return process number and name by inode for those sockets that a process holds."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, tuple[int, str]] = {}
    for descriptor in glob.iglob("/proc/[0-9]*/fd/*") if wanted else ():
        try:
            inode = wanted.get(os.readlink(descriptor))
        except OSError:
            continue
        if inode is not None and inode not in found:
            pid = int(descriptor.split("/")[2])
            found[inode] = (pid, read(f"/proc/{pid}/comm").strip())
            if len(found) == len(wanted):
                break
    return found


def read_listeners(ports: set[int], rows: list[dict[str, str]]) -> list[Listener]:
    """Return who listens on the given ports.

    Args:
        ports: TCP ports.
        rows: containers as `docker ps` lists them.
    """
    sockets = [
        entry
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for entry in parse_listeners(read(table))
        if entry["port"] in ports
    ]
    published = [entry for entry in published_by(rows) if entry["port"] in ports]
    return listeners_of(sockets, published, read_holders(entry["inode"] for entry in sockets))


def read_owner(folder: str) -> tuple[int, int] | None:
    """Return user and group of a folder that holds something and that others may not write to."""
    try:
        status = os.stat(folder)
        return (status.st_uid, status.st_gid) if os.listdir(folder) and not status.st_mode & 0o022 else None
    except OSError:
        return None


def read_volumes(names: list[str], info: dict[str, Any], root: str, layout: str) -> dict[str, Volume]:
    """Return the state of the named volumes; from the disk alone where no engine runs."""
    inspected: dict[str, dict[str, Any]] = {}
    if info.get("ServerVersion") and names:
        answer = output(["docker", "volume", "inspect", *names]) or "[]"
        inspected = {volume["Name"]: volume for volume in json.loads(answer)}
    shifted = any("name=userns" in option for option in info.get("SecurityOptions") or [])
    found: dict[str, Volume] = {}
    for name in names:
        volume = inspected.get(name, {})
        top = volume.get("Mountpoint") or os.path.join(root, "volumes", name, "_data")
        found[name] = {
            "exists": bool(volume) or os.path.isdir(top),
            "path": top,
            "labels": dict(volume.get("Labels") or {}),
            "owner": None if shifted else read_owner(top),
            "postgres": read_clusters(top, layout, shifted=shifted),
        }
    return found


def read_sysctl(name: str) -> str | None:
    """Return the value of a kernel setting, None where the kernel has none of that name."""
    path = "/proc/sys/" + name.replace(".", "/")
    return " ".join(read(path).split()) if os.path.exists(path) else None


def read_firewall() -> Firewall:
    """Return whether the firewall's rules are in force, and what they depend on."""
    return {
        "in_force": rules_in_force(),
        "enabled": firewall_enabled(),
        "ssh_ports": read_ssh_ports(),
        "uplinks": firewall.default_interfaces(read("/proc/net/route"), read("/proc/net/ipv6_route")),
    }


def read_described(directory: str) -> list[str]:
    """Return the services of the last deployment that succeeded, else of the last; none where nothing tells."""
    for folder in (".described", "."):
        described = read_json(read(os.path.join(directory, folder, "infra/stack.json"))).get("services")
        if directory and isinstance(described, list):
            return [str(service) for service in described]
    return []


def read_shares(request: Request, rows: list[dict[str, str]] | None) -> Shares:
    """Return what the projects on the host ask of it, and what of it is not in place.

    Args:
        request: what this deployment asks.
        rows: containers as `docker ps` lists them; none where the engine does not answer.
    """
    found: Shares = {"others": [], "gone": [], "unreadable": [], "ask": False, "opens": False, "settle": False}
    options = request["share"]
    if options is None:
        return found
    state = HostState()
    defaults = Defaults(options["daemon_defaults"], options["daemon_rotation"], options["ssh_port"])
    shares, found["unreadable"] = state.known(rows, defaults.all_options)
    mine = shares.pop(request["project"], None)
    found["others"] = list(shares.values())
    found["gone"] = [name for name, share in shares.items() if state.gone(share, rows)]
    try:
        want = host_share.wanted(request["project"], request["directory"], options, request["published_ports"])
        for key, everything in (("ask", True), ("opens", False)):
            plan = state.plan(
                "ask", want, options=everything, overruled=options["overruled"], defaults=defaults, rows=rows
            )
            found[key] = bool(state.differing(plan))  # type: ignore[literal-required]
    except (HostError, firewall.FirewallError):
        return found  # the verdict says what it is
    found["settle"] = mine is None or mine["learned"] or mine["asked"] is not None or mine["ports"] != want["ports"]
    return found


def read_host(request: Request) -> Host:
    """Read all that the checks need. Changes nothing."""
    system = parse_os_release(read("/etc/os-release"))
    status = parse_dpkg_status(read("/var/lib/dpkg/status"), KNOWN_PACKAGES | {"dpkg"})
    info = read_docker()
    running = bool(info.get("ServerVersion"))
    rows = parse_ps(output(["docker", "ps", "--all", "--no-trunc", "--format", PS_FORMAT])) if running else []
    engine = read_engine(info)
    postgres = request["postgres"]
    names = [*request["volumes"], *([postgres["volume"]] if postgres else [])]
    layout = expected_layout(postgres["major"]) if postgres else "."
    return {
        "distribution": system.get("ID", ""),
        "distribution_version": system.get("VERSION_ID", ""),
        "distribution_name": system.get("PRETTY_NAME", ""),
        "codename": system.get("VERSION_CODENAME", ""),
        "architecture": status.get("dpkg", ("", ""))[1],
        "kernel": os.uname().release,
        "cpus": info.get("NCPU") or len(os.sched_getaffinity(0)),
        "memory_bytes": parse_memory(read("/proc/meminfo")),
        "disk_free_bytes": read_free_bytes(engine["root"]),
        "engine": engine,
        "compose_version": plugin_version(info, "compose"),
        "buildx_version": plugin_version(info, "buildx"),
        "packages": {name: found[0] for name, found in sorted(status.items()) if name != "dpkg"},
        "listeners": read_listeners({port["port"] for port in request["published_ports"]}, rows),
        "containers": containers_of(rows, request["project"]),
        "described": read_described(request["directory"]),
        "overrides": [
            name for name in strays.OVERRIDES if os.path.exists(os.path.join(request["directory"] or "/", name))
        ],
        "volumes": read_volumes(list(dict.fromkeys(names)), info, engine["root"], layout),
        "sysctls": {name: read_sysctl(name) for name in request["sysctls"]},
        "firewall": read_firewall(),
        "shares": read_shares(request, rows if running or engine["version"] is None else None),
        "neighbours": neighbours.read(request["project"], request["directory"], rows),
    }


def read_dependencies(folder: str) -> dict[str, str] | None:
    """Return the files of a source that say what it depends on, by name; None where there is no such folder."""
    if not os.path.isdir(folder):
        return None
    return {name: text for name in DEPENDENCY_FILES if (text := read(os.path.join(folder, name)))}


def read_developer(sources: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return who runs this, what Docker says to them, and what their sources depend on."""
    info = read_docker()
    rootless = any("name=rootless" in option for option in info.get("SecurityOptions") or [])
    uid, gid = os.getuid(), os.getgid()
    # In a rootless engine the developer is root inside, and nobody else
    inside = (0, 0) if rootless else (uid, gid)
    return {
        "uid": uid,
        "gid": gid,
        "container_uid": inside[0],
        "container_gid": inside[1],
        "user": f"{inside[0]}:{inside[1]}",
        "client": shutil.which("docker") is not None,
        "engine_error": " ".join(info.get("ServerErrors") or []),
        "dependencies": {name: read_dependencies(source["path"]) for name, source in sources.items()},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    sources = module.params["sources"]
    developer = {"developer": read_developer(sources)} if sources else {}
    module.exit_json(changed=False, problems=[], host=read_host(module.params), **developer)


if __name__ == "__main__":
    main()
