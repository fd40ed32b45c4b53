"""The values that are promised, as the services got them; what they do is tested elsewhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from tests.scenario.stack import Compose, Container

A_SECOND = 1_000_000_000


class Check(NamedTuple):
    """Of a container's health, in seconds."""

    interval: int
    timeout: int
    start: int
    retries: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> Check:
        """Read the check of a container or an image."""
        known = config["Healthcheck"]
        interval, timeout, start = (known[name] // A_SECOND for name in ("Interval", "Timeout", "StartPeriod"))
        return cls(interval, timeout, start, known["Retries"])


CHECKS = {
    "nginx": Check(30, 3, 5, 3),
    "backend": Check(30, 5, 40, 3),
    "db": Check(10, 5, 30, 5),
    "redis": Check(10, 5, 10, 5),
}
IMAGE_CHECKS = {"nginx": Check(30, 3, 5, 3), "backend": Check(30, 3, 10, 3)}


@pytest.fixture(scope="module")
def containers(compose: Compose) -> dict[str, Container]:
    """Return the container of each service."""
    return {container.service: container for container in compose.containers()}


@pytest.mark.parametrize("service", CHECKS)
def test_health_is_asked_for_as_often_as_promised(containers: dict[str, Container], service: str) -> None:
    assert Check.of(containers[service].inspect["Config"]) == CHECKS[service]


@pytest.mark.parametrize("service", IMAGE_CHECKS)
def test_image_asks_by_itself_where_compose_does_not(host: Host, service: str) -> None:
    config = host.check_output(f"docker image inspect --format '{{{{json .Config}}}}' app-{service}:current")
    assert Check.of(json.loads(config)) == IMAGE_CHECKS[service]


class TestNginx:
    """What its processes read."""

    @pytest.fixture(scope="class")
    @classmethod
    def text(cls, compose: Compose) -> str:
        files = (f"/run/nginx/{name}" for name in ("nginx.conf", "prod.nginx", "proxy.nginx", "upstream.nginx"))
        return " ".join(compose.exec("nginx", "cat", *files).split())

    @pytest.mark.parametrize(
        "directive",
        [
            "worker_processes auto",
            "worker_connections 4096",
            "multi_accept on",
            "server_tokens off",
            "keepalive 32",
            "keepalive_requests 1000",
            "keepalive_timeout 60s",
            "server backend:8000 resolve max_fails=0",
            "proxy_connect_timeout 250ms",
            "proxy_max_temp_file_size 0",
            "client_max_body_size 10m",
            "keepalive_min_timeout 5s",
            "zone=api:10m rate=10r/s",
            "limit_req zone=api burst=20 nodelay",
            "zone=logins:10m rate=1r/s",
            "limit_req zone=logins burst=5 nodelay",
            "limit_conn clients 50",
            "limit_req_status 429",
            "limit_conn_status 429",
        ],
    )
    def test_directive_is_there(self, text: str, directive: str) -> None:
        assert f" {directive};" in text

    def test_quiet_websocket_is_kept_for_an_hour(self, text: str) -> None:
        (location,) = re.findall(r"location \^~ /api/ws/ \{(.*?)\}", text)
        assert location.count(" 3600s;") == 2


class TestBackend:
    """Its server."""

    @pytest.fixture(scope="class")
    @classmethod
    def configuration(cls, compose: Compose) -> list[str]:
        return compose.exec("backend", "cat", "/etc/fullstack/gunicorn.conf.py").splitlines()

    @pytest.mark.parametrize(
        "line",
        ['worker_class = "uvicorn_worker.UvicornWorker"', "keepalive = 75", "max_requests = 0", 'accesslog = "-"'],
    )
    def test_line_is_there(self, configuration: list[str], line: str) -> None:
        assert line in configuration

    def test_server_is_the_first_process_and_has_four_workers(self, containers: dict[str, Container]) -> None:
        backend = containers["backend"]
        servers = {one["pid"] for one in backend.processes if any("gunicorn" in word for word in one["command"])}
        assert backend.pid in servers
        assert len(servers) == 1 + 4

    @pytest.mark.parametrize("name", ["PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "DB_POOL_SIZE=5"])
    def test_variable_is_set(self, containers: dict[str, Container], name: str) -> None:
        assert name in containers["backend"].inspect["Config"]["Env"]


def test_environment_of_the_project_is_the_promised_one(host: Host) -> None:
    lines = host.check_output("grep -v '^#' /opt/app/.env").splitlines()
    assert dict(line.split("=", 1) for line in lines) == {
        "ACCESS_TOKEN_EXPIRE_MINUTES": "15",
        "ALLOWED_HOSTS": f"localhost,127.0.0.1,{host.backend.get_hostname()}",
        "APP_NAME": "'My App'",
        "CORS_ORIGINS": "http://localhost:5173,http://localhost:8420",
        "DEBUG": "false",
        "ENVIRONMENT": "production",
        "JWT_ALGORITHM": "HS256",
        "LOG_LEVEL": "INFO",
        "NGINX_HOST_PORT": "8420",
        "POSTGRES_DB": "app_db",
        "POSTGRES_HOST": "db",
        "POSTGRES_HOST_PORT": "0",
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": "postgres",
        "REDIS_HOST": "redis",
        "REDIS_HOST_PORT": "0",
        "REDIS_PORT": "6379",
        "REFRESH_TOKEN_EXPIRE_DAYS": "7",
        "RELOAD": "false",
        "SECURE_COOKIES": "false",
        "VITE_API_URL": "/api",
        "VITE_APP_TITLE": "'My App'",
    }
