"""What a release asks through nginx, and how it tells that the backend answered rather than nginx or a page.

A page is looked at with the scripts and styles that it names. All but ``Line`` are pure functions.
Standard library only: the healer uses it on the host.
"""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.parse
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from types import TracebackType

# Whoever sends the word of an nginx (roles/nginx_frontend/templates/serve.j2) is told by it which replicas it asked
WORD, REPLICAS = "X-Fullstack-Word", "X-Fullstack-Upstream"
SCRIPT = frozenset(
    {
        "application/ecmascript",
        "application/javascript",
        "application/x-javascript",
        "text/ecmascript",
        "text/javascript",
    }
)
STYLE = frozenset({"text/css"})
# What nginx answers with when the replica that it asked has not answered
UNANSWERED = (502, 503, 504)
SECONDS = 5.0
_WORD = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP, or why there is none. ``replicas`` are the addresses that nginx says it has asked."""

    status: int = 0
    kind: str = ""
    replicas: str = ""
    body: bytes = b""
    failure: str = ""

    @property
    def trouble(self) -> str:
        """What is wrong with it by itself, empty where nothing is."""
        return self.failure or ("" if self.status < 400 else str(self.status))

    @property
    def replica(self) -> str:
        """The address that was asked last, empty where nginx made the answer by itself."""
        return re.split(r"[\s,]+", self.replicas.strip())[-1].rpartition(":")[0]


class _Page(HTMLParser):
    """Takes note of the scripts and styles that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: list[tuple[str, frozenset[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        said = {name: (value or "").strip() for name, value in attrs}
        relations = said.get("rel", "").lower().split()
        if tag == "base" and not self.base:
            self.base = said.get("href", "")
        elif tag == "script" and said.get("type", "").lower() in {"", "module", *SCRIPT}:
            self.found.append((said.get("src", ""), SCRIPT))
        elif tag == "link" and "stylesheet" in relations:
            self.found.append((said.get("href", ""), STYLE))
        elif tag == "link" and "modulepreload" in relations and said.get("as", "").lower() in {"", "script"}:
            self.found.append((said.get("href", ""), SCRIPT))


def assets(page: str, url: str) -> list[tuple[str, frozenset[str]]]:
    """Return what a page loads from its own server: paths, each once, and the content types that will do for it.

    Parameters:
        page: its HTML.
        url: by which it was asked for, with the name that the server knows itself by.
    """
    reader = _Page()
    reader.feed(page)
    base = urllib.parse.urljoin(url, reader.base)
    own = urllib.parse.urlsplit(url).hostname
    found: dict[str, frozenset[str]] = {}
    for reference, kinds in reader.found:
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(base, reference))
        if reference and parts.scheme in ("http", "https") and parts.hostname == own:
            found.setdefault(target(parts), kinds)
    return list(found.items())


def target(parts: urllib.parse.SplitResult) -> str:
    """Return what a request's first line says of a URL."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def asset_trouble(answer: Answer, kinds: Collection[str]) -> str:
    """Return what is wrong with a script or style, empty where nothing is."""
    if answer.trouble or answer.kind in kinds or answer.status >= 300:
        return answer.trouble
    return f"{answer.status} as {answer.kind or 'nothing in particular'}, which browsers do not take for {min(kinds)}"


def proof_trouble(answer: Answer, replicas: Collection[str], *, any_status: bool = False) -> str:
    """Return what speaks against one of the replicas having answered, empty where nothing does.

    Parameters:
        answer: to a request with the word of the nginx that got it.
        replicas: their addresses.
        any_status: whether an error will do as well, as long as it is a replica's.
    """
    if answer.failure or (answer.trouble and (not any_status or answer.status in UNANSWERED)):
        return answer.trouble
    if not answer.replica:
        return f"{answer.status} ({answer.kind or 'no type'}) by nginx itself, which did not ask the backend"
    if answer.replica not in replicas:
        return f"{answer.status} by {answer.replica}, which is no replica of this release"
    return ""


def words(texts: Iterable[str]) -> str:
    """Return the header that makes each of several nginx talk.

    Parameters:
        texts: the file of the word of each of them.
    """
    return " ".join(sorted({word for text in texts for word in _WORD.findall(text)}))


class Line:
    """A connection to the server of a URL, by a name that the server knows itself by.

    The certificate is not looked at: its names are not those of this host.
    """

    def __init__(self, url: str, host: str, word: str = "", timeout: float = SECONDS) -> None:
        parts = urllib.parse.urlsplit(url)
        self.url = urllib.parse.urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
        self.target = target(parts)
        self._headers = {"Host": host, "User-Agent": "fullstack.docker", **({WORD: word} if word else {})}
        address, port = str(parts.hostname), parts.port
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self._connection = http.client.HTTPSConnection(address, port, timeout=timeout, context=context)
        else:
            self._connection = http.client.HTTPConnection(address, port, timeout=timeout)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def get(self, path: str) -> Answer:
        """Ask for a path."""
        try:
            self._connection.request("GET", path, headers=self._headers)
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer(failure=f"no answer ({type(error).__name__}: {error})")
        return Answer(answer.status, answer.headers.get_content_type(), answer.headers.get(REPLICAS, ""), body)


def problem(url: str, host: str) -> str:
    """Ask for a URL; return what is wrong with the answer, empty where nothing is."""
    with Line(url, host) as line:
        return line.get(line.target).trouble


def page_problem(url: str, host: str) -> str:
    """Ask for a page and for all that it names; return what is wrong, empty where nothing is.

    Over one connection: that leads to one nginx, and another one beside it may have another page.
    """
    with Line(url, host) as line:
        answer = line.get(line.target)
        if answer.trouble or answer.kind != "text/html" or answer.status >= 300:
            return answer.trouble
        for path, kinds in assets(answer.body.decode(errors="replace"), line.url):
            trouble = asset_trouble(line.get(path), kinds)
            if trouble:
                return f"it names {path}: {trouble}"
    return ""


def proof_problem(url: str, host: str, word: str, replicas: Collection[str], *, any_status: bool = False) -> str:
    """Ask for a URL; return what speaks against one of the replicas having answered (see ``proof_trouble``)."""
    with Line(url, host, word) as line:
        return proof_trouble(line.get(line.target), replicas, any_status=any_status)
