"""Somebody who types what the documentation says: on a machine with the clone, in a folder of a team, on the host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.scenario.stack import PROJECT

if TYPE_CHECKING:
    from tests.scenario.commands import Command

SSH_CONFIG = PROJECT / ".cache/ground/ssh/config"
VAULT_PASSWORD = PROJECT / "tests/ground/vault-password"
# What is typed on the machine that runs Ansible; the rest is for the host
AT_THE_CONTROLLER = ("ansible", "make ", "cp ", "mkdir ", "ssh ")
INSTALLED = "As an installed collection"
"""Section of the README that is followed in the folder of a team, the others in the clone."""

PATIENCE = 300
"""Seconds that a command may take."""
KEYS_EVERY = 0.5
"""Seconds between two attempts to type something."""

# Commands that need something else here, and why
INSTEAD = {
    # They bring up hosts of their own, for minutes; what they do is what the scenarios do
    "make demo": "make --dry-run demo",
    "make test": "make --dry-run test",
    # The host has another name, a tunnel would stay open
    "ssh -L 3421:127.0.0.1:3421 app1.example.com": f"ssh -F {SSH_CONFIG} -L 3421:127.0.0.1:3421 HOST true",
    # No request failed here
    """docker compose logs --no-log-prefix nginx | grep '"status":5'""": (
        """docker compose logs --no-log-prefix nginx | grep '"status":2'"""
    ),
    # It goes on until it is stopped
    "docker compose logs -f": "timeout 3 docker compose logs -f; test $? = 124",
}
# What is typed into commands that ask
TYPED = {
    "docker compose exec backend sh": "exit\n",
    "docker compose exec backend /etc/fullstack/with-env python3": "exit()\n",
    "docker compose exec db psql -U postgres -d app_db": "\\q\n",
    """docker compose exec redis sh -c 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli'""": "quit\r",
}
# Pages that are about another machine than this scenario has, and the scenario that types what they say
ELSEWHERE = {"development.md": "development"}


@dataclass(frozen=True)
class Newcomer:
    """The newcomer, whose home is empty at first."""

    home: Path
    host: str
    """Name of the host that is deployed to."""

    @property
    def clone(self) -> Path:
        """The clone of the repository."""
        return self.home / "fullstack.docker"

    @property
    def team(self) -> Path:
        """The folder of a team, which holds an application."""
        return self.home / "team"

    def settle(self) -> None:
        """Clone, with the environment that is there already, and lay down the team's application."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.clone.mkdir(parents=True)
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True)
        for path in filter(None, listing.stdout.split("\0")):
            if (PROJECT / path).is_file():
                (self.clone / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / path, self.clone / path)
        for name in (".venv", ".cache"):
            (self.clone / name).symlink_to(PROJECT / name)
        shutil.copytree(self.clone / "app", self.team / "app")
        (self.team / "ansible.cfg").write_text(ini_block((PROJECT / "README.md").read_text()))

    def edit(self, inventory: Path, title: str) -> None:
        """Edit the copy of the example: the host, what the ground's images want, and the page's title."""
        login = {"ansible_user": "root", "ansible_ssh_common_args": f"-F {SSH_CONFIG}"}
        hosts = {"fullstack": {"hosts": {self.host: login}}}
        (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
        variables = inventory / "group_vars/fullstack"
        ground = (PROJECT / "inventories/demo/group_vars/fullstack/images.yml").read_text()
        (variables / "zz_ground.yml").write_text(ground)
        project = variables / "compose_project.yml"
        project.write_text(project.read_text().replace("My App", title))

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment after `. .venv/bin/activate`, without what Molecule puts into it."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "MOLECULE_", "PYTEST_"))
        }
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"HOME": str(self.home), "PATH": path, "EDITOR": "true"}
        return {**kept, **own, "ANSIBLE_VAULT_PASSWORD_FILE": str(VAULT_PASSWORD), "ANSIBLE_NOCOLOR": "true"}

    def type(self, command: Command) -> tuple[int, str]:
        """Type a command where it belongs; return its exit status and what it said."""
        line = INSTEAD.get(command.text, command.text).replace("HOST", self.host)
        # Nobody is there to type the password: a variable names its file
        line = line.replace(" --ask-vault-pass", "")
        if command.text.startswith(AT_THE_CONTROLLER):
            folder = self.team if command.section == INSTALLED else self.clone
            argv = ["sh", "-c", line]
        else:
            folder = self.home
            typed = command.text in TYPED
            if typed:
                # A terminal without a size is asked for its size by what runs in it, and the answer is awaited
                line = f"stty columns 80 rows 24 && {line}"
            # ssh joins what it is given and leaves it to the shell of the host
            argv = ["ssh", "-F", str(SSH_CONFIG), *(["-tt"] if typed else []), self.host, f"cd /opt/app && {line}"]
        with tempfile.TemporaryFile() as said:
            running = subprocess.Popen(
                argv, cwd=folder, env=self.environment, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT
            )
            status = self.wait(running, TYPED.get(command.text, ""))
            said.seek(0)
            return status, f"$ {line}\n{said.read().decode(errors='replace')}"

    @staticmethod
    def wait(running: subprocess.Popen[bytes], typed: str) -> int:
        """Type into a program until it ends, since what comes before it listens is lost; return its exit status."""
        assert running.stdin
        deadline = time.monotonic() + PATIENCE
        while typed:
            with suppress(BrokenPipeError):
                running.stdin.write(typed.encode())
                running.stdin.flush()
            with suppress(subprocess.TimeoutExpired):
                return running.wait(KEYS_EVERY)
            if time.monotonic() > deadline:
                break
        running.stdin.close()
        try:
            return running.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            running.kill()
            return running.wait()


def ini_block(page: str) -> str:
    """Return the settings that a page asks for."""
    found = re.search(r"```ini\n(.*?)```", page, re.DOTALL)
    assert found
    return found[1]
