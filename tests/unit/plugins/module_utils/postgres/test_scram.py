"""SCRAM verifiers: what PostgreSQL stores for a password."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.postgres.scram import matches, prepared, verifier

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


@pytest.mark.parametrize(
    ("password", "taken"),
    [
        ("pencil", "pencil"),
        ("two\nlines\x7f", "two\nlines\x7f"),
        ("I\u00adX", "IX"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("e\u0301", "\u00e9"),
        ("a\u00a0\u3000b\u200bc", "a  b c"),
        ("\u2764\ufe0f", "\u2764"),
    ],
)
def test_a_password_is_prepared(password: str, taken: str) -> None:
    assert prepared(password) == taken.encode()


@pytest.mark.parametrize(
    "password",
    [
        "\u00ad",  # nothing would be left
        "e\u0301\n",  # a control character
        "e\u0301\ue000",  # private use
        "e\u0301\U0001f600",  # not assigned in Unicode 3.2
        "e\u0301\u0340",  # deprecated
        "\u0627e\u0301\u0627",  # both directions
        "\u0627\u0661",  # does not end as it begins
    ],
)
def test_a_password_that_saslprep_refuses_is_taken_as_it_is(password: str) -> None:
    assert prepared(password) == password.encode()


@given(st.text(min_size=1))
def test_preparing_twice_changes_nothing_more(password: str) -> None:
    once = prepared(password)
    assert prepared(once.decode()) == once


@settings(max_examples=20, deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_a_verifier_matches_its_own_password_alone(password: str, other: str) -> None:
    stored = verifier(password)
    assert matches(password, stored)
    assert matches(other, stored) == (verifier(other, b"x") == verifier(password, b"x"))
