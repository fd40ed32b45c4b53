"""A dependency is added: to a project with a uv.lock, as most have, and to the frontend."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.scenario.stack import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scenario.developer import Machine
    from tests.scenario.stack import Site

ADDED = "humanize"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Iterator[str]:
    """Give the project a further dependency and a uv.lock, and return the lock's text."""
    folder = tmp_path_factory.mktemp("project")
    with machine.editing("backend/pyproject.toml") as text:
        pyproject = re.sub(
            r"^dependencies = \[", f'dependencies = [\n    "{ADDED}",', text, count=1, flags=re.MULTILINE
        )
        # The Python that locks is this one; that of the image is newer
        pyproject = re.sub(r"^requires-python.*$", 'requires-python = ">=3.11"', pyproject, flags=re.MULTILINE)
        (folder / "pyproject.toml").write_text(pyproject)
        uv = str(PROJECT / ".venv/bin/uv")
        subprocess.run([uv, "lock", "--quiet", "--python", sys.executable], check=True, cwd=folder)
        written = (folder / "uv.lock").read_text()
        machine.save("backend/pyproject.toml", pyproject)
        machine.save("backend/uv.lock", written)
        yield written
        machine.output("rm backend/uv.lock")


class TestUvLock:
    """The one documented command is the play."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def applied(cls, lock: str, site: Site) -> None:
        site.apply(playbook="playbooks/dev.yml")

    def test_the_dependency_is_there(self, machine: Machine) -> None:
        machine.compose(f"exec -T backend python -c 'import {ADDED}, pytest'")

    def test_uv_run_leaves_the_lock_alone(self, machine: Machine, lock: str) -> None:
        assert "head" in machine.type("docker compose exec backend uv run alembic current")
        assert digest(machine.read("backend/uv.lock")) == digest(lock)

    def test_a_lock_of_another_project_is_refused(self, machine: Machine, site: Site) -> None:
        with machine.editing("backend/pyproject.toml") as text:
            machine.save("backend/pyproject.toml", text.replace(f'"{ADDED}",', f'"{ADDED}", "rich",'))
            refused = site.run(playbook="playbooks/dev.yml")
        assert refused.code != 0
        assert "/backend/uv.lock is not of this pyproject.toml (rich); run uv lock there" in refused.said


def test_the_frontends_volume_follows_its_image(machine: Machine) -> None:
    """A rebuilt image may have other dependencies than the volume; here the volume is made to differ."""
    machine.compose("exec -T frontend sh -c 'echo older >node_modules/.fullstack; rm -rf node_modules/react'")
    machine.compose("restart frontend")
    machine.compose("up -d --wait frontend")
    assert json.loads(machine.compose("exec -T frontend cat node_modules/react/package.json"))["name"] == "react"
