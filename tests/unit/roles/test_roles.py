"""The roles' defaults, internals and argument specs are in step, and so is the page that lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from docs import generate_variables
from tests.unit.real_ansible import REPOSITORY

ROLES = sorted(path for path in (REPOSITORY / "roles").iterdir() if path.is_dir())
role_by_role = pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)


class Loader(yaml.SafeLoader):
    """Reads Ansible's own tags as plain values."""


Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


def load(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file, nothing for one that is not there."""
    return (yaml.load(path.read_text(), Loader) or {}) if path.exists() else {}  # noqa: S506 - a safe loader


def options_of(role: Path) -> dict[str, dict[str, Any]]:
    options: dict[str, dict[str, Any]] = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return options


@role_by_role
def test_defaults_and_specs_say_the_same(role: Path) -> None:
    specified = {name: option["default"] for name, option in options_of(role).items() if "default" in option}
    assert load(role / "defaults/main.yml") == specified


@role_by_role
def test_what_has_no_default_is_required_and_named_in_the_defaults(role: Path) -> None:
    text = (role / "defaults/main.yml").read_text()
    without = {name: option for name, option in options_of(role).items() if "default" not in option}
    assert [name for name, option in without.items() if not option.get("required")] == []
    assert [name for name in without if f"\n# {name}:" not in text] == []


@role_by_role
def test_inputs_begin_with_the_roles_name_and_internals_with_underscores(role: Path) -> None:
    assert [name for name in options_of(role) if not name.startswith(f"{role.name}_")] == []
    assert [name for name in load(role / "vars/main.yml") if not name.startswith(f"__{role.name}_")] == []


@role_by_role
def test_every_secret_is_kept_from_logs(role: Path) -> None:
    words = ("password", "secret_environment", "secret_files", "secret_key", "private_key")
    secrets = {name: option for name, option in options_of(role).items() if any(word in name for word in words)}
    assert [name for name, option in secrets.items() if not option.get("no_log")] == []


def test_the_page_of_variables_is_what_the_specs_say() -> None:
    fresh = generate_variables.page(generate_variables.read_specs())
    assert generate_variables.PAGE.read_text() == fresh, "run make docs"


@pytest.mark.parametrize(
    ("option", "row"),
    [
        ({"type": "int", "default": 0, "description": "Port."}, "| `x` | int | `0` | Port. |\n"),
        ({"default": "", "description": ["A|b.", "C."]}, "| `x` | str | empty | A\\|b. C. |\n"),
        ({"required": True, "no_log": True, "description": "P."}, "| `x` | str | required, secret | P. |\n"),
        (
            {"type": "list", "elements": "str", "default": ["a", "b"], "description": "L."},
            "| `x` | list of str | `[a, b]` | L. |\n",
        ),
        ({"choices": ["a", "b"], "default": "a", "description": "C."}, "| `x` | str | `a` | C. One of `a`, `b`. |\n"),
    ],
)
def test_an_option_is_a_row(option: dict[str, Any], row: str) -> None:
    assert "".join(generate_variables.rows({"x": option})) == row
