"""Kill a deployment as soon as it is in a step. Runs on the host.

    python3 - LOCK STEP

Looks until a deployment that began after this script is in the step. Prints the number of the process as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

PATIENCE = 120.0


def main(lock: str, step: str) -> None:
    """Wait for the step, kill, print."""
    begun = time.time()
    while time.time() < begun + PATIENCE:
        try:
            holder = json.loads(Path(lock).read_text())
        except (OSError, ValueError):
            continue
        if holder["working"] and holder["step"] == step and holder["since"] > begun:
            os.kill(holder["pid"], signal.SIGKILL)
            print(json.dumps(holder["pid"]))
            return
        time.sleep(0.002)
    raise SystemExit(f"no deployment came to {step} within {PATIENCE:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
