"""The words in which tests speak of docker_host by itself: its role, the preflight module, the host's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from testinfra.host import Host


class Play(Protocol):
    """Runs the role with other variables and returns what Ansible said."""

    def __call__(self, *, fails: bool = False, inventory: str = "", **variables: Any) -> str:
        """Run it; `fails` is what is expected."""


class Preflight(Protocol):
    """Runs the preflight module on the host and returns its result."""

    def __call__(self, **arguments: Any) -> dict[str, Any]:
        """Run it with these arguments."""


class Fingerprint:
    """Files with size, owner, mode and time of change; containers; the engine's process."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def __call__(self) -> str:
        """Read it."""
        # Logging in and running containers write below these, whatever is done then
        spared = " -o ".join(f"-path {path}" for path in ("/root/.ansible", "/run", "/var/lib/containerd", "/var/log"))
        answer = self.host.check_output(
            f"find / -xdev \\( {spared} \\) -prune -o ! -path /tmp -printf '%p %y %s %U %G %m %C@\\n' | sort; "
            "docker ps --all --no-trunc --format '{{.ID}} {{.State}}'; cat /run/docker.pid"
        )
        return str(answer)
