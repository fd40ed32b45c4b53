"""What compose_stack decides to do."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils import scram, stack_plan
from ansible_collections.fullstack.docker.plugins.module_utils.compose_model import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "other",
    [
        (["another Dockerfile"], "source", ["base"]),
        (["Dockerfile"], "another source", ["base"]),
        (["Dockerfile"], "source", ["another base"]),
    ],
)
def test_the_tag_follows_from_all_that_decides_the_image(other: tuple[list[str], str, list[str]]) -> None:
    tag = stack_plan.tag(["Dockerfile"], "source", ["base"])
    assert tag == stack_plan.tag(["Dockerfile"], "source", ["base"])
    assert tag != stack_plan.tag(*other)


DATABASE = {"name": "shop", "owner": "app", "superuser": "postgres"}
PASSWORDS = {"postgres": "super secret", "app": "it's \\ quoted"}


def known(role: str, **changed: Any) -> dict[str, Any]:
    superuser = role == "postgres"
    return {"verifier": scram.verifier(PASSWORDS[role]), "login": True, "superuser": superuser, **changed}


def test_roles_as_described_need_nothing() -> None:
    state = {"roles": {role: known(role) for role in PASSWORDS}, "owner": "app"}
    assert stack_plan.role_statements(DATABASE, PASSWORDS, state) == []


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
    statements = stack_plan.role_statements(DATABASE, PASSWORDS, {"roles": roles, "owner": owner})
    assert [description for description, _sql in statements] == expected


def test_no_password_travels_to_the_server() -> None:
    statements = stack_plan.role_statements(DATABASE, PASSWORDS, {"roles": {}, "owner": "postgres"})
    assert all(password not in sql for _description, sql in statements for password in PASSWORDS.values())


def test_earlier_passwords_come_back_and_new_roles_have_none() -> None:
    state = {"roles": {"postgres": known("postgres", verifier="SCRAM-SHA-256$x")}, "owner": "app"}
    assert stack_plan.earlier_passwords(PASSWORDS, state) == (
        """ALTER ROLE "postgres" PASSWORD 'SCRAM-SHA-256$x';ALTER ROLE "app" PASSWORD NULL;"""
    )


@given(st.text(min_size=1), st.text(min_size=1, alphabet="ab'\"\\;-"))
def test_quoted_names_and_texts_end_where_they_should(name: str, text: str) -> None:
    assert stack_plan.quote_name(name)[1:-1].replace('""', "").count('"') == 0
    body = stack_plan.quote_text(text).removeprefix(" E")[1:-1]
    assert body.replace("\\\\", "").replace("''", "").count("'") == 0


@given(st.lists(st.text(alphabet="abc1", min_size=4), min_size=1), st.text(alphabet="abc1 \n"))
def test_no_secret_is_left_in_a_text(secrets: list[str], text: str) -> None:
    redacted = stack_plan.redact(" ".join([text, *secrets]), secrets)
    assert not any(secret in redacted for secret in secrets)


@pytest.mark.parametrize(
    "write",
    [str, repr, json.dumps, quote, quote_plus, lambda text: "\n".join(f"app-1 | {line}" for line in text.splitlines())],
    ids=["as it is", "Python", "JSON", "URL", "form", "line by line"],
)
def test_no_secret_is_left_however_it_is_written(write: Callable[[str], str]) -> None:
    secret = "first 'line' / of \"it\" + \\ %40\nsecond line: $HOME é\n"
    redacted = stack_plan.redact(f"it is {write(secret)}", [secret])
    assert not any(part in redacted for part in ("first", "second"))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="`")), min_size=1),
    st.integers(0, 3),
)
def test_the_entrypoint_reads_an_images_command_back_unchanged(argv: list[str], entrypoint: int) -> None:
    line = stack_plan.image_command(
        "shop:1", {"Entrypoint": argv[:entrypoint] or None, "Cmd": argv[entrypoint:] or None}
    )
    # A shell reads the line as Compose does, but for backquotes, which Compose knows nothing of
    script = line + 'eval "set -- $FULLSTACK_COMMAND"; for word; do printf "%s\\0" "$word"; done'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.split("\0")[:-1] == argv


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"Entrypoint": None, "Cmd": []}, "shop:1 has neither ENTRYPOINT nor CMD; set fastapi_backend_command"),
        ({"Cmd": ["sh", "-c", "a\nb"]}, "shop:1: a line break in its ENTRYPOINT or CMD; set fastapi_backend_command"),
    ],
)
def test_an_image_without_a_usable_command_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        stack_plan.image_command("shop:1", config)


def test_hashes_are_those_of_services_with_their_files_read_and_their_namespaces_joined() -> None:
    services: dict[str, Any] = {
        "web": {"network_mode": "service:door", "environment": None},
        "api": {"environment": {"A": "$$1"}},
        "alone": {"network_mode": "service:gone"},
        "host": {"network_mode": "host"},
    }
    assert stack_plan.hash_override(services, {"door": "4f"}) == (
        '{"services": {"web": {"env_file": !reset [], "network_mode": "container:4f"}, '
        '"api": {"env_file": !reset [], "environment": {"A": "$$1"}}, '
        '"alone": {"env_file": !reset []}, "host": {"env_file": !reset []}}}'
    )
