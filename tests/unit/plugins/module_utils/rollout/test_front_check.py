"""What a release makes of an answer: the backend's, nginx's own, or a page's, which is looked at with what it names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.rollout import front_check
from ansible_collections.fullstack.docker.plugins.module_utils.rollout.front_check import SCRIPT, STYLE, Answer

URL = "https://shop.example/start/"
NEW = ["172.19.0.8", "172.19.0.9"]
WORD = "0123456789abcdef0123456789abcdef"

# --- who answered -------------------------------------------------------------------------------

ANSWERS = {
    "a new replica": (Answer(200, "application/json", "172.19.0.8:8000"), ""),
    "a new replica, after another one was gone": (Answer(200, "text/plain", "172.19.0.1:8000, 172.19.0.9:8000"), ""),
    "the page of the frontend": (Answer(200, "text/html", ""), "200 (text/html) by nginx itself"),
    "nginx's own health": (Answer(200, "text/plain", ""), "200 (text/plain) by nginx itself"),
    "nothing of that name": (Answer(404, "text/html", ""), "404"),
    "an old replica": (Answer(200, "application/json", "172.19.0.2:8000"), "200 by 172.19.0.2, which is no replica"),
    "an error of the backend": (Answer(500, "application/json", "172.19.0.8:8000"), "500"),
    "a dead backend": (Answer(502, "application/json", "172.19.0.8:8000"), "502"),
    "a group without a replica": (Answer(502, "application/json", "backend"), "502"),
    "nobody": (Answer(failure="no answer (TimeoutError: )"), "no answer (TimeoutError: )"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_only_a_replica_of_the_release_proves_it(name: str) -> None:
    answer, trouble = ANSWERS[name]
    assert front_check.proof_trouble(answer, NEW).startswith(trouble)
    assert bool(front_check.proof_trouble(answer, NEW)) == bool(trouble)


@pytest.mark.parametrize(
    ("status", "proven"),
    [(200, True), (401, True), (404, True), (405, True), (500, True), (502, False), (503, False), (504, False)],
)
def test_where_any_status_will_do_it_still_has_to_be_the_backends(status: int, proven: bool) -> None:
    ours, nginx = Answer(status, "text/html", "172.19.0.8:8000"), Answer(status, "text/html", "")
    assert (front_check.proof_trouble(ours, NEW, any_status=True) == "") is proven
    assert front_check.proof_trouble(nginx, NEW, any_status=True)


@given(st.lists(st.ip_addresses(v=4).map(str), min_size=1), st.sampled_from([", ", " : "]))
def test_the_replica_that_was_asked_last_is_the_one_that_answered(addresses: list[str], between: str) -> None:
    answer = Answer(200, replicas=between.join(f"{one}:8000" for one in addresses))
    assert answer.replica == addresses[-1]


def test_the_words_of_all_nginx_are_sent_and_nothing_else_of_their_files() -> None:
    other = WORD[::-1]
    texts = [f'"~(^| ){WORD}( |$)" 1;\n', "", f'"~(^| ){other}( |$)" 1;\n']
    assert front_check.words(texts).split() == sorted([WORD, other])


# --- what a page names --------------------------------------------------------------------------

PAGES: dict[str, tuple[str, list[tuple[str, frozenset[str]]]]] = {
    "script": ('<script type="module" src="/assets/a.js"></script>', [("/assets/a.js", SCRIPT)]),
    "old script": ("<SCRIPT SRC=a.js></SCRIPT>", [("/start/a.js", SCRIPT)]),
    "style": ('<link rel="stylesheet" href="../a.css?v=1#x">', [("/a.css?v=1", STYLE)]),
    "preloaded": ('<link rel="modulepreload" crossorigin href="./b.js">', [("/start/b.js", SCRIPT)]),
    "by a whole address": ('<script src="https://shop.example/c.js"></script>', [("/c.js", SCRIPT)]),
    "without the scheme": ('<script src="//shop.example/c.js"></script>', [("/c.js", SCRIPT)]),
    "elsewhere": ('<base href="/files/"><script src="d.js"></script>', [("/files/d.js", SCRIPT)]),
    "twice": ("<script src=/e.js></script><script src=/e.js></script>", [("/e.js", SCRIPT)]),
    "of others": ('<script src="https://cdn.example/f.js"></script><link rel=stylesheet href=//fonts.example/x>', []),
    "inline": ("<script>let a = '<script src=\"/g.js\">'</script><style>a{}</style>", []),
    "data": ('<script src="data:text/javascript,1"></script>', []),
    "no script": ('<script type="application/json" src="/h.json"></script><link rel="icon" href="/i.ico">', []),
    "commented": ("<!-- <script src=/j.js></script> -->", []),
    "empty": ("<script src></script><link rel=stylesheet>", []),
    "no page": ("\x00<<<>", []),
}


@pytest.mark.parametrize("name", PAGES)
def test_scripts_and_styles_of_the_own_server_are_found(name: str) -> None:
    page, expected = PAGES[name]
    assert front_check.assets(page, URL) == expected


@given(st.text())
def test_whatever_a_page_says_it_is_read(page: str) -> None:
    assert all(path.startswith("/") for path, _kinds in front_check.assets(page, URL))


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (Answer(200, "text/javascript"), ""),
        (Answer(200, "application/javascript"), ""),
        (Answer(404, "text/html"), "404"),
        (Answer(200, "text/html"), "200 as text/html, which browsers do not take"),
        (Answer(200, "text/plain"), "200 as text/plain, which browsers do not take"),
        (Answer(200), "200 as nothing in particular"),
    ],
)
def test_a_script_has_to_be_there_and_to_be_one(answer: Answer, trouble: str) -> None:
    found = front_check.asset_trouble(answer, SCRIPT)
    assert (found.startswith(trouble), bool(found)) == (True, bool(trouble))


# --- over the wire ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Site:
    """A server that has files, and what it was asked."""

    url: str
    asked: list[tuple[str, str, str | None]]
    """Path, Host and the word of each request."""
    files: dict[str, tuple[int, str, str]]


@pytest.fixture
def site() -> Iterator[Site]:
    """Serve what a test puts into `files`; all else is the page, as with a frontend that routes by itself."""
    asked: list[tuple[str, str, str | None]] = []
    files: dict[str, tuple[int, str, str]] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"], self.headers[front_check.WORD]))
            status, kind, text = files.get(self.path, files.get("/", (404, "text/plain", "")))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            if self.headers[front_check.WORD] == WORD and self.path.startswith("/api/"):
                self.send_header(front_check.REPLICAS, "172.19.0.8:8000")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Site(f"http://127.0.0.1:{server.server_port}", asked, files)
        server.shutdown()


PAGE = '<script type="module" src="/assets/a.js"></script><link rel="stylesheet" href="/assets/a.css">'


def test_a_page_that_has_all_that_it_names_is_good(site: Site) -> None:
    site.files.update(
        {
            "/": (200, "text/html; charset=utf-8", PAGE),
            "/assets/a.js": (200, "text/javascript", "1"),
            "/assets/a.css": (200, "text/css", "a{}"),
        }
    )
    assert front_check.page_problem(f"{site.url}/", "shop.example") == ""
    assert site.asked == [(path, "shop.example", None) for path in ("/", "/assets/a.js", "/assets/a.css")]


def test_an_asset_that_is_answered_by_the_page_is_missing(site: Site) -> None:
    site.files["/"] = (200, "text/html", PAGE)
    assert front_check.page_problem(f"{site.url}/", "shop.example").startswith(
        "it names /assets/a.js: 200 as text/html"
    )


def test_a_page_that_is_not_there_is_bad(site: Site) -> None:
    assert front_check.page_problem(f"{site.url}/", "shop.example") == "404"


def test_a_question_keeps_its_query(site: Site) -> None:
    site.files["/health?full=1"] = (200, "application/json", "{}")
    assert front_check.problem(f"{site.url}/health?full=1", "shop.example") == ""


def test_the_page_proves_nothing_of_the_backend(site: Site) -> None:
    site.files["/"] = (200, "text/html", PAGE)
    assert front_check.proof_problem(f"{site.url}/api/health", "x", WORD, NEW) == ""
    assert "by nginx itself" in front_check.proof_problem(f"{site.url}/apihealth", "x", WORD, NEW)
    assert "by nginx itself" in front_check.proof_problem(f"{site.url}/api/health", "x", WORD[::-1], NEW)


def test_a_server_that_is_gone_is_no_answer() -> None:
    assert front_check.problem("http://127.0.0.1:9/", "x").startswith("no answer (ConnectionRefusedError")
