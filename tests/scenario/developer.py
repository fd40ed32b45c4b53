"""The words in which tests speak of a developer's machine: edits, commands typed in a terminal, ports at hand."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.scenario.stack import PROJECT, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

HOST = "fullstack-dev"
FOLDER = "/home/ada/shop"
PORTS = {"nginx": 8420, "backend": 5420, "frontend": 3420, "db": 3421, "redis": 6420}
SSH = ("ssh", "-F", str(PROJECT / ".cache/ground/ssh/config"))
# The tunnel's connection serves all commands: an edit should not wait for a handshake
SHARED = ("-o", f"ControlPath={tempfile.mkdtemp()}/%C")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


@dataclass(frozen=True)
class Machine:
    """A user's session on the machine."""

    user: str = "ada"

    def run(self, line: str, *, text: str = "", terminal: bool = False) -> tuple[int, str]:
        """Type a line in the application's folder; return its exit code and all that it prints."""
        options = ("-tt",) if terminal else ()
        command = [*SSH, *SHARED, *options, f"{self.user}@{HOST}", f"cd {FOLDER} && {line}"]
        done = subprocess.run(
            command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=180
        )
        return done.returncode, ANSI.sub("", done.stdout)

    def output(self, line: str, *, text: str = "") -> str:
        """Type a line that has to succeed, and return what it prints."""
        code, said = self.run(line, text=text)
        assert code == 0, f"{line}: {said}"
        return said

    def type(self, line: str) -> str:
        """Type a line, which has to succeed, in a terminal, in the folder where Compose is driven."""
        code, said = self.run(f"cd .fullstack && {line}", terminal=True)
        assert code == 0, f"{line}: {said}"
        return said

    def compose(self, line: str) -> str:
        """Type a command of Compose whose output is read by a test."""
        return self.output(f"cd .fullstack && docker compose {line}")

    def psql(self, query: str) -> str:
        """Ask the database as its superuser."""
        return self.compose(f"exec -T db psql -U postgres -d app_db -tAc {shlex.quote(query)}").strip()

    def read(self, path: str) -> str:
        """Return a file of the source."""
        return self.output(f"cat {path}")

    def save(self, path: str, text: str) -> None:
        """Save a file of the source, in place as editors do that keep its inode."""
        self.output(f"cat > {path}", text=text)

    @contextmanager
    def editing(self, path: str) -> Iterator[str]:
        """Return a file's text, and save it as it was when done."""
        before = self.read(path)
        try:
            yield before
        finally:
            self.save(path, before)


@contextmanager
def tunnel(*ports: int) -> Iterator[dict[int, int]]:
    """Bring ports of the machine's loopback to this one's; return the ports here, by the ports there."""
    here = {port: free_port() for port in ports}
    forwards = [part for there, local in here.items() for part in ("-L", f"127.0.0.1:{local}:127.0.0.1:{there}")]
    options = ("-N", "-o", "ExitOnForwardFailure=yes", "-o", "ControlMaster=yes")
    with subprocess.Popen([*SSH, *SHARED, *options, *forwards, f"ada@{HOST}"]) as process:
        try:
            for local in here.values():
                eventually(partial(listens, local), 10)
            yield here
        finally:
            process.terminate()


def listens(port: int) -> bool:
    """Tell whether something here listens on a port."""
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def open_page(browser: Browser, port: int) -> Page:
    """Open the application's page, and wait until what is saved from then on arrives there."""
    page = browser.new_page()
    with page.expect_console_message(lambda message: "[vite] connected" in message.text, timeout=20_000):
        page.goto(f"http://localhost:{port}/")
    page.locator("header").wait_for(timeout=20_000)
    return page


def p95(seconds: list[float]) -> float:
    """Return what 95 % of the measured times do not exceed."""
    return sorted(seconds)[-(-95 * len(seconds) // 100) - 1]


REPORT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "bench/out/development.json"
