"""What status tells, and what cleanup takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils import stack_status
from ansible_collections.fullstack.docker.plugins.module_utils.stack_plan import Image, disposable
from ansible_collections.fullstack.docker.plugins.module_utils.stack_status import Running

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
WEB = Running(
    service="web",
    status="running",
    health="healthy",
    started=NOW - timedelta(hours=5),
    image_id="sha256:1",
    memory=10 * 2**20,
    memory_limit=100 * 2**20,
    restarts=0,
)
TAGS = {"sha256:1": ["shop-web:current", "shop-web:abc123"]}


def test_a_service_is_one_line() -> None:
    assert stack_status.rows({"web": None}, [WEB], TAGS, NOW) == [
        ["web", "healthy", "1/1", "abc123", "5 h", "10 of 100 MiB (10 %)"]
    ]


def test_what_no_deployment_made_is_unmanaged() -> None:
    assert stack_status.releases([replace(WEB, image_id="sha256:2")], TAGS) == "unmanaged"


@pytest.mark.parametrize(
    ("containers", "state"),
    [
        ([], "absent"),
        ([WEB], "healthy"),
        ([replace(WEB, health=None)], "running"),
        ([WEB, replace(WEB, health="unhealthy")], "unhealthy"),
        ([WEB, replace(WEB, health="starting")], "starting"),
        ([WEB, replace(WEB, status="exited")], "exited"),
    ],
)
def test_the_worst_replica_speaks_for_all(containers: list[Running], state: str) -> None:
    assert stack_status.state_of(containers) == state


@pytest.mark.parametrize(
    ("services", "containers", "expected"),
    [
        ({"web": None}, [WEB], []),
        ({"web": None}, [], ["web is absent"]),
        ({"web": None}, [replace(WEB, health="unhealthy")], ["web is unhealthy"]),
        ({"web": 2}, [WEB], ["web has 1 of 2 replicas"]),
        ({"web": None}, [replace(WEB, memory=95 * 2**20)], ["web uses 95 % of its memory limit"]),
    ],
)
def test_what_is_wrong_with_services_is_said(
    services: dict[str, int | None], containers: list[Running], expected: list[str]
) -> None:
    found = stack_status.container_problems(services, containers)
    assert [one.startswith(start) for one, start in zip(found, expected, strict=True)] == [True] * len(expected)


@pytest.mark.parametrize(
    ("used", "end", "count"),
    [(50, None, 0), (90, None, 1), (50, NOW + timedelta(days=13), 1), (50, NOW + timedelta(days=15), 0)],
)
def test_what_is_wrong_with_the_host_is_said(used: int, end: datetime | None, count: int) -> None:
    assert len(stack_status.host_problems(used, 100, end, NOW)) == count


@given(st.lists(st.lists(st.text(alphabet="ab"), min_size=6, max_size=6)))
def test_columns_stand_below_each_other(lines: list[list[str]]) -> None:
    text = stack_status.table(lines, {"disk": "ok"}).splitlines()
    assert len(text) == len(lines) + 3


@given(st.integers(min_value=0, max_value=10**8))
def test_an_age_is_never_more_than_it_is(seconds: int) -> None:
    number, _space, unit = stack_status.age(NOW - timedelta(seconds=seconds), NOW).partition(" ")
    assert int(number) * {"s": 1, "min": 60, "h": 3600, "d": 86400}[unit] <= seconds


def images(*tags: str, repository: str = "shop-backend") -> list[Image]:
    return [Image(f"sha256:{tag}", repository, tag, str(100 - place)) for place, tag in enumerate(tags)]


def test_the_newest_releases_stay() -> None:
    assert disposable(images("c", "b", "a"), "shop", set(), keep=2) == ["shop-backend:a"]


def test_what_a_container_uses_stays() -> None:
    assert disposable(images("c", "b", "a"), "shop", {"sha256:a"}, keep=1) == ["shop-backend:b"]


def test_the_current_release_stays_however_old() -> None:
    current = Image("sha256:a", "shop-backend", "current", "0")
    assert disposable([*images("c", "b", "a"), current], "shop", set(), keep=1) == ["shop-backend:b"]


def test_images_of_others_stay() -> None:
    assert disposable(images("c", "b", "a", repository="other-backend"), "shop", set(), keep=1) == []
