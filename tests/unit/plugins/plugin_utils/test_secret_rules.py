"""What is refused as a secret in production."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.plugin_utils.secret_rules import (
    DATABASE_PASSWORDS,
    plain,
    unusable,
    weak,
    weakness,
)

NAMES = frozenset({"postgres_password", "fastapi_backend_secret_environment"})


@pytest.mark.parametrize(
    "value",
    ["changeme", "change-this-secret-now", "CHANGE_ME_PLEASE_NOW", "your-secret-key-goes-here", "xxxxxxxxxxxxxxxxxxxx"],
)
def test_a_placeholder_is_refused(value: str) -> None:
    assert weakness(value) == "is a placeholder"


def test_a_short_value_is_refused_with_both_lengths() -> None:
    assert weakness("k3T9-aW_") == "has 8 characters, and 16 are the least"


def test_a_value_of_few_characters_is_refused() -> None:
    assert weakness("ababababababababab") == "repeats a few characters"


def test_a_key_file_is_taken_as_it_is() -> None:
    assert weakness("-----BEGIN OPENSSH PRIVATE KEY-----\nexample\n") is None


def test_what_the_project_itself_makes_is_never_refused() -> None:
    assert [weakness(secrets.token_hex(32)) for _ in range(200)] == [None] * 200


@given(st.text(min_size=1))
def test_a_value_is_never_in_the_message(value: str) -> None:
    secret = f"\u2603{value}"
    assert all(secret not in line for line in weak({"postgres_password": secret}, frozenset()))


def test_a_token_of_others_may_be_short_but_no_placeholder() -> None:
    lines = list(weak({"fastapi_backend_secret_environment": {"SHORT": "ab1", "BAD": "changeme"}}, frozenset()))
    assert [line.partition(":")[0] for line in lines] == ["fastapi_backend_secret_environment.BAD"]


@pytest.mark.parametrize(
    "text",
    [
        "postgres_password: k3T9-aW_qqPz81Lm",
        "all:\n  vars:\n    postgres_password: k3T9-aW_qqPz81Lm",
        "all:\n  hosts:\n    one:\n      postgres_password: k3T9-aW_qqPz81Lm",
        "fastapi_backend_secret_environment:\n  TOKEN: k3T9",
    ],
)
def test_a_plain_secret_is_found_wherever_it_stands(text: str) -> None:
    assert len(list(plain(NAMES, "main.yml", text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "$ANSIBLE_VAULT;1.1;AES256\n6533",
        "postgres_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6533",
        "postgres_password: \"{{ lookup('env', 'PASSWORD') }}\"",
        "fastapi_backend_secret_environment:\n  TOKEN: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    6533",
        "postgres_port: 5432",
        "postgres_password: ''",
        "no: [yaml",
        "",
    ],
)
def test_what_is_encrypted_or_looked_up_is_left_alone(text: str) -> None:
    assert list(plain(NAMES, "main.yml", text)) == []


@pytest.mark.parametrize(
    "value", ["pässwörd-日本-\n2026\"'$%{x}", "Sicher❤️Passwort-2026", " a b ", "tab\there", 'q"\\']
)
def test_a_password_with_odd_characters_passes(value: str) -> None:
    assert list(unusable(dict.fromkeys(DATABASE_PASSWORDS, value))) == []


@pytest.mark.parametrize("name", ["postgres_password", "postgres_app_password", "redis_password"])
@pytest.mark.parametrize("value", ["from-a-block\n", "\nfrom-a-block", "a\0b"])
def test_a_password_that_programs_read_differently_is_refused(name: str, value: str) -> None:
    (line,) = unusable({name: value})
    assert line.startswith(f"{name}: ")
    assert value.strip() not in line


def test_a_number_is_no_password_of_a_role() -> None:
    (line,) = unusable({"postgres_app_password": 1234567890123456789, "redis_password": 12345})
    assert line == "postgres_app_password: is a number to YAML; write it in quotes"


def test_redis_conf_cannot_hold_every_control_character() -> None:
    assert len(list(unusable({"redis_password": "a\x01b", "postgres_password": "a\x01b"}))) == 1
