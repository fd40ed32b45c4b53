"""What has to be done to each service, so that its containers are as described: pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind


@dataclass(frozen=True)
class Wanted:
    """One service, as the project describes it; ``image_id`` is none while the image is not on the host."""

    service: str
    config_hash: str
    image_id: str | None
    replicas: int | None


def change(wanted: Wanted, containers: Iterable[Container]) -> Action | None:
    """Return what has to be done to a service, none when it is as described."""
    name = wanted.service
    mine = [container for container in containers if container.service == name]
    if not mine:
        return Action(Kind.CREATE, name)
    if any(container.config_hash != wanted.config_hash for container in mine):
        return Action(Kind.RECREATE, name, "its definition, configuration or secrets changed")
    if wanted.image_id is None or any(container.image_id != wanted.image_id for container in mine):
        return Action(Kind.RECREATE, name, "its image changed")
    if not all(container.running for container in mine):
        return Action(Kind.START, name)
    if wanted.replicas is not None and wanted.replicas != len(mine):
        return Action(Kind.SCALE, name, f"{len(mine)} to {wanted.replicas}")
    if any(container.health == "unhealthy" for container in mine):
        return Action(Kind.AWAIT, name, "it is unhealthy")
    return None


def changes(wanted: Iterable[Wanted], containers: Sequence[Container]) -> dict[str, Action]:
    """Return what has to be done, by service, for those that are not as described."""
    found = (change(one, containers) for one in wanted)
    return {action.subject: action for action in found if action is not None}


def recreated(service: str, todo: Mapping[str, Action]) -> bool:
    """Tell whether a service that is there gets other containers."""
    return service in todo and todo[service].kind is Kind.RECREATE


def is_release(todo: Mapping[str, Action]) -> bool:
    """Tell whether something of the application is replaced, rather than started or scaled as it is."""
    return any(action.kind.replaces for action in todo.values())


def takes_other_image(service: str, wanted: Iterable[Wanted], containers: Iterable[Container]) -> bool:
    """Tell whether another image than the running one is about to take traffic."""
    image = next(one.image_id for one in wanted if one.service == service)
    mine = [container for container in containers if container.service == service]
    return image is None or not mine or any(container.image_id != image for container in mine)


def foundations(model: Mapping[str, Any]) -> list[str]:
    """Return the services that others wait for and that wait for nothing themselves: the databases."""
    awaited = {
        name
        for service in model["services"].values()
        for name, dependency in (service.get("depends_on") or {}).items()
        if dependency.get("condition") == "service_healthy"
    }
    return sorted(name for name in awaited if not model["services"][name].get("depends_on"))


def scalable(model: Mapping[str, Any]) -> list[str]:
    """Return the services whose number of replicas is left to whoever scales them by hand."""
    return [
        name
        for name, service in model["services"].items()
        if not service.get("profiles")
        and not service.get("network_mode")
        and (service.get("deploy") or {}).get("replicas") is None
    ]


def scales(model: Mapping[str, Any], containers: Sequence[Container]) -> dict[str, int]:
    """Return how many replicas Compose has to be told of, by service: those that somebody has set by hand."""
    counted = {service: sum(container.service == service for container in containers) for service in scalable(model)}
    return {service: count for service, count in counted.items() if count > 1}
