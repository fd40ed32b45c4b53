"""Every module says what it is, in the form that ansible-doc reads, and as its code has it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import add_fragments

from tests.unit.real_ansible import REPOSITORY

MODULES = sorted((REPOSITORY / "plugins" / "modules").glob("*.py"))
module_by_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)


def blocks(path: Path) -> dict[str, Any]:
    """Return a module's documentation blocks, parsed, with the fragments that they name."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in {"DOCUMENTATION", "EXAMPLES", "RETURN"}:
                found[name] = yaml.safe_load(ast.literal_eval(node.value))
    add_fragments(found["DOCUMENTATION"], str(path), fragment_loader, is_module=True)
    return found


@module_by_module
def test_a_module_has_all_three_blocks(path: Path) -> None:
    assert blocks(path).keys() == {"DOCUMENTATION", "EXAMPLES", "RETURN"}


@module_by_module
def test_a_module_is_documented_under_its_own_name(path: Path) -> None:
    documentation = blocks(path)["DOCUMENTATION"]
    assert documentation["module"] == path.stem
    assert documentation["version_added"]
    assert "(@" in str(documentation["author"]), "ansible-test wants the name of an account"


def test_the_licence_of_every_module_and_lookup_is_known_to_ansible_test() -> None:
    ignored = (REPOSITORY / "tests/sanity/ignore-2.19.txt").read_text().splitlines()
    reason = "validate-modules:missing-gplv3-license # the collection's licence is Apache 2.0"
    judged = [*sorted((REPOSITORY / "plugins" / "lookup").glob("*.py")), *MODULES]
    assert ignored == [f"{path.relative_to(REPOSITORY)} {reason}" for path in judged]


@module_by_module
def test_examples_use_only_documented_options(path: Path) -> None:
    known = set(blocks(path)["DOCUMENTATION"].get("options", {}))
    tasks = [task for task in blocks(path)["EXAMPLES"] if f"fullstack.docker.{path.stem}" in task]
    assert tasks
    for task in tasks:
        assert set(task[f"fullstack.docker.{path.stem}"] or {}) <= known
