"""Look for values everywhere on a host where a deployment could leave them. Runs on the host.

    python3 - SINCE VALUES FOLDER...    prints a JSON object: by place, how much was read and which values are where

SINCE is in seconds of the clock; files that have not changed since then are passed over, and so is what is below a
FOLDER. VALUES is a JSON object, name and value, written in hexadecimal: who writes down this command line, as the
journal does, does not write down the values.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LABEL = '{{ index .Config.Labels "com.docker.compose.service" }}'
NOT_ON_DISK = {"/proc", "/sys", "/dev"}


def run(*command: str) -> bytes:
    """Run a command and return what it prints, its errors too."""
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def files(since: float, passed_over: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each file that changed, with its content."""
    for folder, below, names in os.walk("/"):
        # The layers that containers are mounted from are read where they lie
        below[:] = [
            name for name in below if name != "merged" and str(Path(folder, name)) not in passed_over | NOT_ON_DISK
        ]
        for path in (Path(folder, name) for name in names):
            try:
                if path.is_file() and not path.is_symlink() and path.stat().st_ctime >= since:
                    yield str(path), path.read_bytes()
            except OSError:
                continue


def processes(what: str) -> Iterator[tuple[str, bytes]]:
    """Yield a file below /proc of each process, by its command's name and number."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield f"{(folder / 'comm').read_text().strip()} {folder.name}", (folder / what).read_bytes()
        except OSError:
            continue


def services() -> dict[str, str]:
    """Return the service of each running container, by id."""
    ids = run("docker", "ps", "--quiet", "--no-trunc").decode().split()
    names = run("docker", "inspect", "--format", LABEL, *ids).decode().split("\n") if ids else []
    return dict(zip(ids, names, strict=False))


def environments() -> Iterator[tuple[str, bytes]]:
    """Yield the environment of each process, by the service that it is of; `host` for others."""
    known = services()
    for name, content in processes("environ"):
        try:
            group = Path("/proc", name.split()[-1], "cgroup").read_text()
        except OSError:
            continue
        yield next((service for container, service in known.items() if container in group), "host"), content


def engine(*command: str) -> Iterator[tuple[str, bytes]]:
    """Yield what a docker command says of each container, or of each image."""
    kind = ("images", "--all") if command[0] in {"image", "history"} else ("ps", "--all")
    for one in sorted(set(run("docker", *kind, "--quiet", "--no-trunc").decode().split())):
        yield one[:20], run("docker", *command, one)


def search(found: Iterator[tuple[str, bytes]], values: dict[str, bytes]) -> dict[str, object]:
    """Return how many bytes were read, and where each value is."""
    read, hits = 0, set()
    for where, content in found:
        read += len(content)
        hits |= {(name, where) for name, value in values.items() if value in content}
    return {"read": read, "hits": sorted(hits)}


def main(since: str, values: str, *folders: str) -> None:
    """Print what is found."""
    wanted = {name: value.encode() for name, value in json.loads(bytes.fromhex(values)).items()}
    places = {
        "files of the host": files(float(since), set(folders)),
        "docker inspect of the containers": engine("container", "inspect"),
        "docker inspect of the images": engine("image", "inspect"),
        "history of the images": engine("history", "--no-trunc"),
        "logs of the containers": engine("logs"),
        "journal of the host": iter([("journal", run("journalctl", "--all", "--output=cat", f"--since=@{since}"))]),
        "process list": processes("cmdline"),
        "environments": environments(),
    }
    print(json.dumps({place: search(found, wanted) for place, found in places.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
