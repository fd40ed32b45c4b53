"""A second stack comes, changes and goes; the first one, under load meanwhile, loses no request by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.scenario.neighbours import RELEASE, RULES, SHARES, STATUS, TEARDOWN, Ports, Shop, undisturbed
from tests.scenario.stack import Run, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

    from tests.scenario.stack import Compose, Site, Web


def forget_shares(host: Host) -> None:
    """Leave the host as the version did that knew of one project only."""
    host.check_output("rm -r %s", SHARES)
    host.check_output("sed --in-place 's/comment \"app: /comment \"/' %s && systemctl reload fullstack-firewall", RULES)


class TestArrival:
    """On a host that an earlier version deployed to. Of the second stack, the database is for this machine alone."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def arrived(cls, host: Host, shop: Shop, web: Web) -> None:
        forget_shares(host)
        here = host.check_output("echo $SSH_CONNECTION").split()[0]
        shop.variables |= {
            "postgres_port": 3421,
            "postgres_address": "0.0.0.0",
            "postgres_port_from": [here],
            "redis_port": 6421,
            "redis_address": "0.0.0.0",
            "redis_port_from": ["192.0.2.0/24"],
        }
        with undisturbed(web):
            shop.apply()

    def test_both_are_open(self, ports: Ports) -> None:
        assert ports.open == ["app 8420", "shop 3421", "shop 6421", "shop 8421"]

    @pytest.mark.parametrize(("port", "answers"), [(8420, True), (8421, True), (3421, True), (6421, False)])
    def test_a_port_answers_those_whom_it_is_open_for(self, ports: Ports, port: int, answers: bool) -> None:
        assert ports.answers(port) is answers

    def test_second_run_changes_nothing_and_asks_no_more(self, shop: Shop) -> None:
        done = shop.apply("site.yml", "-vvv")
        assert done.changed == 0
        assert done.remote_calls <= 20

    def test_status_of_it_is_good(self, shop: Shop) -> None:
        done = shop.apply(STATUS)
        assert "8421 (nginx_frontend_port)" in done.said
        assert "projects: app, shop" in done.said


class TestRefusal:
    """What the host cannot be for both is refused, all at once and by name, and nothing has changed."""

    @pytest.fixture(scope="class")
    @classmethod
    def refused(cls, shop: Shop, host: Host) -> Iterator[Run]:
        before = host.check_output(f"cat {SHARES}/*.json {RULES} /etc/docker/daemon.json /etc/sysctl.d/60-*")
        yield shop.run(
            compose_project_name="app-healer",
            docker_host_firewall=False,
            docker_host_sysctls={"vm.overcommit_memory": 2},
            nginx_frontend_port=8420,
            postgres_port=0,
            redis_port=0,
        )
        assert host.check_output(f"cat {SHARES}/*.json {RULES} /etc/docker/daemon.json /etc/sysctl.d/60-*") == before

    @pytest.mark.parametrize(
        "words",
        [
            "docker_host_firewall: is false, and project app on this host asks for the firewall; give both",
            "docker_host_sysctls: vm.overcommit_memory is 2, and 1 for project app on this host; give both",
            "compose_project_name: app-healer would replace the unit /etc/systemd/system/app-healer.service,",
            "nginx_frontend_port: 8420 belongs to project app on this host (nginx_frontend_port); choose another port",
        ],
    )
    def test_conflict_is_told(self, refused: Run, words: str) -> None:
        assert refused.code != 0
        assert words in refused.said

    def test_data_that_is_open_to_nobody_knows_whom_is_refused(self, shop: Shop) -> None:
        done = shop.run(postgres_port_from=[])
        assert done.code != 0
        assert "postgres_port_from: is empty, and postgres_port 3421 is published on 0.0.0.0; name the" in done.said

    def test_share_that_cannot_be_read_is_told_by_its_path(self, site: Site, host: Host, ports: Ports) -> None:
        before = ports.open
        host.check_output("cp -p %s/shop.json /tmp/kept && echo garbage >%s/shop.json", SHARES, SHARES)
        done = site.run()
        host.check_output("mv /tmp/kept %s/shop.json", SHARES)
        assert done.code != 0
        assert f"{SHARES}/shop.json: is no share of a project" in done.said
        assert ports.open == before


class TestPort:
    """The second stack is published on another port, without the role that makes the host."""

    def test_a_release_that_is_not_built_takes_its_port_back(self, shop: Shop, ports: Ports, web: Web) -> None:
        shop.write("requirements.txt", "this is no requirement\n")
        before = ports.open
        with undisturbed(web), ThreadPoolExecutor(1) as pool:
            release = pool.submit(shop.run, RELEASE, nginx_frontend_port=8431)
            eventually(lambda: "shop 8431" in ports.open, 60)
            assert set(before) < set(ports.open)
            assert release.result().code != 0
        shop.restore()
        assert ports.open == before
        assert ports.answers(8421)

    def test_a_release_moves_the_port(self, shop: Shop, ports: Ports, web: Web) -> None:
        with undisturbed(web):
            shop.apply(RELEASE, nginx_frontend_port=8431)
        shop.variables["nginx_frontend_port"] = 8431
        assert ports.open == ["app 8420", "shop 3421", "shop 6421", "shop 8431"]
        assert ports.answers(8431)
        assert not ports.answers(8421)


class TestStatusOfTrouble:
    """The rules are those of the first stack alone, as an earlier version leaves them that deploys it."""

    @pytest.fixture(scope="class")
    @classmethod
    def status(cls, shop: Shop, host: Host) -> Iterator[Run]:
        host.check_output("cp -p %s /tmp/kept && sed --in-place '/\"shop: /d' %s", RULES, RULES)
        host.check_output("systemctl reload fullstack-firewall")
        yield shop.run(STATUS)
        host.check_output("mv /tmp/kept %s && systemctl reload fullstack-firewall", RULES)

    @pytest.mark.parametrize("port", [3421, 6421, 8431])
    def test_port_that_is_closed_is_told(self, status: Run, port: int) -> None:
        assert status.code != 0
        assert f"is published on {port}, and the firewall closes it; run site.yml" in status.said


class TestDeparture:
    """The second stack goes, and what somebody laid into its folder stays."""

    def test_without_its_name_nothing_is_touched(self, shop: Shop, shop_compose: Compose, ports: Ports) -> None:
        before = (shop_compose.ids(), ports.open)
        done = shop.run(TEARDOWN, teardown_project="app", teardown_volumes="shop")
        assert done.code != 0
        assert "nothing was touched. To remove this stack, type -e teardown_project=shop" in done.said
        assert (shop_compose.ids(), ports.open) == before

    def test_check_mode_lists_what_would_go_and_what_stays(self, shop: Shop, shop_compose: Compose) -> None:
        before = shop_compose.ids()
        done = shop.apply(TEARDOWN, "--check")
        for words in (
            "container shop-front_door-1",
            "network shop_backend",
            "image shop-backend:current",
            "unit /etc/systemd/system/shop-healer.service",
            f"{SHARES}/shop.json",
            "open port 8431 (nginx_frontend_port)",
            "/opt/shop",
            "volume shop_postgres_data: data; -e teardown_volumes=shop removes it, for good",
        ):
            assert words in done.said
        assert shop_compose.ids() == before

    def test_it_goes_but_for_its_data(self, shop: Shop, host: Host, web: Web, ports: Ports) -> None:
        host.check_output("touch /opt/shop/shop.dump")
        with undisturbed(web):
            shop.apply(TEARDOWN, teardown_project="shop")
        left = {
            "containers": host.check_output("docker ps --all --quiet --filter name=shop"),
            "networks": host.check_output("docker network ls --quiet --filter name=shop"),
            "images": host.check_output("docker image ls --quiet 'shop-*'"),
            "units": host.check_output("systemctl list-units --all --plain --no-legend 'shop*'"),
            "shares": host.check_output("ls %s", SHARES),
            "folder": host.check_output("ls -A /opt/shop"),
            "volumes": host.check_output("docker volume ls --quiet --filter name=shop").splitlines(),
        }
        assert left == {
            "containers": "",
            "networks": "",
            "images": "",
            "units": "",
            "shares": "app.json",
            "folder": "shop.dump",
            "volumes": ["shop_postgres_data", "shop_redis_data"],
        }
        assert ports.open == ["app 8420"]

    def test_its_data_goes_where_its_name_is_typed_again(self, shop: Shop, host: Host) -> None:
        shop.apply(TEARDOWN, teardown_project="shop", teardown_volumes="shop")
        assert host.check_output("docker volume ls --quiet --filter name=shop") == ""
        assert host.check_output("ls /opt/shop") == "shop.dump"

    def test_then_nothing_is_left_to_do(self, shop: Shop) -> None:
        assert shop.apply(TEARDOWN, teardown_project="shop").changed == 0

    def test_the_first_one_is_well(self, site: Site) -> None:
        site.apply(playbook=STATUS)
