"""Runs on the host: builds sources by the Dockerfile of the role, side by side, and prints what each build came to.

Arguments: the sources (JSON: by name, the text of each file by path) and the version of uv.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DOCKER = Path("/opt/shop/infra/docker")


def start(name: str, files: dict[str, str], uv_version: str) -> subprocess.Popen[str]:
    """Start a build."""
    folder = Path(tempfile.mkdtemp())
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    command = ["docker", "build", f"--tag=variant:{name}", "--network=host", f"--file={DOCKER}/fastapi.prod"]
    command += [f"--build-arg=UV_VERSION={uv_version}", f"--secret=id=build_ca,src={DOCKER}/build_ca.crt", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main() -> None:
    """Print, by name, what was said by a build that failed, and nothing for one that went well."""
    os.umask(0o022)  # the sources are to be as a deployment brings them
    builds = {name: start(name, files, sys.argv[2]) for name, files in json.loads(sys.argv[1]).items()}
    said = {name: build.communicate()[0] for name, build in builds.items()}
    print(json.dumps({name: text if builds[name].returncode else "" for name, text in said.items()}))


if __name__ == "__main__":
    main()
