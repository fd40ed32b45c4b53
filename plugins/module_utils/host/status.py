"""How a running project is doing, as a table and a list of what is wrong: pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall, limits
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.host.firewall import Opening
from ansible_collections.fullstack.docker.plugins.module_utils.host.share import Share
from ansible_collections.fullstack.docker.plugins.module_utils.report.text_table import aligned

MEBIBYTE = 2**20
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


@dataclass(frozen=True)
class Place:
    """Where a container is published on the host."""

    service: str
    address: str
    port: int
    target: int
    """Port in the container."""
    answers: bool


@dataclass(frozen=True)
class Firewall:
    """What is known of the host's firewall."""

    share: Share | None
    """What this project asks of the host; none where an earlier version deployed it."""
    rules: str
    """The rule set that is written; empty for none."""
    in_force: bool
    enabled: bool

    @property
    def wanted(self) -> bool:
        """Whether there is to be one."""
        return self.share["firewall"] if self.share else bool(self.rules)


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
            if percent(container.memory, container.memory_limit) >= limits.MEMORY_PERCENT:
                share = percent(container.memory, container.memory_limit)
                found.append(f"{service} uses {share} % of its memory limit; raise the limit or find the leak")
    return found


def host_problems(disk_used: int, disk_total: int, certificate_end: datetime | None, now: datetime) -> list[str]:
    """Return what is wrong beside the containers. Sizes in bytes."""
    found = []
    if percent(disk_used, disk_total) >= limits.DISK_PERCENT:
        found.append(f"the disk is {percent(disk_used, disk_total)} % full; run playbooks/cleanup.yml")
    if certificate_end is not None and (certificate_end - now).days < limits.CERTIFICATE_DAYS:
        found.append(f"the certificate ends on {certificate_end:%Y-%m-%d}; replace it")
    return found


def port_problems(found: Firewall, places: Sequence[Place]) -> list[str]:
    """Return what is wrong between what is published, what is open and what answers."""
    problems = [
        f"{place.service} does not answer on {place.address}:{place.port}; see: docker compose logs --tail 50"
        for place in places
        if not place.answers
    ]
    if not found.wanted:
        return problems
    if not (found.in_force and found.enabled):
        where = "at boot" if found.in_force else "in the kernel"
        problems.append(f"the firewall that is written is not in force {where}; run site.yml")
    written = [opening for _project, opening in firewall.parse_rules(found.rules)]
    closed = {
        place.port: f"{place.service} is published on {place.port}, and the firewall closes it; run site.yml"
        for place in places
        if firewall.reaches_outside(as_opening(place)) and not any(_covers(opening, place) for opening in written)
    }
    return [*problems, *closed.values(), *_share_problems(found, places, written, closed)]


def as_opening(place: Place) -> Opening:
    """Return what would open a published port."""
    return {
        "port": place.port,
        "protocol": "tcp",
        "address": place.address,
        "from": [],
        "variable": "",
        "service": place.service,
    }


def _share_problems(
    found: Firewall, places: Sequence[Place], written: Sequence[Opening], told: Container[int]
) -> list[str]:
    """Return what is wrong with what this project asks for, ports that were told of already left out."""
    share = found.share
    if share is None:
        return []
    there = {rule for opening in written for rule in firewall.rules_of(opening)}
    problems = [
        f"port {opening['port']} ({opening['variable']}) is asked for, and the firewall closes it; run site.yml"
        for opening in share["ports"]
        if opening["port"] not in told and not there.issuperset(firewall.rules_of(opening))
    ]
    if share["asked"]:
        ports = ", ".join(str(opening["port"]) for opening in share["asked"]["ports"])
        problems.append(
            f"a deployment that asked for {ports} is under way or was interrupted; in the latter case run site.yml"
        )
    serving = {place.service for place in places}
    for opening in share["ports"]:
        # Of a service that does not run at all, its line says so already
        published = opening["variable"] != firewall.PORTS and opening["service"] in {"", *serving}
        if published and firewall.reaches_outside(opening) and not any(_covers(opening, place) for place in places):
            problems.append(
                f"port {opening['port']} ({opening['variable']}) is open, and nothing is published on it; run site.yml"
            )
    return problems


def _covers(opening: Opening, place: Place) -> bool:
    return opening["protocol"] == "tcp" and host_share.published(opening, [(place.address, place.port)])


def open_ports(found: Firewall) -> str:
    """Return a line on the firewall: what it lets in for this project."""
    if not found.wanted:
        return "none"
    ports = (
        host_share.all_ports(found.share) if found.share else [one for _name, one in firewall.parse_rules(found.rules)]
    )
    said = [f"{one['port']} ({one['variable']})" for one in ports if firewall.reaches_outside(one)]
    return f"open for {', '.join(said) or 'nothing'}"


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
