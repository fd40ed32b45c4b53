"""When the application says that it can serve."""

import pytest
from starlette.testclient import TestClient

from app.factory import create_app
from app.readiness import Revisions, is_behind
from app.settings import Settings

CLOSED_PORT = 1
ALL_OK = {"database": "ok", "schema": "ok", "redis": "ok"}


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        ({}, {}),
        ({"postgres_port": CLOSED_PORT}, {"database": "unreachable", "schema": "unknown"}),
        ({"postgres_host": "db.invalid"}, {"database": "unreachable", "schema": "unknown"}),
        ({"postgres_user": "nobody"}, {"database": "unreachable", "schema": "unknown"}),
        ({"postgres_db": "postgres"}, {"schema": "behind"}),  # never migrated
        ({"redis_port": CLOSED_PORT}, {"redis": "unreachable"}),
        ({"redis_password": None}, {"redis": "unreachable"}),
    ],
)
def test_what_is_missing_is_named(
    settings: Settings, change: dict[str, object], checks: dict[str, str]
) -> None:
    app = create_app(settings.model_copy(update=change))
    with TestClient(app, base_url="http://localhost") as client:
        response = client.get("/health/ready")
    assert response.json()["checks"] == ALL_OK | checks
    assert response.status_code == (503 if checks else 200)


@pytest.mark.parametrize(
    ("applied", "behind"),
    [
        (set(), True),
        ({"1"}, True),
        ({"2"}, False),
        ({"3-of-a-later-release"}, False),
    ],
)
def test_is_behind(applied: set[str], behind: bool) -> None:
    release = Revisions(known=frozenset({"1", "2"}), heads=frozenset({"2"}))
    assert is_behind(frozenset(applied), release) == behind
