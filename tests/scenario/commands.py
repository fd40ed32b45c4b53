"""The commands that the documentation gives: what stands in the blocks marked `sh` of its pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FENCE = re.compile(r"^\s*```(\w*)$")
HEADING = re.compile(r"^#+ (.+)$")
COMMENT = re.compile(r"(^|\s{2,})# .*$")


@dataclass(frozen=True)
class Command:
    """A command line of a page."""

    page: str
    section: str
    """The heading that it stands below."""
    text: str
    """The command without its comment, continued lines put together."""

    def __str__(self) -> str:
        """Return where it stands and what it is."""
        return f"{self.page}: {self.text}"


def commands(page: str, text: str) -> Iterator[Command]:
    """Yield the commands of a page.

    Args:
        page: its name.
        text: its Markdown.
    """
    section, language, pending = "", "", ""
    inside = False
    for line in text.splitlines():
        if fence := FENCE.match(line):
            inside, language = not inside, fence[1]
        elif not inside and (heading := HEADING.match(line)):
            section = heading[1]
        elif inside and language == "sh":
            pending += COMMENT.sub("", line).strip()
            if pending.endswith("\\"):
                pending = pending[:-1]
            elif pending:
                yield Command(page, section, pending)
                pending = ""


def documented(repository: Path) -> list[Command]:
    """Return the commands of the README and of all pages below docs/, in their order."""
    pages = [repository / "README.md", *sorted((repository / "docs").glob("*.md"))]
    return [command for page in pages for command in commands(page.name, page.read_text())]
