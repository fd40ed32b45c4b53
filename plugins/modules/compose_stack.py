#!/usr/bin/python
"""Module compose_stack: bring a Compose project to its described state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_stack
short_description: Bring a Compose project to its described state
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Reads the project's C(compose.yml) and C(.env) on the host, compares them with the containers, and does what is
    missing, in the order that the project needs. It creates the external volumes, pulls and builds images side by
    side, starts the databases, reconciles database roles and passwords, runs the migration once before new code
    starts, and brings up everything else, waiting for its health.
  - A build gets an immutable tag that follows from its source, Dockerfile, arguments and bases, so that nothing is
    built twice; C(current) is moved to it only after the migration went through.
  - A release that fails leaves the tag C(current) where it was, and brings the files back that describe the project
    as it runs, as long as nothing runs by those that were written for it.
  - What came of a release is written to the ledger, C(releases.json) in the project's folder.
extends_documentation_fragment:
  - fullstack.docker.project
  - fullstack.docker.project.up
options:
  volumes:
    description: External volumes that have to exist, with the labels they are created with. None is ever removed.
    type: list
    elements: dict
    default: []
  postgres:
    description: >-
      What the image of the database has to be: C(service), C(volume), C(major), C(uid) and C(gid). It is asked before
      its volume is made, and refused where it is of another kind. Empty for none.
    type: dict
    default: {}
  builds:
    description: >-
      Images made on the host: C(service), C(image) (the repository), C(bases) (images it is built on), C(inputs)
      (what else decides its content) and C(source) (a key of O(sources)).
    type: list
    elements: dict
    default: []
  sources:
    description: Hash of each source, by name.
    type: dict
    default: {}
  migration:
    description: >-
      The one-shot C(service), the service whose image it migrates for (C(of)), and C(revision_query), the SQL that
      tells which revision the schema is at (empty where nothing tells), and C(downgrade), the command that takes it
      back to the revision added as its last argument, and C(timeout), the seconds it may take. Empty for none.
    type: dict
    default: {}
  image_commands:
    description: >-
      Services that keep the ENTRYPOINT and CMD of their image behind an entrypoint of the project: the file, an
      C(env_file) of the service below O(directory), that these are written to, by service. They move together with
      C(current).
    type: dict
    default: {}
  secret_paths:
    description: >-
      Paths, relative to O(directory), of the secret files that the project has. Others below C(secrets) are removed
      once everything runs as described. Left out, none is.
    type: list
    elements: str
  removed_services:
    description: >-
      Services of the project that are not described any more, or containers that somebody made by hand, to be removed
      once everything runs as described. Others are left as they are.
    type: list
    elements: str
    default: []
  compose:
    description: What C(compose.yml) will say; used in check mode, where the file is not written yet.
    type: str
    default: ""
  environment:
    description: What C(.env) will say; used in check mode.
    type: str
    default: ""
  rolling:
    description: >-
      How backend and nginx are replaced under traffic: C(proxy), C(backend) and C(front_door) (services), C(upstream)
      (file with the backend's addresses), C(port), C(server_options), C(default) (the file between releases),
      C(drain_signal) and C(patience) in seconds; what is asked of new containers before users meet them
      (C(smoke_paths), C(smoke_host), C(settle), C(pages)); what is asked through the front door (C(verify) for pages
      and what they name, C(answered) and C(reached) for what the backend itself has to answer, C(verify_host));
      and where the assets of earlier pages are kept (C(assets), C(assets_source), C(assets_days)). Empty leaves it to
      Compose, with an outage.
    type: dict
    default: {}
  revisions:
    description: >-
      What the ledger says of each source, by name: a commit, for one. Left out, it says the hash in O(sources).
    type: dict
    default: {}
  who:
    description: Who deploys, for the ledger and for who is refused meanwhile.
    type: str
    default: unknown
  run:
    description: What tells this run from others, where it holds the project by M(fullstack.docker.stack_lock) already.
    type: str
    default: ""
  rollback:
    description: >-
      Goes back to an earlier release of the ledger instead of making one, by the images that it left on the host.
      Nothing is built, pulled or migrated, and the configuration on the host stays as it is; all that is not said here
      is read from C(infra/stack.json), where the last deployment wrote it.
    type: dict
    suboptions:
      release:
        description: Id of the release; empty is the one before the release in use.
        type: str
        default: ""
      schema:
        description: >-
          What becomes of a schema that has another revision than that release had: V(keep) it, or V(downgrade) it
          by the image in use now, once the older one serves. Without either, it is refused.
        type: str
        choices: ["", keep, downgrade]
        default: ""
  keep:
    description: Releases before the one in use whose images are kept for a rollback; older ones are removed.
    type: int
    default: 5
attributes:
  check_mode:
    support: full
    description: Tells what would be done; builds, pulls and starts nothing.
  diff_mode:
    support: full
    description: The actions, one a line.
"""

EXAMPLES = r"""
- name: Bring the project up
  fullstack.docker.compose_stack:
    project: shop
    directory: /opt/shop
    volumes:
      - name: shop_postgres_data
    builds:
      - service: backend
        image: shop-backend
        bases: [python:3.12-slim]
        inputs: [the text of the Dockerfile]
        source: backend
    sources:
      backend: 6c1f0a
    migration:
      service: migrate
      of: backend

- name: Go back to the release before
  fullstack.docker.compose_stack:
    project: shop
    directory: /opt/shop
    rollback:
      schema: keep
"""

RETURN = r"""
actions:
  description: What was done, or would be, in order.
  returned: always
  type: list
  elements: str
releases:
  description: The immutable tag of each image that was built here, by service.
  returned: always
  type: dict
release:
  description: Id of the release that was written to the ledger.
  returned: when one was
  type: str
seconds:
  description: How long each step took, in their order.
  returned: when something was done
  type: dict
"""

import dataclasses
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils import (
    cause,
    image_cleanup,
    ledger,
    release,
    rolling,
    source_tree,
    stack_lock,
    stack_plan,
    standing,
    strays,
)
from ansible_collections.fullstack.docker.plugins.module_utils.compose_model import ModelError
from ansible_collections.fullstack.docker.plugins.module_utils.database import Database
from ansible_collections.fullstack.docker.plugins.module_utils.description import Description
from ansible_collections.fullstack.docker.plugins.module_utils.docker_cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.postgres_server import PostgresServer

CURRENT = "current"
# What a rollback has to know of the stack, below the project's folder
DESCRIPTION = "infra/stack.json"
# Characters that the ledger keeps of why a release failed: the cause, and the last ones of the log
CAUSE_LENGTH = 4000
# Seconds that the healer is waited for
HEALER_PATIENCE = 60


class Stack:
    """One run over one project."""

    def __init__(self, module: AnsibleModule, docker: DockerCli, lock: stack_lock.StackLock) -> None:
        self.module = module
        self.docker = docker
        self.lock = lock
        self.parameters: dict[str, Any] = dict(module.params)
        self.actions: list[str] = []
        self.seconds: dict[str, float] = {}
        self.releases: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.configuration: dict[str, str] = {}
        self.served_before = self.parameters["rollback"] is not None
        self.ledger = ledger.LedgerFile(docker.directory)
        self.journal = release.JournalFile(docker.directory)
        self.description = Description(docker.directory)
        self.entries: list[ledger.Entry] | None = None
        self.before: list[stack_plan.Container] | None = None
        self.release = ""

    @property
    def database(self) -> Database:
        """The database server; a rollback learns only later what it is."""
        return Database(self.docker, self.parameters["database"])

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, name it in its failure, and tell whoever asks meanwhile."""
        began = time.monotonic()
        self.lock.step(name)
        try:
            yield
        except (DockerError, release.ReleaseError) as error:
            raise error.within(name) from error
        finally:
            # A release that replaces both tries both in the same step
            self.seconds[name] = round(self.seconds.get(name, 0) + time.monotonic() - began, 1)

    def run(self) -> None:
        """Compare, then do what is missing, in order."""
        if self.parameters["rollback"] is not None:
            self.roll_back(**self.parameters["rollback"])
            return
        self.entries = self.ledger.read()
        model = self.docker.model()
        with self.step("images"):
            there = self.pull_images(model)
        postgres_labels = self.check_postgres(model)  # its messages begin with the variable
        with self.step("volumes"):
            self.create_volumes(postgres_labels)
        with self.step("build"):
            self.build_images(there)
        released = {build["service"]: self.released(build) for build in self.parameters["builds"]}
        self.images = {name: released.get(name, service["image"]) for name, service in model["services"].items()}
        with self.command_files():
            new = self.bring_about(model)
        self.remove_strays(model)
        self.forget_secrets()
        self.record_success(ledger.SUCCEEDED, new=new)
        self.keep_description()

    def roll_back(self, release: str, schema: str) -> None:
        """Bring the images of an earlier release back into service."""
        self.parameters |= self.described_by_last()
        entries = self.ledger.read()
        model = self.docker.model()
        self.images = {name: service["image"] for name, service in model["services"].items()}
        containers = self.docker.containers()
        running = {one.service: one.image_id for one in containers if one.running}
        target = ledger.select(entries, release, running)
        self.images |= self.images_of(target)
        revision = self.schema_to_go_back_to(target, schema)
        newer = running.get(self.parameters["migration"].get("of", ""))
        self.entries = entries  # what fails from here on is an entry of its own
        if any(running.get(service) != image for service, image in target.ids.items()):
            # Also of a container that is between two restarts
            there = {one.service: one.image_id for one in containers}
            self.actions.append(f"go back from {ledger.told(entries, there)} to release {target.release}")
        with self.command_files():
            new = self.bring_about(model)
        try:
            if revision and newer:
                with self.step("downgrade"):
                    self.downgrade(newer, revision)
        finally:
            self.record_success(ledger.ROLLED_BACK, new=new, target=target)
            self.keep_description()

    def described_by_last(self) -> dict[str, Any]:
        """Return the parameters that the last deployment left for who comes without the inventory."""
        path = self.docker.directory / DESCRIPTION
        try:
            found: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DockerError(f"{path} cannot be read ({error}); nothing was touched. Run site.yml once") from None
        return found

    def images_of(self, target: ledger.Entry) -> dict[str, str]:
        """Return what the images of an earlier release are known by now, by service; they have to be there."""
        there = self.docker.image_ids([part for image in target.images.values() for part in (image.id, image.name)])
        gone = [image.name or image.id for image in target.images.values() if image.id not in there]
        if gone:
            raise ledger.LedgerError(
                f"release {target.release}: its image {', '.join(gone)} is no longer on the host; nothing was touched. "
                "Name another release, or deploy its source again"
            )
        built = {build["service"] for build in self.parameters["builds"]}
        named = self.docker.image_ids(self.images[service] for service in target.images if service not in built)
        for service, image in target.images.items():
            if service not in built and named.get(self.images.get(service, "")) != image.id:
                raise ledger.LedgerError(
                    f"release {target.release}: {service} ran {image.name}, which is not made on this host; set that "
                    "image in the inventory, and run playbooks/release.yml"
                )
        return {
            service: image.name if there.get(image.name) == image.id else image.id
            for service, image in target.images.items()
            if service in built
        }

    def schema_to_go_back_to(self, target: ledger.Entry, how: str) -> str:
        """Return the revision to downgrade the schema to, empty to leave it; refuse what nobody has decided."""
        now = self.schema()
        if now is None or now == target.schema:
            return ""
        differ = (
            f"the schema is at revision {now}, and release {target.release} had {target.schema or 'an unknown one'}"
        )
        if how == "keep":
            self.module.warn(f"{differ}; it is kept")
            return ""
        if how == "":
            raise ledger.LedgerError(
                f"{differ}. Nothing was touched. If the older code works with the newer schema, add -e "
                "rollback_schema=keep; to take the migrations back, which may lose data, -e rollback_schema=downgrade"
            )
        if not target.schema or not self.parameters["migration"].get("downgrade"):
            raise ledger.LedgerError(
                f"{differ}; nothing was touched. There is no revision, or no fastapi_backend_downgrade_command, to "
                "downgrade by; use -e rollback_schema=keep"
            )
        self.module.warn(f"{differ}; it is taken back")
        return target.schema

    def downgrade(self, image: str, revision: str) -> None:
        """Take the schema back in a container of the newer image, which alone knows how."""
        migration = self.parameters["migration"]
        self.actions.append(f"downgrade the schema to {revision}")
        if self.module.check_mode:
            return
        override = json.dumps({"services": {migration["service"]: {"image": image}}})
        command = [*migration["downgrade"], revision]
        self.one_off(migration["service"], *command, override=override, limit=migration.get("timeout"))

    def remove_strays(self, model: dict[str, Any]) -> None:
        """Remove the containers of no described service that the operator named."""
        wanted = self.parameters["removed_services"]
        found = strays.strays(self.docker.everything(), model["services"]) if wanted else []
        named = [one for one in found if one.is_among(wanted)]
        self.actions += [f"remove {one}" for one in named]
        if named and not self.module.check_mode:
            with self.step("removed services"):
                self.docker.run(["stop", *(one.id for one in named)])
                self.docker.run(["rm", *(one.id for one in named)])

    def forget_secrets(self) -> None:
        """Remove the files of secrets that are wanted no more; until here the old containers could need them."""
        wanted = self.parameters["secret_paths"]
        if wanted is None:
            return
        folder = self.docker.directory / "secrets"
        files = {str(path.relative_to(self.docker.directory)) for path in folder.rglob("*") if not path.is_dir()}
        left = sorted(files - set(wanted))
        self.actions += [f"remove {path}" for path in left]
        if self.module.check_mode:
            return
        for path in left:
            (self.docker.directory / path).unlink()
        # The deepest first
        for below in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            if not any(below.iterdir()):
                below.rmdir()

    def bring_about(self, model: dict[str, Any]) -> bool:
        """Do what is missing now that the images are there; tell whether that made a new release."""
        self.recover()
        containers = self.clean(self.docker.containers())
        self.before = containers
        self.record_strangers(containers)
        wanted = self.wanted(model, containers)
        application = self.application()
        self.configuration = {one.service: one.config_hash for one in wanted if one.service in application}
        self.served_before |= ledger.has_served(self.entries or [], self.release_images(), self.configuration)
        todo = stack_plan.changes(wanted, containers)
        migration = self.parameters["migration"]
        of = migration.get("of")
        data = stack_plan.foundations(model)
        late = {service: action for service, action in todo.items() if service not in data}
        self.actions += [f"{service}: {action}" for service, action in todo.items()]

        with self.step("databases"):
            self.up([service for service in data if service in todo], containers)
        with self.step("roles"):
            self.reconcile_roles(containers)
        if of and self.parameters["rollback"] is None and self.release_changes(of, wanted, containers):
            with self.step("migration"):
                self.migrate(migration)
        if late:
            with self.step("services"):
                self.bring_up(containers, todo)
        else:
            self.name_images(self.moves())
        return stack_plan.is_release(late)

    @contextmanager
    def command_files(self) -> Iterator[None]:
        """Write the command of each image that keeps its own for as long as this release does not fail."""
        wanted = {}
        for service, file in self.parameters["image_commands"].items():
            image = self.images[service]
            config = self.docker.image_config(image)
            if config is None:  # in check mode it is not built yet
                continue
            try:
                wanted[self.docker.directory / file] = stack_plan.image_command(image, config)
            except ModelError as error:
                raise DockerError(str(error)) from error
        before = {path: path.read_text() if path.exists() else None for path in wanted}
        changed = [path for path, text in wanted.items() if before[path] != text]
        self.actions += [f"write {path}" for path in changed]
        if self.module.check_mode:
            changed = []
        for path in changed:
            write(path, wanted[path])
        try:
            yield
        except (DockerError, release.ReleaseError):
            for path in changed:
                text = before[path]
                if text is None:
                    path.unlink()
                else:
                    write(path, text)
            raise

    def clean(self, containers: list[stack_plan.Container]) -> list[stack_plan.Container]:
        """Remove containers that never ran: a run that broke off left them, and their names are in the way."""
        left = [container for container in containers if container.status == "created"]
        self.actions += [f"remove {container.name}, which never ran" for container in left]
        if left and not self.module.check_mode:
            self.docker.run(["container", "rm", *(container.id for container in left)])
        return [container for container in containers if container not in left]

    def check_postgres(self, model: dict[str, Any]) -> dict[str, str]:
        """Refuse an image of the database that its volume cannot be used by; return the labels of a new volume."""
        wanted = self.parameters["postgres"]
        if not wanted:
            return {}
        server = PostgresServer(self.docker, wanted, model["services"][wanted["service"]]["image"])
        image = server.refuse_unfit(self.actions)
        if not self.module.check_mode:
            server.clear()
        return image.labels if image else {}

    def create_volumes(self, postgres_labels: Mapping[str, str]) -> None:
        """Create the external volumes that are missing, that of the database with what its image says of itself."""
        there = self.docker.volumes()
        for volume in self.parameters["volumes"]:
            if volume["name"] in there:
                continue
            self.actions.append(f"create volume {volume['name']}")
            said = volume.get("labels") or {}
            if volume["name"] == self.parameters["postgres"].get("volume"):
                said = {**said, **postgres_labels}
            if not self.module.check_mode:
                labels = [part for item in said.items() for part in ("--label", "=".join(item))]
                self.docker.run(["volume", "create", *labels, volume["name"]])

    def pull_images(self, model: dict[str, Any]) -> dict[str, str]:
        """Pull what is missing, side by side; return the ids of those that are there, by name."""
        builds = self.parameters["builds"]
        built = {build["service"] for build in builds}
        bases = {base for build in builds for base in build["bases"]}
        plain = {
            service["image"]
            for name, service in model["services"].items()
            if name not in built and not service["image"].endswith(f":{CURRENT}")
        }
        there = self.docker.image_ids(bases | plain)
        missing = sorted((bases | plain) - set(there))
        self.actions += [f"pull {image}" for image in missing]
        if missing and not self.module.check_mode:
            self.docker.pull(missing)
            there = self.docker.image_ids(bases | plain)
        return there

    def build_images(self, there: Mapping[str, str]) -> None:
        """Build what has no image of its tag yet, on bases by their ids."""
        builds = self.parameters["builds"]
        for build in builds:
            source = self.parameters["sources"].get(build["source"], "")
            ids = [there.get(base, base) for base in build["bases"]]
            self.releases[build["service"]] = stack_plan.tag(build["inputs"], source, ids)
        names = {build["service"]: self.released(build) for build in builds}
        opened = {build["service"] for build in builds if self.open_checkout(build)}
        known = self.docker.image_ids(names.values())
        absent = sorted(service for service, name in names.items() if name not in known or service in opened)
        self.actions += [f"build {names[service]}" for service in absent]
        if absent and not self.module.check_mode:
            # An image that asks for it is told its tag, so that the application can say which release it is
            told = {service: {"args": {"RELEASE": self.releases[service]}} for service in absent}
            override = {"services": {service: {"image": names[service], "build": told[service]} for service in absent}}
            self.docker.compose("--progress", "plain", "build", *absent, override=json.dumps(override))

    def open_checkout(self, build: dict[str, Any]) -> bool:
        """Let every user read a checkout that a login of a strict umask made; tell whether it was closed.

        An image that was built of it is as closed, and has the tag of the commit: it loses it first, so that a run
        which is interrupted here builds anew all the same.
        """
        folder = self.docker.directory / build["source"]
        closed = source_tree.closed(str(folder)) if (folder / ".git").exists() else {}
        if not closed:
            return False
        self.actions.append(f"let every user read {folder}")
        if not self.module.check_mode:
            self.docker.run(["image", "rm", self.released(build)], ok=(0, 1))
            for path, mode in closed.items():
                os.chmod(path, mode)
        return True

    def released(self, build: dict[str, Any]) -> str:
        """Return the name of the image of this release."""
        return f"{build['image']}:{self.releases[build['service']]}"

    def wanted(self, model: dict[str, Any], containers: list[stack_plan.Container]) -> list[stack_plan.Wanted]:
        """Return the services as described, with the image that this release gives them."""
        ids = self.docker.image_ids(self.images.values())
        hashes = self.docker.hashes(containers)
        return [
            stack_plan.Wanted(name, hashes[name], ids.get(image), (service.get("deploy") or {}).get("replicas"))
            for (name, service), image in zip(model["services"].items(), self.images.values(), strict=True)
            if not service.get("profiles")
        ]

    @staticmethod
    def release_changes(of: str, wanted: list[stack_plan.Wanted], containers: list[stack_plan.Container]) -> bool:
        """Tell whether another image than the running one is about to take traffic."""
        image = next(one.image_id for one in wanted if one.service == of)
        mine = [container for container in containers if container.service == of]
        return image is None or not mine or any(container.image_id != image for container in mine)

    def up(self, services: list[str], containers: list[stack_plan.Container]) -> None:
        """Start services and wait for their health."""
        if not services or self.module.check_mode:
            return
        try:
            self.docker.up(*services, timeout=self.parameters["timeout"], before=containers)
        except DockerError as error:
            said = cause.Witness("", self.bring_back(services, containers))
            raise DockerError(error.what, [*error.witnesses, said]) from error

    def bring_back(self, services: list[str], before: list[stack_plan.Container]) -> str:
        """Start services as they were described before, where they served then; say what came of it."""
        served = [name for name in services if any(one.service == name and one.serving for one in before)]
        if not served or not self.description.put_back():
            return ""
        try:
            self.docker.up(*served, timeout=self.parameters["timeout"])
        except DockerError as error:
            return f"{' and '.join(served)} could not be brought back either: {error}"
        return f"{' and '.join(served)} serves again as before"

    def bring_up(self, before: list[stack_plan.Container], todo: dict[str, str]) -> None:
        """Bring everything up, under traffic if possible; what fails is undone."""
        previous = self.docker.image_ids(f"{build['image']}:{CURRENT}" for build in self.parameters["builds"])
        moves = self.moves()
        plan = self.rolling_plan()
        model = self.docker.model()
        user = model["services"].get(plan.proxy, {}).get("user", "") if plan else ""
        door = rolling.replaces_door(plan, todo, before, user)
        services = rolling.rollable(plan, todo, before, door=door)
        if plan and door:
            self.actions.append(
                f"replace {plan.front_door} and {plan.proxy} once the rest is good: nobody is let in for some seconds"
            )
        if self.module.check_mode:
            return
        world = self.world(door=door)
        if world and (door or todo.get(world.proxy, "").startswith("recreate")):
            world.keep_assets()
        if world and (services or door):
            kept = {*services, world.backend, *((world.door, world.proxy) if door else ())}
            old = {name: [one.id for one in before if one.service == name] for name in kept}
            release.Release(world, self.journal, self.step).run(services, old, moves, previous, door=door)
            previous = {}  # what follows undoes no release that serves
        else:
            self.name_images(moves)
        self.description.forget()
        scale = [
            f"--scale={one}={stack_plan.replicas_now(one, before)}"
            for one in stack_plan.scalable(model)
            if stack_plan.replicas_now(one, before) > 1
        ]
        try:
            self.docker.up(*scale, timeout=self.parameters["timeout"], before=before)
        except DockerError:
            self.name_images(previous)
            raise

    def rolling_plan(self) -> rolling.Plan | None:
        """Return how containers are replaced under traffic, where the project says how."""
        if not self.parameters["rolling"]:
            return None
        plan = rolling.Plan.read(self.parameters["rolling"])
        if self.served_before:
            plan = dataclasses.replace(plan, settle=0)  # there is nothing new to see, and somebody waits for it
        return plan

    def world(self, *, door: bool = False) -> rolling.DockerWorld | None:
        """Return what replaces containers under traffic, where the project says how.

        Parameters:
            door: the front door is going to be replaced, so that another one than described serves now.
        """
        plan = self.rolling_plan()
        if plan is None:
            return None
        serving = self.plan_before(plan) if door else None
        return rolling.DockerWorld(self.docker, plan, self.parameters["timeout"], serving)

    def plan_before(self, plan: rolling.Plan) -> rolling.Plan:
        """Return how the front door is asked that serves; where nothing tells, it is not asked."""
        try:
            known = json.loads(self.description.text(DESCRIPTION))["rolling"]
            before = rolling.Plan.read(known)
        except (ValueError, KeyError, TypeError):
            return dataclasses.replace(plan, verify=(), answered=(), reached=())
        return before

    def recover(self) -> None:
        """Undo or finish what a run left that was interrupted while it replaced containers."""
        world = self.world()
        if self.module.check_mode or world is None:
            return
        with self.step("recovery"):
            done = release.Release(world, self.journal, self.step).recover()
        if done == release.FINISHED:
            self.description.forget()
        if done:
            self.actions.append(done)
            self.module.warn(f"an earlier run was interrupted: {done}")

    def moves(self) -> dict[str, str]:
        """Return the images of this release by the moving tags that do not name them yet."""
        moves = {}
        for build in self.parameters["builds"]:
            name, moving = self.images[build["service"]], f"{build['image']}:{CURRENT}"
            ids = self.docker.image_ids([name, moving])
            if ids.get(name) != ids.get(moving):
                self.actions.append(f"tag {name} as {moving}")
                moves[moving] = name
        return moves

    def name_images(self, images: Mapping[str, str]) -> None:
        """Let each moving tag name an image."""
        for moving, name in images.items():
            if not self.module.check_mode:
                self.docker.run(["tag", name, moving])

    def secrets(self) -> list[str]:
        """Return the secret values of the project, to keep them out of what is printed."""
        files = (self.docker.directory / "secrets").rglob("*")
        return [path.read_text(errors="replace").strip() for path in files if path.is_file()]

    def reconcile_roles(self, containers: list[stack_plan.Container]) -> None:
        """Bring database roles and passwords to their described state; in check mode only where the server runs."""
        check_mode = self.module.check_mode
        if self.parameters["database"] and (not check_mode or self.database.serves(containers)):
            self.database.reconcile(self.parameters["database_passwords"], self.actions, check_mode=check_mode)

    def migrate(self, migration: dict[str, Any]) -> None:
        """Bring the schema up to date in a container of the new image, while the old code still serves."""
        left = self.docker.one_offs(migration["service"])
        self.actions += [f"remove {name}, a one-off of {migration['service']} that is left or runs" for name in left]
        self.actions.append(f"migrate ({migration['service']})")
        if self.module.check_mode:
            return
        override = None
        for build in self.parameters["builds"]:
            if build["service"] == migration["of"]:
                override = json.dumps({"services": {migration["service"]: {"image": self.released(build)}}})
        self.one_off(migration["service"], override=override, limit=migration.get("timeout"))

    def one_off(self, service: str, *arguments: str, override: str | None = None, limit: int | None = None) -> None:
        """Run a one-shot service to its end. What an interrupted run left of it goes first, what ran too long after."""
        run = ["run", "--rm", "--no-TTY", "--no-deps", service, *arguments]
        self.docker.remove_one_offs(service)
        try:
            self.docker.compose(*run, override=override, limit=limit)
        except DockerError:
            self.docker.remove_one_offs(service)
            raise

    def application(self) -> list[str]:
        """Return the services whose images make up a release."""
        plan = self.parameters["rolling"]
        named = [build["service"] for build in self.parameters["builds"]]
        named += [plan.get("backend"), plan.get("proxy"), self.parameters["migration"].get("of")]
        return sorted({service for service in named if service in self.images})

    def release_images(self) -> dict[str, ledger.Image]:
        """Return the images of this release, by service; one that is not made yet has no id."""
        names = {service: self.images[service] for service in self.application()}
        ids = self.docker.image_ids(names.values())
        return {service: ledger.Image(name, ids.get(name, "")) for service, name in names.items()}

    def schema(self) -> str | None:
        """Return the revision that the database is at; none where there is none, or nothing tells."""
        query = self.parameters["migration"].get("revision_query")
        if not query or not self.parameters["database"]:
            return None
        try:
            return self.database.sql(query).strip() or None
        except DockerError:  # before the first migration there is no table to ask
            return None

    def record_strangers(self, containers: list[stack_plan.Container]) -> None:
        """Write down what somebody built or started by hand, before this run replaces it."""
        application = self.application()
        # What a run left that was killed before it wrote its entry is none of these: this one takes it up
        ours = {image.id for image in self.release_images().values()}
        running = {
            one.service: ledger.Image("", one.image_id)
            for one in containers
            if one.service in application and one.running and one.image_id not in ours
        }
        found = ledger.strangers(self.entries or [], running)
        if found:
            self.actions.append(f"record {', '.join(sorted(found))} as unmanaged: no release has the image that runs")
            self.record(ledger.UNMANAGED, running)

    def record_success(self, outcome: str, *, new: bool, target: ledger.Entry | None = None) -> None:
        """Write this release to the ledger, unless it is there, and remove the images of the oldest."""
        images = self.release_images()
        now = ledger.current(self.entries or [])
        ids = {service: image.id for service, image in images.items()}
        if not images or not (new or now is None or now.ids != ids):
            return
        self.actions.append(f"record the release in {ledger.FILE}")
        with self.step("record"):
            self.release = self.record(outcome, images, target=target)
        with self.step("cleanup"):
            self.forget_images()

    def fail(self, failure: cause.StepError) -> str:
        """Write down why this release failed, leave the project tidy, and say what serves."""
        self.record_failure(failure)
        self.undo_description()
        if self.module.check_mode:
            return "This was a look: nothing was changed."
        try:
            self.tidy()
            return self.standing()
        except DockerError as error:
            return f"What serves is not known: {error.cause()}"

    def tidy(self) -> None:
        """Remove what a first deployment leaves of an application that never served; the databases stay."""
        if self.before is None:
            return
        services = self.docker.model()["services"]
        data = stack_plan.foundations({"services": services})
        served = not standing.absent(self.needed(), self.before)
        vain = standing.leftovers(services.keys() - data, self.docker.containers(), self.entries or [], served=served)
        self.actions += [f"remove {one.name}, which never served" for one in vain]
        if vain:
            self.docker.run(["rm", "--force", *(one.id for one in vain)])

    def needed(self) -> list[str]:
        """Return the services without which users get no answer."""
        plan = self.parameters["rolling"]
        return [plan[part] for part in ("front_door", "proxy", "backend")] if plan else self.application()

    def standing(self) -> str:
        """Say what serves, after a look at the containers and through the front door."""
        containers, needed = self.docker.containers(), self.needed()
        troubles = [] if standing.absent(needed, containers) else self.troubles()
        return standing.sentence(needed, containers, self.entries or [], self.before, troubles)

    def troubles(self) -> list[str]:
        """Ask through the front door as it is described now; return what is wrong with the answers."""
        plan = rolling.Plan.read(self.described_by_last()["rolling"])
        try:
            rolling.DockerWorld(self.docker, plan, self.parameters["timeout"]).verify()
        except release.ReleaseError as error:
            return [error.what]
        return []

    def record_failure(self, failure: cause.StepError) -> None:
        """Write down why this release failed; if even that fails, the cause matters more."""
        if self.entries is None:
            return
        try:
            self.release = self.record(ledger.FAILED, self.release_images(), cause=failure.brief(CAUSE_LENGTH))
        except (DockerError, OSError) as error:
            self.module.warn(f"the failed release could not be written to {self.ledger.path}: {error}")

    def keep_description(self) -> None:
        """Remember the files that describe what runs now, for the next deployment that fails."""
        if not self.module.check_mode:
            self.description.keep(self.parameters["rolling"].get("upstream", ""))

    def undo_description(self) -> None:
        """Put the files back that describe what runs, unless something runs by the new ones or is about to."""
        if self.module.check_mode:
            return
        try:
            self.description.put_back()
        except OSError as error:
            self.module.warn(f"the files of the release that serves could not all be put back: {error}")

    def record(
        self,
        outcome: str,
        images: dict[str, ledger.Image],
        *,
        cause: str = "",
        target: ledger.Entry | None = None,
    ) -> str:
        """Write an entry to the ledger and return its id; in check mode only this run knows of it."""
        now = datetime.now(timezone.utc)
        entries = self.entries or []
        sources = {**self.parameters["sources"], **self.parameters["revisions"]}
        if target:
            sources = dict(target.sources)
        elif outcome == ledger.UNMANAGED:  # nobody knows
            sources = {}
        entry = ledger.Entry(
            release=ledger.next_id(entries, now),
            outcome=outcome,
            when=ledger.moment(now),
            who="unknown" if outcome == ledger.UNMANAGED else self.parameters["who"],
            images=images,
            sources=sources,
            schema=self.schema(),
            cause=cause,
            target=target.release if target else "",
            configuration={} if outcome == ledger.UNMANAGED else self.configuration,
        )
        self.entries = ledger.append(entries, entry, self.parameters["keep"])
        if self.module.check_mode:
            return ""
        self.ledger.write(self.entries)
        return entry.release

    def forget_images(self) -> None:
        """Remove the images of releases that are too old to go back to."""
        keep = self.parameters["keep"]
        needed = ledger.needed(self.entries or [], keep)
        # In check mode they are not built yet
        coming = [image.name for image in self.release_images().values() if not image.id]
        for name in image_cleanup.disposable(self.docker, keep, needed, coming):
            self.actions.append(f"remove image {name}")
            if self.module.check_mode:
                continue
            try:
                self.docker.run(["image", "rm", name])
            except DockerError as error:
                # The release is in service; the next one tries again
                self.module.warn(f"{name} could not be removed: {error}")


def write(path: Path, text: str) -> None:
    """Put a file in place whole."""
    staged = path.with_name(f".{path.name}.new")
    staged.write_text(text)
    staged.replace(path)


@contextmanager
def described(module: AnsibleModule, docker: DockerCli) -> Iterator[None]:
    """In check mode, lay the files that are not written yet into a folder of their own for Compose to read."""
    if not (module.check_mode and module.params["compose"]):
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        docker.compose_file, docker.env_file = Path(folder) / "compose.yml", Path(folder) / ".env"
        docker.compose_file.write_text(module.params["compose"])
        docker.env_file.write_text(module.params["environment"])
        yield


@contextmanager
def locked(module: AnsibleModule, lock: stack_lock.StackLock) -> Iterator[None]:
    """Hold the project; the healer is waited for, which may be repairing what an interrupted run left."""
    if module.check_mode:
        yield
        return
    with lock.held(release=True, patience=HEALER_PATIENCE):
        if lock.notice:
            module.warn(lock.notice)
        yield


def main() -> None:
    """Run the module."""
    os.umask(0o022)  # whatever the login's is: services read what is made here as other users
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "volumes": {"type": "list", "elements": "dict", "default": []},
            "postgres": {"type": "dict", "default": {}},
            "builds": {"type": "list", "elements": "dict", "default": []},
            "sources": {"type": "dict", "default": {}},
            "database": {"type": "dict", "default": {}},
            "database_passwords": {"type": "dict", "default": {}, "no_log": True},
            "migration": {"type": "dict", "default": {}},
            "image_commands": {"type": "dict", "default": {}},
            # The paths are no secrets
            "removed_services": {"type": "list", "elements": "str", "default": []},
            "secret_paths": {"type": "list", "elements": "str", "no_log": False},
            "compose": {"type": "str", "default": ""},
            "environment": {"type": "str", "default": ""},
            "rolling": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 180},
            "revisions": {"type": "dict", "default": {}},
            "who": {"type": "str", "default": "unknown"},
            "run": {"type": "str", "default": ""},
            "rollback": {
                "type": "dict",
                "options": {
                    "release": {"type": "str", "default": ""},
                    "schema": {"type": "str", "choices": ["", "keep", "downgrade"], "default": ""},
                },
            },
            "keep": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    docker = DockerCli(module, module.params["project"], module.params["directory"])
    lock = stack_lock.StackLock(docker.directory, module.params["run"] or secrets.token_hex(8), module.params["who"])
    stack = Stack(module, docker, lock)
    if shutil.which("docker") is None:
        if not module.check_mode:
            module.fail_json(msg="docker is not on this host: run the role fullstack.docker.docker_host first")
        stack.actions = ["install Docker, then create every service"]
    else:
        try:
            with locked(module, lock), described(module, docker):
                try:
                    stack.run()
                except (DockerError, release.ReleaseError) as error:
                    failure = error.rewritten(lambda text: stack_plan.redact(text, stack.secrets()))
                    said = "\n".join([failure.cause(), stack.fail(failure), failure.log()]).strip()
                    where = ": ".join(["it failed in the step", *failure.steps])
                    module.fail_json(msg=said, where=where, actions=stack.actions, seconds=stack.seconds)
                except ledger.LedgerError:
                    stack.undo_description()
                    raise
        except (ledger.LedgerError, stack_lock.LockError) as error:
            module.fail_json(msg=str(error), actions=stack.actions, seconds=stack.seconds)
    module.exit_json(
        changed=bool(stack.actions),
        actions=stack.actions,
        releases=stack.releases,
        **({"release": stack.release} if stack.release else {}),
        seconds=stack.seconds,
        diff={"before": "", "after": "".join(f"{action}\n" for action in stack.actions)},
    )


if __name__ == "__main__":
    main()
