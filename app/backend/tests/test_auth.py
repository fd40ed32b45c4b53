"""Signing up, in and out, and what tokens are good for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from starlette.testclient import TestClient

from app.factory import create_app
from app.routes.auth import COOKIE
from app.security import issue_access_token
from app.settings import Settings
from tests.conftest import PASSWORD, sign_up, unused_name

THIEF_COMES_LATE = 2


@contextmanager
def client_with(settings: Settings, **changes: object) -> Iterator[TestClient]:
    app = create_app(settings.model_copy(update=changes))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def refresh(client: TestClient, token: str | None = None) -> int:
    """Refresh with the client's cookie, or with another token; return the status."""
    if token is not None:
        client.cookies.set(COOKIE, token, domain="localhost.local", path="/")
    return client.post("/auth/refresh").status_code


def token_of(client: TestClient) -> str:
    return client.cookies[COOKIE]


def test_a_user_signs_up_and_in_again(client: TestClient) -> None:
    name = unused_name()
    credentials = {"name": name, "password": PASSWORD}
    assert client.post("/auth/register", json=credentials).json()["name"] == name
    answer = client.post("/auth/login", json=credentials)
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert answer.json() == {
        "name": name,
        "access_token": answer.json()["access_token"],
        "expires_in": 900,
    }
    assert client.get("/notes", headers=bearer).json() == []


def test_a_name_is_taken_once_in_whatever_case(client: TestClient) -> None:
    credentials = {"name": unused_name(), "password": PASSWORD}
    assert client.post("/auth/register", json=credentials).status_code == 201
    again = client.post("/auth/register", json=credentials | {"name": credentials["name"].upper()})
    assert (again.status_code, again.json()) == (409, {"detail": "This name is taken"})


@pytest.mark.parametrize("name", ["", "a", "-ab", "a b", "ab\n", "é" * 3, "a" * 33])
def test_a_name_that_could_be_misread_is_refused(client: TestClient, name: str) -> None:
    answer = client.post("/auth/register", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 422


def test_a_password_that_is_refused_is_not_repeated(client: TestClient) -> None:
    answer = client.post("/auth/register", json={"name": unused_name(), "password": "too short"})
    assert answer.status_code == 422
    assert "too short" not in answer.text


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(
    client: TestClient, known: bool
) -> None:
    name = unused_name()
    if known:
        client.post("/auth/register", json={"name": name, "password": PASSWORD})
    answer = client.post("/auth/login", json={"name": name, "password": f"{PASSWORD}!"})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Name or password is wrong"})


def test_the_cookie_is_out_of_reach(settings: Settings) -> None:
    with client_with(settings, root_path="/api", secure_cookies=True) as client:
        sign_up(client)
        answer = client.post("/auth/register", json={"name": unused_name(), "password": PASSWORD})
    attributes = set(answer.headers["Set-Cookie"].split("; ")[1:])
    assert attributes == {"HttpOnly", "Max-Age=604800", "Path=/api", "SameSite=strict", "Secure"}
    assert answer.headers["Cache-Control"] == "no-store"


class TestRefreshToken:
    """A refresh token is good once; used again, it ends the sign-in."""

    def test_it_is_traded_for_the_next(self, client: TestClient) -> None:
        sign_up(client)
        first = token_of(client)
        assert refresh(client) == 200
        assert token_of(client) != first
        assert refresh(client) == 200

    @pytest.mark.parametrize("renewals", [1, THIEF_COMES_LATE])
    def test_used_again_it_ends_the_sign_in(self, client: TestClient, renewals: int) -> None:
        sign_up(client)
        stolen = token_of(client)
        for _ in range(renewals):
            assert refresh(client) == 200
        newest = token_of(client)
        assert refresh(client, stolen) == 401
        assert refresh(client, newest) == 401

    def test_another_browser_stays_signed_in(self, settings: Settings) -> None:
        with client_with(settings) as one, client_with(settings) as other:
            name = sign_up(one)
            other.post("/auth/login", json={"name": name, "password": PASSWORD})
            stolen = token_of(one)
            assert (refresh(one), refresh(one, stolen)) == (200, 401)
            assert refresh(other) == 200

    def test_signing_out_revokes_it(self, client: TestClient) -> None:
        sign_up(client)
        token = token_of(client)
        assert client.post("/auth/logout").status_code == 204
        assert COOKIE not in client.cookies
        assert refresh(client, token) == 401

    def test_it_runs_out(self, settings: Settings) -> None:
        with client_with(settings) as client:
            sign_up(client)
            token = token_of(client)
        with client_with(settings, refresh_token_expire_days=0) as client:
            assert refresh(client, token) == 200
            assert refresh(client, client.cookies.get(COOKIE)) == 401

    @pytest.mark.parametrize("token", ["", "x", f"{'0' * 32}.x", "é", "a.b.c"])
    def test_nonsense_is_refused(self, client: TestClient, token: str) -> None:
        client.cookies.clear()
        answer = client.post("/auth/refresh", headers={b"Cookie": f"{COOKIE}={token}".encode()})
        assert answer.status_code == 401


def forge(settings: Settings, now: datetime, **other: str) -> str:
    """A token for somebody, with other claims or signed in another way."""
    key = other.pop("key", settings.jwt_secret_key.get_secret_value())
    claims = {"sub": str(uuid4()), "exp": now + timedelta(minutes=1)}
    return jwt.encode(claims, key, other.get("algorithm", "HS256"))


class TestAccessToken:
    """Only what was signed here lately lets anybody in."""

    @staticmethod
    def status(client: TestClient, authorization: str) -> int:
        return client.get("/notes", headers={"Authorization": authorization}).status_code

    def test_a_good_one_does(self, client: TestClient, settings: Settings) -> None:
        token = issue_access_token(settings, uuid4(), datetime.now(UTC))
        assert self.status(client, f"Bearer {token}") == 200

    def test_an_old_one_does_not(self, client: TestClient, settings: Settings) -> None:
        token = issue_access_token(settings, uuid4(), datetime.now(UTC) - timedelta(minutes=16))
        assert self.status(client, f"Bearer {token}") == 401

    @pytest.mark.parametrize(
        "change", [{"key": "another key that is as long"}, {"algorithm": "HS512"}]
    )
    @pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
    def test_one_signed_otherwise_does_not(
        self, client: TestClient, settings: Settings, change: dict[str, str]
    ) -> None:
        assert self.status(client, f"Bearer {forge(settings, datetime.now(UTC), **change)}") == 401

    @pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x.y.z", "Basic YTpi"])
    def test_nonsense_does_not(self, client: TestClient, authorization: str) -> None:
        assert self.status(client, authorization) == 401

    def test_an_unsigned_one_does_not(self, client: TestClient) -> None:
        claims = {"sub": str(uuid4()), "exp": datetime.now(UTC) + timedelta(minutes=1)}
        assert self.status(client, f"Bearer {jwt.encode(claims, None, 'none')}") == 401

    def test_one_of_a_user_who_is_gone_cannot_write(
        self, client: TestClient, settings: Settings
    ) -> None:
        token = issue_access_token(settings, uuid4(), datetime.now(UTC))
        bearer = {"Authorization": f"Bearer {token}"}
        assert client.post("/notes", json={"text": "x"}, headers=bearer).status_code == 401


class TestLimits:
    """What one user, or one account, may be used for in a minute."""

    def test_an_account_is_tried_so_often(self, settings: Settings) -> None:
        credentials = {"name": unused_name(), "password": "not the password"}
        with client_with(settings, sign_ins_per_minute=2) as client:
            answers = [client.post("/auth/login", json=credentials) for _ in range(4)]
        # The minute may end in between
        assert [answer.status_code for answer in answers[:2]] == [401, 401]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert 0 < int(refused[0].headers["Retry-After"]) <= 60

    def test_a_user_writes_so_often_and_others_still_may(self, settings: Settings) -> None:
        with client_with(settings, writes_per_minute=2) as client:
            for _ in range(2):
                sign_up(client)
                statuses = [client.post("/notes", json={"text": "x"}).status_code for _ in range(4)]
                assert statuses[:2] == [201, 201]
                assert 429 in statuses
                assert client.get("/notes").status_code == 200
