"""The example inventory, copied and used as the README says, for a bare host: official images, Docker's packages."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.scenario.stack import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from testinfra.host import Host

    from tests.scenario.stack import Run, Site


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory, neighbour: Host) -> Path:
    """Return a copy in a clone of the repository, whose one host is the neighbour."""
    clone = tmp_path_factory.mktemp("clone")
    (clone / "app").symlink_to(PROJECT / "app")
    copy = shutil.copytree(PROJECT / "inventories/prod", clone / "inventories/mine")
    example = yaml.safe_load((copy / "hosts.yml").read_text())
    (host,) = example["fullstack"]["hosts"].values()
    assert host == {"ansible_user": "deploy"}
    variables = neighbour.backend.get_variables()
    reached = {name: variables[name] for name in variables if re.match("ansible_(host|ssh_common_args)$", name)}
    example["fullstack"]["hosts"] = {neighbour.backend.get_hostname(): reached | {"ansible_user": "root"}}
    (copy / "hosts.yml").write_text(yaml.safe_dump(example))
    return copy


@pytest.fixture(scope="module")
def checked(mine: Path, site: Site) -> Run:
    """Make the secrets, and ask what a first deployment would do."""
    assert site.run(playbook="playbooks/secrets.yml", inventory=mine).code == 0
    return site.run("--check", "--diff", inventory=mine)


def test_secrets_are_written_encrypted(checked: Run, mine: Path) -> None:
    assert (mine / "group_vars/fullstack/vault.yml").read_text().startswith("$ANSIBLE_VAULT;")


def test_first_deployment_is_foretold(checked: Run) -> None:
    assert checked.code == 0, checked.output
    assert "install Docker, then create every service" in checked.output


@pytest.mark.parametrize(
    "words",
    [
        "https://download.docker.com/linux/debian",
        "image: postgres:18-alpine",
        "image: redis:7-alpine",
        r"user: ['\"]?70:70",
        r"FROM python:3\.12-slim",
        r"FROM node:22-slim",
        r"FROM nginx:1\.\d+[\d.]*-alpine",
    ],
)
def test_plan_names(checked: Run, words: str) -> None:
    assert re.search(words, checked.output)


def test_host_is_as_bare_as_before(checked: Run, neighbour: Host) -> None:
    assert not neighbour.file("/opt/app").exists
    assert not neighbour.exists("docker")
