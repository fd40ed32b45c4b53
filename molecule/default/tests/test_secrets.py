"""Where the secrets are, and where they are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.scenario.stack import Compose, Container

if TYPE_CHECKING:
    from testinfra.host import Host

OWNERS = {"backend": 1001, "db": 999, "redis": 999}


@pytest.fixture(scope="module")
def containers(compose: Compose) -> dict[str, Container]:
    """Return the container of each service."""
    return {container.service: container for container in compose.containers()}


@pytest.mark.parametrize("service", OWNERS)
def test_service_has_its_secrets(containers: dict[str, Container], service: str) -> None:
    assert containers[service].secrets


@pytest.mark.parametrize("service", OWNERS)
def test_secret_belongs_to_the_user_of_the_container(containers: dict[str, Container], service: str) -> None:
    assert {secret["uid"] for secret in containers[service].secrets.values()} == {OWNERS[service]}


@pytest.mark.parametrize("service", OWNERS)
def test_secret_is_read_by_that_user_alone(containers: dict[str, Container], service: str) -> None:
    assert {secret["mode"] for secret in containers[service].secrets.values()} == {0o400}


def test_folder_of_the_secrets_is_closed_to_others(host: Host) -> None:
    assert host.file("/opt/app/secrets").mode == 0o700


class TestPlacesWithoutSecrets:
    """Each value is looked for in each of them."""

    PLACES = (
        "docker inspect of the containers",
        "docker inspect of the images",
        "history of the images",
        "files of the project",
        "process list",
        "environment of the processes",
        "logs of the containers",
        "journal of the host",
    )

    @pytest.fixture(scope="class")
    @classmethod
    def places(cls, host: Host, compose: Compose, containers: dict[str, Container]) -> dict[str, str]:
        """Return all that is written in each place."""
        images = " ".join(sorted({container.inspect["Image"] for container in containers.values()}))
        known = [json.dumps(container.inspect) for container in containers.values()]
        environments = [
            "\n".join(process["environment"]) for container in containers.values() for process in container.processes
        ]
        history = "for image in {}; do docker history --no-trunc $image; done"
        return {
            "docker inspect of the containers": "\n".join(known),
            "docker inspect of the images": host.check_output(f"docker image inspect {images}"),
            "history of the images": host.check_output(history.format(images)),
            "files of the project": host.check_output("grep -rh --exclude-dir=secrets '' /opt/app"),
            "process list": host.check_output("ps -eo args"),
            "environment of the processes": "\n".join(environments),
            "logs of the containers": compose.output("docker compose logs --no-color"),
            "journal of the host": host.check_output("journalctl --all --output=cat"),
        }

    @pytest.mark.parametrize("place", PLACES)
    def test_something_is_written_there(self, places: dict[str, str], place: str) -> None:
        assert places[place]

    @pytest.mark.parametrize("place", PLACES)
    def test_no_secret_is_written_there(self, places: dict[str, str], place: str, secrets: dict[str, str]) -> None:
        assert [path for path, value in secrets.items() if value in places[place]] == []
