"""What runs on hosts lies in layers: nothing imports what is above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.real_ansible import REPOSITORY

FOLDER = REPOSITORY / "plugins" / "module_utils"
PACKAGE = "ansible_collections.fullstack.docker.plugins.module_utils."
# The lowest first; docs/architecture.md says what is in each
LAYERS = ("report", "state", "project", "docker", "plan", "postgres", "host", "rollout", "deployment")


def imported_layers(path: Path) -> Iterator[str]:
    """Yield the layers that a module imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            yield str(node.module).removeprefix(PACKAGE).partition(".")[0]


def test_every_module_lies_in_a_layer() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(LAYERS)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_module_imports_nothing_from_above(path: Path) -> None:
    own = LAYERS.index(path.relative_to(FOLDER).parts[0])
    assert [layer for layer in imported_layers(path) if LAYERS.index(layer) > own] == []
