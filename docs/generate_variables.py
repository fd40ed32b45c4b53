#!/usr/bin/env python3
"""Write docs/variables.md from the argument specs of the roles (make docs)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "variables.md"
HEAD = """\
# Variables

Every input of every role. A play is refused, before anything on the host changes, when a value does not fit its
type, a required one is missing, or a name with a role's prefix is not in this list.

This page is generated from `roles/*/meta/argument_specs.yml`; `make docs` writes it anew.
"""
COLUMNS = "| Variable | Type | Default | Meaning |\n| --- | --- | --- | --- |\n"


def cell(text: str) -> str:
    """Return a text as it can stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return a text as code in a cell."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{cell(text)}{fence}"


def default_of(option: Mapping[str, Any]) -> str:
    """Return what stands in the column of defaults."""
    if option.get("required"):
        return "required, secret" if option.get("no_log") else "required"
    value = option.get("default")
    if value is None:
        return ""
    if isinstance(value, str):
        return code(value) if value else "empty"
    flow = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return code(flow.removesuffix("\n").removesuffix("\n..."))


def type_of(option: Mapping[str, Any]) -> str:
    """Return what stands in the column of types."""
    kind = str(option.get("type", "str"))
    return f"{kind} of {option['elements']}" if "elements" in option else kind


def meaning_of(option: Mapping[str, Any]) -> str:
    """Return the description, with the choices where there are some."""
    description = option["description"]
    text = " ".join(description) if isinstance(description, list) else str(description)
    choices = option.get("choices")
    return cell(text) + (f" One of {', '.join(code(str(one)) for one in choices)}." if choices else "")


def rows(options: Mapping[str, Mapping[str, Any]], prefix: str = "") -> Iterator[str]:
    """Yield a row for each option, those of a nested one below it."""
    for name, option in options.items():
        columns = [code(prefix + name), type_of(option), default_of(option), meaning_of(option)]
        yield f"| {' | '.join(columns)} |\n"
        yield from rows(option.get("options", {}), f"{prefix}{name}.")


def page(specs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page.

    Args:
        specs: by role, its entry point main.
    """
    sections = [HEAD]
    for role, main in specs.items():
        sections.append(f"\n## {role}\n\n{cell(main['short_description'])}.\n\n{COLUMNS}")
        sections.append("".join(rows(main.get("options", {}))))
    return "".join(sections)


def read_specs() -> dict[str, dict[str, Any]]:
    """Return the entry points main of all roles, in the order in which a play uses them."""
    order = ["compose_project", "postgres", "redis", "fastapi_backend", "nginx_frontend", "docker_host"]
    specs: dict[str, dict[str, Any]] = {}
    for path in (REPOSITORY / "roles").glob("*/meta/argument_specs.yml"):
        specs[path.parents[1].name] = yaml.safe_load(path.read_text())["argument_specs"]["main"]
    known = [role for role in order if role in specs]
    return {role: specs[role] for role in [*known, *sorted(specs.keys() - set(order))]}


if __name__ == "__main__":
    PAGE.write_text(page(read_specs()))
