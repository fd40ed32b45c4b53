"""SCRAM verifiers: what PostgreSQL stores for a password."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.scram import matches, verifier

# Written by PostgreSQL 15 for the password of RFC 7677, "pencil"
STORED = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_the_verifier_of_the_rfc_is_known() -> None:
    assert matches("pencil", STORED)


def test_another_password_does_not_match() -> None:
    assert not matches("pen", STORED)


@pytest.mark.parametrize("stored", [None, "", "md5abc", "SCRAM-SHA-256$x:y$z", "SCRAM-SHA-256$1:!!$a:b", "a$b$c"])
def test_what_is_no_verifier_matches_nothing(stored: str | None) -> None:
    assert not matches("pencil", stored)


@settings(max_examples=20, deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_a_verifier_matches_its_own_password_alone(password: str, other: str) -> None:
    stored = verifier(password)
    assert matches(password, stored)
    assert matches(other, stored) == (verifier(other, b"x") == verifier(password, b"x"))
