"""A second stack through all that happens to one, in turn; the first one, under load, loses no request by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.neighbours import RELEASE, STATUS, TEARDOWN, Ports, Shop, undisturbed
from tests.scenario.stack import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host

    from tests.scenario.stack import Compose, Site, Web

pytestmark = pytest.mark.soak
PORT = 8425


@pytest.fixture(scope="module", autouse=True)
def deployed(shop: Shop, web: Web) -> None:
    """Deploy it, wherever the tests before have left it."""
    shop.restore()
    shop.variables = {"nginx_frontend_port": PORT}
    with undisturbed(web):
        shop.apply()


def test_release(shop: Shop, web: Web) -> None:
    shop.write("extra.py", "# new\n")
    with undisturbed(web):
        shop.apply(RELEASE)


@pytest.mark.parametrize("port", [PORT, PORT + 1])
def test_release_that_crashes(shop: Shop, web: Web, ports: Ports, port: int) -> None:
    before = ports.open
    shop.write("main.py", "raise SystemExit(3)\n")
    with undisturbed(web):
        assert shop.run(RELEASE, nginx_frontend_port=port).code != 0
    shop.restore()
    assert ports.open == before
    assert ports.answers(PORT)
    shop.apply(STATUS)


def test_rollback(shop: Shop, web: Web) -> None:
    with undisturbed(web):
        shop.apply("playbooks/rollback.yml")


def test_cleanup(shop: Shop, web: Web, host: Host) -> None:
    before = set(host.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}' app-*").split())
    with undisturbed(web):
        shop.apply("playbooks/cleanup.yml", compose_project_releases_kept=1, compose_project_build_cache_days=0)
    assert set(host.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}' app-*").split()) == before


def test_reboot(host: Host, ports: Ports, web: Web, reboot: Callable[[str], None]) -> None:
    before = ports.open
    reboot(host.backend.get_hostname())
    eventually(lambda: ports.answers(web.port) and ports.answers(PORT), 60)
    assert ports.open == before


def test_both_are_deployed_at_once(site: Site, shop: Shop, ports: Ports, web: Web) -> None:
    both: dict[str, Any] = {
        "docker_host_firewall_ports": [{"port": 9100}],
        "docker_host_sysctls": {"vm.overcommit_memory": 1},
    }
    with undisturbed(web), ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(site.run, **both), pool.submit(shop.run, **both)]
        assert [run.result().code for run in runs] == [0, 0], [run.result().output for run in runs]
    assert {"app 9100", "shop 9100", "app 8420", f"shop {PORT}"} <= set(ports.open)
    site.apply()
    assert "shop 9100" in ports.open
    assert "app 9100" not in ports.open


def test_while_the_engine_is_stopped_nothing_is_touched(
    shop: Shop, shop_compose: Compose, host: Host, ports: Ports
) -> None:
    before = (shop_compose.ids(), ports.open)
    host.check_output("systemctl stop app-healer shop-healer docker.socket docker")
    done = shop.run(TEARDOWN, teardown_project="shop")
    host.check_output("systemctl start docker app-healer shop-healer")
    assert done.code != 0
    assert "the engine does not answer, and would start the containers again; nothing was touched" in done.said
    assert (shop_compose.ids(), ports.open) == before
