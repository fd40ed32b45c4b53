"""What status tells, and what cleanup takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.docker.images import Image, superfluous
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.host import status as stack_status
from ansible_collections.fullstack.docker.plugins.module_utils.host.share import Share
from ansible_collections.fullstack.docker.plugins.module_utils.host.status import Running

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
    assert superfluous(images("c", "b", "a"), "shop", set(), keep=2) == ["shop-backend:a"]


def test_what_a_container_uses_stays() -> None:
    assert superfluous(images("c", "b", "a"), "shop", {"sha256:a"}, keep=1) == ["shop-backend:b"]


def test_the_current_release_stays_however_old() -> None:
    current = Image("sha256:a", "shop-backend", "current", "0")
    assert superfluous([*images("c", "b", "a"), current], "shop", set(), keep=1) == ["shop-backend:b"]


def test_images_of_others_stay() -> None:
    assert superfluous(images("c", "b", "a", repository="other-backend"), "shop", set(), keep=1) == []


# --- published, open, answering -------------------------------------------------------------------


def asks(*ports: int, asked: list[int] | None = None, on: bool = True) -> Share:
    found = host_share.wanted(
        "shop", "/opt/shop", {"firewall": on, "inside": [], "ports": [{"port": 9100}], "daemon": {}, "sysctls": {}}, []
    )
    doors = {port: stack_status.as_opening(door(port)) for port in (8420, 8430)}
    for opening in doors.values():
        opening["variable"] = "nginx_frontend_port"
    found["ports"] += [doors[port] for port in ports]
    found["asked"] = {"run": "1", "ports": [doors[port] for port in asked]} if asked else None
    return found


def door(port: int = 8420, *, answers: bool = True, address: str = "0.0.0.0") -> stack_status.Place:
    return stack_status.Place("front_door", address, port, 80, answers)


def wall(share: Share | None, written: Share | None = None, *, force: bool = True) -> stack_status.Firewall:
    asked = written or share
    return stack_status.Firewall(share, host_share.rules_text([asked], [22]) if asked else "", force, True)


@pytest.mark.parametrize(
    ("found", "places", "problems"),
    [
        (wall(asks(8420)), [door()], []),
        (wall(asks(8420)), [door(), door(3421, address="127.0.0.1")], []),
        (wall(None, asks(8420)), [door()], []),  # as an earlier version left it
        (wall(None), [door()], []),  # no firewall
        (wall(asks(8420, on=False), asks(8430)), [door()], []),
        (wall(asks(8420)), [door(answers=False)], ["front_door does not answer on 0.0.0.0:8420"]),
        (wall(asks(8430)), [door()], ["front_door is published on 8420, and the firewall closes it", "port 8430 ("]),
        (wall(asks(8420), asks(8430)), [door()], ["front_door is published on 8420, and the firewall closes it"]),
        (wall(asks(8420, 8430)), [door()], ["port 8430 (nginx_frontend_port) is open, and nothing is published"]),
        (wall(asks(8420), asks(8420), force=False), [door()], ["the firewall that is written is not in force"]),
        (wall(asks(8420, asked=[8430])), [door()], ["a deployment that asked for 8430 is under way"]),
        (wall(asks(8420)), [], []),  # the service is down, and is told of
    ],
)
def test_ports_that_do_not_agree_are_told(
    found: stack_status.Firewall, places: list[stack_status.Place], problems: list[str]
) -> None:
    said = stack_status.port_problems(found, places)
    assert [one.startswith(start) for one, start in zip(said, problems, strict=True)] == [True] * len(problems), said
    assert all("; " in one for one in said)


def test_a_port_of_the_host_that_is_asked_for_and_closed_is_told() -> None:
    (said,) = stack_status.port_problems(wall(asks(8420), asks(8420) | {"ports": asks(8420)["ports"][1:]}), [door()])
    assert said.startswith("port 9100 (docker_host_firewall_ports) is asked for, and the firewall closes it")


def test_what_is_open_is_said() -> None:
    assert stack_status.open_ports(wall(asks(8420))) == (
        "open for 9100 (docker_host_firewall_ports), 8420 (nginx_frontend_port)"
    )
    assert stack_status.open_ports(wall(None)) == "none"
