"""Write down every command line that is seen on a host, until it is stopped. Runs on the host.

    python3 - FILE

The file gets each command line once.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

EVERY = 0.05


def main(file: str) -> None:
    """Look again and again; a command line is written once."""
    seen: set[bytes] = set()
    with Path(file).open("wb", buffering=0) as notes:
        while True:
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes().replace(b"\0", b" ")
                except OSError:
                    continue
                if line not in seen:
                    seen.add(line)
                    notes.write(line + b"\n")
            time.sleep(EVERY)


if __name__ == "__main__":
    main(sys.argv[1])
