"""Serve the repository to the hosts of the ground, or take it away.

Run it from the root of the repository: `python3 -m tests.ground.apt_repository up`. The hosts reach it as
http://apt.lan/linux; its public key is then in .cache/ground/apt_repository/key.asc.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.ground import ground

NAME = f"{ground.PREFIX}-apt"
ALIAS = "apt.lan"
# Two versions of the engine, so that a pin and an upgrade have something to choose from
VERSIONS = "26.1.4 26.1.5"
BASE = f"{ground.PREFIX}/host:trixie"
KEY = ground.CACHE / "apt_repository" / "key.asc"


def build() -> str:
    """Make the image that holds and serves the repository, and return its reference."""
    folder = Path(__file__).parent
    base = ground.docker("image", "inspect", "--format", "{{.Id}}", BASE)
    inputs = [(folder / name).read_bytes() for name in ("Dockerfile", "make-repository")]
    digest = ground.digest_of([base, VERSIONS, *inputs])
    reference = f"{ground.PREFIX}-apt:{digest}"
    if not ground.docker("images", "--quiet", reference):
        ground.docker(
            *("build", "--quiet", "--network=host", f"--tag={reference}"),
            f"--secret=id=apt,src={ground.HERE / 'images' / 'apt.conf'}",
            f"--secret=id=ca,src={ground.CA_BUNDLE}",
            *(f"--build-arg=BASE={BASE}", f"--build-arg=VERSIONS={VERSIONS}"),
            str(folder),
        )
        ground.report(f"apt repository made as {reference}")
    return reference


def up() -> None:
    """Serve the repository and write its public key to the cache."""
    with ground.lock():
        reference = build()
        if ground.container_exists(NAME):
            ground.host_down(NAME)
        ground.docker(
            *("run", "--detach", "--name", NAME, "--label", f"{ground.PREFIX}=host"),
            *("--network", ground.NETWORK, "--network-alias", ALIAS, reference),
        )
        KEY.parent.mkdir(parents=True, exist_ok=True)
        KEY.write_text(ground.docker("exec", NAME, "cat", "/srv/repository/key.asc") + "\n")


def down() -> None:
    """Remove the server; the image stays for the next run."""
    ground.host_down(NAME)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests.ground.apt_repository", description=__doc__)
    parser.add_argument("verb", choices=["up", "down"])
    ground.main({"up": up, "down": down}[parser.parse_args().verb])
