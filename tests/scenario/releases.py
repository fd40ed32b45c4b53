"""The words in which tests speak of releases: an application to be changed, and the stack to release it to."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.scenario.stack import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenario.stack import Compose, Run, Site, Web

RELEASE = "playbooks/release.yml"


@dataclass
class Application:
    """A copy of the application's source that a test may change."""

    folder: Path

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace what a file says.

        Raises:
            AssertionError: the file does not say it.
        """
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{file} does not say {old!r}"
        path.write_text(text.replace(old, new))

    def restore(self) -> None:
        """Bring the application back as it is in the project."""
        shutil.rmtree(self.folder, ignore_errors=True)
        passed_over = shutil.ignore_patterns("node_modules", "dist", ".venv", "__pycache__", ".*_cache", "tests")
        shutil.copytree(PROJECT / "app", self.folder, ignore=passed_over)


@dataclass
class Stack:
    """The stack as one who releases knows it."""

    site: Site
    compose: Compose
    web: Web
    application: Application
    variables: dict[str, Any] = field(default_factory=dict)

    def release(self, *arguments: str, playbook: str = RELEASE, **variables: Any) -> Run:
        """Release the application as it is now, with variables on top of those that stay."""
        sources: dict[str, Any] = {
            "fastapi_backend_path": str(self.application.folder / "backend"),
            "nginx_frontend_path": str(self.application.folder / "frontend"),
        }
        return self.site.run(*arguments, playbook=playbook, **sources, **{**self.variables, **variables})

    def ledger(self) -> list[dict[str, Any]]:
        """Return the entries of the ledger."""
        entries: list[dict[str, Any]] = json.loads(self.compose.output("cat releases.json"))["releases"]
        return entries

    def replicas(self) -> dict[str, list[str]]:
        """Return the ids of the containers of each service."""
        found: dict[str, list[str]] = {}
        for container in self.compose.containers():
            found.setdefault(container.service, []).append(container.id)
        return {service: sorted(ids) for service, ids in found.items()}

    def settled(self) -> bool:
        """Tell whether nothing is left of a release: no journal, no lock, no container that does not serve."""
        listed = self.compose.output("ls -A; cat .lock").split()
        return (
            ".release" not in listed
            and "{" not in " ".join(listed)
            and all(container.serving for container in self.compose.containers())
        )


def sums(compose: Compose) -> str:
    """Return a sum for each file that describes the project, but for the one that names the upstream of the moment."""
    found = "find compose.yml .env infra -type f ! -path '*/__pycache__/*' ! -name upstream.nginx"
    return compose.output(f"{found} -print0 | sort -z | xargs -0 sha256sum")
