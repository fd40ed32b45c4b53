"""No secret is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.report import redact


@given(st.lists(st.text(alphabet="abc1", min_size=4), min_size=1), st.text(alphabet="abc1 \n"))
def test_no_secret_is_left_in_a_text(secrets: list[str], text: str) -> None:
    redacted = redact.redact(" ".join([text, *secrets]), secrets)
    assert not any(secret in redacted for secret in secrets)


@pytest.mark.parametrize(
    "write",
    [str, repr, json.dumps, quote, quote_plus, lambda text: "\n".join(f"app-1 | {line}" for line in text.splitlines())],
    ids=["as it is", "Python", "JSON", "URL", "form", "line by line"],
)
def test_no_secret_is_left_however_it_is_written(write: Callable[[str], str]) -> None:
    secret = "first 'line' / of \"it\" + \\ %40\nsecond line: $HOME é\n"
    redacted = redact.redact(f"it is {write(secret)}", [secret])
    assert not any(part in redacted for part in ("first", "second"))
