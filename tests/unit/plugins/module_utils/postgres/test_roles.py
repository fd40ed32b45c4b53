"""The SQL for database roles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.postgres import scram
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.roles import (
    earlier_passwords,
    quote_name,
    quote_text,
    role_statements,
)

DATABASE = {"name": "shop", "owner": "app", "superuser": "postgres"}
PASSWORDS = {"postgres": "super secret", "app": "it's \\ quoted"}


def known(role: str, **changed: Any) -> dict[str, Any]:
    superuser = role == "postgres"
    return {"verifier": scram.verifier(PASSWORDS[role]), "login": True, "superuser": superuser, **changed}


def test_roles_as_described_need_nothing() -> None:
    state = {"roles": {role: known(role) for role in PASSWORDS}, "owner": "app"}
    assert role_statements(DATABASE, PASSWORDS, state) == []


@pytest.mark.parametrize(
    ("roles", "owner", "expected"),
    [
        ({"postgres": known("postgres")}, "app", ["create role app"]),
        ({"postgres": known("postgres"), "app": known("app", verifier=None)}, "app", ["set the password of role app"]),
        ({"postgres": known("postgres"), "app": known("app", login=False)}, "app", ["let role app log in"]),
        ({"postgres": known("postgres"), "app": known("app", superuser=True)}, "app", ["take superuser from role app"]),
        (
            {"postgres": known("postgres"), "app": known("app")},
            "postgres",
            ["give database shop to role app"],
        ),
    ],
)
def test_roles_get_what_they_lack(roles: dict[str, Any], owner: str, expected: list[str]) -> None:
    statements = role_statements(DATABASE, PASSWORDS, {"roles": roles, "owner": owner})
    assert [description for description, _sql in statements] == expected


def test_no_password_travels_to_the_server() -> None:
    statements = role_statements(DATABASE, PASSWORDS, {"roles": {}, "owner": "postgres"})
    assert all(password not in sql for _description, sql in statements for password in PASSWORDS.values())


def test_earlier_passwords_come_back_and_new_roles_have_none() -> None:
    state = {"roles": {"postgres": known("postgres", verifier="SCRAM-SHA-256$x")}, "owner": "app"}
    assert earlier_passwords(PASSWORDS, state) == (
        """ALTER ROLE "postgres" PASSWORD 'SCRAM-SHA-256$x';ALTER ROLE "app" PASSWORD NULL;"""
    )


@given(st.text(min_size=1), st.text(min_size=1, alphabet="ab'\"\\;-"))
def test_quoted_names_and_texts_end_where_they_should(name: str, text: str) -> None:
    assert quote_name(name)[1:-1].replace('""', "").count('"') == 0
    body = quote_text(text).removeprefix(" E")[1:-1]
    assert body.replace("\\\\", "").replace("''", "").count("'") == 0
