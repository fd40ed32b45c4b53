"""What the tests of this scenario share: a second stack on the host of the first one, and what is open on it."""

from __future__ import annotations

import re
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.stack import PROJECT, Compose, Run, Site, Web

if TYPE_CHECKING:
    from testinfra.host import Host

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


@pytest.fixture(scope="session")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return the second stack, not yet deployed."""
    found = Shop(site, tmp_path_factory.mktemp("shop") / "app")
    found.restore()
    return found


@pytest.fixture(scope="module")
def ports(host: Host, web: Web) -> Ports:
    """Return what is open on the host."""
    return Ports(host, web.address)


@pytest.fixture(scope="module")
def shop_compose(host: Host) -> Compose:
    """Return the second Compose project on the host."""
    return Compose(host, "shop")
