"""PostgreSQL and Redis as they run."""

from __future__ import annotations

import pytest

from tests.scenario.stack import Compose

# 20 connections a replica, twice while a release replaces it, 3 replicas, and 10 for people
MAX_CONNECTIONS = 20 * 2 * 3 + 10
MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("data_checksums", "on"),
        ("max_connections", str(MAX_CONNECTIONS)),
        ("shared_buffers", "64MB"),
        ("password_encryption", "scram-sha-256"),
        ("data_directory", "/var/lib/postgresql/18/docker"),
    ],
)
def test_setting_of_postgresql(compose: Compose, setting: str, value: str) -> None:
    assert compose.psql(f"SHOW {setting}") == value


@pytest.mark.parametrize("right", ["rolsuper", "rolcreatedb", "rolcreaterole", "rolreplication", "rolbypassrls"])
def test_role_of_the_application_is_no_superuser(compose: Compose, right: str) -> None:
    assert compose.psql(f"SELECT {right} FROM pg_roles WHERE rolname = 'app'") == "f"


def test_application_connects_as_its_own_role(compose: Compose) -> None:
    others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
    query = f"SELECT DISTINCT usename FROM pg_stat_activity WHERE {others}"
    assert compose.psql(query) == "app"


def test_role_of_the_application_owns_its_tables(compose: Compose) -> None:
    assert compose.psql("SELECT tableowner FROM pg_tables WHERE tablename = 'notes'") == "app"


def test_shared_memory_has_its_size(compose: Compose) -> None:
    blocks, size = compose.exec("db", "stat", "--file-system", "--format=%b %S", "/dev/shm").split()  # noqa: S108
    assert int(blocks) * int(size) == 128 * MEBIBYTE


def redis(compose: Compose, command: str) -> list[str]:
    """Ask redis with its password, which stays in the container; return the lines of its answer."""
    line = f'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli {command}'
    return compose.exec("redis", "sh", "-c", line).splitlines()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("appendonly", "yes"),
        ("maxmemory", str(256 * MEBIBYTE * 60 // 100)),
        ("maxmemory-policy", "volatile-lru"),
    ],
)
def test_setting_of_redis(compose: Compose, setting: str, value: str) -> None:
    assert redis(compose, f"config get {setting}") == [setting, value]


def test_redis_answers_nobody_without_the_password(compose: Compose) -> None:
    assert compose.exec("redis", "redis-cli", "ping").startswith("NOAUTH")
