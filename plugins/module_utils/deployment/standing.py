"""What serves after a deployment that failed: told from what runs, never from what should. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.state import ledger


def absent(needed: Iterable[str], containers: Sequence[Container]) -> dict[str, str]:
    """Return the services that do not serve, and how each is instead."""
    found: dict[str, str] = {}
    for service in needed:
        mine = [one for one in containers if one.service == service]
        if not any(one.serving for one in mine):
            found[service] = (mine[0].health if mine[0].running else mine[0].status) or "?" if mine else "not there"
    return found


def sentence(
    needed: Sequence[str],
    containers: Sequence[Container],
    entries: Sequence[ledger.Entry],
    before: Sequence[Container] | None,
    troubles: Sequence[str],
) -> str:
    """Say what serves.

    Parameters:
        needed: services without which users get no answer.
        containers: as they are now.
        entries: the ledger.
        before: the containers before the deployment, none where it did not come so far as to look.
        troubles: what was wrong with the answers through the front door, none where it answers well.
    """
    missing = absent(needed, containers)
    if missing:
        how = ", ".join(f"{service} is {state}" for service, state in sorted(missing.items()))
        began = any(entry.served for entry in entries)
        return f"Nothing serves: {how}." if began else "Nothing serves yet."
    release = serving_release(needed, containers, entries)
    running = {one.service: one.image_id for one in containers if one.service in needed and one.serving}
    who = f"release {release.release}" if release else ledger.told(entries, running)
    if troubles:
        return f"The containers run of {who}, but do not answer as they should: {'; '.join(troubles)}."
    if before is not None and not _ids(needed, containers) <= _ids(needed, before):
        if release and release == serving_release(needed, before, entries):
            return f"The old release {release.release} serves again."
        return f"What serves now is {who}."
    return f"The old release {release.release} still serves." if release else f"What served before still serves: {who}."


def _ids(needed: Sequence[str], containers: Sequence[Container]) -> set[str]:
    return {one.id for one in containers if one.service in needed and one.serving}


def serving_release(
    needed: Sequence[str], containers: Sequence[Container], entries: Sequence[ledger.Entry]
) -> ledger.Entry | None:
    """Return the release whose images run, none where no release that served has just these."""
    running: dict[str, set[str]] = {}
    for one in containers:
        if one.service in needed and one.serving:
            running.setdefault(one.service, set()).add(one.image_id)
    for entry in reversed(entries):
        if entry.served and entry.ids and all(running.get(name) == {image} for name, image in entry.ids.items()):
            return ledger.origin(entries, entry)
    return None


def leftovers(
    application: Collection[str], containers: Sequence[Container], entries: Sequence[ledger.Entry], *, served: bool
) -> list[Container]:
    """Return the containers that a first deployment leaves in vain: those of an application that never served.

    A restart loop would go on for ever, and a published port would promise an answer.

    Parameters:
        application: services that hold no data.
        served: whether the application served before the deployment.
    """
    if served or any(entry.outcome != ledger.FAILED for entry in entries):
        return []
    return [one for one in containers if one.service in application]
