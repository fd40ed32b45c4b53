"""Containers that the description does not have: refused, told of, or removed where they are named."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.docker import strays

DESCRIBED = ("backend", "db", "front_door", "migrate", "nginx", "redis")


def container(service: str, **changed: Any) -> dict[str, Any]:
    """Return a container as the host tells of it."""
    named = {"id": f"id-{service}", "name": f"app-{service}-1", "service": service, "image": f"{service}:1"}
    return {**named, "files": "/opt/app/compose.yml", "oneoff": False, **changed}


RUNNING = [container(service) for service in DESCRIBED]
ADMINER = container("adminer", files="/opt/app/compose.yml,/opt/app/compose.override.yml")
BY_HAND = container("", name="byhand", image="busybox:1", files="")


def test_a_described_project_has_none() -> None:
    assert strays.strays(RUNNING, DESCRIBED) == []


def test_a_one_off_is_none() -> None:
    assert strays.strays([container("psql", oneoff=True)], DESCRIBED) == []


@pytest.mark.parametrize("lost", ["db", "redis", "nginx", "backend", "front_door"])
def test_a_service_that_got_lost_is_refused_by_name(lost: str) -> None:
    found = strays.strays(RUNNING, [service for service in DESCRIBED if service != lost])
    (line,) = strays.problems(found, (), ())
    assert line.startswith(f"compose_project_removed_services: an earlier deployment made {lost} (app-{lost}-1)")


def test_of_an_empty_description_every_service_is_named() -> None:
    lines = list(strays.problems(strays.strays(RUNNING, ()), (), ()))
    assert len(lines) == len(DESCRIBED)


def test_a_service_of_somebodys_own_role_counts_as_described() -> None:
    found = strays.strays([*RUNNING, container("worker")], DESCRIBED)
    assert len(list(strays.problems(found, ["worker", *DESCRIBED], ()))) == 1
    assert list(strays.problems(found, DESCRIBED, ())) == []


def test_what_is_named_is_not_refused_and_told_of_before_it_goes() -> None:
    found = strays.strays(RUNNING, [service for service in DESCRIBED if service != "redis"])
    assert list(strays.problems(found, (), ["redis"])) == []
    (line,) = strays.notices(found, ["redis"])
    assert line == (
        "redis: container app-redis-1 of image redis:1, made by /opt/app/compose.yml; it is going to be removed, since "
        "compose_project_removed_services names it"
    )


def test_what_a_person_made_is_told_with_what_it_is_and_left() -> None:
    found = strays.strays([*RUNNING, ADMINER, BY_HAND], DESCRIBED)
    assert list(strays.problems(found, DESCRIBED, ())) == []
    adminer, by_hand = strays.notices(found, ())
    assert (
        "adminer: container app-adminer-1 of image adminer:1, made by /opt/app/compose.yml,/opt/app/compose.o"
        in adminer
    )
    assert "byhand: container byhand of image busybox:1, made without a Compose file; no deployment made it" in by_hand


def test_a_container_without_a_service_is_named_by_its_own_name() -> None:
    (found,) = strays.strays([BY_HAND], DESCRIBED)
    assert found.is_among(["byhand"])
    assert not found.is_among(["adminer"])


def test_a_file_that_only_compose_by_hand_reads_is_told_of() -> None:
    (line,) = strays.override_notice("/opt/app", ["compose.override.yml"])
    assert line.startswith("/opt/app/compose.override.yml: docker compose by hand reads it")
