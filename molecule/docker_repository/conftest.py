"""What the tests of docker_host share: to run the role and the preflight module, to compare hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.docker_repository import Fingerprint

if TYPE_CHECKING:
    from testinfra.host import Host

    from tests.scenario.docker_repository import Play, Preflight

COMMANDS = Path(sys.executable).parent
SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
ENVIRONMENT = {**os.environ, "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"}


@pytest.fixture(scope="session")
def play() -> Play:
    """Return a function that runs the scenario's playbook."""

    def run(*, fails: bool = False, inventory: str = "", **variables: Any) -> str:
        command = [
            str(COMMANDS / "ansible-playbook"),
            f"--inventory={inventory or os.environ['MOLECULE_INVENTORY_FILE']}",
            f"--extra-vars={json.dumps(variables)}",
            str(SCENARIO / "converge.yml"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def preflight() -> Preflight:
    """Return a function that asks the host whether it could take a deployment."""

    def run(**arguments: Any) -> dict[str, Any]:
        command = [
            str(COMMANDS / "ansible"),
            f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}",
            "--module-name=fullstack.docker.preflight",
            f"--args={json.dumps({'package_source': 'docker', **arguments})}",
            "--one-line",
            "fullstack",
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT | {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        )
        _, _, answer = done.stdout.partition("=> ")
        result: dict[str, Any] = json.loads(answer)
        return result

    return run


@pytest.fixture
def fingerprint(host: Host) -> Fingerprint:
    """Return a function that sums up all that a deployment could change on the host."""
    return Fingerprint(host)
