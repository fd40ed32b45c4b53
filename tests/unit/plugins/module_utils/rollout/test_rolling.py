"""What is replaced under traffic, and how nginx's workers are read."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action, Kind
from ansible_collections.fullstack.docker.plugins.module_utils.rollout import rolling
from ansible_collections.fullstack.docker.plugins.module_utils.rollout.rolling import Plan, Worker
from tests.unit.real_ansible import REPOSITORY

PLAN = Plan(
    proxy="nginx",
    backend="backend",
    front_door="front_door",
    upstream="upstream.nginx",
    port=8000,
    server_options="max_fails=1",
    default="server backend:8000 resolve;\n",
    drain_signal="USR1",
    patience=35,
)
TOP = """PID                 COMMAND
10                  nginx: master process nginx -c /etc/nginx/fullstack/nginx.conf
11                  nginx: worker process is shutting down
12                  nginx: worker process
"""


def container(service: str) -> Container:
    return Container(service, f"app-{service}-1", service, "hash", "image", "running", None, user="101")


SERVING = [container(service) for service in ("nginx", "backend", "front_door", "db")]


def changed(*services: str) -> dict[str, Action]:
    return {service: Action(Kind.RECREATE, service, "its image changed") for service in services}


def test_workers_are_read_and_the_master_is_none() -> None:
    assert [(worker.pid, worker.leaving) for worker in rolling.workers(TOP)] == [(11, True), (12, False)]


@pytest.mark.parametrize(
    ("after", "done"),
    [
        ([Worker(1, "nginx: worker process")], False),
        ([Worker(1, "nginx: worker process is shutting down")], False),
        ([Worker(1, "nginx: worker process"), Worker(2, "nginx: worker process")], False),
        ([Worker(1, "nginx: worker process is shutting down"), Worker(2, "nginx: worker process")], True),
        ([Worker(2, "nginx: worker process")], True),
        ([], False),
    ],
)
def test_a_reload_is_done_when_new_workers_have_taken_over(after: list[Worker], done: bool) -> None:
    assert rolling.reloaded([Worker(1, "nginx: worker process")], after) is done


@given(st.sets(st.ip_addresses(v=4).map(str), min_size=2))
def test_every_address_is_one_line_and_the_name_is_out_of_use(addresses: set[str]) -> None:
    *lines, name = rolling.upstream(addresses, PLAN).splitlines()
    assert {line.removeprefix("server ").partition(":")[0] for line in lines} == addresses
    assert all(line.endswith(":8000 max_fails=1;") for line in lines)
    assert name == "server backend:8000 resolve down;"


def test_a_single_address_is_never_left_out() -> None:
    assert rolling.upstream({"10.0.0.1"}, PLAN).startswith("server 10.0.0.1:8000 max_fails=0;\n")


@pytest.mark.parametrize(
    ("todo", "user", "expected", "door"),
    [
        (changed("backend"), "101", ["backend"], False),
        (changed("nginx"), "101", ["nginx"], False),
        (changed("nginx", "backend"), "101", ["backend", "nginx"], False),
        (changed("backend", "front_door"), "101", ["backend"], True),
        (changed("nginx", "backend", "front_door"), "101", ["backend"], True),
        (changed("nginx", "front_door"), "101", [], True),
        (changed("nginx", "backend"), "102", ["backend"], True),
        ({"backend": Action(Kind.SCALE, "backend", "1 to 3")}, "101", [], False),
        (changed("db"), "101", [], False),
        ({}, "101", [], False),
    ],
)
def test_backend_and_nginx_are_replaced_under_traffic(
    todo: dict[str, Action], user: str, expected: list[str], door: bool
) -> None:
    assert rolling.replaces_door(PLAN, todo, SERVING, user) is door
    assert rolling.rollable(PLAN, todo, SERVING, door=door) == expected


@pytest.mark.parametrize("missing", ["nginx", "backend", "front_door"])
def test_without_traffic_there_is_nothing_to_spare(missing: str) -> None:
    before = [one if one.service != missing else replace(one, status="exited") for one in SERVING]
    assert rolling.rollable(PLAN, changed("backend"), before, door=False) == []
    assert not rolling.replaces_door(PLAN, changed("front_door"), before, "101")


def test_without_a_plan_compose_does_it() -> None:
    assert rolling.rollable(None, changed("backend"), SERVING, door=False) == []
    assert not rolling.replaces_door(None, changed("front_door"), SERVING, "101")


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://127.0.0.1:8420/api/health", "http://172.18.0.9:80/api/health"),
        ("https://127.0.0.1:8443/", "https://172.18.0.9:443/"),
        ("http://localhost/health", "http://172.18.0.9:80/health"),
        ("http://127.0.0.1:8420/api/health?full=1", "http://172.18.0.9:80/api/health?full=1"),
    ],
)
def test_what_the_front_door_is_asked_a_container_is_asked_at_its_own_ports(url: str, asked: str) -> None:
    assert rolling.at("172.18.0.9", url) == asked


def test_a_plan_of_another_version_is_read() -> None:
    said = asdict(PLAN)
    older = {name: value for name, value in said.items() if name not in ("answered", "reached")}
    assert Plan.read(older) == PLAN
    assert Plan.read({**said, "of_a_later_version": True}) == PLAN


def test_nginx_has_looked_up_who_is_gone_before_it_goes_by_the_name_again() -> None:
    # nginx counts in whole seconds: what is valid for one is asked for anew after two
    template = (REPOSITORY / "roles/nginx_frontend/templates/nginx.conf.j2").read_text()
    (valid,) = re.findall(r"resolver \S+ valid=(\d+)s", template)
    assert int(valid) + 1 + 0.5 <= rolling.LOOKED_UP
