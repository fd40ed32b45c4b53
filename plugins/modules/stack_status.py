#!/usr/bin/python
"""Module stack_status: how a project is doing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_status
short_description: Tell how a Compose project is doing
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Reads services, health, replicas, releases, uptime, memory against limit, disk and certificate in one remote call.
  - Compares what is published with what the firewall of the host lets in, and asks whether it answers.
  - Changes nothing.
extends_documentation_fragment:
  - fullstack.docker.project.read_only
  - fullstack.docker.project
"""

EXAMPLES = r"""
- name: Ask how the project is doing
  fullstack.docker.stack_status:
    project: shop
    directory: /opt/shop
  register: shop
"""

RETURN = r"""
table:
  description: The answer as text for people.
  returned: always
  type: str
problems:
  description: What is wrong, a sentence each; empty when all is well.
  returned: always
  type: list
  elements: str
containers:
  description: Service, status, health and number of restarts of each container.
  returned: always
  type: list
  elements: dict
"""

import json
import shutil
import socket
import ssl
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import SERVICE_LABEL
from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall
from ansible_collections.fullstack.docker.plugins.module_utils.host import status as stack_status
from ansible_collections.fullstack.docker.plugins.module_utils.host.state import (
    HostState,
    firewall_enabled,
    read,
    rules_in_force,
)
from ansible_collections.fullstack.docker.plugins.module_utils.host.state import containers as all_containers

# Seconds that a published port gets to answer
PATIENCE = 5
# Where a wildcard address is asked
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
FRONT_DOOR = "front_door"
HTTPS = 443
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def in_bytes(text: str) -> int:
    """Read a size as docker stats writes it, such as ``41.2MiB``."""
    number = text.rstrip("KMGTiB")
    return int(float(number) * UNITS[text[len(number) :]])


def memory(docker: DockerCli, ids: list[str]) -> dict[str, tuple[int, int]]:
    """Return memory in use and its limit in bytes, by container id."""
    if not ids:
        return {}
    lines = docker.run(["stats", "--no-stream", "--no-trunc", "--format", "json", *ids]).splitlines()
    usage = {one["ID"]: one["MemUsage"].split(" / ") for one in map(json.loads, lines)}
    return {name: (in_bytes(used), in_bytes(limit)) for name, (used, limit) in usage.items() if used != "--"}


def answers(service: str, address: str, port: int, target: int) -> bool:
    """Tell whether a published port answers on the host: the front door in HTTP, others by taking the connection."""
    try:
        with socket.create_connection((LOOPBACK.get(address, address), port), timeout=PATIENCE) as channel:
            if service != FRONT_DOOR:
                return True
            if target == HTTPS:
                # Whose certificate it is, is asked elsewhere
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                with context.wrap_socket(channel, server_hostname="localhost") as encrypted:
                    return speaks_http(encrypted)
            return speaks_http(channel)
    except OSError:
        return False


def speaks_http(channel: socket.socket) -> bool:
    """Tell whether a connection answers a request."""
    channel.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
    return channel.recv(5) == b"HTTP/"


def places(found: list[dict[str, Any]]) -> list[stack_status.Place]:
    """Return where running containers are published, and whether they answer there."""
    published = {
        (
            one["Config"]["Labels"][SERVICE_LABEL],
            binding["HostIp"],
            int(binding["HostPort"]),
            int(target),
        )
        for one in found
        if one["State"]["Running"]
        for target, _slash, protocol in (name.partition("/") for name in one["NetworkSettings"]["Ports"])
        if protocol == "tcp"
        for binding in one["NetworkSettings"]["Ports"][f"{target}/tcp"] or ()
    }
    return [stack_status.Place(*one, answers=answers(*one)) for one in sorted(published)]


def containers(docker: DockerCli, found: list[dict[str, Any]]) -> list[stack_status.Running]:
    """Return the project's containers with what they use."""
    used = memory(docker, [one["Id"] for one in found if one["State"]["Running"]])
    return [
        stack_status.Running(
            service=one["Config"]["Labels"][SERVICE_LABEL],
            status=one["State"]["Status"],
            health=(one["State"].get("Health") or {}).get("Status"),
            started=stack_status.parse_time(one["State"]["StartedAt"]) if one["State"]["Running"] else None,
            image_id=one["Image"],
            memory=used.get(one["Id"], (0, 0))[0],
            memory_limit=used.get(one["Id"], (0, 0))[1],
            restarts=one["RestartCount"],
        )
        for one in found
    ]


def image_tags(docker: DockerCli) -> dict[str, list[str]]:
    """Return the names of each image of the host, by image id."""
    tags: dict[str, list[str]] = {}
    for line in docker.run(["image", "ls", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"]).splitlines():
        image, _space, name = line.partition(" ")
        tags.setdefault(image, []).append(name)
    return tags


def certificate_end(module: AnsibleModule, directory: Path) -> datetime | None:
    """Return when the certificate of nginx ends; none without one."""
    path = directory / "secrets/tls/certificate.pem"
    if not path.exists():
        return None
    if shutil.which("openssl") is None:
        module.fail_json(msg=f"openssl is needed on the host to read {path}; install it")
    _code, out, _err = module.run_command(["openssl", "x509", "-enddate", "-noout", "-in", str(path)], check_rc=True)
    text = out.strip().partition("=")[2]
    return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)


def status(module: AnsibleModule, docker: DockerCli) -> dict[str, Any]:
    """Return the module's result."""
    now = datetime.now(timezone.utc)
    services = {
        name: (service.get("deploy") or {}).get("replicas")
        for name, service in docker.model()["services"].items()
        if not service.get("profiles")
    }
    inspected = docker.inspected()
    running = containers(docker, inspected)
    published = places(inspected)
    state = HostState()
    shares, unreadable = state.shares()
    rows = all_containers()
    gone = [name for name, share in shares.items() if name != docker.project and state.gone(share, rows)]
    host = stack_status.Firewall(shares.get(docker.project), read(firewall.RULES), rules_in_force(), firewall_enabled())
    disk = shutil.disk_usage(docker.run(["info", "--format", "{{.DockerRootDir}}"]).strip())
    end = certificate_end(module, docker.directory)
    facts = {
        "disk": f"{stack_status.percent(disk.used, disk.total)} % used, {disk.free // 2**30} GiB free",
        "certificate": f"until {end:%Y-%m-%d}" if end else "none",
        "firewall": stack_status.open_ports(host),
        "projects": ", ".join(f"{name} (gone)" if name in gone else name for name in sorted(shares)) or docker.project,
    }
    return {
        "table": stack_status.table(stack_status.rows(services, running, image_tags(docker), now), facts),
        "problems": [
            *stack_status.container_problems(services, running),
            *stack_status.host_problems(disk.used, disk.total, end, now),
            *stack_status.port_problems(host, published),
            *unreadable,
        ],
        "containers": stack_status.serialise(running),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    docker = DockerCli(module, module.params["project"], module.params["directory"])
    if shutil.which("docker") is None or not docker.compose_file.exists():
        where = docker.directory
        module.fail_json(msg=f"there is no project in {where} on this host: run site.yml first")
    try:
        module.exit_json(changed=False, **status(module, docker))
    except DockerError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
