"""The words of this scenario: a second stack on the host of the first one, what is open there, and the load."""

from __future__ import annotations

import re
import shutil
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.scenario.load import traffic
from tests.scenario.stack import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testinfra.host import Host

    from tests.scenario.stack import Run, Site, Web

SHARES = "/etc/fullstack.docker"
RULES = "/etc/fullstack-firewall.nft"
RELEASE, STATUS, TEARDOWN = "playbooks/release.yml", "playbooks/status.yml", "playbooks/teardown.yml"
# What the first stack serves knows of no websockets. Clients that never pause would only slow the runs down.
LOAD: dict[str, Any] = {"websockets": 0, "slow": 2.0, "pauses": (0.01, 0.04, 0.3)}
APPLICATION = PROJECT / "molecule/neighbours/app"


@dataclass
class Shop:
    """The second stack, as one who deploys it knows it."""

    site: Site
    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)

    def run(self, playbook: str = "site.yml", *arguments: str, **variables: Any) -> Run:
        """Run a playbook on it, whatever comes of it."""
        fixed = {
            "compose_project_name": "shop",
            "nginx_frontend_port": 8421,
            "fastapi_backend_path": str(self.folder),
        }
        return self.site.run(*arguments, playbook=playbook, **{**fixed, **self.variables, **variables})

    def apply(self, playbook: str = "site.yml", *arguments: str, **variables: Any) -> Run:
        """Run a playbook on it; it has to succeed."""
        done = self.run(playbook, *arguments, **variables)
        assert done.code == 0, done.output
        return done

    def write(self, file: str, text: str) -> None:
        """Change a file of its source."""
        (self.folder / file).write_text(text)

    def restore(self) -> None:
        """Bring its source back as it was."""
        shutil.copytree(APPLICATION, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


@dataclass(frozen=True)
class Ports:
    """What others may ask the host for."""

    host: Host
    address: str

    @property
    def open(self) -> list[str]:
        """Project and port of each rule in the kernel."""
        rules = self.host.check_output("nft list chain inet fullstack_firewall open")
        return [f"{name} {port}" for port, name in re.findall(r'proto-dst (\d+).* comment "(?:(\S+): )?', rules)]

    def answers(self, port: int) -> bool:
        """Tell whether a port takes a connection from outside."""
        try:
            socket.create_connection((self.address, port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def undisturbed(web: Web) -> Iterator[None]:
    """Send traffic to the first stack while the block runs; none of it may fail."""
    with traffic(web, **LOAD) as load:
        yield
    print(f"{load.answered} answered, {len(load.failures)} failed, longest gap {load.gap:.2f} s")
    assert load.failures == [], f"{len(load.failures)} failed of {load.answered}: {load.failures[:5]}"
