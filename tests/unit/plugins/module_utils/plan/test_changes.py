"""What has to be done to each service."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.plan import changes
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.plan.changes import Wanted

WANTED = Wanted("backend", "hash", "sha256:image", None)


def container(**changed: Any) -> Container:
    facts = {
        "id": "1",
        "name": "app-backend-1",
        "service": "backend",
        "config_hash": "hash",
        "image_id": "sha256:image",
        "status": "running",
        "health": "healthy",
    }
    return Container(**{**facts, **changed})


@pytest.mark.parametrize(
    ("wanted", "containers", "expected"),
    [
        (WANTED, [container()], None),
        (WANTED, [container(health=None)], None),
        (WANTED, [container(health="starting")], None),
        (WANTED, [container(), container(id="2")], None),
        (WANTED, [], "backend: create"),
        (WANTED, [container(service="db")], "backend: create"),
        (
            WANTED,
            [container(config_hash="other")],
            "backend: recreate: its definition, configuration or secrets changed",
        ),
        (WANTED, [container(image_id="sha256:old")], "backend: recreate: its image changed"),
        (Wanted("backend", "hash", None, None), [container()], "backend: recreate: its image changed"),
        (WANTED, [container(status="exited")], "backend: start"),
        (WANTED, [container(status="restarting")], "backend: start"),
        (WANTED, [container(health="unhealthy")], "backend: wait for it: it is unhealthy"),
        (Wanted("backend", "hash", "sha256:image", 3), [container()], "backend: scale from 1 to 3"),
    ],
)
def test_a_service_gets_what_it_lacks(wanted: Wanted, containers: list[Container], expected: str | None) -> None:
    found = changes.change(wanted, containers)
    assert (str(found) if found else None) == expected


def test_a_stack_as_described_is_left_alone() -> None:
    assert changes.changes([WANTED], [container()]) == {}


def test_a_scale_set_by_hand_is_told_to_compose() -> None:
    model: dict[str, Any] = {"services": {"backend": {}, "worker": {}, "db": {"deploy": {"replicas": 1}}}}
    two = [container(), container(id="2"), container(service="worker"), container(service="db")]
    assert changes.scales(model, two) == {"backend": 2}
    assert changes.scales(model, []) == {}


def test_what_replaces_containers_is_a_release() -> None:
    assert changes.is_release({"backend": Action(Kind.CREATE, "backend")})
    assert changes.is_release({"db": Action(Kind.START, "db"), "nginx": Action(Kind.RECREATE, "nginx", "its image")})
    assert not changes.is_release({"backend": Action(Kind.SCALE, "backend", "1 to 3")})


@pytest.mark.parametrize(
    ("image", "containers", "expected"),
    [
        ("sha256:image", [container()], False),
        ("sha256:image", [container(image_id="sha256:old")], True),
        ("sha256:image", [], True),
        (None, [container()], True),
    ],
)
def test_a_migration_comes_with_another_image(image: str | None, containers: list[Container], expected: bool) -> None:
    wanted = [Wanted("backend", "hash", image, None)]
    assert changes.takes_other_image("backend", wanted, containers) is expected


def test_only_services_without_a_number_or_a_shared_network_are_scaled_by_hand() -> None:
    services: dict[str, Any] = {
        "backend": {},
        "db": {"deploy": {"replicas": 1}},
        "nginx": {"network_mode": "service:front_door"},
        "migrate": {"profiles": ["migrate"]},
    }
    assert changes.scalable({"services": services}) == ["backend"]


def test_the_databases_come_first() -> None:
    services: dict[str, Any] = {
        "db": {},
        "front_door": {},
        "backend": {"depends_on": {"db": {"condition": "service_healthy"}}},
        "nginx": {
            "depends_on": {
                "backend": {"condition": "service_healthy"},
                "front_door": {"condition": "service_started"},
            }
        },
    }
    assert changes.foundations({"services": services}) == ["db"]
