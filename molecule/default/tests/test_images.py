"""The images that were built on the host."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.stack import Compose

if TYPE_CHECKING:
    from testinfra.host import Host

# By service: the image it is built on, and how much it may add, in bytes
BUILT = {
    "backend": ("registry.lan:5000/fullstack/python:3.13", 120_000_000),
    "nginx": ("registry.lan:5000/fullstack/nginx:1.30", 2_000_000),
}


@pytest.fixture
def image(host: Host, service: str) -> dict[str, Any]:
    """Return what is known of the image that a service runs from."""
    (found,) = json.loads(host.check_output(f"docker image inspect app-{service}:current"))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("service", BUILT)
def test_service_runs_what_is_current(compose: Compose, service: str, image: dict[str, Any]) -> None:
    assert compose.container(service).inspect["Image"] == image["Id"]


@pytest.mark.parametrize("service", BUILT)
def test_image_has_a_tag_of_its_release(service: str, image: dict[str, Any]) -> None:
    assert [tag for tag in image["RepoTags"] if re.fullmatch(rf"app-{service}:[0-9a-f]{{12}}", tag)]


@pytest.mark.parametrize("service", BUILT)
def test_image_is_little_larger_than_its_base(host: Host, service: str, image: dict[str, Any]) -> None:
    base, allowed = BUILT[service]
    assert image["Size"] - int(host.check_output(f"docker image inspect --format '{{{{.Size}}}}' {base}")) <= allowed


@pytest.mark.parametrize("service", BUILT)
def test_image_has_a_health_check(service: str, image: dict[str, Any]) -> None:
    assert image["Config"]["Healthcheck"]["Test"]


@pytest.mark.parametrize(("service", "user"), [("backend", "1001:1001"), ("nginx", "101:101")])
def test_image_runs_as_no_superuser(service: str, user: str, image: dict[str, Any]) -> None:
    assert image["Config"]["User"] == user


@pytest.mark.parametrize(
    ("service", "tool"), [("backend", "uv"), ("backend", "pytest"), ("nginx", "node"), ("nginx", "pnpm")]
)
def test_tool_of_the_build_stayed_behind(compose: Compose, service: str, tool: str) -> None:
    assert compose.run(f"docker compose exec -T {service} sh -c 'command -v {tool}'").rc != 0


@pytest.mark.parametrize("path", ["/app/tests", "/app/.dockerignore", "/app/README.md", "/run/secrets/build_ca"])
def test_file_is_not_in_the_image_of_the_backend(host: Host, path: str) -> None:
    assert not host.run(f"docker run --rm --entrypoint test app-backend:current -e {path}").succeeded


def test_user_of_the_backend_cannot_log_in(compose: Compose) -> None:
    assert compose.exec("backend", "grep", "^app:", "/etc/passwd").endswith("/nologin")


def test_no_image_is_named_latest(host: Host) -> None:
    assert "latest" not in host.check_output("docker images --format '{{.Tag}}'").splitlines()
