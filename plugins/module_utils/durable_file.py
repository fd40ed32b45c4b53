"""Files that are whole after a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Replace a file's content; whenever the power goes, all of the old is there or all of the new; the new on return.

    Parameters:
        path: the file, in a folder that is there.
        text: the new content.
    """
    staged = path.with_name(f".{path.name.lstrip('.')}.new")
    with staged.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
