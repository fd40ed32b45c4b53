"""What the application does for its users, with its services up and down."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from app.factory import create_app
from app.security import issue_access_token
from app.settings import Settings
from tests.conftest import sign_up


@pytest.fixture
def orphan(settings: Settings) -> TestClient:
    """A client of an application that reaches neither database nor Redis."""
    settings.postgres_port = 1
    settings.redis_port = 1
    return TestClient(create_app(settings), base_url="http://localhost")


def test_a_note_is_kept_until_it_is_deleted(user: TestClient) -> None:
    note = user.post("/notes", json={"text": " Buy milk \n"}).json()
    assert note["text"] == "Buy milk"
    assert user.get("/notes").json() == [note]
    assert user.delete(f"/notes/{note['id']}").status_code == 204
    assert user.get("/notes").json() == []
    assert user.delete(f"/notes/{note['id']}").status_code == 404


def test_the_newest_note_comes_first(user: TestClient) -> None:
    notes = [user.post("/notes", json={"text": text}).json() for text in "abc"]
    assert user.get("/notes", params={"limit": 2}).json() == [notes[2], notes[1]]


def test_a_note_is_its_owners_alone(client: TestClient) -> None:
    sign_up(client)
    note = client.post("/notes", json={"text": "mine"}).json()
    sign_up(client)
    assert client.get("/notes").json() == []
    assert client.delete(f"/notes/{note['id']}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_is_let_in_without_signing_in(client: TestClient, method: str) -> None:
    answer = client.request(method, "/notes")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "text", ['""', '"  "', '"a\\u0000b"', '"\\ud800"', "null", f'"{"x" * 1001}"']
)
def test_a_text_that_cannot_be_kept_is_refused(user: TestClient, text: str) -> None:
    response = user.post(
        "/notes", content=f'{{"text": {text}}}', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "text"]


@pytest.mark.parametrize("note_id", ["0", "-1", str(2**63), "x"])
def test_an_impossible_id_is_refused(user: TestClient, note_id: str) -> None:
    assert user.delete(f"/notes/{note_id}").status_code == 422


def test_visits_are_counted(client: TestClient) -> None:
    before = client.get("/visits").json()["count"]
    assert client.post("/visits").json() == {"count": before + 1}
    assert client.get("/visits").json() == {"count": before + 1}


def test_the_websocket_sends_back_what_it_gets(client: TestClient) -> None:
    with client.websocket_connect("ws://localhost/ws/echo") as socket:
        socket.send_text("ping")
        assert socket.receive_text() == "ping"
        socket.send_bytes(b"\x00\xff")
        assert socket.receive_bytes() == b"\x00\xff"


def test_info(client: TestClient) -> None:
    assert client.get("/info").json() == {
        "name": "app",
        "release": "r1",
        "environment": "development",
    }


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (-1, 422), (31, 422), ("nan", 422)])
def test_slow_has_a_limit(client: TestClient, seconds: float, status: int) -> None:
    assert client.get("/slow", params={"seconds": seconds}).status_code == status


def test_a_dead_service_is_named(orphan: TestClient, settings: Settings) -> None:
    token = issue_access_token(settings, uuid4(), datetime.now(UTC))
    orphan.headers["Authorization"] = f"Bearer {token}"
    with orphan:
        assert orphan.get("/health").status_code == 200
        for path, service in [("/notes", "database"), ("/visits", "redis")]:
            response = orphan.get(path)
            assert response.status_code == 503
            assert response.json() == {"detail": f"{service} unavailable"}


def test_notes_are_kept_without_redis_too(settings: Settings) -> None:
    settings.redis_port = 1
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        sign_up(client)
        note = client.post("/notes", json={"text": "kept"}).json()
        assert client.get("/notes").json() == [note]
