"""Files that are whole after a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, text: str, mode: int | None = None) -> None:
    """Replace a file's content; whenever the power goes, all of the old is there or all of the new; the new on return.

    Parameters:
        path: the file, in a folder that is there.
        text: the new content.
        mode: permissions; none leaves them to the umask.
    """
    staged = path.with_name(f".{path.name.lstrip('.')}.new")
    with staged.open("w") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
