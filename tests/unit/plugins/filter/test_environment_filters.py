"""The filters that turn a team's variables and metadata into text and files."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.fullstack.docker.plugins.filter.compose_model import compose_model
from ansible_collections.fullstack.docker.plugins.filter.environment_text import environment_text
from ansible_collections.fullstack.docker.plugins.filter.pyproject_files import pyproject_files


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        ("true", "true"),
        ("", ""),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (1.5, "1.5"),
        (["a", "é"], '["a", "é"]'),
        ({"a": True}, '{"a": true}'),
    ],
)
def test_a_value_becomes_what_settings_libraries_read(value: Any, text: str) -> None:
    assert environment_text(value) == text


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("", []),
        ("[tool.x]\nreadme = 'NO.md'", []),
        ("[project]\nname = 'x'", []),
        ("[project]\nreadme = 'docs/PROJECT.md'", ["docs/PROJECT.md"]),
        ("[project]\nreadme = {file = 'A.md', content-type = 'text/markdown'}", ["A.md"]),
        ("[project]\nreadme = {text = 'none'}", []),
        ("[project]\nlicense = 'MIT'", []),
        ("[project]\nlicense = {file = 'LICENSE.md'}", ["LICENSE.md"]),
        ("[project]\nlicense-files = ['LICENSE.md', 'LICENSES/*.md']", ["LICENSE.md"]),
        ("project = 1", []),
    ],
)
def test_the_files_that_metadata_names_are_found(text: str, files: list[str]) -> None:
    assert pyproject_files(text) == files


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"pyproject.toml is no TOML"):
        pyproject_files("[project")


def test_a_project_without_a_service_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="no role describes a service"):
        compose_model({}, {"project": "shop", "directory": "/opt/shop"})
