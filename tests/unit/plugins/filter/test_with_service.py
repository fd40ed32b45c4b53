"""What roles add to the project is checked, and refused in words that name the role and the key."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.fullstack.docker.plugins.filter.with_service import SPEC, with_service

SERVICE = {"services": {"mail": {"image": "mail:1"}}}


def test_a_definition_comes_beside_those_before() -> None:
    parts = with_service({}, "redis", {"services": {"redis": {}}})
    assert with_service(parts, "mailcatcher", SERVICE) == {"redis": {"services": {"redis": {}}}, "mailcatcher": SERVICE}


def test_a_role_that_runs_again_replaces_its_own() -> None:
    parts = with_service({}, "mailcatcher", {"services": {"mail": {}}, "migration": {"service": "mail"}})
    assert with_service(parts, "mailcatcher", SERVICE) == {"mailcatcher": SERVICE}


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("text", "role new: its definition is a str, not a dict"),
        ({"service": {}}, "role new: its definition has no service; known are build_files"),
        ({"services": "mail"}, "role new: services of its definition is no dict"),
        ({"published": {}}, "role new: published of its definition is no list of dict"),
        ({"services": {"db": {}}}, "role new: the service db is role postgres's already; give it another name"),
        ({"database": {"service": "x"}}, "role new: database is role postgres's already, and a stack has one"),
        ({"secrets": {"ghost": {}}}, "role new: secrets names the service ghost, which no role describes"),
        ({"config_files": {"ghost": {}}}, "role new: config_files names the service ghost, which no role describes"),
    ],
)
def test_what_cannot_be_added_is_refused_by_role_and_key(definition: Any, message: str) -> None:
    parts: dict[str, Any] = {"postgres": {"services": {"db": {}}, "database": {"service": "db"}}}
    with pytest.raises(AnsibleFilterError) as error:
        with_service(parts, "new", definition)
    assert message in str(error.value)


def test_no_message_tells_a_value() -> None:
    with pytest.raises(AnsibleFilterError) as error:
        with_service({}, "new", {"secrets": "a secret value", "database_passwords": ["another"]})
    assert "secret value" not in str(error.value)
    assert "another" not in str(error.value)


def test_every_key_says_what_it_takes() -> None:
    assert all({"type", "default"} <= option.keys() for option in SPEC.values())


class Uncopied(dict[str, Any]):
    """A dictionary whose copy would cost seconds, as that of what is templated lazily."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raise AssertionError("it was copied")


def test_a_definition_is_not_copied() -> None:
    definition = {"services": Uncopied({"mail": Uncopied()}), "environment": Uncopied({"MAIL_HOST": "mail"})}
    assert with_service({}, "mailcatcher", definition) == {"mailcatcher": definition}
