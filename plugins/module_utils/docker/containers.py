"""Containers as the engine describes them, and the labels that Compose gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
HASH_LABEL = "com.docker.compose.config-hash"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
FILES_LABEL = "com.docker.compose.project.config_files"
ONEOFF_LABEL = "com.docker.compose.oneoff"


@dataclass(frozen=True)
class Container:
    """One container of the project, as the engine describes it."""

    id: str
    name: str
    service: str
    config_hash: str
    image_id: str
    status: str
    health: str | None
    restarts: int = 0
    """How often the engine has restarted it by itself."""
    user: str = ""
    """Whom its processes run as, in the words of its definition."""

    @classmethod
    def from_inspect(cls, data: Mapping[str, Any]) -> Container:
        """Read a container from the answer of ``docker inspect``."""
        labels = data["Config"].get("Labels") or {}
        state = data["State"]
        return cls(
            id=data["Id"],
            name=data["Name"].lstrip("/"),
            service=labels.get(SERVICE_LABEL, ""),
            config_hash=labels.get(HASH_LABEL, ""),
            image_id=data["Image"],
            status=state["Status"],
            health=(state.get("Health") or {}).get("Status"),
            restarts=data.get("RestartCount", 0),
            user=data["Config"].get("User", ""),
        )

    @property
    def running(self) -> bool:
        """Whether its process runs; one that is between two restarts does not."""
        return self.status == "running"

    @property
    def serving(self) -> bool:
        """Whether it runs and no health check speaks against it."""
        return self.running and self.health in (None, "healthy")
