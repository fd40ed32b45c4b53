"""What brings a development environment up."""

from __future__ import annotations

import os
import time
from functools import partial

from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker import strays
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.database import Database
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.server import PostgresServer
from ansible_collections.fullstack.docker.plugins.module_utils.project.model import INPUTS_LABEL, digest


def started(before: list[Container], after: list[Container]) -> list[Action]:
    """Return what was started and what went between two looks at the containers."""
    known = {one.id: one.status for one in before}
    left = {one.id for one in after}
    gone = sorted(one.name for one in before if one.id not in left)
    return [
        *(Action(Kind.BEGIN, one.service) for one in after if known.get(one.id) != one.status),
        *(Action(Kind.REMOVE, name) for name in gone),
    ]


class Environment:
    """One development environment."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._docker = run.docker
        # Seconds that Compose took to bring everything up
        self.seconds = 0.0

    def bring_up(self) -> None:
        """Do what is missing, in order."""
        before = self._docker.containers()
        self._check_postgres()
        self._make_folders()
        self._build()
        if self._run.looks:
            self._run.say(*(Action(Kind.BEGIN, one.service) for one in before if not one.serving))
            if not before:
                self._run.say(Action(Kind.BEGIN, "all"))
        self._run.perform(lambda: self._start(before))

    def _start(self, before: list[Container]) -> None:
        """Start the databases, set their roles, and start the rest."""
        service = self._run.parameters["database"].get("service")
        passwords = self._run.parameters["database_passwords"]
        database = Database(self._docker, self._run.parameters["database"])
        if service and (not database.serves(before) or self._run.parameters["reconcile"]):
            self._up(service)
            if passwords:
                change = database.compare(passwords)
                self._run.do([Action(Kind.ROLE, said) for said in change.said], lambda: database.apply(change))
        began = time.monotonic()
        self._up()
        self.seconds = round(time.monotonic() - began, 2)
        self._run.say(*started(before, self._docker.containers()))
        # What is not described is told of, and left as it is
        for one in strays.strays(self._docker.everything(), self._docker.model()["services"]):
            self._run.warn(f"{one}; it is not described, and left as it is")

    def _check_postgres(self) -> None:
        """Refuse an image of the database that its volume cannot be used by."""
        wanted = self._run.parameters["postgres"]
        if not wanted:
            return
        image = self._docker.model()["services"][wanted["service"]]["image"]
        if not self._run.looks and not self._docker.image_ids([image]):
            self._run.do([Action(Kind.PULL, image)], lambda: self._docker.pull([image]))
        actions, _image = PostgresServer(self._docker, wanted, image).refuse_unfit()
        self._run.say(*actions)

    def _make_folders(self) -> None:
        """Make the folders that something is mounted on, as the user's own."""
        for folder in self._run.parameters["folders"]:
            if not os.path.isdir(folder):
                self._run.do([Action(Kind.MAKE, folder)], partial(os.makedirs, folder))

    def _build(self) -> None:
        """Build the images that are missing or were built from something else."""
        stale = []
        for build in self._run.parameters["builds"]:
            labels = (self._docker.image_config(f"{build['image']}:current") or {}).get("Labels") or {}
            if labels.get(INPUTS_LABEL) != digest(build["inputs"]):
                stale.append(build["service"])
        self._run.do(
            [Action(Kind.BUILD, service) for service in stale],
            lambda: self._docker.compose("--progress", "plain", "build", *stale),
        )

    def _up(self, *services: str) -> None:
        """Start services, all without a name, and wait for their health."""
        self._docker.up(*services, timeout=self._run.parameters["timeout"])
