"""The shares of a host below a folder of its own: what is planned and written, and by whom at once."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.host.share import Share
from ansible_collections.fullstack.docker.plugins.module_utils.host.state import Defaults, HostError, HostState, Step

DEFAULTS = Defaults({"log-driver": "local"}, {}, 22)


def wanted(project: str, *ports: int, **options: Any) -> Share:
    published = [
        {"port": port, "address": "0.0.0.0", "variable": "nginx_frontend_port", "service": "front_door"}
        for port in ports
    ]
    given = {"firewall": True, "inside": ["docker0"], "ports": [], "daemon": {}, "sysctls": {}, **options}
    return host_share.wanted(project, f"/opt/{project}", given, published)


def row(project: str, ports: str = "", **changes: str) -> dict[str, str]:
    return {
        "id": project,
        "name": f"{project}-front_door-1",
        "image": "",
        "state": "running",
        "status": "",
        "ports": ports,
        "project": project,
        "service": "front_door",
        "directory": f"/opt/{project}",
        **changes,
    }


class Host:
    """A host below a folder."""

    def __init__(self, root: Path) -> None:
        self.state = HostState(root)
        self.root = root
        self.rows: list[dict[str, str]] | None = []

    def run(self, step: Step, want: Share, run: str = "", **options: Any) -> set[str]:
        """Do a step and return the paths that changed."""
        with self.state.locked():
            plan = self.state.plan(step, want, run, defaults=DEFAULTS, rows=self.rows, **options)
            files = self.state.differing(plan)
            self.state.write(files, lambda _path, _file: None)
            return set(files)

    def deploy(self, want: Share, run: str = "") -> None:
        """Deploy with success."""
        self.run("ask", want, run)
        self.write(f"{want['directory']}/compose.yml", f"name: {want['project']}\n")
        self.run("settle", want, run)

    @property
    def open(self) -> list[int]:
        """The open ports."""
        text = (self.root / firewall.RULES.lstrip("/")).read_text()
        return [one["port"] for _project, one in firewall.parse_rules(text)]

    def write(self, path: str, text: str) -> Path:
        """Write a file."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_second_project_leaves_the_first_ones_port_open(host: Host) -> None:
    host.deploy(wanted("app", 8420))
    host.deploy(wanted("shop", 8421))
    assert host.open == [8420, 8421]


def test_a_second_run_changes_nothing(host: Host) -> None:
    host.deploy(wanted("app", 8420))
    assert host.run("ask", wanted("app", 8420)) == set()
    assert host.run("settle", wanted("app", 8420)) == set()


def test_files_can_be_read_by_those_alone_who_should(host: Host) -> None:
    host.deploy(wanted("app", 8420))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (host.root / "etc").rglob("*") if path.is_file()}
    assert modes == {
        ".lock": 0o600,
        "app.json": 0o600,
        "fullstack-firewall.nft": 0o644,
        "daemon.json": 0o644,
        "60-docker-host.conf": 0o644,
    }


def test_a_port_moves_without_a_gap(host: Host) -> None:
    host.deploy(wanted("app", 8420))
    host.run("ask", wanted("app", 8430), "one")
    assert host.open == [8420, 8430]
    host.run("settle", wanted("app", 8430), "one")
    assert host.open == [8430]


def test_a_failed_deployment_takes_its_port_back(host: Host) -> None:
    host.deploy(wanted("app", 8420))
    host.run("ask", wanted("app", 8430), "one")
    host.run("withdraw", wanted("app"), "one")
    assert host.open == [8420]


def test_a_first_deployment_that_comes_to_nothing_leaves_nothing(host: Host) -> None:
    host.deploy(wanted("app", 8420))
    host.run("ask", wanted("shop", 8421), "one")
    host.run("withdraw", wanted("shop"), "one")
    assert host.open == [8420]
    assert set(host.state.shares()[0]) == {"app"}


def test_a_release_leaves_the_options_of_the_host(host: Host) -> None:
    host.deploy(wanted("app", 8420, daemon={"mtu": 1400}))
    changed = host.run("ask", wanted("app", 8430, daemon={"mtu": 9000}, firewall=False), "one", options=False)
    assert changed == {"/etc/fullstack.docker/app.json", firewall.RULES}
    assert host.state.shares()[0]["app"]["daemon"] == {"mtu": 1400}


@pytest.mark.parametrize("text", ["garbage", "", "{}"])
def test_a_share_that_cannot_be_read_closes_nothing_and_is_named(host: Host, text: str) -> None:
    host.deploy(wanted("app", 8420))
    host.write("/etc/fullstack.docker/app.json", text)
    with pytest.raises(HostError, match=r"/etc/fullstack.docker/app.json: is no share"):
        host.run("ask", wanted("shop", 8421))
    assert host.open == [8420]


def test_a_share_under_another_name_is_refused(host: Host) -> None:
    host.deploy(wanted("app", 8420))
    (host.state.folder / "app.json").rename(host.state.folder / "web.json")
    with pytest.raises(HostError, match=r"web.json: is the share of project app"):
        host.run("ask", wanted("shop", 8421))


def test_a_conflict_changes_nothing(host: Host) -> None:
    host.deploy(wanted("app", 8420, sysctls={"vm.swappiness": 1}))
    with pytest.raises(HostError, match=r"docker_host_sysctls: vm.swappiness is 2, and 1 for project app"):
        host.run("ask", wanted("shop", 8421, sysctls={"vm.swappiness": 2}))
    assert host.open == [8420]
    assert set(host.state.shares()[0]) == {"app"}


def test_who_is_overruled_has_the_other_value_from_then_on(host: Host) -> None:
    host.deploy(wanted("app", 8420, sysctls={"vm.swappiness": 1}))
    host.run("ask", wanted("shop", 8421, sysctls={"vm.swappiness": 2}), overruled=["app"])
    assert host.state.shares()[0]["app"]["sysctls"] == {"vm.swappiness": "2"}
    assert "vm.swappiness = 2" in host.state.files()["sysctls"]
    host.run("ask", wanted("blog", 8422, sysctls={"vm.swappiness": 2}))


def test_what_is_left_of_a_project_that_is_gone_stays_open_and_gives_way(host: Host) -> None:
    host.deploy(wanted("app", 8420, sysctls={"vm.swappiness": 1}))
    (host.root / "opt/app/compose.yml").unlink()
    host.deploy(wanted("shop", 8421, sysctls={"vm.swappiness": 2}))
    assert host.open == [8420, 8421]


@pytest.mark.parametrize(
    ("rows", "composed", "gone"),
    [([], False, True), (None, False, False), ([], True, False), ([row("app")], False, False)],
)
def test_a_project_is_gone_without_files_and_containers(
    host: Host, rows: list[dict[str, str]] | None, composed: bool, gone: bool
) -> None:
    if composed:
        host.write("/opt/app/compose.yml", "")
    assert host.state.gone(wanted("app"), rows) is gone


def test_a_project_goes_and_the_others_stay(host: Host) -> None:
    host.deploy(wanted("app", 8420))
    host.deploy(wanted("shop", 8421))
    host.run("remove", wanted("shop"), options=False)
    assert host.open == [8420]
    assert set(host.state.shares()[0]) == {"app"}


def test_the_last_project_leaves_a_firewall_that_opens_nothing(host: Host) -> None:
    host.deploy(wanted("app", 8420))
    host.run("remove", wanted("app"), options=False)
    assert host.open == []


def test_a_project_of_an_earlier_version_stays_open(host: Host) -> None:
    host.write(firewall.RULES, '\t\tmeta l4proto tcp ct original proto-dst 8420 accept comment "nginx_frontend_port"\n')
    host.rows = [row("app", "0.0.0.0:8420->80/tcp")]
    host.deploy(wanted("shop", 8421))
    assert host.open == [8420, 8421]
    assert host.state.shares()[0]["app"]["learned"]


def test_a_project_of_an_earlier_version_that_is_down_stays_open(host: Host) -> None:
    host.write(firewall.RULES, '\t\tmeta l4proto tcp ct original proto-dst 8420 accept comment "nginx_frontend_port"\n')
    host.write("/opt/app/infra/stack.json", "{}")
    host.write("/opt/app/compose.yml", "name: app\n")
    host.deploy(wanted("shop", 8421))
    assert host.open == [8420, 8421]


def test_what_others_composed_is_none_of_ours(host: Host) -> None:
    host.write(firewall.RULES, "")
    host.rows = [row("handmade", "0.0.0.0:9999->80/tcp", service="web")]
    host.deploy(wanted("app", 8420))
    assert host.open == [8420]


def test_a_development_environment_is_none_of_them(host: Host) -> None:
    host.write("/home/jo/.fullstack/dev.compose.yml", "")
    host.rows = [row("app-dev", "0.0.0.0:8430->80/tcp", directory=str(host.root / "home/jo/.fullstack"))]
    host.deploy(wanted("app", 8420))
    assert host.open == [8420]


def test_an_earlier_firewall_keeps_the_ports_for_ssh_that_something_listens_on(host: Host) -> None:
    host.write(firewall.RULES, "\t\ttcp dport { 22, 1 } accept\n")
    host.deploy(wanted("app", 8420))
    assert firewall.parse_ssh_ports(host.state.files()["rules"]) != []
    assert 1 not in firewall.parse_ssh_ports(host.state.files()["rules"])


def test_what_is_refused_leaves_all_as_it_was(host: Host) -> None:
    host.deploy(wanted("app", 8420))

    def refuse(path: str, _file: Path) -> None:
        if path == firewall.RULES:
            raise HostError("no")

    files = host.state.differing(host.state.plan("ask", wanted("app", 8430), "one", defaults=DEFAULTS, rows=[]))
    with pytest.raises(HostError):
        host.state.write(files, refuse)
    assert host.open == [8420]
    assert host.state.shares()[0]["app"]["asked"] is None


def test_deployments_at_once_lose_nothing_of_each_other(host: Host) -> None:
    projects = [f"p{number}" for number in range(8)]
    start = threading.Barrier(len(projects))

    def deploy(number: int) -> None:
        start.wait()
        options = {"sysctls": {f"a.b{number}": 1}, "daemon": {f"o{number}": True}}
        host.deploy(wanted(projects[number], 8000 + number, **options), str(number))

    threads = [threading.Thread(target=deploy, args=[number]) for number in range(len(projects))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert host.open == [8000 + number for number in range(8)]
    assert len(json.loads(host.state.files()["daemon"])) == 1 + 8
    assert host.state.files()["sysctls"].count(" = 1\n") == 8
