"""What several projects ask of one host, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.plugins.filter.core import to_nice_json
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.host.share import Legacy, Share

NAMES = ("app", "blog", "shop")
DEFAULTS = {"live-restore": True, "log-driver": "local"}
ROTATION = {"log-opts": {"max-size": "10m"}}
EVERYWHERE: list[tuple[str, int]] | None = None


def opening(port: int, **changes: Any) -> firewall.Opening:
    found: firewall.Opening = {
        "port": port,
        "protocol": "tcp",
        "address": "0.0.0.0",
        "from": [],
        "variable": "nginx_frontend_port",
        "service": "front_door",
    }
    found.update(changes)  # type: ignore[typeddict-item]
    return found


def share(project: str = "app", *ports: int, **changes: Any) -> Share:
    found = host_share.empty(project, f"/opt/{project}")
    found |= {"firewall": True, "inside": ["docker0"], "ports": [opening(port) for port in ports]}
    found.update(changes)  # type: ignore[typeddict-item]
    return found


OPENINGS = st.builds(
    opening,
    st.integers(8000, 8009),
    address=st.sampled_from(["0.0.0.0", "127.0.0.1", "192.0.2.7", ""]),
    service=st.sampled_from(["front_door", "db", ""]),
)
PORTS = st.lists(OPENINGS, max_size=4)
DAEMON = st.dictionaries(
    st.sampled_from(["icc", "log-driver", "mtu"]), st.sampled_from([None, True, "local", "none"]), max_size=3
) | st.fixed_dictionaries(
    {"log-opts": st.dictionaries(st.sampled_from(["max-size", "max-file"]), st.sampled_from(["1", "2"]))}
)
ASKED = st.none() | st.fixed_dictionaries({"run": st.sampled_from(["one", "two"]), "ports": PORTS})


def shares(project: st.SearchStrategy[str]) -> st.SearchStrategy[Share]:
    return st.builds(
        share,
        project,
        firewall=st.booleans(),
        daemon=DAEMON,
        sysctls=st.dictionaries(st.sampled_from(["vm.swappiness", "fs.file-max"]), st.sampled_from(["1", "2"])),
        ports=PORTS,
        asked=ASKED,
        learned=st.booleans(),
    )


SHARE = shares(st.sampled_from(NAMES))


def open_for(one: Share) -> set[str]:
    return set(host_share.rules(one))


# --- one share ------------------------------------------------------------------------------------


@given(SHARE)
def test_a_share_is_read_as_it_is_written(one: Share) -> None:
    assert host_share.parse(host_share.serialise(one), "/etc/x.json") == one


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "[]",
        "null",
        "{}",
        '{"version": 1}',
        '{"version": 2, "project": "app"}',
        host_share.serialise(share())[:-20],
        host_share.serialise(share()).replace('"sysctls": {}', '"sysctls": []'),
        host_share.serialise(share("app", 8420)).replace('"nginx_frontend_port"', '"a\\" accept #"'),
        host_share.serialise(share("app", 8420)).replace("8420", '"any"'),
        host_share.serialise(share("app", 8420)).replace("0.0.0.0", "somewhere"),
        host_share.serialise(share("app", 8420)).replace('"tcp"', '"tcp accept"'),
    ],
)
def test_what_is_no_share_is_told_by_its_path(text: str) -> None:
    with pytest.raises(host_share.ShareError, match=r"^/etc/fullstack.docker/app.json: "):
        host_share.parse(text, "/etc/fullstack.docker/app.json")


@given(st.text() | st.from_type(type(None)).map(json.dumps) | st.dictionaries(st.text(), st.text()).map(json.dumps))
def test_no_text_is_read_in_another_way(text: str) -> None:
    with pytest.raises(host_share.ShareError):
        host_share.parse(text, "x")


# --- from one deployment to the next --------------------------------------------------------------

NOW = st.none() | st.lists(st.tuples(st.sampled_from(["0.0.0.0", "192.0.2.7"]), st.integers(8000, 8009)), max_size=4)


@given(SHARE, PORTS, NOW)
def test_a_deployment_begins_with_what_was_settled_and_what_it_asks_for(
    before: Share, ports: list[firewall.Opening], now: list[tuple[str, int]] | None
) -> None:
    began = host_share.ask(before, {**before, "ports": ports}, "three", now)
    assert open_for({**before, "asked": None}) <= open_for(began)
    assert open_for({**before, "ports": ports, "asked": None}) <= open_for(began)


@given(SHARE, PORTS, NOW)
def test_a_deployment_that_succeeds_has_its_ports_alone(
    before: Share, ports: list[firewall.Opening], now: list[tuple[str, int]] | None
) -> None:
    began = host_share.ask(before, {**before, "ports": ports}, "three", now)
    assert open_for(host_share.settle(began, ports, "three")) == open_for({**before, "ports": ports, "asked": None})


@given(SHARE, PORTS)
def test_a_deployment_that_fails_leaves_what_was_settled(before: Share, ports: list[firewall.Opening]) -> None:
    settled: Share = {**before, "asked": None}
    began = host_share.ask(settled, {**settled, "ports": ports}, "three", [])
    assert open_for(host_share.withdraw(began, "three", [])) == open_for(settled)


def test_a_deployment_that_fails_closes_nothing_that_is_published() -> None:
    began = host_share.ask(share("app", 8420), share("app", 8430), "one", [("0.0.0.0", 8420)])
    left = host_share.withdraw(began, "one", [("0.0.0.0", 8430)])
    assert [one["port"] for one in left["ports"]] == [8420, 8430]


def test_a_deployment_that_fails_closes_nothing_where_the_engine_does_not_answer() -> None:
    began = host_share.ask(share("app", 8420), share("app", 8430), "one", EVERYWHERE)
    assert open_for(host_share.withdraw(began, "one", EVERYWHERE)) == open_for(began)


def test_another_deployment_that_began_since_keeps_what_it_asked_for() -> None:
    later = host_share.ask(share("app", 8420), share("app", 8440), "two", [])
    assert host_share.withdraw(later, "one", []) == later
    assert [one["port"] for one in host_share.all_ports(host_share.settle(later, [opening(8430)], "one"))] == [
        8430,
        8440,
    ]


def test_a_deployment_that_opens_nothing_asks_for_nothing() -> None:
    before = share("app", 8420)
    assert host_share.ask(before, before, "one", []) == before


# --- all together ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (
            {"firewall": False},
            {"firewall": True},
            "docker_host_firewall: is false, and project shop on this host asks for the firewall",
        ),
        (
            {"firewall": True},
            {"firewall": False},
            "docker_host_firewall: is true, and project shop on this host goes without one",
        ),
        (
            {"daemon": {"log-driver": "none"}},
            {"daemon": {"log-driver": "local"}},
            "docker_host_daemon_options: log-driver is none, and local for project shop on this host",
        ),
        (
            {"daemon": {"log-opts": {"max-size": "1m"}}},
            {"daemon": {"log-opts": {"max-size": "2m", "max-file": "5"}}},
            "docker_host_daemon_options: log-opts.max-size is 1m, and 2m for project shop on this host",
        ),
        (
            {"daemon": {"icc": None}},
            {"daemon": {"icc": True}},
            "docker_host_daemon_options: icc is null, and true for project shop on this host",
        ),
        (
            {"sysctls": {"vm.swappiness": "1"}},
            {"sysctls": {"vm.swappiness": "2"}},
            "docker_host_sysctls: vm.swappiness is 1, and 2 for project shop on this host",
        ),
        (
            {"ports": [opening(8420)]},
            {"ports": [opening(8420, variable="nginx_frontend_https_port")]},
            "nginx_frontend_port: 8420 belongs to project shop on this host (nginx_frontend_https_port)",
        ),
    ],
)
def test_a_conflict_is_told_by_variable_and_project(ours: Any, theirs: Any, said: str) -> None:
    (line,) = host_share.conflicts(share("app", **ours), [share("shop", **theirs)])
    assert line.startswith(said)
    assert "; " in line


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"daemon": {"insecure-registries": ["a"]}}, {"daemon": {"insecure-registries": ["b"]}}),
        ({"daemon": {"icc": True}}, {"daemon": {"mtu": 1400}}),
        ({"ports": [opening(8420, address="127.0.0.1")]}, {"ports": [opening(8420, address="192.0.2.7")]}),
        ({"ports": [opening(53, service="")]}, {"ports": [opening(53, service="")]}),
    ],
)
def test_what_both_can_have_is_no_conflict(ours: Any, theirs: Any) -> None:
    assert host_share.conflicts(share("app", **ours), [share("shop", **theirs)]) == []


@given(shares(st.just("app")), shares(st.just("shop")))
def test_who_is_overruled_is_in_nobodys_way(ours: Share, theirs: Share) -> None:
    left = host_share.conflicts(ours, [host_share.agree(theirs, ours)])
    assert all("belongs to project" in line for line in left)


@given(shares(st.just("app")), shares(st.just("shop")))
def test_who_is_overruled_asks_for_no_more_and_no_less(ours: Share, theirs: Share) -> None:
    after = host_share.agree(theirs, ours)
    assert host_share.leaves(after["daemon"]).keys() == host_share.leaves(theirs["daemon"]).keys()
    assert after["sysctls"].keys() == theirs["sysctls"].keys()
    assert host_share.all_ports(after) == host_share.all_ports(theirs)


@given(shares(st.just("app")), shares(st.just("shop")))
def test_without_a_conflict_it_does_not_matter_who_comes_first(one: Share, other: Share) -> None:
    if host_share.conflicts(one, [other]):
        return
    assert host_share.daemon_text([one, other], DEFAULTS, ROTATION) == host_share.daemon_text(
        [other, one], DEFAULTS, ROTATION
    )
    assert host_share.sysctl_text([one, other]) == host_share.sysctl_text([other, one])


@given(st.lists(SHARE, min_size=1, max_size=3))
def test_everything_that_anybody_asks_for_is_open(projects: list[Share]) -> None:
    text = host_share.rules_text(projects, [22])
    assert all(f"        {rule}\n" in text for one in projects for rule in host_share.rules(one))


def test_registries_of_all_projects_are_known() -> None:
    both = [share(name, daemon={"insecure-registries": [name]}) for name in ("app", "shop")]
    assert json.loads(host_share.daemon_text(both, {}, {})) == {"insecure-registries": ["app", "shop"]}


@given(SHARE)
def test_daemon_json_is_written_as_earlier_versions_did(one: Share) -> None:
    text = host_share.daemon_text([one], DEFAULTS, {})
    assert text == to_nice_json(json.loads(text)) + "\n"


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        ({}, {"live-restore": True, "log-driver": "local", "log-opts": {"max-size": "10m"}}),
        ({"log-driver": "journald"}, {"live-restore": True, "log-driver": "journald"}),
        ({"live-restore": None}, {"log-driver": "local", "log-opts": {"max-size": "10m"}}),
        (
            {"log-opts": {"max-file": "3"}},
            {"live-restore": True, "log-driver": "local", "log-opts": {"max-size": "10m", "max-file": "3"}},
        ),
    ],
)
def test_options_lie_over_those_of_the_role(asked: Any, options: Any) -> None:
    assert json.loads(host_share.daemon_text([share(daemon=asked)], DEFAULTS, ROTATION)) == options


# --- projects that have no share yet --------------------------------------------------------------

OLD_RULES = """\
	chain open {
		meta l4proto tcp ct original proto-dst 8421 accept comment "nginx_frontend_port"
		ip saddr { 10.0.0.0/8 } meta l4proto tcp ct original proto-dst 9100 accept comment "docker_host_firewall_ports"
	}
	chain forward {
		iifname "docker0" accept
		iifname "br-*" accept
"""


def legacy(project: str, *published: tuple[str, str, int], environment: str = "") -> Legacy:
    return {
        "project": project,
        "directory": f"/opt/{project}",
        "published": [{"service": name, "address": address, "port": port} for name, address, port in published],
        "environment": environment,
    }


def learned(*legacies: Legacy, rules: str = OLD_RULES) -> dict[str, Share]:
    files: host_share.Files = {
        "rules": rules,
        "daemon": json.dumps({**DEFAULTS, "mtu": 1400}),
        "sysctls": "# x\nvm.swappiness = 1\n",
    }
    return {one["project"]: one for one in host_share.learn(legacies, files, DEFAULTS)}


def test_a_neighbour_that_was_closed_off_is_open_again() -> None:
    found = learned(legacy("app", ("front_door", "0.0.0.0", 8420)), legacy("shop", ("front_door", "0.0.0.0", 8421)))
    assert {name: [one["port"] for one in its["ports"]] for name, its in found.items()} == {
        "app": [9100, 8420],
        "shop": [8421, 9100],
    }


def test_options_in_force_are_those_of_everybody() -> None:
    found = learned(legacy("app", ("front_door", "0.0.0.0", 8420)))["app"]
    assert (found["daemon"], found["sysctls"]) == ({"mtu": 1400}, {"vm.swappiness": "1"})
    assert (found["firewall"], found["inside"], found["learned"]) == (True, ["docker0", "br-*"], True)


def test_a_port_that_nobody_publishes_now_stays_open() -> None:
    assert [one["port"] for one in learned(legacy("app"))["app"]["ports"]] == [8421, 9100]


def test_without_old_rules_there_was_no_firewall() -> None:
    assert learned(legacy("app"), rules="")["app"]["firewall"] is False


@pytest.mark.parametrize(
    ("place", "environment", "ports"),
    [
        (("db", "0.0.0.0", 3421), "POSTGRES_HOST_PORT=3421\n", [3421]),
        (("db", "0.0.0.0", 3421), "POSTGRES_HOST_PORT=0\n", []),  # by an override: it was closed
        (("redis", "192.0.2.7", 6420), "REDIS_HOST_PORT=6420\n", [6420]),
        (("backend", "0.0.0.0", 8000), "", []),
        (("front_door", "127.0.0.1", 8420), "", []),
    ],
)
def test_a_port_of_data_is_learned_where_a_variable_published_it(
    place: tuple[str, str, int], environment: str, ports: list[int]
) -> None:
    found = learned(legacy("app", place, environment=environment), rules="table\n")["app"]
    assert [one["port"] for one in found["ports"] if firewall.reaches_outside(one)] == ports
