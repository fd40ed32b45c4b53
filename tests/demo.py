"""Deploy the example to a throwaway host on this machine, or remove it again."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.ground import ground

REPOSITORY = Path(__file__).resolve().parents[1]
VAULT_PASSWORD = "tests/ground/vault-password"
INVENTORY = "inventories/demo"
HOST = "fullstack-demo"
PORT = 8420
URL = f"http://localhost:{PORT}"


def say(text: str) -> None:
    """Print a line at once, in step with what the commands print."""
    print(text, flush=True)


def refuse_taken_port() -> None:
    """Say who is asked to make room when the demo's port is taken by something else."""
    if ground.container_exists(HOST):
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            sys.exit(f"demo: port {PORT} is taken on this machine (ss -ltnp 'sport = {PORT}' says by whom); stop that")


def play(playbook: str) -> None:
    """Run a playbook of the repository with the demo's vault, showing what it does."""
    command = [".venv/bin/ansible-playbook", playbook, "-i", INVENTORY, "--vault-password-file", VAULT_PASSWORD]
    say(f"$ {' '.join(command)}")
    if subprocess.run(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit(f"demo: {playbook} failed; what is wrong stands above. make demo starts it again where it is")


def ask(path: str, kind: str) -> str:
    """Return what the deployed stack answers.

    Raises:
        OSError: when it does not answer, by an error status, or with another type: the page may stand in for all else.
    """
    # The stack is on this machine: a proxy of the environment has no say
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{URL}{path}", timeout=10) as answer:
        if answer.headers.get_content_type() != kind:
            raise OSError(f"it is {answer.headers.get_content_type()}, not {kind}")
        return str(answer.read().decode())


def up() -> None:
    """Bring the host and the stack on it up, and check that it serves."""
    begin = time.monotonic()
    say("demo 1/4: the test ground: Docker Engine, images from packages, a registry (minutes the first time)")
    ground.build_all(everything=False)
    say(f"demo 2/4: {HOST}, a bare Debian 13 in a container")
    refuse_taken_port()
    ground.host_up(HOST, "host:trixie", "", [f"127.0.0.1:{PORT}:{PORT}"])
    say("demo 3/4: random secrets in a vault, then the stack")
    play("playbooks/secrets.yml")
    play("site.yml")
    say("demo 4/4: does it serve?")
    for path, kind in (("/health", "text/plain"), ("/api/health", "application/json"), ("/", "text/html")):
        try:
            answer = ask(path, kind)
        except (OSError, urllib.error.URLError) as error:
            sys.exit(f"demo: {URL}{path} does not answer as it should: {error}")
        say(f"  GET {path}: {' '.join(answer.split())[:60]}")
    say(f"\nready after {time.monotonic() - begin:.0f} s\n{hints()}")


def hints() -> str:
    """Return what to try next."""
    inside = f"docker exec -it -w /opt/app {HOST} docker compose"
    return f"""
  {URL}        the page: add a note, reload, it is still there

  {inside} ps
  {inside} logs -f backend
  {inside} up -d --scale backend=3
  {inside} exec backend sh

  make demo              again: seconds, and nothing changes
  make demo-down         remove it all
"""


def down() -> None:
    """Remove the host with all that is on it. The images stay for the next time."""
    ground.host_down(HOST)
    say(f"demo: {HOST} is gone. The images stay; tests/ground/clean --images removes them")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests/demo", description=__doc__)
    parser.add_argument("verb", choices=["up", "down"])
    verb = parser.parse_args().verb
    ground.main(up if verb == "up" else down)
