"""Every command of the documentation, typed by a newcomer.

A command that is new in the documentation is typed as it stands; INSTEAD, TYPED and ELSEWHERE (newcomer.py) hold the
few for which that is not the thing to do.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.scenario.commands import Command, documented
from tests.scenario.newcomer import ELSEWHERE, INSTALLED, INSTEAD, TYPED, Newcomer
from tests.scenario.stack import PROJECT, eventually

if TYPE_CHECKING:
    from testinfra.host import Host

    from tests.scenario.stack import Web

FAREWELL = "Take it away"
"""Section that leaves nothing behind."""
EXAMPLE = "inventories/prod"
STARTS = (" up -d", " start ", " restart ", "docker.site", "site.yml", "rollback.yml")
"""Words in commands after which the stack serves, at once or a little later."""
STARTED_AFTER = 60


def in_order(found: list[Command]) -> list[Command]:
    """Return what is typed here, each command once: the installed collection first, on a bare host; farewell last."""
    unique: dict[tuple[bool, str], Command] = {}
    for command in found:
        if command.page not in ELSEWHERE:
            unique.setdefault((command.section == INSTALLED, command.text), command)
    order = {INSTALLED: 0, FAREWELL: 2}
    return sorted(unique.values(), key=lambda command: order.get(command.section, 1))


COMMANDS = in_order(documented(PROJECT))


@pytest.fixture(scope="session")
def newcomer() -> Newcomer:
    """Return the newcomer, settled."""
    found = Newcomer(Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "home", "fullstack-newcomer")
    found.settle()
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_works(newcomer: Newcomer, host: Host, web: Web, command: Command) -> None:
    status, said = newcomer.type(command)
    assert status == 0, said
    if any(word in command.text for word in STARTS):
        eventually(web.serving, STARTED_AFTER)
    if command.text.startswith("systemctl restart docker"):
        # What follows would otherwise interrupt the unit that then looks whether all is up
        eventually(lambda: host.service("app").is_running, STARTED_AFTER)
    if command.text.startswith("cp -r ") and EXAMPLE in command.text:
        installed = command.section == INSTALLED
        folder = newcomer.team if installed else newcomer.clone
        newcomer.edit(folder / "inventories/mine", "Installed" if installed else "Cloned")


def test_nothing_is_left_at_the_end(host: Host) -> None:
    left = {
        "containers": host.check_output("docker ps --all --quiet"),
        "volumes": host.check_output("docker volume ls --quiet"),
        "images": host.check_output("docker image ls --quiet --filter reference='app-*'"),
        "files": host.check_output("ls -d /opt/app 2>/dev/null || true"),
        "units": host.check_output("systemctl list-units --all --plain --no-legend app.service app-healer.service"),
    }
    assert left == dict.fromkeys(left, "")


@pytest.mark.parametrize("text", [*INSTEAD, *TYPED])
def test_exception_is_still_needed(text: str) -> None:
    assert text in {command.text for command in documented(PROJECT)}


def essence(text: str) -> str:
    """Return what of a command a test of another scenario has in any case, however it gives the rest."""
    if playbook := re.match(r"ansible-playbook (\S+)", text):
        return playbook[1]
    return re.sub(r"^cd \S+$|^docker compose( -f \S+)? ", "", text)


@pytest.mark.parametrize("command", [one for one in documented(PROJECT) if one.page in ELSEWHERE], ids=str)
def test_command_is_typed_in_another_scenario(newcomer: Newcomer, command: Command) -> None:
    if command.text.startswith("make "):
        subprocess.run(["make", "--dry-run", *command.text.split()[1:]], cwd=newcomer.clone, check=True)
        return
    tests = (PROJECT / "molecule" / ELSEWHERE[command.page]).rglob("test_*.py")
    typed = "".join(path.read_text() for path in tests).replace(" -T", "").replace(" --wait", "")
    assert essence(command.text) in typed
