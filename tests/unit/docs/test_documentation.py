"""The pages point to what is there, and name variables that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from docs import generate_variables
from tests.unit.real_ansible import REPOSITORY

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted((REPOSITORY / "roles").glob("*/README.md")),
]
page_by_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))

SPECS = generate_variables.read_specs()
VARIABLES = {name for spec in SPECS.values() for name in spec.get("options", {})}
# What is no role's: settings of the playbooks, and a way to refer to all of a kind
SHARED = {"fullstack_serial", "fullstack_notify_command"}
NAME = re.compile(rf"\b(?:fullstack|{'|'.join(SPECS)})_\w+")
# Files, units, images and what a run registers bear such names too
OTHER = re.compile(r"compose_project_(parts|host|model)|fullstack_(dev|firewall)|.*_$")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as they are made from them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def yaml_blocks(page: Path) -> Iterator[str]:
    """Yield the blocks of YAML."""
    yield from re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)


@page_by_page
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        path, _hash, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            dead.append(target)
    assert dead == []


@page_by_page
def test_every_path_that_is_named_is_there(page: Path) -> None:
    folders = "app|changelogs|docs|molecule|playbooks|plugins|roles|tests"
    named = re.findall(rf"`((?:{folders})/[\w./*-]*)(?:::\S+)?`", page.read_text())
    assert [path for path in named if not any(REPOSITORY.glob(path.rstrip("/")))] == []


@page_by_page
def test_every_variable_that_is_named_is_one(page: Path) -> None:
    named = {name for name in NAME.findall(page.read_text()) if not OTHER.fullmatch(name)}
    assert named - VARIABLES - SHARED == set()


@page_by_page
def test_every_example_sets_variables_that_there_are(page: Path) -> None:
    names = {name for block in yaml_blocks(page) for name in yaml.safe_load(block)}
    assert names - VARIABLES - SHARED == set()
