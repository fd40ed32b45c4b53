"""The state machine of a release: every step fails, is killed, or loses its host, and one good release serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.rollout.release import Release
from ansible_collections.fullstack.docker.plugins.module_utils.state.journal import (
    Journal,
    JournalFile,
    ReleaseError,
    Step,
    parse,
    serialise,
)

if TYPE_CHECKING:
    from pathlib import Path

BACKEND, PROXY, DOOR = "backend", "nginx", "front_door"
CHOICES = [(BACKEND,), (PROXY,), (BACKEND, PROXY), (BACKEND, DOOR), (DOOR,)]
TAG = "app-backend:current"


class KilledError(Exception):
    """The process is gone; nothing that it was running catches this."""


@dataclass(frozen=True)
class One:
    """A container."""

    service: str
    new: bool
    address: int


@dataclass
class Host:
    """A host as far as a release is concerned; it notes when users are hurt.

    ``pinned`` are the addresses in nginx's upstream, none while it looks the name up, which finds every backend.
    """

    there: dict[str, One] = field(default_factory=dict)
    pinned: list[int] | None = None
    tags: dict[str, str] = field(default_factory=lambda: {TAG: "old"})
    proven: bool = False
    hurt: list[str] = field(default_factory=list)
    interfere: Callable[[str], None] = lambda _what: None
    proxy: str = PROXY
    backend: str = BACKEND
    door: str = DOOR
    described: str = "old"
    """Which release the files on disk describe: what starts a front door starts that one's."""
    announced: bool = False
    """Whether a front door was taken away on purpose, which is a gap that operators are told of."""
    _addresses: int = 0

    def add(self, service: str, *, new: bool) -> None:
        """Start a container."""
        self._addresses += 1
        self.there[f"{service}-{self._addresses}"] = One(service, new, self._addresses)

    def reboot(self) -> None:
        """Give every container another address, as an engine does that starts anew."""
        for name, one in self.there.items():
            self._addresses += 1
            self.there[name] = replace(one, address=self._addresses)

    def releases(self, service: str) -> list[bool]:
        """Return for each container of a service whether it is of the new release."""
        return [one.new for one in self.there.values() if one.service == service]

    def reached(self) -> set[bool]:
        """Return which releases of the backend users reach now."""
        backends = [one for one in self.there.values() if one.service == BACKEND]
        return {one.new for one in backends if self.pinned is None or one.address in self.pinned}

    def act(self, what: str, change: Callable[[], object] = lambda: None) -> None:
        """Do one thing. Before it and after it something may come in between."""
        self.interfere(f"before {what}")
        change()
        if not self.reached():
            self.hurt.append(f"{what}: no backend answers")
        if True in self.reached() and not self.proven:
            self.hurt.append(f"{what}: users meet a release that was not found good")
        if not self.releases(PROXY) and not self.announced:
            self.hurt.append(f"{what}: the front door leads nowhere")
        self.interfere(f"after {what}")

    def containers(self, service: str) -> list[str]:
        return [name for name, one in self.there.items() if one.service == service]

    def alive(self, ids: Sequence[str]) -> list[str]:
        return [name for name in ids if name in self.there]

    def name_images(self, images: Mapping[str, str]) -> None:
        self.act("name images", lambda: self.tags.update(images))

    def pin(self, backends: Sequence[str]) -> None:
        addresses = [self.there[one].address for one in backends]
        if addresses:
            self.act("pin", lambda: setattr(self, "pinned", addresses))

    def unpin(self) -> None:
        self.act("unpin", lambda: setattr(self, "pinned", None))

    def start(self, service: str, old: Sequence[str]) -> None:
        def change() -> None:
            for _ in range(2 * len(old) - len(self.containers(service))):
                self.add(service, new=True)

        self.act(f"start {service}", change)

    def health(self, ids: Sequence[str]) -> None:
        assert ids
        self.act("health")

    def smoke(self, backends: Sequence[str]) -> None:
        assert backends
        self.act("smoke", lambda: setattr(self, "proven", True))

    def rehearse(self) -> None:
        self.act("rehearse")

    def verify(self) -> None:
        self.act("verify")

    def replace_door(self) -> None:
        self.act("take the door away", self._drop_doors)
        self.act("start the new door", self.add_door)
        self.act("verify behind the new door")

    def restore_door(self, old: Sequence[str]) -> None:
        self.act("put the files of the old door back", lambda: setattr(self, "described", "old"))
        if not set(old) <= set(self.there):
            self.act("take the door away again", self._drop_doors)
            self.act("start the old door", self.add_door)

    def complete_door(self) -> None:
        if not self.containers(DOOR):
            self.act("start the door that is missing", self.add_door)

    def add_door(self) -> None:
        for service in (DOOR, PROXY):
            self.add(service, new=self.described == "new")
        self.announced = False

    def _drop_doors(self) -> None:
        for name in [*self.containers(DOOR), *self.containers(PROXY)]:
            del self.there[name]
        self.announced = True

    def retire_proxies(self, ids: Sequence[str]) -> None:
        self.act("retire proxies")

    def close_websockets(self, backends: Sequence[str]) -> None:
        self.act("close websockets")

    def drain(self) -> None:
        self.act("drain")

    def remove(self, ids: Sequence[str], *, gently: bool) -> None:
        for one in ids:
            self.act(f"remove {one.partition('-')[0]}", lambda: self.there.pop(one, None))  # noqa: B023 - called at once


@contextmanager
def untimed(_name: str) -> Iterator[None]:
    yield


def serving(replicas: int = 1) -> Host:
    """Return a host on which an old release serves."""
    host = Host()
    for _ in range(replicas):
        host.add(BACKEND, new=False)
    host.add_door()
    return host


def deploy(host: Host, folder: Path, replaced: Sequence[str]) -> None:
    """Make one release."""
    door = DOOR in replaced
    services = [service for service in replaced if service != DOOR]
    host.described = "new"
    old = {name: host.containers(name) for name in (BACKEND, PROXY, DOOR)}
    if not door:
        old = {name: old[name] for name in {*services, BACKEND}}
    Release(host, JournalFile(folder), untimed).run(services, old, {TAG: "new"}, dict(host.tags), door=door)


def recover(host: Host, folder: Path) -> str:
    return Release(host, JournalFile(folder), untimed).recover()


def moments(replaced: Sequence[str], folder: Path) -> list[str]:
    """Return everything that something can come in between, by letting a release go well."""
    seen: list[str] = []
    host = serving()
    host.interfere = seen.append
    deploy(host, folder, replaced)
    return [f"{number} {what}" for number, what in enumerate(seen)]


def at(number: int, error: type[Exception]) -> Callable[[str], None]:
    """Return what raises an error at the moment of that number, once."""
    count = iter(range(10_000))

    def interfere(what: str) -> None:
        if next(count) == number:
            raise error(what)

    return interfere


def one_release_serves(host: Host, folder: Path) -> bool:
    """Tell whether all is as after a release that went through, or as if none had been tried."""
    kinds = {kind for service in (BACKEND, PROXY, DOOR) for kind in host.releases(service)}
    named = "new" if True in kinds else "old"
    return host.pinned is None and not JournalFile(folder).path.exists() and host.tags[TAG] == named


@pytest.mark.parametrize("replaced", CHOICES)
@pytest.mark.parametrize("replicas", [1, 3])
def test_a_good_release_replaces_what_it_should_and_hurts_nobody(
    tmp_path: Path, replaced: Sequence[str], replicas: int
) -> None:
    host = serving(replicas)
    host.proven = BACKEND not in replaced
    deploy(host, tmp_path, replaced)
    assert host.releases(BACKEND) == [BACKEND in replaced] * replicas
    assert host.releases(PROXY) == [PROXY in replaced or DOOR in replaced]
    assert host.releases(DOOR) == [DOOR in replaced]
    assert host.hurt == []
    assert one_release_serves(host, tmp_path)


@pytest.mark.parametrize("replaced", CHOICES)
def test_every_failure_before_the_verdict_leaves_the_old_release_and_hurts_nobody(
    tmp_path: Path, replaced: Sequence[str]
) -> None:
    all_moments = moments(replaced, tmp_path)
    decided = max(number for number, what in enumerate(all_moments) if "after verify" in what)
    for number in range(decided):
        host = serving(2)
        host.interfere = at(number, ReleaseError)
        with pytest.raises(ReleaseError):
            deploy(host, tmp_path, replaced)
        assert host.releases(BACKEND) == [False, False], all_moments[number]
        assert host.releases(PROXY) == host.releases(DOOR) == [False], all_moments[number]
        assert host.hurt == [], all_moments[number]
        assert one_release_serves(host, tmp_path), all_moments[number]


@pytest.mark.parametrize("reboots", [False, True], ids=["killed", "rebooted"])
@pytest.mark.parametrize("error", [KilledError, ReleaseError], ids=["gone", "failed"])
@pytest.mark.parametrize("replaced", CHOICES)
def test_whatever_interrupts_it_is_put_right(
    tmp_path: Path, replaced: Sequence[str], error: type[Exception], reboots: bool
) -> None:
    for number, moment in enumerate(moments(replaced, tmp_path)):
        host = serving()
        host.interfere = at(number, error)
        with pytest.raises(error):
            deploy(host, tmp_path, replaced)
        host.interfere = lambda _what: None
        left = list(host.hurt)
        if reboots:
            host.reboot()
        recover(host, tmp_path)
        assert left == [], moment
        # After a reboot nobody answers until nginx is told the new addresses, which is what comes first
        assert reboots or host.hurt == [], moment
        assert len(host.releases(BACKEND)) == len(host.releases(PROXY)) == 1, moment
        assert len(host.releases(DOOR)) == 1, moment
        if set(replaced) == {BACKEND, PROXY}:
            assert host.releases(BACKEND) == host.releases(PROXY), moment
        if set(replaced) == {BACKEND, DOOR}:
            assert host.releases(BACKEND) == host.releases(PROXY) == host.releases(DOOR), moment
        assert one_release_serves(host, tmp_path), moment
        assert recover(host, tmp_path) == ""


@given(replaced=st.sampled_from(CHOICES), interruptions=st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_recovery_may_itself_be_interrupted_again_and_again(
    tmp_path_factory: pytest.TempPathFactory, replaced: Sequence[str], interruptions: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("project")
    host = serving()
    host.interfere = at(interruptions[0], KilledError)
    try:
        deploy(host, folder, replaced)
    except KilledError:
        for number in interruptions[1:]:
            host.interfere = at(number, KilledError)
            try:
                recover(host, folder)
            except KilledError:
                host.reboot()
    host.interfere = lambda _what: None
    recover(host, folder)
    assert len(host.releases(BACKEND)) == len(host.releases(PROXY)) == 1
    assert one_release_serves(host, folder)
    deploy(host, folder, replaced)
    assert one_release_serves(host, folder)


def test_new_containers_are_kept_where_the_old_ones_are_gone(tmp_path: Path) -> None:
    host = serving()
    after_smoke = next(number for number, what in enumerate(moments([BACKEND], tmp_path)) if "after smoke" in what)
    host.interfere = at(after_smoke, KilledError)
    with pytest.raises(KilledError):
        deploy(host, tmp_path, [BACKEND])
    host.interfere = lambda _what: None
    for name in [name for name, one in host.there.items() if one.service == BACKEND and not one.new]:
        del host.there[name]
    recover(host, tmp_path)
    assert host.releases(BACKEND) == [True]


@given(
    st.builds(
        Journal,
        step=st.sampled_from(Step),
        replaced=st.lists(st.text()).map(tuple),
        old=st.dictionaries(st.text(), st.lists(st.text())),
        images=st.dictionaries(st.text(), st.text()),
        door=st.booleans(),
    )
)
def test_a_journal_is_read_as_it_was_written(journal: Journal) -> None:
    assert parse(serialise(journal)) == journal


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 2}', '{"version": 1, "step": "dance"}', "\x00"])
def test_a_file_that_is_no_journal_is_refused_and_left(tmp_path: Path, text: str) -> None:
    (tmp_path / ".release").write_text(text)
    host = serving()
    with pytest.raises(ReleaseError, match=r"cannot be read.*Nothing was touched"):
        recover(host, tmp_path)
    assert (tmp_path / ".release").read_text() == text


def test_only_after_the_verdict_a_release_stays() -> None:
    assert [step for step in Step if step.decided] == [Step.DRAIN, Step.RETIRE]
