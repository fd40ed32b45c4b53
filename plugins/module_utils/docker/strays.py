"""Containers of a project that its description does not have: whose they are, and what becomes of them. Pure, no I/O.

A service that an earlier deployment described was made by the collection, and going without it may be a mistake: that
is refused. What no deployment has described was made by a person: it is told of, and left as it is. Either is removed
only where the operator names it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# Every service that a version of the collection has described; hosts of then do not tell what theirs were
KNOWN = frozenset({"front_door", "nginx", "backend", "db", "redis", "migrate"})
VARIABLE = "compose_project_removed_services"
# Files that Compose reads by itself beside compose.yml
OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


@dataclass(frozen=True)
class Stray:
    """One of these containers; ``files`` are the Compose files that it was made by, empty for none."""

    name: str
    service: str
    image: str
    files: str
    id: str = ""

    def __str__(self) -> str:
        """Return what it is, for people."""
        origin = f"made by {self.files}" if self.files else "made without a Compose file"
        return f"{self.service or self.name}: container {self.name} of image {self.image}, {origin}"

    def is_among(self, names: Collection[str]) -> bool:
        """Tell whether its service or it itself is named."""
        return (self.service or self.name) in names or self.name in names


def strays(containers: Iterable[Any], described: Collection[str]) -> list[Stray]:
    """Return those of the containers that are of no described service, one-off ones left out.

    Parameters:
        containers: with ``id``, ``name``, ``service``, ``image``, ``files`` and ``oneoff``.
        described: services of the description that is about to hold.
    """
    return [
        Stray(one["name"], one["service"], one["image"], one["files"], one["id"])
        for one in containers
        if one["service"] not in described and not one["oneoff"]
    ]


def problems(found: Sequence[Stray], earlier: Collection[str], removed: Collection[str]) -> Iterator[str]:
    """Yield a line for each service that got lost: deployed earlier, there still, described no more.

    Parameters:
        found: the strays.
        earlier: services of the last deployment.
        removed: what the operator wants to be removed.
    """
    lost = [one for one in found if one.service in KNOWN | set(earlier) and not one.is_among(removed)]
    for service in sorted({one.service for one in lost}):
        names = ", ".join(sorted(one.name for one in lost if one.service == service))
        yield (
            f"{VARIABLE}: an earlier deployment made {service} ({names}), and no role describes it any more; bring its "
            f"role back, or name {service} here if it is to be removed (its data stays)"
        )


def notices(found: Sequence[Stray], removed: Collection[str]) -> Iterator[str]:
    """Yield a line for each stray: that it is left, or that it is going to be removed."""
    for one in found:
        if one.is_among(removed):
            yield f"{one}; it is going to be removed, since {VARIABLE} names it"
        else:
            yield f"{one}; no deployment made it, and it is left as it is (named in {VARIABLE}, it would be removed)"


def override_notice(directory: str, files: Iterable[str]) -> Iterator[str]:
    """Yield a line for each file that Compose reads by itself and deployments do not."""
    for file in files:
        yield (
            f"{directory}/{file}: docker compose by hand reads it, deployments do not: what they replace is made "
            "without it; put what should last into the inventory (…_service_overrides)"
        )
