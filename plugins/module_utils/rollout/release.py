"""The state machine of a release: containers are replaced under traffic, and a bad release is undone.

    pin → start → health → smoke → switch → verify → (front door) → drain → retire

Until ``verify`` is over, the release can be undone: the new containers go, and those that served before serve on.
The same holds for ``front door``, a step that is there only where the front door itself is replaced: the backend is
found good under the one that serves, and only then that one gives way. After it, a release is only finished. Which of
the two holds stands in a journal on disk, written before each step, so that a run that was killed, or a host that was
switched off, at any moment leaves something that ``recover`` can bring to one consistent release.
All that touches the host is behind ``World``; this module itself has no I/O but the journal.
Standard library only: the healer uses it on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from ansible_collections.fullstack.docker.plugins.module_utils.state.journal import (
    Journal,
    JournalFile,
    ReleaseError,
    Step,
)

# What `recover` may have done
FINISHED = "finish the release that an interrupted run had decided for"
UNDONE = "undo the release that an interrupted run had begun"


class World(Protocol):
    """What a release does to the host. Each of these may be repeated, and raises ReleaseError where it fails."""

    proxy: str
    backend: str
    door: str

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, running or not."""

    def alive(self, ids: Sequence[str]) -> list[str]:
        """Return those of the containers that run and that nothing speaks against."""

    def name_images(self, images: Mapping[str, str]) -> None:
        """Let each moving tag name an image."""

    def pin(self, backends: Sequence[str]) -> None:
        """Let nginx send requests to the addresses of these containers, and to no others; none leaves it as it is."""

    def unpin(self) -> None:
        """Let nginx look the backend's name up again."""

    def start(self, service: str, old: Sequence[str]) -> None:
        """Create and start as many new containers of a service as there are old ones, beside these."""

    def health(self, ids: Sequence[str]) -> None:
        """Wait until all of the containers are healthy."""

    def smoke(self, backends: Sequence[str]) -> None:
        """Ask new backends directly what users will ask them, and see that they stay up."""

    def rehearse(self) -> None:
        """Start the new nginx where no user reaches it, and ask it for the page."""

    def verify(self) -> None:
        """Ask through the front door that serves, as users do."""

    def replace_door(self) -> None:
        """Put a new front door and proxy in the place of those that serve, and ask through it; users meet a gap."""

    def restore_door(self, old: Sequence[str]) -> None:
        """Have front door and proxy as they were before, unless the containers of then are there still."""

    def complete_door(self) -> None:
        """Start what there is not of front door and proxy, as they are described now."""

    def retire_proxies(self, ids: Sequence[str]) -> None:
        """Tell nginx containers to take nothing new and to finish what they have begun."""

    def close_websockets(self, backends: Sequence[str]) -> None:
        """Tell the clients of open websockets to come back."""

    def drain(self) -> None:
        """Wait until no nginx worker knows an earlier upstream."""

    def remove(self, ids: Sequence[str], *, gently: bool) -> None:
        """Remove containers, after they have finished what they do where ``gently``."""


StepTimer = Callable[[str], AbstractContextManager[None]]


class Release:
    """One release of one project."""

    def __init__(self, world: World, journal: JournalFile, step: StepTimer) -> None:
        self.world = world
        self.file = journal
        self._step = step

    def run(
        self,
        replaced: Sequence[str],
        old: Mapping[str, Sequence[str]],
        images: Mapping[str, str],
        previous: Mapping[str, str],
        *,
        door: bool = False,
    ) -> None:
        """Replace the containers of services by new ones.

        Parameters:
            replaced: the services, ``backend``, ``proxy`` or both.
            old: ids of their containers and of those of the backend that serve now, by service; with ``door`` also of
                those of the front door and the proxy.
            images: what the moving tags name from now on, by name.
            previous: what they name until now.
            door: replace the front door and the proxy as well, once the backend was found good; ``replaced`` is then
                the backend or nothing.

        Raises:
            ReleaseError: it failed, and what served before serves on. Or it failed after that could be said of it, and
                the next run finishes it; the journal tells.
        """
        world = self.world
        kept = {name: list(ids) for name, ids in old.items()}
        journal = Journal(Step.PIN, tuple(replaced), kept, dict(previous), door)
        backends = world.alive(old[world.backend])
        try:
            with self._enter(journal, Step.PIN):
                world.name_images(images)
                world.pin(backends)
            if world.backend in replaced:
                backends = self._backends_beside(journal)
            if door or world.proxy in replaced:
                with self._enter(journal, Step.SMOKE):
                    world.rehearse()
            with self._enter(journal, Step.SWITCH):
                if world.backend in replaced:
                    world.pin(backends)
                if world.proxy in replaced:
                    world.start(world.proxy, old[world.proxy])
                    world.health(self._new(journal, world.proxy))
            with self._enter(journal, Step.VERIFY):
                world.verify()
            if door:
                with self._enter(journal, Step.DOOR):
                    world.replace_door()
        except ReleaseError:
            self._undo(self._read(journal))
            raise
        self._finish(journal, pinned=True)

    def recover(self) -> str:
        """Bring what an interrupted run left to one release; return FINISHED, UNDONE, or nothing if none was.

        Raises:
            ReleaseError: that failed; the journal stays for the next try.
        """
        journal = self.file.read()
        if journal is None:
            return ""
        survivors = [self.world.alive(self._old(journal, service)) for service in journal.replaced]
        if journal.step.decided or not all(survivors):
            self._finish(journal)
            return FINISHED
        self._undo(journal)
        return UNDONE

    def _backends_beside(self, journal: Journal) -> list[str]:
        """Start the new backends beside the old, and find them good."""
        world = self.world
        with self._enter(journal, Step.START):
            world.start(world.backend, self._old(journal, world.backend))
        new = self._new(journal, world.backend)
        with self._enter(journal, Step.HEALTH):
            world.health(new)
        with self._enter(journal, Step.SMOKE):
            world.smoke(new)
        return new

    def _undo(self, journal: Journal) -> None:
        """Remove the new containers; those that served before serve on."""
        world = self.world
        world.name_images(journal.images)
        if journal.step is Step.DOOR:
            # The old backends come first: whoever is let in again has to meet them
            world.pin(world.alive(self._old(journal, world.backend)))
            world.restore_door([*self._old(journal, world.door), *self._old(journal, world.proxy)])
        proxies = self._new(journal, world.proxy)
        if proxies:
            world.retire_proxies(proxies)
            world.remove(proxies, gently=True)
        backends = self._new(journal, world.backend)
        world.pin(world.alive(self._old(journal, world.backend)))
        # From the switch on they may be answering users
        met_users = journal.step in (Step.SWITCH, Step.VERIFY, Step.DOOR)
        if backends and met_users:
            world.close_websockets(backends)
            world.drain()
        if backends:
            world.remove(backends, gently=met_users)
        self._unpin()
        self.file.remove()

    def _finish(self, journal: Journal, *, pinned: bool = False) -> None:
        """Let the old containers finish what they do, and remove them."""
        world = self.world
        backends = [one for one in world.containers(world.backend) if one not in self._old(journal, world.backend)]
        serving = backends if world.backend in journal.replaced else world.containers(world.backend)
        with self._enter(journal, Step.DRAIN):
            if not pinned:
                world.pin(world.alive(serving))
                if journal.door:
                    world.complete_door()
            if world.proxy in journal.replaced:
                world.retire_proxies(world.alive(self._old(journal, world.proxy)))
            # Whoever is told to come back meets the new ones: the old take nothing new
            old = self._old(journal, world.backend)
            world.close_websockets(world.alive(old if world.backend in journal.replaced else serving))
            world.drain()
        with self._enter(journal, Step.RETIRE):
            for service in journal.replaced:
                left = [one for one in world.containers(service) if one in self._old(journal, service)]
                if left:
                    world.remove(left, gently=True)
            self._unpin()
        self.file.remove()

    def _unpin(self) -> None:
        """Let nginx resolve the name again. Its earlier workers would cut open websockets off after a while."""
        self.world.unpin()
        self.world.close_websockets(self.world.alive(self.world.containers(self.world.backend)))

    def _enter(self, journal: Journal, step: Step) -> AbstractContextManager[None]:
        """Write down that a step begins."""
        self.file.write(replace(journal, step=step))
        return self._step(step.value)

    def _read(self, journal: Journal) -> Journal:
        """Return the journal as it was written last."""
        return self.file.read() or journal

    def _new(self, journal: Journal, service: str) -> list[str]:
        """Return the containers of a replaced service that were not there before."""
        if service not in journal.replaced:
            return []
        return [one for one in self.world.containers(service) if one not in self._old(journal, service)]

    @staticmethod
    def _old(journal: Journal, service: str) -> list[str]:
        return list(journal.old.get(service, ()))
