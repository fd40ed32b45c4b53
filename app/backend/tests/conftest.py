"""Real servers for all tests, and an application deployed against them."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from app.factory import create_app
from app.settings import Settings
from tests import servers

PASSWORD = "correct horse battery"


def unused_name() -> str:
    return f"user-{uuid4().hex[:20]}"


def sign_up(client: TestClient) -> str:
    """Sign somebody new up, let the client act as that user, and return the name."""
    name = unused_name()
    answer = client.post("/auth/register", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return name


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a deployed application, whose schema is at head."""
    secrets = tmp_path_factory.mktemp("secrets")
    for name, times in [("postgres_password", 1), ("redis_password", 1), ("jwt_secret_key", 2)]:
        (secrets / name).write_text(f"{servers.PASSWORD * times}\n", encoding="utf-8")
    with servers.postgres() as postgres_port, servers.redis() as redis_port:
        environment = {
            **os.environ,
            "SECRETS_DIR": str(secrets),
            "POSTGRES_HOST": servers.HOST,
            "POSTGRES_PORT": str(postgres_port),
            "POSTGRES_USER": "app",
            "POSTGRES_DB": "app",
            "REDIS_HOST": servers.HOST,
            "REDIS_PORT": str(redis_port),
            "RELEASE": "r1",
        }
        servers.alembic(environment, "upgrade", "head").check_returncode()
        yield environment


@pytest.fixture
def settings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that the application reads from that environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of a running application."""
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def user(client: TestClient) -> TestClient:
    """The client, signed in."""
    sign_up(client)
    return client
