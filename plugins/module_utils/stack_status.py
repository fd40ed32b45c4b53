"""How a running project is doing, as a table and a list of what is wrong: pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.text_table import aligned

MEBIBYTE = 2**20
MEMORY_LIMIT_PERCENT = 90
DISK_LIMIT_PERCENT = 90
CERTIFICATE_DAYS = 14
COLUMNS = ("service", "state", "replicas", "release", "up", "memory")
ONE_SHOT_PROFILE = "profiles"


@dataclass(frozen=True)
class Running:
    """What is asked of one container."""

    service: str
    status: str
    health: str | None
    started: datetime | None
    image_id: str
    memory: int
    memory_limit: int
    restarts: int


def age(since: datetime | None, now: datetime) -> str:
    """Return a time span as people say it, in its largest unit: ``3 d``, ``5 h``, ``12 min``, ``40 s``."""
    if since is None:
        return "-"
    seconds = max(0, int((now - since).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def parse_time(text: str) -> datetime | None:
    """Read a time as the engine writes it (RFC 3339, nanoseconds); none for its year-one "never"."""
    if text.startswith("0001"):
        return None
    return datetime.fromisoformat(text[:19]).replace(tzinfo=timezone.utc)


def percent(part: float, whole: float) -> int:
    """Return the part of a whole in percent; 0 of nothing."""
    return round(100 * part / whole) if whole else 0


def state_of(containers: Sequence[Running]) -> str:
    """Return one word for all replicas of a service: the worst."""
    if not containers:
        return "absent"
    for container in containers:
        if container.status != "running":
            return container.status
    healths = [container.health for container in containers if container.health]
    for health in ("unhealthy", "starting"):
        if health in healths:
            return health
    return "healthy" if healths else "running"


def releases(containers: Iterable[Running], tags: Mapping[str, Sequence[str]]) -> str:
    """Return the immutable tags of the images that run; ``unmanaged`` for one that no deployment made."""
    found = set()
    for container in containers:
        mine = [name.rpartition(":")[2] for name in tags.get(container.image_id, ())]
        named = [tag for tag in mine if tag != "current"]
        found.add(named[0] if named else "unmanaged")
    return ", ".join(sorted(found)) or "-"


def rows(
    services: Mapping[str, int | None], containers: Sequence[Running], tags: Mapping[str, Sequence[str]], now: datetime
) -> list[list[str]]:
    """Return one line of the table for each service, by COLUMNS."""
    made = []
    for service, replicas in services.items():
        mine = [container for container in containers if container.service == service]
        used = max((container.memory for container in mine), default=0)
        limit = max((container.memory_limit for container in mine), default=0)
        serving = sum(container.status == "running" and container.health != "unhealthy" for container in mine)
        made.append(
            [
                service,
                state_of(mine),
                f"{serving}/{replicas or max(1, len(mine))}",
                releases(mine, tags),
                age(min((one.started for one in mine if one.started), default=None), now),
                f"{used // MEBIBYTE} of {limit // MEBIBYTE} MiB ({percent(used, limit)} %)" if limit else "-",
            ]
        )
    return made


def container_problems(services: Mapping[str, int | None], containers: Sequence[Running]) -> list[str]:
    """Return what is wrong with the services, a sentence each with what to do."""
    found = []
    for service, replicas in services.items():
        mine = [container for container in containers if container.service == service]
        state = state_of(mine)
        if state not in ("healthy", "running"):
            found.append(f"{service} is {state}; see: docker compose logs --tail 50 {service}")
        elif replicas and len(mine) < replicas:
            found.append(f"{service} has {len(mine)} of {replicas} replicas; run site.yml")
        for container in mine:
            if percent(container.memory, container.memory_limit) >= MEMORY_LIMIT_PERCENT:
                share = percent(container.memory, container.memory_limit)
                found.append(f"{service} uses {share} % of its memory limit; raise the limit or find the leak")
    return found


def host_problems(disk_used: int, disk_total: int, certificate_end: datetime | None, now: datetime) -> list[str]:
    """Return what is wrong beside the containers. Sizes in bytes."""
    found = []
    if percent(disk_used, disk_total) >= DISK_LIMIT_PERCENT:
        found.append(f"the disk is {percent(disk_used, disk_total)} % full; run playbooks/cleanup.yml")
    if certificate_end is not None and (certificate_end - now).days < CERTIFICATE_DAYS:
        found.append(f"the certificate ends on {certificate_end:%Y-%m-%d}; replace it")
    return found


def table(lines: Sequence[Sequence[str]], facts: Mapping[str, str]) -> str:
    """Return aligned text: the services by COLUMNS, then the host's facts."""
    text = aligned([[name.upper() for name in COLUMNS], *lines])
    return "\n".join([*text, "", *(f"{name}: {value}" for name, value in facts.items())])


def serialise(containers: Sequence[Running]) -> list[dict[str, Any]]:
    """Return containers as plain data for who reads the module's result."""
    return [
        {"service": one.service, "status": one.status, "health": one.health, "restarts": one.restarts}
        for one in containers
    ]
