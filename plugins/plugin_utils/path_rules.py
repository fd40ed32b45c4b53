"""What the variables that hold a path of a URL may be. Pure functions, used on the controller."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# Characters that need no quoting in a URL (RFC 3986), and those that other parts of the stack take as they are
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
_FREE_SEGMENT = re.compile(r"([A-Za-z0-9._~!*()+,;:@=-]|%[0-9A-Fa-f]{2})+")
_QUERY = re.compile(r"([A-Za-z0-9._~!*()+,;:@/?&=-]|%[0-9A-Fa-f]{2})*")
# Paths that nginx serves itself
TAKEN = ("/assets", "/.well-known", "/.fullstack")


def _segments(path: str, allowed: re.Pattern[str]) -> str:
    """Return what is wrong with the part of a path behind its first slash, empty where nothing is."""
    for segment in path.split("/"):
        if not segment:
            return "has two slashes side by side; drop one of them"
        if segment in (".", ".."):
            return f"holds the segment {segment}, which no request keeps; write the path that it leads to"
        if not allowed.fullmatch(segment):
            return f"holds {segment!r}, where some characters are none of a path; write it as in the URL"
    return ""


def prefix_problem(path: str) -> str:
    """Return what keeps a path from being one that others begin with, empty where nothing does."""
    if path in ("", "/"):
        return "leaves nothing for the frontend; name a path of its own, such as /api"
    if not path.startswith("/"):
        return f"does not begin with a slash; write /{path}"
    if path.endswith("/"):
        return f"ends with a slash; write {path.rstrip('/') or '/api'}"
    problem = _segments(path[1:], _SEGMENT)
    if not problem and path in TAKEN:
        return "is served by nginx itself; choose another path"
    return problem


def path_problem(path: str) -> str:
    """Return what keeps a path, with or without a query, from being asked for; empty where nothing does."""
    place, _mark, query = path.partition("?")
    if not place.startswith("/"):
        return f"does not begin with a slash; write /{path}" if path else "is empty; name a path, such as /health"
    problem = "" if place == "/" else _segments(place[1:].removesuffix("/"), _FREE_SEGMENT)
    if not problem and not _QUERY.fullmatch(query):
        return f"has the query {query!r}, where some characters are none of a query; write it as in the URL"
    return problem


RULES: Mapping[str, Callable[[str], str]] = {
    "fastapi_backend_health_path": path_problem,
    "fastapi_backend_smoke_paths": path_problem,
    "nginx_frontend_api_prefix": prefix_problem,
    "nginx_frontend_auth_paths": prefix_problem,
}


def malformed(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each path that is none.

    Parameters:
        values: by variable; those that hold no path, or no text, are passed over.
    """
    for name, rule in RULES.items():
        value = values.get(name)
        for path in value if isinstance(value, list) else [value]:
            problem = rule(path) if isinstance(path, str) else ""
            if problem:
                yield f"{name}: {path!r} {problem}"
