"""nginx answers each request as it should: headers, caches, malformed requests, paths, proxies in front of it."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.remote.wire import send
from tests.scenario.stack import PROJECT, SCRIPTS, SERVICES, Answer, Compose, Run, Site, Web, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

Reply = dict[str, Any]

SECURITY_HEADERS = (
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
    "Referrer-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
)
TEN_MIB = 10 * 1024 * 1024


def request(line: str, *headers: str, host: str = "localhost", body: str = "") -> str:
    """Return a request that ends its connection; the line has no version yet."""
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", body])


def ask(web: Web, text: str) -> Reply:
    """Send a request from this machine, once more whenever it was one too many."""

    def unlimited() -> Reply:
        reply = send(web.address, web.port, text)
        return {} if reply["status"] == 429 else reply

    return eventually(unlimited, 10)


def everything(web: Web, text: str) -> bytes:
    """Send bytes and return all that comes back until nginx ends the connection."""
    with socket.create_connection((web.address, web.port), timeout=5) as channel:
        channel.sendall(text.encode("latin-1"))
        return b"".join(iter(lambda: channel.recv(65536), b""))


def times(reply: Reply) -> dict[str, int]:
    """Return how often each security header is there."""
    names = [name.lower() for name, _value in reply["headers"]]
    return {name: names.count(name.lower()) for name in SECURITY_HEADERS}


def value(reply: Reply, name: str) -> str | None:
    """Return the value of a header, or none."""
    return next((value for known, value in reply["headers"] if known.lower() == name.lower()), None)


@pytest.fixture(scope="module")
def page(web: Web) -> Answer:
    return web.get("/")


@pytest.fixture(scope="module")
def script(page: Answer) -> str:
    """Return the path of the script that the page names."""
    (path,) = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)
    return str(path)


UPGRADE = ("Upgrade: websocket", "Connection: Upgrade")
RESPONSES = {
    "page": (request("GET /"), 200),
    "page without body": (request("HEAD /"), 200),
    "path of the frontend": (request("GET /notes/42"), 200),
    "part": (request("GET /", "Range: bytes=0-9"), 206),
    "missing asset": (request("GET /assets/none.js"), 404),
    "dotfile": (request("GET /.env"), 404),
    "method that a page has not": (request("POST /"), 405),
    "health": (request("GET /health"), 200),
    "redirect": (request("GET /api"), 301),
    "API": (request("GET /api/visits"), 200),
    "nothing in the API": (request("GET /api/none"), 404),
    "method that the API has not": (request("PUT /api/notes"), 405),
    "unknown method": (request("FOO /api/notes"), 400),
    "nobody who may": (request("GET /api/notes"), 401),
    "body that the API refuses": (request("POST /api/auth/login", "Content-Length: 2", body="{}"), 422),
    "too large for the API": (request("POST /api/notes", f"Content-Length: {TEN_MIB + 1}"), 413),
    "too large for a page": (request("POST /", f"Content-Length: {TEN_MIB + 1}"), 413),
    "websocket that is none": (request("GET /api/ws/none", "Sec-WebSocket-Version: 13", *UPGRADE), 400),
    "no websocket": (request("GET /api/ws/echo"), 404),
    "name that is not the application's": (request("GET /api/notes", host="evil.example"), 400),
    "malformed": (request("GET no-slash"), 400),
    "two names": (request("GET /", "Host: evil.example"), 400),
    "long path": (request(f"GET /{'a' * 9000}"), 414),
    "long header": (request("GET /", f"X-Long: {'a' * 9000}"), 400),
    "many headers": (request("GET /", *(f"X-{number}: {'a' * 1000}" for number in range(40))), 400),
    "long path in the API": (request(f"GET /api/{'a' * 9000}"), 414),
    "long header for the API": (request("GET /api/notes", f"X-Long: {'a' * 9000}"), 400),
    "no name, API": ("GET /api/notes HTTP/1.1\r\n\r\n", 400),
    "unknown version, API": ("GET /api/notes HTTP/3.0\r\nHost: localhost\r\n\r\n", 505),
    "broken body for the API": (request("POST /api/notes", "Transfer-Encoding: chunked", body="zz\r\n"), 400),
    "unknown coding": (request("POST /api/notes", "Transfer-Encoding: xchunked"), 501),
    "unknown version": ("GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", 505),
    "old version, no name": ("GET / HTTP/1.0\r\n\r\n", 200),
    "old version, no name, API": ("GET /api/notes HTTP/1.0\r\n\r\n", 400),
    "no name": ("GET / HTTP/1.1\r\n\r\n", 400),
    "whole address": (request("GET http://localhost/api/health"), 200),
    "proxy for others": (request("GET http://10.213.0.11/none.js"), 200),
    "tunnel": ("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 405),
    "trace": (request("TRACE /api/notes"), 405),
    "the server itself": (request("OPTIONS *"), 400),
    "method in small letters": (request("get /"), 400),
}


# What nginx refuses below the prefix of the API, most of it before it looks for a location
REFUSED_BY_NGINX = (
    "too large for the API",
    "long path in the API",
    "long header for the API",
    "no name, API",
    "unknown version, API",
    "broken body for the API",
    "unknown coding",
    "trace",
)


@pytest.mark.parametrize("name", REFUSED_BY_NGINX)
def test_what_nginx_refuses_in_the_api_is_told_as_the_application_tells_errors(web: Web, name: str) -> None:
    text, status = RESPONSES[name]
    reply = ask(web, text)
    assert (reply["status"], value(reply, "Content-Type")) == (status, "application/json")
    assert list(json.loads(reply["body"])) == ["detail"]


@pytest.mark.parametrize("name", ["long path", "long header", "malformed", "method that a page has not"])
def test_what_nginx_refuses_elsewhere_is_a_page(web: Web, name: str) -> None:
    assert "text/html" in str(value(ask(web, RESPONSES[name][0]), "Content-Type"))


@pytest.mark.parametrize("path", ["/.fullstack/backend/health", "/.fullstack/refusal.json", "/api/health"])
def test_who_answered_is_told_to_nobody_without_the_word(web: Web, path: str) -> None:
    reply = ask(web, request(f"GET {path}", f"X-Fullstack-Word: {'0' * 32}"))
    assert (value(reply, "X-Fullstack-Upstream"), reply["status"]) == (None, 200 if path == "/api/health" else 404)


def test_the_word_is_roots_and_opens_what_users_do_not_see(web: Web, compose: Compose) -> None:
    nginx = compose.container("nginx")
    file = compose.host.file(f"/proc/{nginx.pid}/root/run/nginx/word.map")
    (word,) = re.findall(r"[0-9a-f]{32}", file.content_string)
    reply = ask(web, request("GET /.fullstack/backend/health", f"X-Fullstack-Word: {word}"))
    backend = compose.container("backend").addresses["app_backend"]
    assert (file.mode, json.loads(reply["body"])) == (0o400, {"status": "ok"})
    assert value(reply, "X-Fullstack-Upstream") == f"{backend}:8000"
    assert word not in compose.output("cat compose.yml .env; docker inspect $(docker compose ps --quiet); ps axww")
    assert word not in compose.output("docker compose logs nginx")


@pytest.mark.parametrize("name", RESPONSES)
class TestEveryResponse:
    """Whatever is asked, the status is right and the security headers are there, each of them once."""

    @pytest.fixture(scope="class")
    @classmethod
    def replies(cls, web: Web) -> dict[str, Reply]:
        return {name: ask(web, text) for name, (text, _status) in RESPONSES.items()}

    def test_status(self, replies: dict[str, Reply], name: str) -> None:
        assert replies[name]["status"] == RESPONSES[name][1], replies[name]

    def test_security_headers_are_there_once(self, replies: dict[str, Reply], name: str) -> None:
        assert times(replies[name]) == dict.fromkeys(SECURITY_HEADERS, 1)


def test_refused_part_has_the_same_headers(web: Web) -> None:
    """They are there twice with a 416: that is how nginx answers it."""
    reply = ask(web, request("GET /", "Range: bytes=99999-"))
    pairs = {(name, value) for name, value in reply["headers"] if name in SECURITY_HEADERS}
    assert (reply["status"], sorted(name for name, _value in pairs)) == (416, list(SECURITY_HEADERS))


class TestAsset:
    """Hashed, compressed beforehand, kept for ever."""

    @pytest.fixture(scope="class")
    @classmethod
    def compressed(cls, web: Web, script: str) -> Answer:
        return web.get(script, Accept_Encoding="gzip")

    @pytest.fixture(scope="class")
    @classmethod
    def plain(cls, web: Web, script: str) -> Answer:
        return web.get(script)

    def test_compressed_file_is_sent_byte_by_byte(self, compose: Compose, script: str, compressed: Answer) -> None:
        known = compose.exec("nginx", "sha256sum", f"/usr/share/nginx/html{script}.gz").split()[0]
        assert hashlib.sha256(compressed.body).hexdigest() == known

    def test_client_that_cannot_read_it_gets_the_same_uncompressed(self, compressed: Answer, plain: Answer) -> None:
        assert (plain.headers["Content-Encoding"], plain.body) == (None, gzip.decompress(compressed.body))

    def test_both_ways_are_told_apart_by_caches(self, compressed: Answer, plain: Answer) -> None:
        assert (compressed.headers["Vary"], plain.headers["Vary"]) == ("Accept-Encoding", "Accept-Encoding")

    def test_both_ways_are_kept_for_ever(self, compressed: Answer, plain: Answer) -> None:
        ever = "public, max-age=31536000, immutable"
        assert (compressed.headers["Cache-Control"], plain.headers["Cache-Control"]) == (ever, ever)

    def test_unchanged_asset_is_not_sent_again(self, web: Web, script: str, compressed: Answer) -> None:
        again = web.get(script, Accept_Encoding="gzip", If_None_Match=compressed.headers["ETag"])
        assert (again.status, again.body) == (304, b"")


class TestPage:
    """The page, and what it may load."""

    def test_unchanged_page_is_not_sent_again(self, web: Web, page: Answer) -> None:
        again = web.get("/", If_None_Match=page.headers["ETag"])
        assert (again.status, again.body, again.headers["Cache-Control"]) == (304, b"", "no-cache")

    def test_policy_allows_nothing_inline_and_nothing_from_elsewhere(self, page: Answer) -> None:
        allowed = re.findall(r"'unsafe[^']*'|https?:|\*", page.headers["Content-Security-Policy"])
        assert allowed == []

    def test_page_has_nothing_inline(self, page: Answer) -> None:
        assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son\w+=|javascript:", page.text) == []

    def test_page_loads_from_its_own_server_alone(self, page: Answer) -> None:
        assert [
            path for path in re.findall(r'(?:src|href)="([^"]*)"', page.text) if not path.startswith("/assets/")
        ] == []


@pytest.mark.parametrize("path", ["/api/x.png", "/api/.hidden", "/api/assets/x.js", "/api/.well-known/x", "/api//x"])
def test_whatever_is_below_the_prefix_reaches_the_application(web: Web, path: str) -> None:
    reply = ask(web, request(f"GET {path}"))
    assert (json.loads(reply["body"]), value(reply, "X-Request-ID") is None) == ({"detail": "Not Found"}, False)


def test_redirect_leads_to_the_port_that_was_asked(web: Web) -> None:
    assert web.get("/api").headers["Location"] == "/api/"


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd",
        "/assets/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/assets/..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/.%2e/%2e./.%2e/.%2e/.%2e/etc/passwd",
        "/%252e%252e/%252e%252e/%252e%252e/%252e%252e/etc/passwd",
        "/assets/%c0%ae%c0%ae/%c0%ae%c0%ae/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        "/assets/..;/..;/..;/..;/etc/passwd",
        "/assets../../../../../etc/passwd",
        "/..\\..\\..\\..\\etc\\passwd",
        "/%5c..%5c..%5c..%5c..%5cetc%5cpasswd",
        "//etc/passwd",
        "///../etc/passwd",
        "/%2fetc/passwd",
        "/etc/passwd",
        "/etc/passwd%00",
        "/index.html%00.js",
        "/api/..%2f..%2f..%2f..%2fetc/passwd",
        "/api/../../etc/passwd",
        "/file:///etc/passwd",
    ],
)
def test_no_path_leaves_the_folder_of_the_frontend(web: Web, page: Answer, path: str) -> None:
    reply = ask(web, request(f"GET {path}"))
    assert reply["status"] in {400, 404} or reply["body"].encode("latin-1") == page.body


@pytest.mark.parametrize("path", ["/assets/%0d%0aX-Evil:%201", "/api/x%0d%0aX-Evil:%201", "/api%0d%0aX-Evil:%201"])
def test_line_break_in_a_path_makes_no_header(web: Web, path: str) -> None:
    assert value(ask(web, request(f"GET {path}")), "X-Evil") is None


SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = "POST /api/notes HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (f"{POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Content-Length: 0, 0\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Content-Length: +0\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Content-Length: -1\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Content-Length : 0\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{SMUGGLED}", 501),
        (f"{POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{SMUGGLED}", 501),
        (f"{POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}X-Folded: a\r\n b\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}X-Return: a\rContent-Length: 9\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}X-Null: a\0b\r\n\r\n{SMUGGLED}", 400),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n{SMUGGLED}", 400),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n-1\r\n{SMUGGLED}", 400),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{SMUGGLED}", 400),
        (f"POST /api/notes HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}", 400),
        (f"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n{SMUGGLED}", 400),
        (f"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n{SMUGGLED}", 400),
    ],
)
def test_ambiguous_request_is_refused_and_nothing_behind_it_is_read(web: Web, text: str, status: int) -> None:
    assert re.findall(rb"HTTP/1\.1 (\d+) ", everything(web, text)) == [str(status).encode()]


class TestNoBackend:
    """The backend is stopped: nginx answers for itself."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def stopped(cls, compose: Compose, web: Web) -> Iterator[None]:
        compose.output("docker compose stop backend")
        yield
        compose.output("docker compose start backend")
        eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), 60)

    @pytest.fixture(scope="class")
    @classmethod
    def reply(cls, web: Web) -> Reply:
        """Return the answer once nginx knows that the name leads nowhere; before, it waits for the address in vain."""

        def unknown() -> Reply:
            reply = ask(web, request("GET /api/notes"))
            return {} if reply["status"] == 504 else reply

        return eventually(unknown, 15)

    def test_page_is_served(self, web: Web) -> None:
        assert web.get("/").status == 200

    def test_error_is_told_as_the_application_tells_errors(self, reply: Reply) -> None:
        told = (reply["status"], value(reply, "Content-Type"), json.loads(reply["body"]))
        assert told == (502, "application/json", {"detail": "The application cannot be reached"})

    def test_security_headers_are_there_once(self, reply: Reply) -> None:
        assert times(reply) == dict.fromkeys(SECURITY_HEADERS, 1)

    def test_websocket_is_refused_with_them_too(self, web: Web, reply: Reply) -> None:
        reply = ask(web, request("GET /api/ws/echo", *UPGRADE))
        assert (reply["status"], times(reply)) == (502, dict.fromkeys(SECURITY_HEADERS, 1))


class TestConfigurationThatNginxRefuses:
    """It is refused before it takes the place of the one in use."""

    @pytest.fixture(scope="class")
    @classmethod
    def configured(cls, host: Host) -> Callable[[], str]:
        return lambda: host.check_output("sha256sum /opt/app/infra/nginx/* /opt/app/compose.yml")

    @pytest.fixture(scope="class")
    @classmethod
    def before(cls, configured: Callable[[], str]) -> str:
        return configured()

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, before: str, site: Site) -> Run:
        return site.run(nginx_frontend_body_size="ten")

    def test_fault_is_named(self, run: Run) -> None:
        assert '"client_max_body_size" directive invalid value' in run.said

    def test_nothing_is_changed(self, before: str, run: Run, configured: Callable[[], str]) -> None:
        assert (run.changed, configured()) == (0, before)


# --- other variables, another backend ------------------------------------------------------------

# Each address of 127.0.0.0/8 is a client of its own
PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
SPOOFED = request(
    "GET /api/x",
    "X-Forwarded-For: 203.0.113.7",
    "X-Real-IP: 203.0.113.7",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "X_Forwarded_For: 203.0.113.7",
    "X-Request-ID: evil",
    "Connection: X-Real-IP",
)
CHAIN = request("GET /api/x", "X-Forwarded-For: 198.51.100.9, 203.0.113.7")
PATHS = {
    "/api/a%2fb/../c?x=%2f": "/a/c?x=%2f",
    "/api//a/./b": "/a/b",
    "/api/%2e%2e/api/x": "/x",
    "/api/x%0d%0aX-Evil:1": "/x%0D%0AX-Evil:1",
    "http://shop.test/api/x": "/x",
}
PROTOCOLS = {
    protocol: request("GET /api/ws/x", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}")
    for protocol in ("h2c", "websocket, h2c", "TLS/1.0")
}
WEBSOCKET = request("GET /api/x", "Upgrade: WebSocket")
LINE_FEEDS = "POST /api/x HTTP/1.1\nHost: localhost\nContent-Length: 2\nConnection: close\n\nab"
CHUNKS = request(
    "POST /api/x",
    "Transfer-Encoding: chunked",
    body="2;extension=x\r\nab\r\n1\r\nc\r\n0\r\nX-Trailer: evil\r\n\r\n",
)
SILENT = request("GET /api/silent")
NAMES = {
    request("GET /", host="shop.test"): 200,
    request("GET /", host="shop.test:8420"): 200,
    request("GET /", host="localhost:8420"): 200,
    request("GET /", host="evil.example"): 421,
    request("GET /api/x", host="evil.example"): 421,
    request("GET http://evil.example/api/x", host="shop.test"): 421,
    request("GET /health", host="10.0.0.1"): 200,
}
PLAIN = [
    *(request(f"GET {path}") for path in ("/", "/api/x", *PATHS)),
    *(SPOOFED, CHAIN, WEBSOCKET, LINE_FEEDS, CHUNKS, SILENT, *PROTOCOLS.values(), *NAMES),
]

Replies = dict[tuple[str, str], Reply]


class Variant:
    """Another nginx, as other variables make it, and a backend that shows what it is sent, on their own network."""

    NAME = "nginx-variant"
    FOLDER = "/srv/nginx-variant"

    def __init__(self, host: Host, site: Site) -> None:
        self.host = host
        self.site = site

    def start(self, **variables: Any) -> None:
        """Start both containers."""
        self.render(variant_folder=self.FOLDER, **variables)
        self.host.check_output(
            f"docker run --detach --name {self.NAME} --network none --sysctl net.ipv4.ip_unprivileged_port_start=0"
            " --entrypoint python3 app-backend:current -c %s 8000",
            (SCRIPTS / "echo.py").read_text(),
        )
        self.host.check_output(
            f"docker run --detach --name {self.NAME}-nginx --network container:{self.NAME} --read-only --cap-drop ALL"
            " --tmpfs /run:uid=101 --tmpfs /var/cache/nginx:uid=101 --volume %s:/etc/nginx/fullstack:ro"
            " app-nginx:current",
            self.FOLDER,
        )
        eventually(lambda: self.send((PROXY, request("GET /api/")))[0]["status"] == 200, 10)

    def render(self, **variables: Any) -> None:
        """Write the configuration on the host."""
        playbook = Path(sys.executable).parent / "ansible-playbook"
        subprocess.run(
            [
                playbook,
                PROJECT / "molecule/shared/nginx_variant.yml",
                f"--inventory={self.site.inventory}",
                f"--extra-vars={json.dumps(variables)}",
            ],
            check=True,
            capture_output=True,
        )

    def stop(self) -> None:
        """Remove both containers and the configuration."""
        self.host.run(f"docker rm --force --volumes {self.NAME}-nginx {self.NAME}; rm -r {self.FOLDER}")

    def send(self, *requests: tuple[str, str]) -> list[Reply]:
        """Send requests, each from an address, and return the answers."""
        line = f"docker exec {self.NAME} python3 -c %s 127.0.0.1 80 %s"
        script = (SCRIPTS / "wire.py").read_text()
        found: list[Reply] = json.loads(self.host.check_output(line, script, json.dumps(requests)))
        return found


@pytest.fixture(scope="module")
def variant(host: Host, site: Site) -> Iterator[Variant]:
    """Start nginx for a name, behind a proxy that is trusted, with a backend that gets one second."""
    started = Variant(host, site)
    started.stop()
    started.start(
        nginx_frontend_trusted_proxies=[PROXY],
        nginx_frontend_server_names=["shop.test"],
        nginx_frontend_proxy_timeout="1s",
        nginx_frontend_headers={"X-Frame-Options": ""},
    )
    yield started
    started.stop()


@pytest.fixture(scope="module")
def replies(variant: Variant) -> Replies:
    """Return the answer to each request, by the address that it was sent from and its text."""
    asked = [*((STRANGER, text) for text in PLAIN), (PROXY, SPOOFED), (PROXY, CHAIN)]
    return dict(zip(asked, variant.send(*asked), strict=True))


def seen(replies: Replies, text: str, source: str = STRANGER) -> dict[str, str]:
    """Return what the backend got of a request: its headers by name, and `line` and `body`."""
    reply = replies[source, text]
    assert reply["status"] == 200, reply
    echo = json.loads(reply["body"])
    assert [line for line in echo["head"] if not re.fullmatch(r"[^\r\n]+\r\n", line)] == []
    fields = [line.rstrip().split(": ", 1) for line in echo["head"][1:]]
    got = {name.lower(): value for name, value in fields}
    assert len(got) == len(fields), fields
    return {**got, "line": echo["head"][0].rstrip(), "body": echo["body"]}


class TestWhatTheBackendGets:
    """A request, as nginx passes it on."""

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("x-forwarded-for", STRANGER),
            ("x-real-ip", STRANGER),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "localhost"),
            ("x_forwarded_for", None),
        ],
    )
    def test_what_a_stranger_claims_is_overwritten(self, replies: Replies, header: str, expected: str | None) -> None:
        assert seen(replies, SPOOFED).get(header) == expected

    def test_request_gets_an_id_of_nginx(self, replies: Replies) -> None:
        assert re.fullmatch(r"[0-9a-f]{32}", seen(replies, SPOOFED)["x-request-id"])

    @pytest.mark.parametrize(
        ("header", "expected"),
        [("x-forwarded-for", "203.0.113.7"), ("x-real-ip", "203.0.113.7"), ("x-forwarded-proto", "https")],
    )
    def test_what_a_trusted_proxy_says_counts(self, replies: Replies, header: str, expected: str) -> None:
        assert seen(replies, SPOOFED, PROXY)[header] == expected

    def test_addresses_that_the_client_put_before_the_proxys_do_not_count(self, replies: Replies) -> None:
        assert seen(replies, CHAIN, PROXY)["x-forwarded-for"] == "203.0.113.7"

    @pytest.mark.parametrize("path", PATHS)
    def test_path_is_the_one_that_nginx_looked_at(self, replies: Replies, path: str) -> None:
        assert seen(replies, request(f"GET {path}"))["line"] == f"GET {PATHS[path]} HTTP/1.1"

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_no_other_protocol_is_offered(self, replies: Replies, protocol: str) -> None:
        got = seen(replies, PROTOCOLS[protocol])
        assert (got.get("upgrade"), got.get("connection")) == (None, None)

    def test_websocket_is_offered(self, replies: Replies) -> None:
        got = seen(replies, WEBSOCKET)
        assert (got["upgrade"], got["connection"]) == ("websocket", "upgrade")

    def test_bare_line_feeds_are_made_whole(self, replies: Replies) -> None:
        got = seen(replies, LINE_FEEDS)
        assert (got["line"], got["content-length"], got["body"]) == ("POST /x HTTP/1.1", "2", "ab")

    def test_chunks_are_put_together(self, replies: Replies) -> None:
        got = seen(replies, CHUNKS)
        assert (got.get("transfer-encoding"), got["content-length"], got["body"]) == (None, "3", "abc")


class TestVariant:
    """What variables change."""

    def test_header_of_the_application_gives_way(self, replies: Replies) -> None:
        headers = replies[STRANGER, request("GET /api/x")]["headers"]
        assert [value.split(";")[0] for name, value in headers if name == SECURITY_HEADERS[0]] == ["default-src 'self'"]

    @pytest.mark.parametrize(("path", "expected"), [("/api/x", "SAMEORIGIN"), ("/", None)])
    def test_header_that_is_dropped_is_left_to_the_application(
        self, replies: Replies, path: str, expected: str | None
    ) -> None:
        assert value(replies[STRANGER, request(f"GET {path}")], "X-Frame-Options") == expected

    def test_application_that_takes_too_long_is_told_about(self, replies: Replies) -> None:
        reply = replies[STRANGER, SILENT]
        told = (reply["status"], json.loads(reply["body"]))
        assert told == (504, {"detail": "The application did not answer in time"})

    @pytest.mark.parametrize("text", NAMES)
    def test_only_names_of_the_stack_are_answered(self, replies: Replies, text: str) -> None:
        assert replies[STRANGER, text]["status"] == NAMES[text]

    @pytest.mark.parametrize(
        ("client", "paths", "limited"),
        [
            ("127.0.1.1", ["/api/login"], True),
            ("127.0.1.2", ["/api/login/"], True),
            ("127.0.1.3", ["/api/%6cogin", "/api//login", "/api/x/../login", "/api/login?x=1"], True),
            ("127.0.1.4", ["/api/auth/login", "/api/auth/refresh", "/api/token"], True),
            ("127.0.1.5", ["/api/logins"], False),
            ("127.0.1.6", ["/api/auth/login-methods"], False),
        ],
    )
    def test_strict_limit_is_on_login_paths_however_they_are_written(
        self, variant: Variant, client: str, paths: list[str], limited: bool
    ) -> None:
        asked = [(client, request(f"POST {paths[turn % len(paths)]}")) for turn in range(9)]
        assert (429 in [reply["status"] for reply in variant.send(*asked)]) == limited

    def test_clients_behind_a_trusted_proxy_are_limited_one_by_one(self, variant: Variant) -> None:
        asked = [
            (PROXY, request("POST /api/login", f"X-Forwarded-For: 203.0.113.{client}"))
            for client in (1, 2)
            for _turn in range(6)
        ]
        assert [reply["status"] for reply in variant.send(*asked)] == [200] * 12
