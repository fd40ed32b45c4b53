"""A production project of the same application on the same machine, given another port."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.developer import tunnel
from tests.scenario.stack import PROJECT

if TYPE_CHECKING:
    from tests.scenario.developer import Machine
    from tests.scenario.stack import Site

PORT = 8080
PRODUCTION: dict[str, Any] = {
    "ansible_user": "root",
    "compose_project_environment": "production",
    "compose_project_healer": False,
    "docker_host_firewall": False,
    "docker_host_daemon_options": {"insecure-registries": ["registry.lan:5000"]},
    "fastapi_backend_path": str(PROJECT / "app/backend"),
    "fastapi_backend_workers": 1,
    # Its build is tested elsewhere
    "nginx_frontend_source": "none",
    "nginx_frontend_port": PORT,
}


@pytest.fixture(scope="module", autouse=True)
def production(site: Site) -> None:
    """Deploy it as the machine's administrator."""
    site.apply(**PRODUCTION)


def environment(port: int) -> str:
    with tunnel(port) as here, urllib.request.urlopen(f"http://127.0.0.1:{here[port]}/api/info", timeout=5) as answer:
        return str(answer.read())


def test_both_serve(machine: Machine) -> None:
    assert "production" in environment(PORT)
    assert "development" in environment(8420)


def test_development_goes_and_production_stays(machine: Machine) -> None:
    machine.type("docker compose down -v")
    assert "production" in environment(PORT)
    volumes = machine.output("docker volume ls --quiet").split()
    assert [name for name in volumes if name.startswith("app")] == ["app_postgres_data", "app_redis_data"]
