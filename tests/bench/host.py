"""A host of the test ground with the stack on it, and the commands that are timed there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.bench.table import REPOSITORY
from tests.ground import ground

CACHE = REPOSITORY / ".cache" / "bench"
SSH = ("ssh", "-F", str(REPOSITORY / ".cache/ground/ssh/config"))
VAULT_PASSWORD = "tests/ground/vault-password"
NAME = "fullstack-bench"
# One client sends more here than the limits grant one
INVENTORY = """\
fullstack:
  hosts:
    {host}:
      ansible_user: root
      ansible_ssh_common_args: -F {repository}/.cache/ground/ssh/config
      fastapi_backend_path: {source}/backend
      nginx_frontend_path: {source}/frontend
      nginx_frontend_api_rate: 1000000r/s
      nginx_frontend_api_burst: 10000
      nginx_frontend_connections_per_client: 1000
"""
NOT_SOURCE = ("node_modules", "dist", ".venv", "__pycache__", ".*_cache", ".hypothesis", "coverage")
# Of the machine's own packages, on the host that is measured: closed loops by wrk, open ones by hey
LOAD_GENERATORS = ("wrk", "hey")


class BenchError(Exception):
    """A figure cannot be measured; the message says why."""


@dataclass(frozen=True)
class Timed:
    """A command that succeeded."""

    seconds: float
    output: str


def timed(command: list[str], text: str | None = None) -> Timed:
    """Run a command that has to succeed.

    Raises:
        BenchError: it failed.
    """
    begin = time.monotonic()
    done = subprocess.run(command, cwd=REPOSITORY, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(command)[:300]} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return Timed(time.monotonic() - begin, done.stdout)


def playbook_command(inventory: Path, playbook: str, *arguments: str, **variables: Any) -> list[str]:
    """Return the command that runs a playbook as a user does."""
    program = str(REPOSITORY / ".venv/bin/ansible-playbook")
    more = [f"--extra-vars={json.dumps(variables)}"] if variables else []
    return [program, playbook, "-i", str(inventory), "--vault-password-file", VAULT_PASSWORD, *arguments, *more]


def ssh(name: str, script: str) -> Timed:
    """Run a line of shell on a host; it has to succeed."""
    return timed([*SSH, name, script])


class Stack:
    """The host that most tables measure; deployed to when the first of them asks for it."""

    def __init__(self, *, keep: bool) -> None:
        self.keep = keep
        self.deployed = False

    @cached_property
    def source(self) -> Path:
        """A copy of the application, which may be changed."""
        folder = CACHE / "app"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(REPOSITORY / "app", folder, ignore=shutil.ignore_patterns(*NOT_SOURCE))
        return folder

    @cached_property
    def inventory(self) -> Path:
        """An inventory like the demo's, with the limits lifted."""
        secrets = ["playbooks/secrets.yml", "-i", "inventories/demo", "--vault-password-file", VAULT_PASSWORD]
        timed([str(REPOSITORY / ".venv/bin/ansible-playbook"), *secrets])
        folder = CACHE / "inventory"
        folder.mkdir(parents=True, exist_ok=True)
        variables = folder / "group_vars"
        variables.unlink(missing_ok=True)
        variables.symlink_to(REPOSITORY / "inventories/demo/group_vars")
        inventory = folder / "hosts.yml"
        inventory.write_text(INVENTORY.format(host=NAME, repository=REPOSITORY, source=self.source))
        return inventory

    @cached_property
    def address(self) -> str:
        """The host's address, after a deployment where there was none."""
        if not self.deployed and not (self.keep and ground.container_exists(NAME)):
            ground.host_down(NAME)
            ground.host_up(NAME, "host:trixie-docker", "", ())
        found = ground.host_up(NAME, "", "", ())
        if not self.deployed:
            self.play()
        self.deployed = True
        ssh(NAME, "command -v wrk hey >/dev/null || { apt-get update -qq && "
            f"apt-get install -qqy --no-install-recommends {' '.join(LOAD_GENERATORS)} >/dev/null; }}")  # fmt: skip
        return found

    def bare(self) -> None:
        """Begin anew with a bare host, which `play` will deploy to."""
        ground.host_down(NAME)
        ground.host_up(NAME, "host:trixie", "", ())
        self.__dict__.pop("address", None)
        self.deployed = True

    def play(self, playbook: str = "site.yml", *arguments: str, **variables: Any) -> Timed:
        """Run a playbook against it."""
        return timed(playbook_command(self.inventory, playbook, *arguments, **variables))

    def run(self, script: str) -> Timed:
        """Run a line of shell in the project's folder."""
        return ssh(self.name, f"cd /opt/app && {script}")

    def output(self, script: str) -> str:
        """Run a line of shell in the project's folder and return what it prints, without white space around."""
        return self.run(script).output.strip()

    @property
    def name(self) -> str:
        """The host's name, once it is deployed to."""
        assert self.address
        return NAME

    def source_to_host(self, path: Path, place: str) -> None:
        """Write a file into the project's folder on the host, as somebody does who deploys by hand."""
        timed([*SSH, self.name, f"cat >/opt/app/{place}"], path.read_text())

    def reload_nginx(self) -> None:
        """Let nginx read nginx.conf and prod.nginx anew, and come back when its old workers are gone."""
        workers = "docker compose top nginx | awk '/nginx: worker process *$/ {print $2}' | sort | tr '\\n' ' '"
        before = set(self.output(workers).split())
        renew = ("cd /etc/nginx/fullstack && cp nginx.conf prod.nginx /run/nginx/ && cd /run/nginx "
                 "&& nginx -t -q -c $PWD/nginx.conf && nginx -c $PWD/nginx.conf -s reload")  # fmt: skip
        self.output(f"docker compose exec -T nginx sh -c {shlex.quote(renew)}")

        def renewed() -> bool:
            now = set(self.output(workers).split())
            return bool(now) and not now & before

        ground.wait_for("nginx's new workers", renewed, 60)

    def server(self, name: str, *command: str, options: str = "") -> str:
        """Start one more backend of the image in use, run by another command; return its address."""
        self.output(f"docker rm -f {name} >/dev/null 2>&1; "
                    f"docker compose run -d --no-deps --name {name} {options} backend {' '.join(command)}")  # fmt: skip
        layout = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = self.output(f"docker inspect --format '{layout}' {name}")
        self.output("command -v curl >/dev/null || apt-get install -qqy --no-install-recommends curl >/dev/null")
        # Only while it runs is the address its own: an engine gives that of a container that ended to the next one
        same = f"test \"$(docker inspect --format '{layout}' {name})\" = '{address}'"
        ask = f"curl -fsS --max-time 2 -o /dev/null -H 'Host: localhost' http://{address}:8000/health/ready"

        def answers() -> bool:
            if self.output(f"docker inspect --format '{{{{.State.Running}}}}' {name}") != "true":
                raise BenchError(f"{name} ended:\n" + self.output(f"docker logs --tail 30 {name} 2>&1"))
            return self.output(f"{same} && {ask} 2>/dev/null && echo yes || true") == "yes"

        ground.wait_for(name, answers, 60)
        return address

    def remove_servers(self, *names: str) -> None:
        """Remove what `server` started."""
        self.output(f"docker rm -f {' '.join(names)} >/dev/null 2>&1 || true")

    def down(self) -> None:
        """Remove it, unless it is to be kept."""
        if not self.keep:
            ground.host_down(NAME)


def remote_calls(output: str) -> int:
    """Count how often the host was asked, in what a play with -vvv printed."""
    return output.count("SSH: EXEC")


def changed(output: str) -> int:
    """Count the changed tasks in what a play printed."""
    return sum(int(found) for found in re.findall(r"changed=(\d+) ", output))
