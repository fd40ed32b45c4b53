"""What a developer is told before anything starts."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.scenario.developer import HOST, SSH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scenario.developer import Machine
    from tests.scenario.stack import Run, Site

PLAY = "playbooks/dev.yml"


def as_root(line: str) -> None:
    """Type a line as the machine's administrator."""
    subprocess.run([*SSH, f"root@{HOST}", line], check=True)


@pytest.fixture(scope="module", autouse=True)
def untouched(machine: Machine) -> Iterator[None]:
    """Prove that no refusal started or stopped anything."""
    before = machine.output("docker ps --all --no-trunc --quiet | sort; find .fullstack -printf '%p %T@\n' | sort")
    yield
    assert (
        machine.output("docker ps --all --no-trunc --quiet | sort; find .fullstack -printf '%p %T@\n' | sort") == before
    )


class TestManyFaults:
    """All are told at once."""

    @pytest.fixture(scope="class")
    @classmethod
    def refused(cls, machine: Machine, site: Site) -> Iterator[Run]:
        machine.output("mkdir -p ../empty; (python3 -m http.server 9311 >/dev/null 2>&1 & echo $! >../listener)")
        image = "registry.lan:5000/fullstack/redis:8"
        machine.output(
            f"docker run --detach --name elsewhere --publish 127.0.0.1:9312:80 --entrypoint sleep {image} 60"
        )
        yield site.run(
            playbook=PLAY,
            fastapi_backend_path="/home/ada/empty",
            nginx_frontend_path="/home/ada/empty",
            fastapi_backend_development_port=9311,
            redis_port=9312,
            compose_project_directory="/home/ada/shop/.fullstack",
        )
        machine.output("kill $(cat ../listener); rm ../listener; rmdir ../empty; docker rm --force elsewhere")

    @pytest.mark.parametrize(
        "message",
        [
            "fastapi_backend_development_port: 9311 on 127.0.0.1 is held by process python3 (pid ",
            "redis_port: 9312 on 127.0.0.1 is held by container elsewhere, which is not part of project app-dev",
            "fastapi_backend_path: /home/ada/empty holds no pyproject.toml and no requirements.txt",
            "nginx_frontend_path: /home/ada/empty holds no package.json",
        ],
    )
    def test_it_is_named(self, refused: Run, message: str) -> None:
        assert refused.code != 0
        assert message in refused.said, refused.output


def test_a_machine_without_docker_is_refused(site: Site) -> None:
    as_root("mv /usr/bin/docker /usr/bin/docker.away")
    try:
        refused = site.run(playbook=PLAY)
    finally:
        as_root("mv /usr/bin/docker.away /usr/bin/docker")
    assert refused.code != 0
    assert "Docker: there is no docker command on this machine; install Docker Engine 25.0 or later" in refused.said


def test_a_user_who_may_not_use_docker_is_told_how(site: Site) -> None:
    refused = site.run("--user=bob", playbook=PLAY, ansible_user="bob")
    assert refused.code != 0
    assert "permission denied" in refused.said
    assert "add yourself to the group docker and log in again" in refused.said


def test_an_inventory_of_production_is_refused(site: Site) -> None:
    refused = site.run(playbook=PLAY, compose_project_environment="production")
    assert refused.code != 0
    assert "compose_project_environment: is production, and a development environment is made from" in refused.said


def test_production_is_not_deployed_from_an_inventory_of_development(site: Site) -> None:
    refused = site.run(playbook="playbooks/release.yml", ansible_become=False)
    assert refused.code != 0
    assert "compose_project_environment: is development, and this play deploys to production" in refused.said
