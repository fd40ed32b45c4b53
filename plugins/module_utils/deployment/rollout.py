"""How changed services come into service: under traffic where that is possible, by Compose where it is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.deployment.files import Files
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.images import Images
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.plan import changes
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.report import cause
from ansible_collections.fullstack.docker.plugins.module_utils.rollout import release, rolling
from ansible_collections.fullstack.docker.plugins.module_utils.state import journal, stack


class Rollout:
    """The services of one run."""

    def __init__(self, run: Run, files: Files, images: Images) -> None:
        self._run = run
        self._docker = run.docker
        self._files = files
        self._images = images
        self._journal = journal.JournalFile(run.directory)
        # What has served before is not watched again: there is nothing new to see, and somebody waits for it
        self.served_before = False

    @property
    def _timeout(self) -> int:
        seconds: int = self._run.parameters["timeout"]
        return seconds

    def clean(self, containers: Sequence[Container]) -> list[Container]:
        """Remove containers that never ran: a run that broke off left them, and their names are in the way."""
        left = [one for one in containers if one.status == "created"]
        self._run.do(
            [Action(Kind.REMOVE_LEFT, one.name, "which never ran") for one in left],
            lambda: self._docker.run(["container", "rm", *(one.id for one in left)]),
        )
        return [one for one in containers if one not in left]

    def recover(self) -> None:
        """Undo or finish what a run left that was interrupted while it replaced containers."""
        world = self._world()
        if world:
            self._run.perform(lambda: self._recover(world))

    def _recover(self, world: rolling.DockerWorld) -> None:
        with self._run.step("recovery"):
            done = release.Release(world, self._journal, self._run.step).recover()
        if done == release.FINISHED:
            self._files.description.forget()
        if done:
            self._run.say(Action(Kind.RECOVER, done))
            self._run.warn(f"an earlier run was interrupted: {done}")

    def start(self, services: Sequence[str], before: Sequence[Container]) -> None:
        """Start databases, which are not replaced under traffic; one that does not come up is brought back."""
        if services:
            self._run.perform(lambda: self._start(services, before))

    def _start(self, services: Sequence[str], before: Sequence[Container]) -> None:
        try:
            self._docker.up(*services, timeout=self._timeout, before=before)
        except DockerError as error:
            said = cause.Witness("", self._bring_back(services, before))
            raise DockerError(error.what, [*error.witnesses, said]) from error

    def _bring_back(self, services: Sequence[str], before: Sequence[Container]) -> str:
        """Start services as they were described before, where they served then; say what came of it."""
        served = [name for name in services if any(one.service == name and one.serving for one in before)]
        if not served or not self._files.description.put_back():
            return ""
        try:
            self._docker.up(*served, timeout=self._timeout)
        except DockerError as error:
            return f"{' and '.join(served)} could not be brought back either: {error}"
        return f"{' and '.join(served)} serves again as before"

    def bring_up(self, images: Mapping[str, str], todo: Mapping[str, Action], before: Sequence[Container]) -> None:
        """Bring everything up, under traffic if possible; what fails is undone.

        Parameters:
            images: names of the images of this release, by service.
            todo: what has to be done, by service.
            before: the containers as they are.
        """
        previous = self._images.moving()
        moves = self._images.moves(images)
        plan = self._plan()
        model = self._docker.model()
        user = model["services"].get(plan.proxy, {}).get("user", "") if plan else ""
        door = rolling.replaces_door(plan, todo, before, user)
        services = rolling.rollable(plan, todo, before, door=door)
        if plan and door:
            both = f"{plan.front_door} and {plan.proxy}"
            self._run.say(Action(Kind.REPLACE_DOOR, both, "nobody is let in for some seconds"))

        def replace() -> None:
            world = self._world(door=door)
            if world and (door or changes.recreated(world.proxy, todo)):
                world.keep_assets()
            if world and (services or door):
                kept = {*services, world.backend, *((world.door, world.proxy) if door else ())}
                old = {name: [one.id for one in before if one.service == name] for name in kept}
                machine = release.Release(world, self._journal, self._run.step)
                machine.run(services, old, moves, previous, door=door)
                self._complete(model, before, {})  # what follows undoes no release that serves
            else:
                self._images.name(moves)
                self._complete(model, before, previous)

        self._run.perform(replace)

    def _complete(self, model: Mapping[str, Any], before: Sequence[Container], previous: Mapping[str, str]) -> None:
        """Let Compose do what is left; where that fails, the moving tags name again what they did."""
        self._files.description.forget()
        scale = [f"--scale={service}={count}" for service, count in changes.scales(model, before).items()]
        try:
            self._docker.up(*scale, timeout=self._timeout, before=before)
        except DockerError:
            self._images.name(previous)
            raise

    def trouble(self) -> list[str]:
        """Ask through the front door, if there is one, as it is described now; return what is wrong there."""
        if not self._run.parameters["rolling"]:
            return []
        plan = rolling.Plan.read(stack.read(self._run.directory)["rolling"])
        try:
            rolling.DockerWorld(self._docker, plan, self._timeout).verify()
        except journal.ReleaseError as error:
            return [error.what]
        return []

    def _plan(self) -> rolling.Plan | None:
        """Return how containers are replaced under traffic, where the project says how."""
        if not self._run.parameters["rolling"]:
            return None
        plan = rolling.Plan.read(self._run.parameters["rolling"])
        return dataclasses.replace(plan, settle=0) if self.served_before else plan

    def _world(self, *, door: bool = False) -> rolling.DockerWorld | None:
        """Return what replaces containers under traffic, where the project says how.

        Parameters:
            door: the front door is going to be replaced, so that another one than described serves now.
        """
        plan = self._plan()
        if plan is None:
            return None
        return rolling.DockerWorld(self._docker, plan, self._timeout, self._plan_before(plan) if door else None)

    def _plan_before(self, plan: rolling.Plan) -> rolling.Plan:
        """Return how the front door is asked that serves; where nothing tells, it is not asked."""
        known = self._files.rolling_before()
        try:
            before = rolling.Plan.read(known) if known is not None else None
        except (KeyError, TypeError, AttributeError):
            before = None
        return before or dataclasses.replace(plan, verify=(), answered=(), reached=())
