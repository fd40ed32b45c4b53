"""What a deployment writes to the ledger, and what a rollback reads there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.report import cause as causes
from ansible_collections.fullstack.docker.plugins.module_utils.state import ledger

# Characters that the ledger keeps of why a release failed: the cause, and the last ones of the log
CAUSE_LENGTH = 4000


class History:
    """The ledger during one run.

    Parameters:
        run: the run.
        schema: asks the database for its revision.
    """

    def __init__(self, run: Run, schema: Callable[[], str | None]) -> None:
        self._run = run
        self._schema = schema
        self._file = ledger.LedgerFile(run.directory)
        # None until the run has come so far that what fails is a release
        self.entries: list[ledger.Entry] | None = None
        # Id of the entry that was written of this run
        self.release = ""

    @property
    def known(self) -> list[ledger.Entry]:
        """The entries, as far as they were read."""
        return self.entries or []

    def read(self) -> list[ledger.Entry]:
        """Return the entries as they are on disk."""
        return self._file.read()

    def record_strangers(self, containers: Sequence[Container], images: Mapping[str, ledger.Image]) -> None:
        """Write down what somebody built or started by hand, before this run replaces it.

        Parameters:
            containers: as they are.
            images: those of this release, by service of the application.
        """
        # What a run left that was killed before it wrote its entry is none of these: this one takes it up
        ours = {image.id for image in images.values()}
        running = {
            one.service: ledger.Image("", one.image_id)
            for one in containers
            if one.service in images and one.running and one.image_id not in ours
        }
        found = ledger.strangers(self.known, running)
        if found:
            reason = "no release has the image that runs"
            self._run.say(Action(Kind.RECORD_STRANGERS, ", ".join(sorted(found)), reason))
            self._record(ledger.UNMANAGED, running)

    def is_news(self, images: Mapping[str, ledger.Image], *, new: bool) -> bool:
        """Tell whether a release that succeeded gets an entry.

        Parameters:
            images: those of the release, by service.
            new: something of the application was replaced.
        """
        now = ledger.current(self.known)
        ids = {service: image.id for service, image in images.items()}
        return bool(images) and (new or now is None or now.ids != ids)

    def record_success(
        self, outcome: str, images: dict[str, ledger.Image], configuration: dict[str, str], target: ledger.Entry | None
    ) -> None:
        """Write this release down.

        Parameters:
            outcome: ``SUCCEEDED`` or ``ROLLED_BACK``.
            images: those of the release, by service.
            configuration: Compose's hash of each service of the application.
            target: the release that was gone back to.
        """
        self._run.say(Action(Kind.RECORD, ledger.FILE))
        with self._run.step("record"):
            self._record(outcome, images, configuration=configuration, target=target)

    def record_failure(
        self, failure: causes.StepError, images: Callable[[], dict[str, ledger.Image]], configuration: dict[str, str]
    ) -> None:
        """Write down why this release failed; if even that fails, the cause matters more."""
        if self.entries is None:
            return
        try:
            brief = failure.brief(CAUSE_LENGTH)
            self._record(ledger.FAILED, images(), configuration=configuration, cause=brief)
        except (DockerError, OSError) as error:
            self._run.warn(f"the failed release could not be written to {self._file.path}: {error}")

    def _record(
        self,
        outcome: str,
        images: dict[str, ledger.Image],
        *,
        configuration: dict[str, str] | None = None,
        cause: str = "",
        target: ledger.Entry | None = None,
    ) -> None:
        """Add an entry; in check mode only this run knows of it."""
        now = datetime.now(timezone.utc)
        parameters = self._run.parameters
        stranger = outcome == ledger.UNMANAGED
        sources: dict[str, Any] = {**parameters["sources"], **parameters["revisions"]}
        if target:
            sources = dict(target.sources)
        entry = ledger.Entry(
            release=ledger.next_id(self.known, now),
            outcome=outcome,
            when=ledger.moment(now),
            who="unknown" if stranger else parameters["who"],
            images=images,
            sources={} if stranger else sources,
            schema=self._schema(),
            cause=cause,
            target=target.release if target else "",
            configuration=configuration or {},
        )
        entries = ledger.append(self.known, entry, parameters["keep"])
        self.entries = entries

        def write() -> None:
            self._file.write(entries)
            self.release = "" if stranger else entry.release

        self._run.perform(write)
