"""What every request and response has."""

import pytest
from starlette.testclient import TestClient

from app.factory import create_app
from app.middleware import choose_request_id
from app.settings import Settings


@pytest.mark.parametrize("proposed", ["7f3a", "a-b_c.d", "x" * 64])
def test_a_sane_request_id_is_kept(proposed: str) -> None:
    assert choose_request_id(proposed) == proposed


@pytest.mark.parametrize("proposed", [None, "", "x" * 65, "a b", "a\n", '"', "é"])
def test_any_other_request_id_is_replaced(proposed: str | None) -> None:
    assert choose_request_id(proposed) not in {proposed, ""}


def test_a_response_names_request_and_release(client: TestClient) -> None:
    headers = client.get("/info", headers={"X-Request-ID": "7f3a"}).headers
    assert (headers["X-Request-ID"], headers["X-Release"]) == ("7f3a", "r1")


def test_a_failure_does_too_and_tells_nothing_else(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/fail")
    def fail() -> None:
        raise RuntimeError("inner detail")

    with TestClient(app, base_url="http://localhost") as client:
        response = client.get("/fail", headers={"X-Request-ID": "7f3a"})
    assert response.status_code == 500
    assert response.headers["X-Request-ID"] == "7f3a"
    assert "inner detail" not in response.text


def test_the_description_names_what_the_proxy_strips(settings: Settings) -> None:
    settings.root_path = "/api"
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/api"}]


def test_an_unknown_host_is_refused(client: TestClient) -> None:
    assert client.get("/info", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_a_health_check_may_name_any_host(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_another_origin_gets_in_only_when_named(settings: Settings) -> None:
    settings.cors_origins = ["https://example.org"]
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        for origin, allowed in [("https://example.org", True), ("https://evil.example", False)]:
            headers = client.get("/info", headers={"Origin": origin}).headers
            assert ("Access-Control-Allow-Origin" in headers) == allowed
