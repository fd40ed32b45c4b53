# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""The rules of .dockerignore, as BuildKit applies them.

Pure, standard library only. community.docker ships a matcher too, in a private module; it takes
up files below an excluded directory when an exception begins with the directory's name
(`**/.docker` with its own `!.dockerignore` lets .docker/config.json through), so it is not used.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass


class PatternError(ValueError):
    """A pattern that the rules do not allow."""


@dataclass(frozen=True)
class Rule:
    """One pattern."""

    expression: re.Pattern[str]
    """Matches a path that the pattern names, and everything below it."""
    exception: bool
    """The pattern began with `!`: what it matches is taken up again."""
    fixed: tuple[str, ...]
    """The leading path components without a wildcard."""


def read_patterns(text: str) -> list[str]:
    """Return the patterns of a .dockerignore file: no comments, no blank lines."""
    lines = text.removeprefix("\ufeff").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def parse(patterns: Iterable[str]) -> list[Rule]:
    """Return the rules of the patterns, in their order.

    Raises:
        PatternError: for a lone `!` and for an unclosed bracket.
    """
    rules: list[Rule] = []
    for pattern in patterns:
        exception = pattern.startswith("!")
        body = pattern[1:].strip() if exception else pattern.strip()
        if exception and not body:
            raise PatternError("'!' alone excepts nothing; name what it excepts")
        # A leading slash, `./` and `..` mean nothing: every pattern starts at the source's root.
        path = posixpath.normpath("/" + body.lstrip("/"))[1:]
        if path:
            try:
                expression = re.compile(f"{_expression(path)}(?:/.*)?", re.DOTALL)
            except re.error as error:
                raise PatternError(f"{pattern!r} is not a pattern: {error}") from None
            rules.append(Rule(expression, exception, _fixed(path)))
    return rules


def excluded(path: str, rules: Iterable[Rule]) -> bool:
    """Return whether a path, relative with slashes, is left out: the last rule that matches decides.

    A rule matches a path when it matches the path itself or a directory above it.
    """
    verdict = False
    for rule in rules:
        if rule.exception == verdict and rule.expression.fullmatch(path):
            verdict = not rule.exception
    return verdict


def may_hold_exception(directory: str, rules: Iterable[Rule]) -> bool:
    """Return whether something below an excluded directory could be taken up by an exception."""
    parts = tuple(directory.split("/"))
    return any(rule.exception and all(a == b for a, b in zip(parts, rule.fixed, strict=False)) for rule in rules)


def _fixed(path: str) -> tuple[str, ...]:
    parts: list[str] = []
    for part in path.split("/"):
        if re.search(r"[*?\[\\]", part):
            break
        parts.append(part)
    return tuple(parts)


def _expression(path: str) -> str:
    out = ""
    index = 0
    while index < len(path):
        character = path[index]
        if path.startswith("**", index):
            index += 2
            if index == len(path):
                return out + ".*"
            # `**/` stands for any number of directories, none included.
            index += path.startswith("/", index)
            out += "(?:.*/)?"
            continue
        if character == "*":
            out += "[^/]*"
        elif character == "?":
            out += "[^/]"
        elif character == "\\" and index + 1 < len(path):
            index += 1
            out += re.escape(path[index])
        elif character == "[":
            end = path.find("]", index + 2)
            if end < 0:
                raise PatternError(f"{path!r} has a '[' without its ']'")
            out += path[index : end + 1]
            index = end
        else:
            out += re.escape(character)
        index += 1
    return out
