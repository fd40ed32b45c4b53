"""What a deployment does to data: volumes, the database server, its roles, its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.database import Database
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.server import PostgresServer


class Data:
    """The data of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._docker = run.docker

    @property
    def _database(self) -> Database:
        """The database server; a rollback learns only later what it is."""
        return Database(self._docker, self._run.parameters["database"])

    @property
    def _migration(self) -> dict[str, Any]:
        found: dict[str, Any] = self._run.parameters["migration"]
        return found

    def check_server(self, model: Mapping[str, Any]) -> dict[str, str]:
        """Refuse an image of the database that its volume cannot be used by; return the labels of a new volume."""
        wanted = self._run.parameters["postgres"]
        if not wanted:
            return {}
        server = PostgresServer(self._docker, wanted, model["services"][wanted["service"]]["image"])
        actions, image = server.refuse_unfit()
        self._run.do(actions, server.clear)
        return image.labels if image else {}

    def create_volumes(self, server_labels: Mapping[str, str]) -> None:
        """Create the external volumes that are missing, that of the database with what its image says of itself."""
        there = self._docker.volumes()
        for volume in self._run.parameters["volumes"]:
            name, said = volume["name"], volume.get("labels") or {}
            if name in there:
                continue
            if name == self._run.parameters["postgres"].get("volume"):
                said = {**said, **server_labels}
            labels = [part for item in said.items() for part in ("--label", "=".join(item))]
            create = ["volume", "create", *labels, name]
            self._run.do([Action(Kind.CREATE_VOLUME, name)], partial(self._docker.run, create))

    def reconcile_roles(self, containers: Sequence[Container]) -> None:
        """Bring database roles and passwords to their described state; a look only sees a server that runs."""
        passwords = self._run.parameters["database_passwords"]
        if not self._run.parameters["database"] or not passwords:
            return
        if self._run.looks and not self._database.serves(containers):
            return
        change = self._database.compare(passwords)
        self._run.do([Action(Kind.ROLE, said) for said in change.said], lambda: self._database.apply(change))

    def migrate(self, image: str | None) -> None:
        """Bring the schema up to date in a container of the new image, while the old code still serves.

        Parameters:
            image: its name; none for the one that the service names.
        """
        service = self._migration["service"]
        left = self._docker.one_offs(service)
        reason = f"a one-off of {service} that is left or runs"
        self._run.do(
            [*(Action(Kind.REMOVE_LEFT, name, reason) for name in left), Action(Kind.MIGRATE, service)],
            lambda: self._one_off(image),
        )

    def downgrade(self, image: str, revision: str) -> None:
        """Take the schema back in a container of the newer image, which alone knows how."""
        arguments = [*self._migration["downgrade"], revision]
        self._run.do([Action(Kind.DOWNGRADE, revision)], lambda: self._one_off(image, *arguments))

    def _one_off(self, image: str | None, *arguments: str) -> None:
        """Run the one-shot service to its end; what is left of an interrupted run, or ran too long, goes."""
        service = self._migration["service"]
        override = json.dumps({"services": {service: {"image": image}}}) if image else None
        run = ["run", "--rm", "--no-TTY", "--no-deps", service, *arguments]
        self._docker.remove_one_offs(service)
        try:
            self._docker.compose(*run, override=override, limit=self._migration.get("timeout"))
        except DockerError:
            self._docker.remove_one_offs(service)
            raise

    def schema(self) -> str | None:
        """Return the revision that the database is at; none where there is none, or nothing tells."""
        query = self._migration.get("revision_query")
        if not query or not self._run.parameters["database"]:
            return None
        try:
            return self._database.sql(query).strip() or None
        except DockerError:  # before the first migration there is no table to ask
            return None
