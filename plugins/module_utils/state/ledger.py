"""The ledger of a project: which release ran when, from what, by whom, and what came of it.

One JSON file in the project's folder, an entry a release, the oldest first. An entry is never changed after it was
written. All but ``LedgerFile`` are pure functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.state import durable_file

FILE = "releases.json"
VERSION = 1
# Entries that the file holds; those that a rollback may go to stay beyond it
LENGTH = 200
SUCCEEDED, FAILED, ROLLED_BACK, UNMANAGED = "succeeded", "failed", "rolled back", "unmanaged"
OUTCOMES = (SUCCEEDED, FAILED, ROLLED_BACK, UNMANAGED)
COLUMNS = ("release", "image id", "source", "schema", "who", "when", "outcome")
# Characters of a cause that people are shown
TOLD = 200
# Characters of a commit, a hash or an image id that people are shown
SHORT = 12
_ID = "%Y%m%d-%H%M%S"
_WHEN = "%Y-%m-%dT%H:%M:%SZ"


class LedgerError(ValueError):
    """The ledger cannot be read, or does not have what was asked for; the message says what to do."""


@dataclass(frozen=True)
class Image:
    """An image by its name when it was released, and by its id; the id is empty while it was not made."""

    name: str
    id: str


@dataclass(frozen=True)
class Entry:
    """One release.

    ``release`` is its id: the time of the entry in UTC, so that ids sort as the releases came. ``images`` are by
    service, ``sources`` (a commit, or the hash of the files) by name of the source. ``schema`` is the revision that
    the database was at, none where nothing tells. ``cause`` says why it failed, ``target`` the release gone back to.
    ``configuration`` is Compose's hash of how its containers were described, by service; empty in older entries.
    """

    release: str
    outcome: str
    when: str
    who: str
    images: Mapping[str, Image]
    sources: Mapping[str, str] = field(default_factory=dict)
    schema: str | None = None
    cause: str = ""
    target: str = ""
    configuration: Mapping[str, str] = field(default_factory=dict)

    @property
    def served(self) -> bool:
        """Whether it was put into service by a run of the play."""
        return self.outcome in (SUCCEEDED, ROLLED_BACK)

    @property
    def ids(self) -> dict[str, str]:
        """The ids of its images, by service."""
        return {service: image.id for service, image in self.images.items()}


def parse(text: str) -> list[Entry]:
    """Read the content of a ledger.

    Raises:
        LedgerError: it is no ledger of this version.
    """
    try:
        document = json.loads(text)
        version = document["version"]
        if version != VERSION:
            raise LedgerError(f"it has version {version}, and this collection knows version {VERSION}; update it")
        entries = [_entry(data) for data in document["releases"]]
    except LedgerError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LedgerError(f"it is no ledger ({type(error).__name__}: {error})") from None
    ids = [entry.release for entry in entries]
    if ids != sorted(set(ids)):
        raise LedgerError("its releases are not in order")
    return entries


def _entry(data: Mapping[str, Any]) -> Entry:
    images = {
        _text(service): Image(_text(image["name"]), _text(image["id"])) for service, image in data["images"].items()
    }
    sources = {_text(name): _text(revision) for name, revision in data["sources"].items()}
    schema = data["schema"]
    if data["outcome"] not in OUTCOMES:
        raise ValueError(f"unknown outcome {data['outcome']!r}")
    return Entry(
        release=_text(data["release"]),
        outcome=data["outcome"],
        when=_text(data["when"]),
        who=_text(data["who"]),
        images=images,
        sources=sources,
        schema=None if schema is None else _text(schema),
        cause=_text(data["cause"]),
        target=_text(data["target"]),
        configuration={_text(service): _text(hash_) for service, hash_ in data.get("configuration", {}).items()},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def serialise(entries: Iterable[Entry]) -> str:
    """Return the content of the file: JSON for programs, with a line for each value for people."""
    document = {"version": VERSION, "releases": [asdict(entry) for entry in entries]}
    return json.dumps(document, indent=1) + "\n"


def next_id(entries: Sequence[Entry], now: datetime) -> str:
    """Return the id of a release that is written down now; later than all others, whatever the clock says."""
    wanted = now.astimezone(timezone.utc).strftime(_ID)
    if not entries or wanted > entries[-1].release:
        return wanted
    last = datetime.strptime(entries[-1].release, _ID).replace(tzinfo=timezone.utc)
    return (last + timedelta(seconds=1)).strftime(_ID)


def moment(now: datetime) -> str:
    """Return a time as entries hold it."""
    return now.astimezone(timezone.utc).strftime(_WHEN)


def append(entries: Sequence[Entry], entry: Entry, keep: int, length: int = LENGTH) -> list[Entry]:
    """Return the entries with one more; beyond ``length``, the oldest that no rollback can go to are dropped."""
    grown = [*entries, entry]
    kept = {one.release for pair in _restorable(grown, keep) for one in pair}
    surplus = [one.release for one in grown[:-1] if one.release not in kept][: max(0, len(grown) - length)]
    return [one for one in grown if one.release not in surplus]


def current(entries: Sequence[Entry]) -> Entry | None:
    """Return the newest release that a run put into service."""
    return next((entry for entry in reversed(entries) if entry.served), None)


def origin(entries: Sequence[Entry], entry: Entry) -> Entry:
    """Return the release that an entry put into service: for a rollback the one that it went back to."""
    by_id = {one.release: one for one in entries}
    while entry.target in by_id:
        entry = by_id[entry.target]
    return entry


def restorable(entries: Sequence[Entry], keep: int) -> list[Entry]:
    """Return the releases whose images are kept, the newest first: the one in use, and ``keep`` others before it."""
    return [release for _entry, release in _restorable(entries, keep)]


def _restorable(entries: Sequence[Entry], keep: int) -> list[tuple[Entry, Entry]]:
    """Return pairs of the newest entry that put a release into service, and that release."""
    found: list[tuple[Entry, Entry]] = []
    for entry in reversed(entries):
        release = origin(entries, entry)
        if entry.served and all(release.ids != one.ids for _entry, one in found):
            found.append((entry, release))
    return found[: keep + 1]


def needed(entries: Sequence[Entry], keep: int) -> set[str]:
    """Return the ids of the images that a rollback to one of the last releases needs."""
    return {image for entry in restorable(entries, keep) for image in entry.ids.values() if image}


def strangers(entries: Iterable[Entry], running: Mapping[str, Image]) -> dict[str, Image]:
    """Return those of the running images that no entry names: built or started by hand."""
    known = {image for entry in entries for image in entry.ids.values()}
    return {service: image for service, image in running.items() if image.id not in known}


def has_served(entries: Iterable[Entry], images: Mapping[str, Image], configuration: Mapping[str, str]) -> bool:
    """Tell whether the same images, described in the same way, have been in service before.

    Older entries do not say how theirs were described.
    """
    ids = {service: image.id for service, image in images.items()}
    known = [entry for entry in entries if entry.served and entry.configuration]
    return any(entry.ids == ids and entry.configuration == configuration for entry in known)


def told(entries: Sequence[Entry], running: Mapping[str, str]) -> str:
    """Return what people know the running images by.

    Parameters:
        running: ids of the images that run, by service.
    """
    for entry in reversed(entries):
        if entry.ids and all(running.get(service) == image for service, image in entry.ids.items()):
            name = origin(entries, entry).release
            return f"the failed release {name}" if entry.outcome == FAILED else f"release {name}"
    return "what no release of the ledger has" if running else "nothing that runs"


def select(entries: Sequence[Entry], release: str, running: Mapping[str, str]) -> Entry:
    """Return the release to go back to.

    Parameters:
        release: its id; empty is the release before the one in use, and the one in use itself where something that
            was started by hand runs in its place.
        running: ids of the images that run, by service.

    Raises:
        LedgerError: there is none, or it never served.
    """
    if release:
        return _named(entries, release)
    now = current(entries)
    if now is None:
        raise LedgerError("the ledger has no release that could be gone back to")
    if any(running.get(service) != image for service, image in now.ids.items()):
        return origin(entries, now)
    effective = origin(entries, now)
    earlier = entries[: entries.index(effective)]
    for entry in reversed(earlier):
        if entry.served and entry.ids != effective.ids:
            return origin(entries, entry)
    raise LedgerError(f"the ledger has no other release before {effective.release}, which is in use")


def _named(entries: Sequence[Entry], release: str) -> Entry:
    found = next((entry for entry in entries if entry.release == release), None)
    if found is None:
        there = ", ".join(entry.release for entry in restorable(entries, LENGTH)) or "none"
        raise LedgerError(f"release {release}: the ledger has none of this id; there are: {there}")
    if found.outcome == FAILED:
        raise LedgerError(f"release {release} failed and never served; name another")
    return origin(entries, found)


def rows(entries: Sequence[Entry], running: Mapping[str, Image]) -> list[list[str]]:
    """Return the table, the newest release first, below a line for what runs and no entry names."""
    now = current(entries)
    lines = [_row(entry, in_use=entry is now and entry.ids == _ids(running)) for entry in reversed(entries)]
    stray = strangers(entries, running)
    if stray:
        lines.insert(0, ["-", _pictures(stray), "-", "-", "-", "now", UNMANAGED])
    return [[name.upper() for name in COLUMNS], *lines]


def _ids(images: Mapping[str, Image]) -> dict[str, str]:
    return {service: image.id for service, image in images.items()}


def _row(entry: Entry, *, in_use: bool) -> list[str]:
    outcome = f"{entry.outcome} to {entry.target}" if entry.target else entry.outcome
    first_line = entry.cause.strip().partition("\n")[0]
    cause = first_line if len(first_line) <= TOLD else first_line[: TOLD - 1] + "…"
    outcome += f": {cause}" if cause else ""
    return [
        entry.release,
        _pictures(entry.images),
        _several(_short(revision) for revision in entry.sources.values()),
        entry.schema or "-",
        entry.who,
        entry.when,
        f"{outcome}, in use" if in_use else outcome,
    ]


def _pictures(images: Mapping[str, Image]) -> str:
    return _several(f"{service} {_short(image.id)}" for service, image in sorted(images.items()))


def _short(text: str) -> str:
    """Return an id or a revision as people are shown it; what follows a commit (``-dirty``) stays."""
    text = text.removeprefix("sha256:")
    commit, dash, rest = text.partition("-")
    return (commit[:SHORT] + dash + rest) or "-"


def _several(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts)) or "-"


class LedgerFile:
    """The ledger on the host."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def read(self) -> list[Entry]:
        """Return the entries, none where there is no file yet.

        Raises:
            LedgerError: the file is not a ledger; it is left as it is.
        """
        try:
            return parse(self.path.read_bytes().decode())
        except FileNotFoundError:
            return []
        except (LedgerError, UnicodeDecodeError, OSError) as error:
            raise LedgerError(
                f"{self.path} cannot be read: {error}. Nothing was touched. Bring it back from a backup, or move it "
                "away: the next run begins a new one, and what runs now stays"
            ) from None

    def write(self, entries: Iterable[Entry]) -> None:
        """Replace the file as a whole."""
        durable_file.replace(self.path, serialise(entries))
