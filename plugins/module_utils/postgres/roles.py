"""The SQL by which database roles come to their described state: pure, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.postgres import scram


def quote_name(name: str) -> str:
    """Quote an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Quote an SQL string literal, whatever ``standard_conforming_strings`` says."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{escaped}'" if "\\" in text else f"'{escaped}'"


def roles_query(names: Iterable[str], database: str) -> str:
    """Return the query that reads roles, their verifiers and the owner of the database as one JSON object."""
    listed = ", ".join(quote_text(name) for name in names)
    return (
        "SELECT json_build_object('roles', (SELECT coalesce(json_object_agg(rolname, json_build_object("  # noqa: S608  (what is put in is quoted)
        "'verifier', rolpassword, 'login', rolcanlogin, 'superuser', rolsuper)), '{}'::json) "
        f"FROM pg_authid WHERE rolname IN ({listed})), 'owner', "
        f"(SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = {quote_text(database)}));"
    )


def role_statements(
    database: Mapping[str, Any], passwords: Mapping[str, str], state: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return what brings roles, passwords and the owner of the database to their described state.

    Parameters:
        database: ``name``, ``owner`` and ``superuser``.
        passwords: by role.
        state: the answer to ``roles_query``.

    Returns:
        Pairs of what an operator may read (no secret in it) and the SQL statement.
    """
    statements: list[tuple[str, str]] = []
    known = state["roles"]
    for role, password in passwords.items():
        name = quote_name(role)
        has = known.get(role)
        set_password = f"PASSWORD {quote_text(scram.verifier(password))}"
        if has is None:
            statements.append((f"create role {role}", f"CREATE ROLE {name} LOGIN {set_password};"))
            continue
        if not scram.matches(password, has["verifier"]):
            statements.append((f"set the password of role {role}", f"ALTER ROLE {name} LOGIN {set_password};"))
        elif not has["login"]:
            statements.append((f"let role {role} log in", f"ALTER ROLE {name} LOGIN;"))
        if has["superuser"] and role != database["superuser"]:
            statements.append((f"take superuser from role {role}", f"ALTER ROLE {name} NOSUPERUSER;"))
    if state["owner"] != database["owner"]:
        statements.append(
            (
                f"give database {database['name']} to role {database['owner']}",
                f"ALTER DATABASE {quote_name(database['name'])} OWNER TO {quote_name(database['owner'])};",
            )
        )
    return statements


def earlier_passwords(roles: Iterable[str], state: Mapping[str, Any]) -> str:
    """Return the SQL that gives roles the verifiers back that they had; a role that is new gets none.

    Parameters:
        roles: their names.
        state: the answer to ``roles_query`` before they were changed.
    """
    verifiers = {role: (state["roles"].get(role) or {}).get("verifier") for role in roles}
    return "".join(
        f"ALTER ROLE {quote_name(role)} PASSWORD {quote_text(verifier) if verifier else 'NULL'};"
        for role, verifier in verifiers.items()
    )
