"""Filter shipped_modules: the collection's modules that a program on the host imports."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
name: shipped_modules
short_description: The collection's modules that a program on the host imports
version_added: 0.1.0
author: The fullstack.docker maintainers
description:
  - Returns the C(module_utils) of this collection that a Python program imports, and those that these import, as files
    below a folder that the program adds to its path. So the program on the host and the modules share one code.
positional: folder
options:
  _input:
    description: Text of the program.
    type: str
    required: true
  folder:
    description: Folder that the files go to.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write a program and what it imports
  fullstack.docker.file_tree:
    root: /opt/shop
    files: "{{ program | fullstack.docker.shipped_modules('infra/healer') }}"
"""

RETURN = r"""
_value:
  description: Path and content of each file, as M(fullstack.docker.file_tree) takes them.
  type: list
  elements: dict
"""

PACKAGE = "ansible_collections.fullstack.docker.plugins.module_utils"
FOLDER = Path(__file__).resolve().parents[1] / "module_utils"


def imported(program: str) -> set[str]:
    """Return the collection's modules that a program imports itself, as paths without ``.py``."""
    names = set()
    for node in ast.walk(ast.parse(program)):
        if not isinstance(node, ast.ImportFrom) or not f"{node.module}.".startswith(f"{PACKAGE}."):
            continue
        place = str(node.module).removeprefix(PACKAGE).removeprefix(".").replace(".", "/")
        if (FOLDER / f"{place}.py").is_file():
            names.add(place)
        else:  # of a folder, its modules
            names |= {f"{place}/{alias.name}".removeprefix("/") for alias in node.names}
    return names


def shipped_modules(program: str, folder: str) -> list[dict[str, str]]:
    """Return the files that a program needs of this collection.

    Parameters:
        program: its text.
        folder: where the files go.
    """
    texts: dict[str, str] = {}
    wanted = imported(program)
    while wanted - set(texts):
        name = min(wanted - set(texts))
        texts[name] = (FOLDER / f"{name}.py").read_text()
        wanted |= imported(texts[name])
    place = f"{folder}/{PACKAGE.replace('.', '/')}"
    return [{"path": f"{place}/{name}.py", "content": text} for name, text in sorted(texts.items())]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"shipped_modules": shipped_modules}
