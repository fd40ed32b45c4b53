"""What preflight makes of the texts it reads, and what it refuses."""

from __future__ import annotations

import copy
import ipaddress
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.host import preflight
from ansible_collections.fullstack.docker.plugins.module_utils.postgres.data import Cluster
from tests.unit.real_ansible import REPOSITORY

GIBIBYTE = 1024**3


@pytest.fixture
def request_() -> preflight.Request:
    """A deployment that the host below can take."""
    return {
        "project": "shop",
        "directory": "/opt/shop",
        "published_ports": [
            {
                "port": 8420,
                "address": "0.0.0.0",
                "variable": "nginx_frontend_port",
                "service": "nginx",
                "from": [],
            }
        ],
        "share": {
            "firewall": True,
            "inside": ["docker0"],
            "ports": [],
            "daemon": {},
            "sysctls": {"vm.overcommit_memory": "1"},
            "overruled": [],
        },
        "postgres": {"volume": "shop_postgres_data", "major": 18, "uid": 70},
        "redis": {"volume": "shop_redis_data", "uid": 999},
        "volumes": [],
        "services": ["db", "nginx"],
        "removed_services": [],
        "sysctls": [],
        "minimum_memory_mb": 1500,
        "minimum_disk_mb": 5000,
        "minimum_engine": "25.0",
        "minimum_compose": "2.26",
        "minimum_kernel": "5.14",
        "package_source": "distribution",
        "package_version": "latest",
        "data_root": "/var/lib/docker",
    }


@pytest.fixture
def host() -> preflight.Host:
    """A Debian 13 host with the distribution's engine running and nothing deployed."""
    return {
        "distribution": "debian",
        "distribution_version": "13",
        "distribution_name": "Debian GNU/Linux 13 (trixie)",
        "codename": "trixie",
        "architecture": "amd64",
        "kernel": "6.12.43+deb13-amd64",
        "cpus": 2,
        "memory_bytes": 4 * GIBIBYTE,
        "disk_free_bytes": 40 * GIBIBYTE,
        "engine": {
            "version": "26.1.5+dfsg1",
            "running": True,
            "enabled": True,
            "root": "/var/lib/docker",
            "stale": False,
        },
        "compose_version": "2.26.1-4",
        "buildx_version": "0.13.1",
        "packages": {"docker.io": "26.1.5+dfsg1-9+b9"},
        "listeners": [],
        "containers": [],
        "described": [],
        "overrides": [],
        "volumes": {
            "shop_postgres_data": {"exists": True, "path": "/v", "labels": {}, "owner": (70, 70), "postgres": []}
        },
        "sysctls": {},
        "firewall": {"in_force": False, "enabled": False, "ssh_ports": [22], "uplinks": ["eth0"]},
        "neighbours": {"units": [], "projects": {"blog": "/opt/blog"}, "here": "shop"},
        "shares": {"others": [], "gone": [], "unreadable": [], "ask": True, "opens": True, "settle": True},
    }


def bare(host: preflight.Host) -> preflight.Host:
    """Take Docker off the host and return it."""
    host["engine"] = {
        "version": None,
        "running": False,
        "enabled": False,
        "root": "/var/lib/docker",
        "stale": False,
    }
    host["compose_version"] = host["buildx_version"] = None
    host["packages"] = {}
    return host


def cluster(path: str, major: int | None, uid: int | None = 70) -> Cluster:
    return {"path": path, "major": major, "uid": uid, "gid": uid, "complete": True}


def held(**changes: Any) -> preflight.Listener:
    listener: preflight.Listener = {
        "address": "0.0.0.0",
        "port": 8420,
        "process": "nginx",
        "pid": 812,
        "project": None,
        "container": None,
    }
    listener.update(changes)  # type: ignore[typeddict-item]
    return listener


# --- reading --------------------------------------------------------------------------------------


def test_os_release_without_quotes_and_comments() -> None:
    text = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n# a comment\nID=debian\nVERSION_ID="13"\n\n'
    assert preflight.parse_os_release(text) == {
        "PRETTY_NAME": "Debian GNU/Linux 13 (trixie)",
        "ID": "debian",
        "VERSION_ID": "13",
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("5:26.1.5-1~debian.13~trixie", (26, 1, 5)),
        ("26.1.5+dfsg1", (26, 1, 5)),
        ("2.26.1-4", (2, 26, 1)),
        ("v0.13", (0, 13)),
        ("6.18.44-fc", (6, 18, 44)),
        ("latest", ()),
        ("", ()),
    ],
)
def test_parse_version(text: str, parts: tuple[int, ...]) -> None:
    assert preflight.parse_version(text) == parts


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.integers(0, 3))
def test_a_version_is_at_least_itself_with_any_zeros(parts: list[int], zeros: int) -> None:
    text = ".".join(map(str, parts))
    padded = text + ".0" * zeros
    assert preflight.is_at_least(text, padded)
    assert preflight.is_at_least(padded, text)
    assert not preflight.is_at_least(text, padded + ".1")


def test_dpkg_status_knows_installed_from_removed() -> None:
    text = """Package: docker.io
Status: install ok installed
Architecture: amd64
Version: 26.1.5+dfsg1-9+b9
Description: Linux container runtime
 Version: this line belongs to the description

Package: docker-ce
Status: deinstall ok config-files
Architecture: amd64
Version: 5:28.0.0-1

Package: docker.io-doc
Status: install ok installed
Version: 1
"""
    assert preflight.parse_dpkg_status(text, {"docker.io", "docker-ce", "dpkg"}) == {
        "docker.io": ("26.1.5+dfsg1-9+b9", "amd64")
    }


def test_memory() -> None:
    assert preflight.parse_memory("MemTotal:  2048 kB\nMemFree: 1 kB\n") == 2048 * 1024
    assert preflight.parse_memory("") == 0


@given(st.ip_addresses(v=4))
def test_ipv4_addresses_are_decoded(address: ipaddress.IPv4Address) -> None:
    word = f"{struct.unpack('=I', address.packed)[0]:08X}"
    assert preflight.decode_address(word) == str(address)


@given(st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address))
def test_ipv6_addresses_are_decoded(address: ipaddress.IPv6Address) -> None:
    assume(address.ipv4_mapped is None)
    word = "".join(f"{part:08X}" for part in struct.unpack("=4I", address.packed))
    assert preflight.decode_address(word) == str(address)


@given(st.ip_addresses(v=4))
def test_mapped_addresses_come_back_as_ipv4(address: ipaddress.IPv4Address) -> None:
    packed = ipaddress.IPv6Address(f"::ffff:{address}").packed
    word = "".join(f"{part:08X}" for part in struct.unpack("=4I", packed))
    assert preflight.decode_address(word) == str(address)


@pytest.mark.parametrize(
    ("family", "address", "table"),
    [
        (socket.AF_INET, "127.0.0.1", "/proc/net/tcp"),
        (socket.AF_INET6, "::1", "/proc/net/tcp6"),
    ],
)
def test_a_real_listener_is_found_in_the_kernels_table(family: socket.AddressFamily, address: str, table: str) -> None:
    with socket.socket(family) as server:
        try:
            server.bind((address, 0))
        except OSError:
            pytest.skip(f"no {address} on this machine")
        server.listen()
        port = server.getsockname()[1]
        listeners = preflight.parse_listeners(Path(table).read_text())
    assert [(entry["address"], entry["port"]) for entry in listeners if entry["port"] == port] == [(address, port)]


def test_sockets_that_do_not_listen_are_left_out() -> None:
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
        "   0: 0100007F:20E4 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4242 1\n"
        "   1: 0100007F:20E4 0100007F:C001 01 00000000:00000000 00:00000000 00000000 0 0 4243 1\n"
    )
    assert [entry["inode"] for entry in preflight.parse_listeners(table)] == [4242]


@pytest.mark.parametrize(
    ("ports", "published"),
    [
        ("", []),
        ("5432/tcp", []),
        ("0.0.0.0:8420->80/tcp", [("0.0.0.0", 8420)]),
        (
            "0.0.0.0:80->8080/tcp, :::80->8080/tcp, [::]:81->81/tcp",
            [("0.0.0.0", 80), ("::", 80), ("::", 81)],
        ),
        ("127.0.0.1:8000-8001->8000-8001/tcp", [("127.0.0.1", 8000), ("127.0.0.1", 8001)]),
        ("0.0.0.0:53->53/udp", []),
    ],
)
def test_published_ports(ports: str, published: list[tuple[str, int]]) -> None:
    assert preflight.parse_published(ports) == published


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 2 minutes (healthy)", "healthy"),
        ("Up 2 minutes (unhealthy)", "unhealthy"),
        ("Up 1 second (health: starting)", "starting"),
        ("Up 3 hours", None),
        ("Exited (0) 5 seconds ago", None),
    ],
)
def test_health(status: str, health: str | None) -> None:
    assert preflight.health_of(status) == health


def stack_container(service: str, directory: str = "/opt/shop", files: str = "/opt/shop/compose.yml") -> Any:
    """Return a container of the project."""
    return {
        "id": service,
        "name": f"shop-{service}-1",
        "service": service,
        "image": f"{service}:1",
        "state": "running",
        "health": None,
        "directory": directory,
        "files": files,
        "oneoff": False,
    }


def test_rows_of_docker_ps() -> None:
    line = (
        '{"id":"3f1c","name":"shop-db-1","image":"postgres:18","state":"running",'
        '"status":"Up 2 minutes (healthy)","ports":"127.0.0.1:3421->5432/tcp",'
        '"project":"shop","service":"db","directory":"/opt/shop",'
        '"files":"/opt/shop/compose.yml","oneoff":"False"}'
    )
    rows = preflight.parse_ps(f"{line}\nWARNING: noise\n")
    assert preflight.containers_of(rows, "shop") == [
        {
            "id": "3f1c",
            "name": "shop-db-1",
            "service": "db",
            "image": "postgres:18",
            "state": "running",
            "health": "healthy",
            "directory": "/opt/shop",
            "files": "/opt/shop/compose.yml",
            "oneoff": False,
        }
    ]
    assert preflight.containers_of(rows, "other") == []
    assert preflight.containers_of(rows, "") == []
    assert preflight.published_by(rows) == [
        {"address": "127.0.0.1", "port": 3421, "project": "shop", "container": "shop-db-1"}
    ]


def test_a_proxy_is_traced_to_its_container_and_other_processes_are_not() -> None:
    sockets: list[preflight.Socket] = [
        {"address": "0.0.0.0", "port": 80, "inode": 1},
        {"address": "127.0.0.1", "port": 81, "inode": 2},
    ]
    published: list[preflight.Published] = [
        {"address": "0.0.0.0", "port": 80, "project": "shop", "container": "web"},
        {"address": "0.0.0.0", "port": 82, "project": None, "container": "quiet"},
    ]
    listeners = preflight.listeners_of(sockets, published, {1: (10, "docker-proxy"), 2: (11, "caddy")})
    assert [(each["port"], each["process"], each["container"]) for each in listeners] == [
        (80, "docker-proxy", "web"),
        (81, "caddy", None),
        (82, None, "quiet"),
    ]


@pytest.mark.parametrize(
    ("info", "version"),
    [
        ({}, None),
        ({"ClientInfo": {"Plugins": None}}, None),
        ({"ClientInfo": {"Plugins": [{"Name": "compose", "Version": "v2.40.0"}]}}, "2.40.0"),
        ({"ClientInfo": {"Plugins": [{"Name": "compose", "Version": "", "Err": "bad"}]}}, None),
        ({"ClientInfo": {"Plugins": [{"Name": "buildx", "Version": "0.13.1"}]}}, None),
    ],
)
def test_plugin_version(info: dict[str, Any], version: str | None) -> None:
    assert preflight.plugin_version(info, "compose") == version


# --- judging --------------------------------------------------------------------------------------


def test_a_fit_host_has_no_problems(request_: preflight.Request, host: preflight.Host) -> None:
    assert preflight.problems(request_, host) == []


@pytest.mark.parametrize("source", ["docker", "distribution"])
def test_a_bare_host_has_no_problems(request_: preflight.Request, host: preflight.Host, source: str) -> None:
    bare(host)
    request_["package_source"] = source
    assert preflight.problems(request_, host) == []


Change = Callable[[preflight.Request, preflight.Host], object]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            lambda _r, h: h.update(
                distribution="debian",
                distribution_version="11",
                distribution_name="Debian GNU/Linux 11 (bullseye)",
            ),
            [
                "Debian GNU/Linux 11 (bullseye) is not supported",
                "Debian 12 or 13, Ubuntu 22.04 or 24.04",
            ],
            id="unsupported system",
        ),
        pytest.param(
            lambda _r, h: h.update(distribution="", distribution_version="", distribution_name=""),
            ["this system is not supported"],
            id="nameless system",
        ),
        pytest.param(
            lambda _r, h: h.update(distribution_version="12", distribution_name="Debian GNU/Linux 12 (bookworm)"),
            ["docker_host_package_source: distribution", "set it to docker"],
            id="Debian 12 from its own packages",
        ),
        pytest.param(
            lambda _r, h: h.update(kernel="5.10.0-28-amd64"),
            ["docker_host_kernel_minimum: 5.14", "5.10.0-28-amd64"],
            id="old kernel",
        ),
        pytest.param(
            lambda _r, h: h.update(memory_bytes=GIBIBYTE),
            ["compose_project_memory_minimum: 1500", "1024 MB"],
            id="little memory",
        ),
        pytest.param(
            lambda _r, h: h.update(disk_free_bytes=GIBIBYTE),
            ["compose_project_disk_minimum: 5000", "/var/lib/docker", "1024 MB"],
            id="little disk",
        ),
        pytest.param(
            lambda r, h: (r.update(package_version="24.0.9"), bare(h)),
            ["docker_host_package_version: 24.0.9", "25.0"],
            id="old pin",
        ),
        pytest.param(
            lambda r, h: (r.update(package_version="5:24.0.9-1~debian.13~trixie"), bare(h)),
            ["docker_host_package_version: 5:24.0.9-1~debian.13~trixie"],
            id="old pin as apt writes it",
        ),
        pytest.param(
            lambda r, _h: r.update(package_version="26.1.4"),
            ["docker_host_package_version: 26.1.4 is older than docker.io 26.1.5+dfsg1-9+b9"],
            id="pin that goes back",
        ),
        pytest.param(
            lambda r, _h: r.update(package_source="docker"),
            ["docker_host_package_source: docker would replace the installed docker.io"],
            id="other packages",
        ),
        pytest.param(
            lambda _r, h: h.update(packages={}),
            ["docker_host_package_source: distribution", "came from no package", "none"],
            id="engine without a package",
        ),
        pytest.param(
            lambda r, _h: r.update(data_root="/srv/docker"),
            ["docker_host_daemon_options: data-root", "/var/lib/docker", "/srv/docker"],
            id="data-root moves",
        ),
        pytest.param(
            lambda r, h: (
                r.update(package_source="none"),
                h["engine"].update(version="20.10.24"),
            ),
            ["docker_host_package_source: none leaves Docker Engine 20.10.24, and 25.0 or later"],
            id="old engine",
        ),
        pytest.param(
            lambda r, h: (r.update(package_source="none"), h.update(compose_version="2.17.2")),
            ["docker_host_package_source: none leaves Docker Compose 2.17.2, and 2.26 or later"],
            id="old Compose",
        ),
        pytest.param(
            lambda r, h: (r.update(package_source="none"), h.update(buildx_version=None)),
            ["docker_host_package_source: none installs nothing, and Docker Buildx is not"],
            id="no Buildx",
        ),
        pytest.param(
            lambda r, _h: r["published_ports"].append(
                {"port": 8420, "address": "127.0.0.1", "variable": "redis_port", "service": "redis"}
            ),
            ["redis_port: 8420 on 127.0.0.1", "nginx_frontend_port"],
            id="clash between services",
        ),
        pytest.param(
            lambda r, _h: r["published_ports"][0].update(port=70000),
            ["nginx_frontend_port: 70000 is not a port"],
            id="no port",
        ),
        pytest.param(
            lambda r, _h: r["published_ports"][0].update(address="everywhere"),
            ["nginx_frontend_port: 'everywhere' is not an IP address"],
            id="no address",
        ),
        pytest.param(
            lambda _r, h: h["listeners"].append(held()),
            [
                "nginx_frontend_port: 8420 on 0.0.0.0 is held by process nginx (pid 812), which is "
                "not part of project shop; stop it or choose another port"
            ],
            id="port held by a process",
        ),
        pytest.param(
            lambda _r, h: h["listeners"].append(
                held(address="::", process="docker-proxy", project="blog", container="blog-web-1")
            ),
            ["nginx_frontend_port: 8420", "container blog-web-1 of project blog"],
            id="port held by another project",
        ),
        pytest.param(
            lambda _r, h: h["listeners"].append(held(process=None, pid=None)),
            ["held by a process that cannot be seen"],
            id="port held by nobody to be seen",
        ),
        pytest.param(
            lambda _r, h: h["containers"].append(
                {
                    "id": "1",
                    "name": "shop-db-1",
                    "service": "db",
                    "image": "postgres",
                    "state": "running",
                    "health": None,
                    "directory": "/srv/shop",
                    "files": "/srv/shop/compose.yml",
                    "oneoff": False,
                }
            ),
            ["compose_project_name: shop is already deployed from /srv/shop"],
            id="project of the same name elsewhere",
        ),
    ],
)
def test_refused(request_: preflight.Request, host: preflight.Host, change: Change, words: list[str]) -> None:
    change(request_, host)
    found = preflight.problems(request_, host)
    assert len(found) == 1
    for word in words:
        assert word in found[0]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda _r, h: h["listeners"].append(
                held(process="docker-proxy", project="shop", container="shop-front_door-1")
            ),
            id="the project's own port",
        ),
        pytest.param(lambda _r, h: h["listeners"].append(held(port=80)), id="another port"),
        pytest.param(
            lambda r, h: (
                r["published_ports"][0].update(address="10.0.0.1"),
                h["listeners"].append(held(address="127.0.0.1")),
            ),
            id="another address",
        ),
        pytest.param(
            lambda _r, h: (
                h["engine"].update(running=False),
                h["listeners"].append(held(process="docker-proxy")),
            ),
            id="proxies outlive a stopped engine with live-restore",
        ),
        pytest.param(
            lambda _r, h: h["containers"].append(
                {
                    "id": "1",
                    "name": "shop-db-1",
                    "service": "db",
                    "image": "postgres",
                    "state": "exited",
                    "health": None,
                    "directory": "/opt/shop/",
                    "files": "/opt/shop/compose.yml",
                    "oneoff": False,
                }
            ),
            id="the project itself",
        ),
        pytest.param(lambda _r, h: h["engine"].update(version="20.10.24"), id="old engine to be upgraded"),
        pytest.param(lambda r, _h: r.update(package_version="28"), id="pin by major version"),
        pytest.param(
            lambda r, h: (
                r.update(data_root="/srv/docker"),
                bare(h),
            ),
            id="data-root of a new engine",
        ),
    ],
)
def test_accepted(request_: preflight.Request, host: preflight.Host, change: Change) -> None:
    change(request_, host)
    assert preflight.problems(request_, host) == []


@pytest.mark.parametrize(
    ("major", "clusters", "words"),
    [
        (18, [cluster(".", 17)], ["postgres_version: 18", "data of PostgreSQL 17", "untouched"]),
        (18, [cluster("17/docker", 17)], ["postgres_version: 18", "data of PostgreSQL 17"]),
        (17, [cluster("18/docker", 18)], ["postgres_version: 17", "data of PostgreSQL 18"]),
        (17, [cluster(".", None), cluster("18/docker", 18)], ["data of PostgreSQL 18"]),
        (18, [cluster(".", 18)], ["keeps its data in 18/docker", "holds it in .;", "untouched"]),
        (18, [cluster("data", 18)], ["holds it in data"]),
        (17, [cluster("data", 17)], ["keeps its data in . of", "holds it in data"]),
        (18, [cluster("18/docker", None)], ["no PG_VERSION", "untouched"]),
        (18, [cluster("18/docker", 18, uid=999)], ["postgres_uid: 70", "uid 999", "untouched"]),
    ],
)
def test_postgres_data_refused(
    request_: preflight.Request,
    host: preflight.Host,
    major: int,
    clusters: list[Cluster],
    words: list[str],
) -> None:
    assert request_["postgres"] is not None
    request_["postgres"]["major"] = major
    host["volumes"]["shop_postgres_data"]["postgres"] = clusters
    found = preflight.problems(request_, host)
    assert len(found) == 1
    for word in words:
        assert word in found[0]


@pytest.mark.parametrize(
    ("major", "clusters"),
    [
        (18, []),
        (18, [cluster("18/docker", 18)]),
        (18, [cluster("17/docker", 17), cluster("18/docker", 18)]),
        (18, [cluster("18/docker", 18, uid=None)]),
        (17, [cluster(".", 17)]),
    ],
)
def test_postgres_data_accepted(
    request_: preflight.Request,
    host: preflight.Host,
    major: int,
    clusters: list[Cluster],
) -> None:
    assert request_["postgres"] is not None
    request_["postgres"]["major"] = major
    host["volumes"]["shop_postgres_data"]["postgres"] = clusters
    assert preflight.problems(request_, host) == []


@pytest.mark.parametrize(("owner", "count"), [((999, 1000), 0), (None, 0), ((70, 71), 1)])
def test_data_of_redis_has_to_be_its_own(
    request_: preflight.Request, host: preflight.Host, owner: tuple[int, int] | None, count: int
) -> None:
    host["volumes"]["shop_redis_data"] = {"exists": True, "path": "/r", "labels": {}, "owner": owner, "postgres": []}
    found = preflight.problems(request_, host)
    assert len(found) == count
    assert all("redis_uid: 999" in one and "set redis_uid: 70 and redis_gid: 71" in one for one in found)


def test_all_problems_are_told_at_once(request_: preflight.Request, host: preflight.Host) -> None:
    host.update({"kernel": "4.19.0", "memory_bytes": 0, "disk_free_bytes": 0})
    host["listeners"] = [held()]
    host["volumes"]["shop_postgres_data"]["postgres"] = [cluster(".", 17)]
    found = preflight.problems(request_, host)
    assert len(found) == 5
    assert not any("\n" in problem for problem in found)


addresses = st.sampled_from(["0.0.0.0", "::", "127.0.0.1", "::1", "10.0.0.5", "fd00::5"])


@given(addresses, addresses)
def test_overlap_is_mutual(one: str, other: str) -> None:
    assert preflight.addresses_overlap(one, other) == preflight.addresses_overlap(other, one)
    assert preflight.addresses_overlap(one, one)
    assert preflight.addresses_overlap(one, "::")


@given(st.lists(st.tuples(st.integers(1, 5), addresses), max_size=5))
def test_distinct_ports_never_clash_and_equal_sockets_always_do(
    sockets: list[tuple[int, str]],
) -> None:
    ports: list[preflight.PublishedPort] = [
        {"port": port, "address": address, "variable": f"v{index}", "service": "s", "from": []}
        for index, (port, address) in enumerate(sockets)
    ]
    clashes = list(preflight.clashing_ports(ports))
    if len({port for port, _address in sockets}) == len(sockets):
        assert not clashes
    if len(set(sockets)) < len(sockets):
        assert clashes


def test_judging_changes_nothing(request_: preflight.Request, host: preflight.Host) -> None:
    before = copy.deepcopy((request_, host))
    preflight.problems(request_, host)
    assert (request_, host) == before


# --- agreement with the role ----------------------------------------------------------------------


def test_the_role_supports_the_same_systems() -> None:
    variables = yaml.safe_load((REPOSITORY / "roles/docker_host/vars/main.yml").read_text())
    assert variables["__docker_host_supported"] == {
        name: list(versions) for name, versions in preflight.SUPPORTED.items()
    }


def test_the_role_installs_only_packages_that_preflight_knows() -> None:
    variables = yaml.safe_load((REPOSITORY / "roles/docker_host/vars/main.yml").read_text())
    for source, packages in variables["__docker_host_packages"].items():
        names = {name for systems in packages.values() for name in systems}
        assert preflight.ENGINE_PACKAGES[source] in names
        assert names <= preflight.KNOWN_PACKAGES


def test_a_service_that_would_be_lost_is_refused(request_: preflight.Request, host: preflight.Host) -> None:
    lost = stack_container("redis")
    host["containers"] += [stack_container("db"), lost]
    (problem,) = preflight.problems(request_, host)
    assert problem.startswith("compose_project_removed_services: an earlier deployment made redis (shop-redis-1)")
    request_["removed_services"] = ["redis"]
    assert preflight.problems(request_, host) == []
    assert "it is going to be removed" in preflight.notices(request_, host)[0]


def test_what_somebody_made_from_elsewhere_is_told_and_no_second_project(
    request_: preflight.Request, host: preflight.Host
) -> None:
    mailer = stack_container("mailer", directory="/srv/x", files="/srv/x/other.yml")
    host["containers"] += [stack_container("db"), mailer]
    host["overrides"] = ["compose.override.yml"]
    assert preflight.problems(request_, host) == []
    told, override = preflight.notices(request_, host)
    assert told.startswith("mailer: container shop-mailer-1 of image mailer:1, made by /srv/x/other.yml; no deployment")
    assert override.startswith("/opt/shop/compose.override.yml: ")


def test_a_described_service_from_elsewhere_is_a_second_project(
    request_: preflight.Request, host: preflight.Host
) -> None:
    host["containers"] += [stack_container("db"), stack_container("nginx", directory="/srv/x")]
    (problem,) = preflight.problems(request_, host)
    assert problem.startswith("compose_project_name: shop is already deployed from /srv/x")


def test_who_does_not_say_what_is_described_is_not_asked_what_gets_lost(
    request_: preflight.Request, host: preflight.Host
) -> None:
    request_["services"] = []
    host["containers"] += [stack_container("mailer")]
    assert preflight.problems(request_, host) == []
    assert preflight.notices(request_, host) == []
