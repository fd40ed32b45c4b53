"""Secrets are kept out of what is printed, however they are spelled there: pure, no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

# A shorter line of a secret file, such as a bracket, tells nothing and is found everywhere
SECRET_LINE = 8


def spellings(secret: str) -> set[str]:
    """Return how programs write a secret: as it is, a line of it alone, as JSON, as Python, in a URL."""
    lines = {secret, *(line for line in secret.splitlines() if len(line) >= SECRET_LINE)}
    return {
        spelling
        for line in lines
        for spelling in (
            line,
            json.dumps(line)[1:-1],
            repr(line)[1:-1],
            quote(line),
            quote(line, safe=""),
            quote_plus(line),
        )
    }


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text, however spelled; longest first, so that one inside another leaves no rest."""
    known = {spelling for secret in secrets if len(secret) >= 4 for spelling in spellings(secret)}
    for spelling in sorted(known, key=len, reverse=True):
        text = text.replace(spelling, "********")
    return text
