"""What the last deployment wrote down of the stack, for whoever comes without the inventory: a rollback, the healer.

Standard library only: the healer uses it on the host.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.report import cause

# Below the project's folder
FILE = "infra/stack.json"
VERSION = 1


class StackError(cause.StepError):
    """It cannot be read."""


def parse(text: str) -> dict[str, Any]:
    """Read the file's text.

    Raises:
        ValueError: it says nothing of a stack, or in a way that this version of the collection does not know.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - of the text, not of the caller
    version = found.pop("version", VERSION)  # at first there was none
    if version != VERSION:
        raise ValueError(f"it has version {version}, and this collection knows version {VERSION}")
    return found


def read(directory: Path) -> dict[str, Any]:
    """Return what it says.

    Raises:
        StackError: it cannot be read.
    """
    path = directory / FILE
    try:
        return parse(path.read_text())
    except (OSError, ValueError) as error:
        raise StackError(f"{path} cannot be read ({error}); nothing was touched. Run site.yml once") from None
