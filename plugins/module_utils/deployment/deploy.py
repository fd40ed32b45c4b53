"""A deployment and a rollback, in order; and what is left to do where one fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.deployment import standing
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.data import Data
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.files import Files
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.history import History
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.images import Images
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.rollout import Rollout
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker import strays
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.plan import changes
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.report import cause
from ansible_collections.fullstack.docker.plugins.module_utils.report.redact import redact
from ansible_collections.fullstack.docker.plugins.module_utils.state import ledger, stack


class Deployment:
    """Brings one project to its described state, or back to an earlier release."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._docker = run.docker
        self._files = Files(run)
        self._images = Images(run)
        self._data = Data(run)
        self._rollout = Rollout(run, self._files, self._images)
        self._history = History(run, self._data.schema)
        # Names of the images of this release, by service
        self._names: dict[str, str] = {}
        # Compose's hash of each service of the application
        self._configuration: dict[str, str] = {}
        # The containers before anything of the application was touched
        self._before: list[Container] | None = None

    @property
    def releases(self) -> dict[str, str]:
        """The immutable tag of each image that is built here, by service."""
        return self._images.tags

    @property
    def release(self) -> str:
        """Id of the entry that this run wrote to the ledger, empty for none."""
        return self._history.release

    def deploy(self) -> None:
        """Compare, then do what is missing, in order."""
        self._history.entries = self._history.read()
        model = self._docker.model()
        with self.run.step("images"):
            there = self._images.pull(model)
        server_labels = self._data.check_server(model)  # its messages begin with the variable
        with self.run.step("volumes"):
            self._data.create_volumes(server_labels)
        with self.run.step("build"):
            self._images.build(there)
        released = self._images.of_release()
        self._names = {name: released.get(name, service["image"]) for name, service in model["services"].items()}
        with self._files.image_commands(self._names):
            new = self._bring_about(model, migrates=True)
        self._remove_strays(model)
        self._files.forget_secrets()
        self._succeed(ledger.SUCCEEDED, new=new)

    def roll_back(self, release: str, schema: str) -> None:
        """Bring the images of an earlier release back into service.

        Parameters:
            release: its id; empty for the one before the release in use.
            schema: what becomes of a schema of another revision: ``keep``, ``downgrade``, or empty to refuse.
        """
        self.run.parameters |= stack.read(self.run.directory)
        self._rollout.served_before = True
        entries = self._history.read()
        model = self._docker.model()
        self._names = {name: service["image"] for name, service in model["services"].items()}
        containers = self._docker.containers()
        running = {one.service: one.image_id for one in containers if one.running}
        target = ledger.select(entries, release, running)
        self._names |= self._names_of(target)
        revision = self._revision_to_go_back_to(target, schema)
        newer = running.get(self.run.parameters["migration"].get("of", ""))
        self._history.entries = entries  # what fails from here on is an entry of its own
        if any(running.get(service) != image for service, image in target.ids.items()):
            # Also of a container that is between two restarts
            there = {one.service: one.image_id for one in containers}
            self.run.say(Action(Kind.GO_BACK, target.release, ledger.told(entries, there)))
        with self._files.image_commands(self._names):
            new = self._bring_about(model, migrates=False)
        try:
            if revision and newer:
                with self.run.step("downgrade"):
                    self._data.downgrade(newer, revision)
        finally:
            self._succeed(ledger.ROLLED_BACK, new=new, target=target)

    def fail(self, failure: cause.StepError) -> tuple[cause.StepError, str]:
        """Write down why this release failed, and leave the project tidy.

        Returns:
            The failure, without secrets, and a sentence on what serves.
        """
        told = failure.rewritten(lambda text: redact(text, self._files.secrets()))
        self._history.record_failure(told, self._release_images, self._configuration)
        self._files.undo_description()
        if self.run.looks:
            return told, "This was a look: nothing was changed."
        try:
            self._tidy()
            return told, self._standing()
        except cause.StepError as error:
            return told, f"What serves is not known: {error.cause()}"

    def refuse(self) -> None:
        """Leave the project as it was, where the ledger tells that there is nothing to go back to."""
        self._files.undo_description()

    def _bring_about(self, model: Mapping[str, Any], *, migrates: bool) -> bool:
        """Do what is missing now that the images are there; tell whether that made a new release."""
        self._rollout.recover()
        containers = self._rollout.clean(self._docker.containers())
        self._before = containers
        images = self._release_images()
        self._history.record_strangers(containers, images)
        wanted = self._wanted(model, containers)
        self._configuration = {one.service: one.config_hash for one in wanted if one.service in images}
        self._rollout.served_before |= ledger.has_served(self._history.known, images, self._configuration)
        todo = changes.changes(wanted, containers)
        data = changes.foundations(model)
        late = {service: action for service, action in todo.items() if service not in data}
        self.run.say(*todo.values())
        with self.run.step("databases"):
            self._rollout.start([service for service in data if service in todo], containers)
        with self.run.step("roles"):
            self._data.reconcile_roles(containers)
        of = self.run.parameters["migration"].get("of")
        if of and migrates and changes.takes_other_image(of, wanted, containers):
            with self.run.step("migration"):
                self._data.migrate(self._images.of_release().get(of))
        if late:
            with self.run.step("services"):
                self._rollout.bring_up(self._names, todo, containers)
        else:
            self._images.name(self._images.moves(self._names))
        return changes.is_release(late)

    def _wanted(self, model: Mapping[str, Any], containers: Sequence[Container]) -> list[changes.Wanted]:
        """Return the services as described, with the image that this release gives them."""
        ids = self._docker.image_ids(self._names.values())
        hashes = self._docker.hashes(containers)
        return [
            changes.Wanted(
                name, hashes[name], ids.get(self._names[name]), (service.get("deploy") or {}).get("replicas")
            )
            for name, service in model["services"].items()
            if not service.get("profiles")
        ]

    def _application(self) -> list[str]:
        """Return the services whose images make up a release."""
        plan = self.run.parameters["rolling"]
        named = [build["service"] for build in self.run.parameters["builds"]]
        named += [plan.get("backend"), plan.get("proxy"), self.run.parameters["migration"].get("of")]
        return sorted({service for service in named if service in self._names})

    def _release_images(self) -> dict[str, ledger.Image]:
        """Return the images of this release, by service; one that is not made yet has no id."""
        names = {service: self._names[service] for service in self._application()}
        ids = self._docker.image_ids(names.values())
        return {service: ledger.Image(name, ids.get(name, "")) for service, name in names.items()}

    def _remove_strays(self, model: Mapping[str, Any]) -> None:
        """Remove the containers of no described service that the operator named."""
        wanted = self.run.parameters["removed_services"]
        found = strays.strays(self._docker.everything(), model["services"]) if wanted else []
        named = [one for one in found if one.is_among(wanted)]

        def remove() -> None:
            with self.run.step("removed services"):
                self._docker.run(["stop", *(one.id for one in named)])
                self._docker.run(["rm", *(one.id for one in named)])

        self.run.do([Action(Kind.REMOVE, str(one)) for one in named], remove)

    def _succeed(self, outcome: str, *, new: bool, target: ledger.Entry | None = None) -> None:
        """Write this release to the ledger, unless it is there, and remove the images of the oldest."""
        images = self._release_images()
        if self._history.is_news(images, new=new):
            self._history.record_success(outcome, images, self._configuration, target)
            with self.run.step("cleanup"):
                needed = ledger.needed(self._history.known, self.run.parameters["keep"])
                coming = [image.name for image in self._release_images().values() if not image.id]
                self._images.forget(needed, coming)
        self._files.keep_description()

    def _names_of(self, target: ledger.Entry) -> dict[str, str]:
        """Return what the images of an earlier release are known by now, by service; they have to be there."""
        there = self._docker.image_ids([part for image in target.images.values() for part in (image.id, image.name)])
        gone = [image.name or image.id for image in target.images.values() if image.id not in there]
        if gone:
            raise ledger.LedgerError(
                f"release {target.release}: its image {', '.join(gone)} is no longer on the host; nothing was touched. "
                "Name another release, or deploy its source again"
            )
        built = {build["service"] for build in self.run.parameters["builds"]}
        named = self._docker.image_ids(self._names[service] for service in target.images if service not in built)
        for service, image in target.images.items():
            if service not in built and named.get(self._names.get(service, "")) != image.id:
                raise ledger.LedgerError(
                    f"release {target.release}: {service} ran {image.name}, which is not made on this host; set that "
                    "image in the inventory, and run playbooks/release.yml"
                )
        return {
            service: image.name if there.get(image.name) == image.id else image.id
            for service, image in target.images.items()
            if service in built
        }

    def _revision_to_go_back_to(self, target: ledger.Entry, how: str) -> str:
        """Return the revision to downgrade the schema to, empty to leave it; refuse what nobody has decided."""
        now = self._data.schema()
        if now is None or now == target.schema:
            return ""
        differ = (
            f"the schema is at revision {now}, and release {target.release} had {target.schema or 'an unknown one'}"
        )
        if how == "keep":
            self.run.warn(f"{differ}; it is kept")
            return ""
        if how == "":
            raise ledger.LedgerError(
                f"{differ}. Nothing was touched. If the older code works with the newer schema, add -e "
                "rollback_schema=keep; to take the migrations back, which may lose data, -e rollback_schema=downgrade"
            )
        if not target.schema or not self.run.parameters["migration"].get("downgrade"):
            raise ledger.LedgerError(
                f"{differ}; nothing was touched. There is no revision, or no fastapi_backend_downgrade_command, to "
                "downgrade by; use -e rollback_schema=keep"
            )
        self.run.warn(f"{differ}; it is taken back")
        return target.schema

    def _needed(self) -> list[str]:
        """Return the services without which users get no answer."""
        plan = self.run.parameters["rolling"]
        return [plan[part] for part in ("front_door", "proxy", "backend")] if plan else self._application()

    def _tidy(self) -> None:
        """Remove what a first deployment leaves of an application that never served; the databases stay."""
        if self._before is None:
            return
        services = self._docker.model()["services"]
        data = changes.foundations({"services": services})
        served = not standing.absent(self._needed(), self._before)
        there = self._docker.containers()
        vain = standing.leftovers(services.keys() - data, there, self._history.known, served=served)
        self.run.do(
            [Action(Kind.REMOVE_LEFT, one.name, "which never served") for one in vain],
            lambda: self._docker.run(["rm", "--force", *(one.id for one in vain)]),
        )

    def _standing(self) -> str:
        """Say what serves, after a look at the containers and through the front door."""
        containers, needed = self._docker.containers(), self._needed()
        troubles = [] if standing.absent(needed, containers) else self._rollout.trouble()
        return standing.sentence(needed, containers, self._history.known, self._before, troubles)
