"""What a user sees through the published port: page, assets, API, websocket."""

from __future__ import annotations

import http.client
import re
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.scenario.stack import Answer, Web, run_script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

A_YEAR = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def page(web: Web) -> Answer:
    return web.get("/")


@pytest.fixture(scope="module", params=["js", "css", "svg"])
def asset(request: pytest.FixtureRequest, page: Answer) -> str:
    """Return the path of an asset that the page names, with the hash of its content in the name."""
    found = re.search(rf'"(/assets/[\w-]+-[\w-]{{8}}\.{request.param})"', page.text)
    assert found, page.text
    return found[1]


@pytest.fixture
def note(web: Web) -> Iterator[str]:
    text = f"written by a test, {uuid4()}"
    number = web.add_note(text)
    yield text
    web.delete_note(number)


def test_page_has_the_title_of_the_application(page: Answer) -> None:
    assert "<title>My App</title>" in page.text


def test_page_is_asked_for_each_time(page: Answer) -> None:
    assert page.headers["Cache-Control"] == "no-cache"


def test_server_tells_no_version(page: Answer) -> None:
    assert page.headers["Server"] == "nginx"


def test_asset_is_served(web: Web, asset: str) -> None:
    assert web.get(asset).status == 200


def test_asset_is_kept_for_a_year(web: Web, asset: str) -> None:
    assert web.get(asset).headers["Cache-Control"] == A_YEAR


def test_script_is_sent_compressed(web: Web, page: Answer) -> None:
    (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)
    assert web.get(script, Accept_Encoding="gzip").headers["Content-Encoding"] == "gzip"


def test_asset_that_is_none_is_not_found(web: Web) -> None:
    assert web.get("/assets/none.js").status == 404


def test_asset_that_is_none_is_not_kept(web: Web) -> None:
    assert web.get("/assets/none.js").headers["Cache-Control"] == "no-cache"


def test_path_of_the_frontends_own_gets_the_page(web: Web, page: Answer) -> None:
    assert web.get("/notes/42").body == page.body


@pytest.mark.parametrize("path", ["/.env", "/.git/config", "/sub/.htpasswd", "/assets/.hidden"])
def test_dotfiles_are_denied(web: Web, path: str) -> None:
    assert web.get(path).status == 404


@pytest.mark.parametrize(
    ("path", "answer"),
    [("/health", b"ok\n"), ("/api/health", b'{"status":"ok"}')],
)
def test_health(web: Web, path: str, answer: bytes) -> None:
    assert web.get(path).body == answer


def test_application_is_ready(web: Web) -> None:
    assert web.get("/api/health/ready").json()["checks"] == {"database": "ok", "schema": "ok", "redis": "ok"}


def test_answer_names_its_release(web: Web) -> None:
    answer = web.get("/api/info")
    assert answer.headers["X-Release"] == answer.json()["release"] != "unknown"


def test_answer_names_its_request(web: Web) -> None:
    assert re.fullmatch("[0-9a-f]{32}", web.get("/api/info").headers["X-Request-ID"])


def test_path_that_looks_like_a_file_reaches_the_application(web: Web) -> None:
    assert web.get("/api/x.png").json() == {"detail": "Not Found"}


def test_note_is_kept(web: Web, note: str) -> None:
    assert note in web.notes()


def test_visits_are_counted(web: Web) -> None:
    before = web.visits()
    assert web.post("/api/visits").json() == {"count": before + 1}


@pytest.mark.parametrize("message", ["a word", b"\x00\xff"])
def test_websocket_echoes(web: Web, message: str | bytes) -> None:
    with web.websocket("/api/ws/echo") as socket:
        socket.send(message)
        assert socket.recv(timeout=5) == message


def test_name_that_is_not_ours_is_refused(web: Web) -> None:
    assert web.get("/api/notes", Host="evil.example").status == 400


def test_body_beyond_the_limit_is_refused(web: Web) -> None:
    connection = http.client.HTTPConnection(web.address, web.port, timeout=5)
    connection.putrequest("POST", "/api/notes")
    connection.putheader("Content-Length", str(10 * 1024 * 1024 + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413


@pytest.mark.parametrize("path", ["/", "/notes/42", "/assets/none.js", "/.env", "/health", "/api/health", "/api/none"])
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Content-Security-Policy", "default-src 'self'"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ],
)
def test_security_headers_are_on_every_response(web: Web, path: str, header: str, value: str) -> None:
    assert web.get(path).headers[header].startswith(value)


@pytest.mark.parametrize(
    ("path", "requests", "at_once"),
    # The burst, and one more; the logins that were let through count among the 21 as well
    [("/api/auth/login", 20, 6), ("/api/health", 60, 21 - 6)],
    scope="class",
)
class TestClientThatAsksTooFast:
    """From the neighbour, whose address has limits of its own."""

    @pytest.fixture(scope="class")
    @classmethod
    def statuses(cls, web: Web, neighbour: Host, path: str, requests: int) -> list[int]:
        found: list[int] = run_script(neighbour, "burst", web.address, str(web.port), web.name, path, str(requests))
        return found

    def test_a_burst_is_let_through(self, statuses: list[int], at_once: int) -> None:
        assert 429 not in statuses[:at_once]

    def test_more_is_refused(self, statuses: list[int], requests: int, at_once: int) -> None:
        assert statuses.count(429) >= (requests - at_once) // 2
