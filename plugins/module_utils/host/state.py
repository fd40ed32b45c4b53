# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""The state of a host that all projects on it share: read, planned, and put in place, one run at a time.

What is asked for and what follows from it is in host_share. Runs on managed hosts: Python 3.10 or later, standard
library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import ipaddress
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.host.preflight import (
    PS_FORMAT,
    parse_listeners,
    parse_ps,
    parse_published,
)
from ansible_collections.fullstack.docker.plugins.module_utils.host.share import Files, Legacy, Share, ShareError
from ansible_collections.fullstack.docker.plugins.module_utils.state import durable_file

LOCK = ".lock"
# Where a project lies that was deployed before there were shares, besides where its containers say
EARLIER = "opt/*/infra/stack.json"
TIMEOUT = 30
"""Seconds that a command may take; an engine that hangs counts as not running."""
SERVICES = ("front_door", "db", "redis")

Step = Literal["ask", "settle", "withdraw", "remove"]


class HostError(Exception):
    """The host's state cannot be what is asked for; the message says why and what to do."""


def read(path: str | Path) -> str:
    """Return a file's text, empty where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def output(argv: Sequence[str]) -> str | None:
    """Return what a command prints, none where it fails, is missing or hangs."""
    try:
        done = subprocess.run(
            argv, capture_output=True, check=False, stdin=subprocess.DEVNULL, text=True, timeout=TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


# --- what is asked of the running system ----------------------------------------------------------


def containers() -> list[dict[str, str]] | None:
    """Return all containers of the host as `docker ps` lists them; none where there is an engine and no answer."""
    if shutil.which("docker") is None:
        return []
    text = output(["docker", "ps", "--all", "--no-trunc", "--format", PS_FORMAT])
    return None if text is None else parse_ps(text)


def read_connection_port(pid: int) -> int | None:
    """Return the port at which the SSH connection arrived that a process runs in, None without one."""
    # sudo takes the variable away, the shell above it has it
    while pid > 1:
        variables = read(f"/proc/{pid}/environ").split("\0")
        for variable in variables:
            name, _equals, value = variable.partition("=")
            if name == "SSH_CONNECTION" and len(value.split()) == 4:
                return int(value.split()[3])
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        pid = int(fields[1]) if len(fields) > 1 else 0
    return None


def read_ssh_ports(open_until_now: Sequence[int] = ()) -> list[int]:
    """Return the TCP ports that sshd listens on, and the one of the connection in use.

    Args:
        open_until_now: ports that were opened for SSH before; those that something listens on stay, since another
            project may be deployed over one that this run does not see.
    """
    held = set()
    for comm in glob.iglob("/proc/[0-9]*/comm"):
        if read(comm).strip() != "sshd":
            continue
        for descriptor in glob.iglob(f"{os.path.dirname(comm)}/fd/*"):
            # It may be gone by now
            with contextlib.suppress(OSError):
                held.add(os.readlink(descriptor))
    listeners = [
        entry
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for entry in parse_listeners(read(table))
        if not ipaddress.ip_address(entry["address"]).is_loopback
    ]
    ports = {
        entry["port"] for entry in listeners if entry["port"] in open_until_now or f"socket:[{entry['inode']}]" in held
    }
    connected = read_connection_port(os.getpid())
    return sorted(ports | ({connected} if connected else set()))


def rules_in_force() -> bool:
    """Tell whether the rules in the kernel are those that were loaded, and no newer ones are written."""
    loaded = read(firewall.LOADED)
    return (
        bool(loaded)
        and os.path.exists(firewall.RULES)
        and os.stat(firewall.LOADED).st_mtime >= os.stat(firewall.RULES).st_mtime
        and output(firewall.LIST) == loaded
    )


def firewall_enabled() -> bool:
    """Tell whether the rules are loaded at boot."""
    return os.path.islink(f"/etc/systemd/system/sysinit.target.wants/{firewall.UNIT}")


# --- the shares -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Defaults:
    """What the role has of its own, beside what projects ask for."""

    daemon: Mapping[str, Any] = field(default_factory=dict)
    rotation: Mapping[str, Any] = field(default_factory=dict)
    ssh_port: int = 22
    """Port to open for SSH where neither an sshd nor a connection is found."""

    @property
    def all_options(self) -> dict[str, Any]:
        """The options of daemon.json that no project has to ask for."""
        return {**self.daemon, **self.rotation}


@dataclass(frozen=True)
class Plan:
    """What is to become of the shares, and the files that follow from them; None removes one."""

    files: Mapping[str, str | None]
    overruled: Sequence[str] = ()


class HostState:
    """The shares on a host and what is made of them. Below another root, nothing of the running system is changed."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.folder = self.at(host_share.FOLDER)

    def at(self, path: str) -> Path:
        """Return where a path of the host is."""
        return self.root / path.lstrip("/")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out, of whatever project; nobody stays long."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o755)
        descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def path_of(self, project: str) -> str:
        """Return the path of a project's share."""
        return f"{host_share.FOLDER}/{project}.json"

    def shares(self) -> tuple[dict[str, Share], list[str]]:
        """Return the shares by project, and a line for each file that is none."""
        found: dict[str, Share] = {}
        unreadable: list[str] = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                share = host_share.parse(read(path), str(path))
                if share["project"] != path.stem:
                    raise ShareError(f"{path}: is the share of project {share['project']}; rename or remove the file")
            except ShareError as error:
                unreadable.append(str(error))
            else:
                found[share["project"]] = share
        return found, unreadable

    def files(self) -> Files:
        """Return the files that are made of the shares, as they are."""
        return {
            "rules": read(self.at(firewall.RULES)),
            "daemon": read(self.at(host_share.DAEMON)),
            "sysctls": read(self.at(host_share.SYSCTLS)),
        }

    def legacies(self, known: Mapping[str, Share], rows: Sequence[Mapping[str, str]]) -> list[Legacy]:
        """Return the projects that were deployed before there were shares."""
        folders = {row["project"]: row["directory"] for row in rows if row["service"] == "front_door"}
        for description in sorted(self.root.glob(EARLIER)):
            folder = description.parents[1]
            if name := re.search(r"^name: (\S+)$", read(folder / "compose.yml"), re.MULTILINE):
                folders.setdefault(name[1].strip("'\""), str(folder))
        return [
            {
                "project": project,
                "directory": folder,
                "published": published_by(rows, project),
                "environment": read(Path(folder) / ".env"),
            }
            for project, folder in sorted(folders.items())
            if project and project not in known and not (Path(folder) / "dev.compose.yml").exists()
        ]

    def known(
        self, rows: Sequence[Mapping[str, str]] | None, defaults: Mapping[str, Any]
    ) -> tuple[dict[str, Share], list[str]]:
        """Return all shares, those of earlier projects included, and a line for each file that is none."""
        found, unreadable = self.shares()
        learned = host_share.learn(self.legacies(found, rows or ()), self.files(), defaults)
        return {**{share["project"]: share for share in learned}, **found}, unreadable

    def gone(self, share: Share, rows: Sequence[Mapping[str, str]] | None) -> bool:
        """Tell whether nothing is left of a share's project."""
        if rows is None or not share["directory"]:
            return False
        return not (self.at(share["directory"]) / "compose.yml").exists() and not any(
            row["project"] == share["project"] for row in rows
        )

    def plan(
        self,
        step: Step,
        want: Share,
        run: str = "",
        *,
        options: bool = True,
        overruled: Sequence[str] = (),
        defaults: Defaults | None = None,
        rows: Sequence[Mapping[str, str]] | None = None,
    ) -> Plan:
        """Return what is to be written. Changes nothing.

        Args:
            step: of the deployment: it begins, has succeeded, has failed; or the project goes.
            want: what the project asks for.
            run: what tells the deployment from others.
            options: whether options of engine, kernel and firewall are asked for too, or ports alone.
            overruled: projects that give way where they ask for something else.
            defaults: what the role has of its own; without them, nothing but the firewall follows from the shares.
            rows: the containers of the host; none where no engine answers.

        Raises:
            HostError: a share cannot be read, or two projects ask for what is not to be had together.
        """
        shares, unreadable = self.known(rows, defaults.all_options if defaults else {})
        if unreadable:
            raise HostError("\n".join(unreadable))
        project = want["project"]
        now = None if rows is None else published_now(rows, project)
        before = shares.pop(project, None)
        giving_way: list[str] = []
        if step == "ask":
            asks = want if options else {**(before or want), "directory": want["directory"], "ports": want["ports"]}
            yielding = {name for name, other in shares.items() if name in overruled or self.gone(other, rows)}
            agreeing = {name: host_share.agree(shares[name], asks) for name in yielding}
            giving_way = sorted(name for name in yielding if agreeing[name] != shares[name])
            others = [share for name, share in shares.items() if name not in yielding]
            if problems := host_share.conflicts(asks, others):
                raise HostError("\n".join(problems))
            shares |= agreeing
            start = before or host_share.empty(project, want["directory"])
            shares[project] = host_share.ask(start, asks, run, now)
        elif step == "settle":
            shares[project] = host_share.settle(before or want, want["ports"], run)
        elif step == "withdraw" and before is not None:
            shares[project] = host_share.withdraw(before, run, now)
            # Of a first deployment that came to nothing, nothing stays
            if not host_share.all_ports(shares[project]) and self.gone(shares[project], rows):
                del shares[project]
        files: dict[str, str | None] = {self.path_of(name): host_share.serialise(one) for name, one in shares.items()}
        if project not in shares:
            files[self.path_of(project)] = None
        together = [shares[name] for name in sorted(shares)]
        wanted = any(share["firewall"] for share in together)
        if wanted or (step == "remove" and self.at(firewall.RULES).exists()):
            until_now = firewall.parse_ssh_ports(read(self.at(firewall.RULES)))
            ssh_ports = read_ssh_ports(until_now) or [defaults.ssh_port if defaults else 22]
            files[firewall.RULES] = host_share.rules_text(together, ssh_ports)
        if defaults and options and step == "ask":
            files[host_share.DAEMON] = host_share.daemon_text(together, defaults.daemon, defaults.rotation)
            files[host_share.SYSCTLS] = host_share.sysctl_text(together)
        return Plan(files, giving_way)

    def differing(self, plan: Plan) -> dict[str, str | None]:
        """Return those files of a plan that are not as it has them."""
        return {path: text for path, text in plan.files.items() if text != self.text_of(path)}

    def text_of(self, path: str) -> str | None:
        """Return a file's text, none where there is no such file."""
        file = self.at(path)
        return read(file) if file.exists() else None

    def write(self, files: Mapping[str, str | None], check: Callable[[str, Path], None]) -> None:
        """Write files, the shares first: what is made of them can always be made again.

        Args:
            files: texts by path; None removes a file.
            check: is called with a path and a file that holds the new text, and raises what is wrong with it.
        """
        for path, text in files.items():
            if text is not None:
                with tempfile.TemporaryDirectory() as folder:
                    staged = Path(folder) / Path(path).name
                    staged.write_text(text)
                    check(path, staged)
        for path in sorted(files, key=lambda path: not path.startswith(host_share.FOLDER)):
            file, text = self.at(path), files[path]
            if text is None:
                file.unlink(missing_ok=True)
                continue
            if not file.parent.is_dir():
                file.parent.mkdir(parents=True)
                file.parent.chmod(0o755)
            durable_file.replace(file, text, 0o600 if path.startswith(host_share.FOLDER) else 0o644)


def validate(path: str, staged: Path) -> None:
    """Let the program that is going to read a file refuse it, where that is there yet.

    Raises:
        HostError: it is refused.
    """
    validations = {
        firewall.RULES: ("docker_host_firewall", ["/usr/sbin/nft", "--check", "--file"]),
        host_share.DAEMON: ("docker_host_daemon_options", ["dockerd", "--validate", "--config-file"]),
    }
    if path not in validations:
        return
    variable, argv = validations[path]
    if shutil.which(argv[0]) is None:
        return
    done = subprocess.run([*argv, str(staged)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).replace(str(staged), path)
        raise HostError(f"{variable}: {' '.join(argv)} refuses the new {path}; nothing was changed:\n{said}")


def put_rules_in_force() -> None:
    """Load the rules that are written, in one step.

    Raises:
        HostError: systemd or nft could not.
    """
    done = subprocess.run(
        ["systemctl", "reload-or-restart", firewall.UNIT], capture_output=True, text=True, check=False
    )
    if done.returncode:
        why = output(["journalctl", "--unit", firewall.UNIT, "--lines", "5", "--no-pager", "--output", "cat"]) or ""
        raise HostError(f"docker_host_firewall: the new rules are not in force: {done.stderr.strip()}\n{why.strip()}")


def published_by(rows: Sequence[Mapping[str, str]], project: str) -> list[dict[str, Any]]:
    """Return what the containers of a project publish or, where they are stopped, would publish."""
    mine = [row for row in rows if row["project"] == project and row["service"] in SERVICES]
    found = [
        {"service": row["service"], "address": address, "port": port}
        for row in mine
        for address, port in parse_published(row["ports"])
    ]
    stopped = [row["id"] for row in mine if row["state"] != "running"]
    text = output(["docker", "container", "inspect", *stopped]) if stopped else None
    for data in json.loads(text or "[]"):
        service = data["Config"]["Labels"]["com.docker.compose.service"]
        for bindings in (data["HostConfig"].get("PortBindings") or {}).values():
            found += [
                {"service": service, "address": one["HostIp"] or "0.0.0.0", "port": int(one["HostPort"])}
                for one in bindings
                if one["HostPort"]
            ]
    return found


def published_now(rows: Sequence[Mapping[str, str]], project: str) -> list[tuple[str, int]]:
    """Return addresses and ports that the running containers of a project publish."""
    return [place for row in rows if row["project"] == project for place in parse_published(row["ports"])]
