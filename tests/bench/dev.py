"""A development environment: a run of its play with nothing to do, beside what it calls."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.host import SSH, timed
from tests.bench.table import REPOSITORY, Goal, Rows
from tests.ground import ground

if TYPE_CHECKING:
    from tests.bench.host import Stack

TITLE = "The development environment"
HOST = "fullstack-bench-dev"
ROUNDS = 5
INVENTORY = """\
fullstack:
  hosts:
    {host}:
      ansible_ssh_common_args: -F {repository}/.cache/ground/ssh/config
"""
START = "- {hosts: all, gather_facts: false, tasks: [{ansible.builtin.ping: }]}\n"
# On the machine itself, so that no connection is in the figure
UP = """
cd /home/ada/shop/.fullstack
python3 -c 'import subprocess, time
began = time.monotonic()
subprocess.run(["docker", "compose", "up", "-d", "--wait"], check=True, capture_output=True)
print(time.monotonic() - began)'
"""


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Make a developer's machine, measure, remove it."""
    try:
        ground.host_down(HOST)
        ground.host_up(HOST, "host:trixie-docker", "", ())
        with tempfile.TemporaryDirectory() as folder:
            return measure_on(Path(folder), rows)
    finally:
        ground.host_down(HOST)


def measure_on(folder: Path, rows: Rows) -> list[str]:
    """Bring the environment up on the machine, and measure."""
    inventory, start = folder / "hosts.yml", folder / "start.yml"
    inventory.write_text(INVENTORY.format(host=HOST, repository=REPOSITORY))
    start.write_text(START)
    (folder / "group_vars").symlink_to(REPOSITORY / "molecule/development/group_vars")
    # What the scenario's variables and preparation, which are used here, take from Molecule
    os.environ |= {"MOLECULE_PROJECT_DIRECTORY": str(REPOSITORY), "MOLECULE_EPHEMERAL_DIRECTORY": str(folder)}

    def play(playbook: str) -> float:
        return timed([str(REPOSITORY / ".venv/bin/ansible-playbook"), playbook, "-i", str(inventory)]).seconds

    play("molecule/development/prepare.yml")
    first = play("playbooks/dev.yml")
    again, bare, beginning = [], [], []
    for _ in range(ROUNDS):
        again.append(play("playbooks/dev.yml"))
        bare.append(float(timed([*SSH, f"ada@{HOST}", UP]).output))
        beginning.append(play(str(start)))
    second, compose, ansible = (statistics.median(one) for one in (again, bare, beginning))
    rows.add("first run of dev.yml", first, "s")
    rows.add("start of Ansible, which is in every run", ansible, "s")
    rows.add("dev.yml with nothing to change, beyond that start", second - ansible, "s",
             beside="docker compose up -d --wait", other=compose, goal=Goal("÷", 1.5))  # fmt: skip
    return ["The start is a play of one ping over the same connection. Medians of five rounds in turn."]
