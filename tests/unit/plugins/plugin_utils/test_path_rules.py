"""Which paths of URLs are refused before the host is asked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.plugin_utils.path_rules import (
    RULES,
    malformed,
    path_problem,
    prefix_problem,
)

SEGMENT = st.from_regex(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*", fullmatch=True)


@given(st.lists(SEGMENT, min_size=1))
def test_a_prefix_is_segments_that_follow_slashes(segments: list[str]) -> None:
    prefix = "".join(f"/{segment}" for segment in segments)
    assert prefix_problem(prefix) == ("is served by nginx itself; choose another path" if prefix == "/assets" else "")


@given(st.text())
def test_nothing_else_is_a_prefix(text: str) -> None:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text):
        assert prefix_problem(text)


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("/api/", "ends with a slash; write /api"),
        ("/", "leaves nothing for the frontend"),
        ("", "leaves nothing for the frontend"),
        ("api", "does not begin with a slash; write /api"),
        ("//api", "two slashes side by side"),
        ("/api//v1", "two slashes side by side"),
        ("//", "ends with a slash; write /api"),
        ("/api/..", "the segment .."),
        ("/./api", "the segment ."),
        ("/a pi", "'a pi'"),
        ("/api\n", "'api\\n'"),
        ("/api;", "'api;'"),
        ("/a{b}", "'a{b}'"),
        ("/a%20b", "'a%20b'"),
        ("/äpi", "'äpi'"),
        ("/api?x", "'api?x'"),
        ("/api$x", "'api$x'"),
        ("/assets", "served by nginx itself"),
        ("/.well-known", "served by nginx itself"),
    ],
)
def test_a_prefix_that_is_none_is_refused_with_the_remedy(prefix: str, words: str) -> None:
    assert words in prefix_problem(prefix)


@pytest.mark.parametrize(
    "path", ["/", "/health", "/health/", "/healthz?full=1&x=/y", "/a%20b", "/~me/.well-known/@x", "/v1.0/items(1)"]
)
def test_a_path_that_can_be_asked_for_is_taken(path: str) -> None:
    assert path_problem(path) == ""


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "is empty; name a path"),
        ("health", "does not begin with a slash; write /health"),
        ("?x", "does not begin with a slash"),
        ("http://localhost/health", "does not begin with a slash"),
        ("//health", "two slashes"),
        ("/health//", "two slashes"),
        ("/../health", "the segment .."),
        ("/it's", "none of a path"),
        ("/a b", "none of a path"),
        ("/${HOME}", "none of a path"),
        ("/a%2", "none of a path"),
        ("/a#b", "none of a path"),
        ("/a?b c", "none of a query"),
        ("/a?b'", "none of a query"),
    ],
)
def test_a_path_that_cannot_is_refused(path: str, words: str) -> None:
    assert words in path_problem(path)


def test_every_path_of_a_list_is_looked_at_and_named() -> None:
    values = dict.fromkeys(RULES, "/good") | {
        "nginx_frontend_auth_paths": ["/login", "token/"],
        "fastapi_backend_smoke_paths": ["ready", "/ready"],
    }
    assert [line.split(" ")[:2] for line in malformed(values)] == [
        ["fastapi_backend_smoke_paths:", "'ready'"],
        ["nginx_frontend_auth_paths:", "'token/'"],
    ]


def test_what_is_no_text_is_left_to_the_check_of_types() -> None:
    assert list(malformed({"nginx_frontend_api_prefix": 5, "nginx_frontend_auth_paths": "x/"})) != []
    assert list(malformed({"nginx_frontend_api_prefix": 5, "nginx_frontend_auth_paths": [1, None]})) == []
