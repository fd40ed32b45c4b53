#!/usr/bin/env python3
"""Measure a development environment: a run of its play with nothing to do, against what it calls.

tests/bench calls `measure`; by itself this prints the figures and writes them to bench/out/development_play.json.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "ground"))

import ground  # noqa: E402 - it stands in a folder of its own, which scripts there use without an install

HOST = "fullstack-bench-dev"
OUT = REPOSITORY / "bench/out/development_play.json"
SSH = ["ssh", "-F", str(REPOSITORY / ".cache/ground/ssh/config")]
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


def must(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Run a command that has to succeed; return its seconds and its output."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return time.monotonic() - began, done.stdout


def measure_on(folder: Path) -> dict[str, float]:
    """Bring the environment up on the host, and measure."""
    inventory, start = folder / "hosts.yml", folder / "start.yml"
    inventory.write_text(INVENTORY.format(host=HOST, repository=REPOSITORY))
    start.write_text(START)
    (folder / "group_vars").symlink_to(REPOSITORY / "molecule/development/group_vars")
    names = {"MOLECULE_PROJECT_DIRECTORY": str(REPOSITORY), "MOLECULE_EPHEMERAL_DIRECTORY": str(folder)}
    environment = os.environ | names

    def play(playbook: str) -> float:
        binary = str(REPOSITORY / ".venv/bin/ansible-playbook")
        return must([binary, playbook, "-i", str(inventory)], environment)[0]

    def up() -> float:
        return float(must([*SSH, f"ada@{HOST}", UP], environment)[1])

    play("molecule/development/prepare.yml")
    first = play("playbooks/dev.yml")
    again, bare, beginning = [], [], []
    for _ in range(ROUNDS):
        again.append(play("playbooks/dev.yml"))
        bare.append(up())
        beginning.append(play(str(start)))
    second, compose, ansible = (statistics.median(one) for one in (again, bare, beginning))
    return {
        "development: first run of dev.yml (s)": round(first, 1),
        "development: dev.yml with nothing to change (s)": round(second, 2),
        "development: docker compose up -d --wait (s)": round(compose, 2),
        "development: start of Ansible (s)": round(ansible, 2),
        "development: (dev.yml - start) / up": round((second - ansible) / compose, 2),
    }


def measure() -> dict[str, float]:
    """Make a developer's machine, measure, remove it."""
    try:
        ground.host_down(HOST)
        ground.host_up(HOST, "host:trixie-docker", "", ())
        with tempfile.TemporaryDirectory() as folder:
            return measure_on(Path(folder))
    finally:
        ground.host_down(HOST)


def main() -> None:
    """Measure and report."""
    ground.build_all(everything=False)
    figures = measure()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    for name, figure in figures.items():
        sys.stdout.write(f"{name}  {figure}\n")


if __name__ == "__main__":
    ground.main(main)
