"""Ten minutes of traffic with a release in each of them: nothing fails, and nothing grows. `make test-full` runs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.load import Load, traffic
from tests.scenario.stack import SERVICES, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

    from tests.scenario.stack import Compose, Run, Site, Web

pytestmark = pytest.mark.soak

RELEASES = 10
# One client sends more here than the limits grant one
UNLIMITED: dict[str, Any] = {
    "nginx_frontend_api_rate": "100000r/s",
    "nginx_frontend_api_burst": 10000,
    "nginx_frontend_connections_per_client": 1000,
}
# Reads the memory that each container holds and cannot give back, in bytes, and the files it has open, by service
USAGE = """
import json, os, subprocess, sys
found = {}
for service in sys.argv[1:]:
    filters = ["--filter=label=com.docker.compose.project=app", f"--filter=label=com.docker.compose.service={service}"]
    name = subprocess.check_output(["docker", "ps", "--quiet", *filters], text=True).strip()
    pids = subprocess.check_output(["docker", "top", name, "-eo", "pid"], text=True).split()[1:]
    memory, files = 0, 0
    for pid in pids:
        text = open(f"/proc/{pid}/status").read()
        memory += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("RssAnon"))
        files += len(os.listdir(f"/proc/{pid}/fd"))
    found[service] = {"memory": memory, "files": files}
print(json.dumps(found))
"""

Usage = dict[str, dict[str, int]]


@dataclass
class Soak:
    """What ten minutes have brought."""

    load: Load
    runs: list[Run]
    usages: list[Usage]
    """After each release."""


@pytest.fixture(scope="module")
def soak(host: Host, site: Site, compose: Compose, web: Web) -> Iterator[Soak]:
    """Release the backend and nginx in turn while traffic flows."""
    site.apply(**UNLIMITED)
    runs, usages = [], []
    with traffic(web) as load:
        for turn in range(RELEASES):
            release = UNLIMITED | {
                "fastapi_backend_environment": {"TURN": str(turn // 2)},
                "nginx_frontend_headers": {"X-Turn": str((turn + 1) // 2)},
            }
            runs.append(site.run(**release))
            usages.append(json.loads(host.check_output(f"python3 -c %s {' '.join(SERVICES)}", USAGE)))
    yield Soak(load, runs, usages)
    site.apply()
    eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), 60)


def test_every_release_succeeds(soak: Soak) -> None:
    assert [run.said[-500:] for run in soak.runs if run.code] == []


def test_every_release_changed_something(soak: Soak) -> None:
    assert all(run.changed for run in soak.runs)


def test_no_request_fails(soak: Soak) -> None:
    assert soak.load.failures == []


def test_there_was_traffic(soak: Soak) -> None:
    assert soak.load.answered > 500 * RELEASES


@pytest.mark.parametrize("service", SERVICES)
def test_memory_does_not_grow(soak: Soak, service: str) -> None:
    """From when all was warm to the end, by a quarter and 8 MiB at most."""
    early, late = (soak.usages[turn][service]["memory"] for turn in (2, -1))
    assert late <= early * 1.25 + 8 * 2**20, [usage[service] for usage in soak.usages]


@pytest.mark.parametrize("service", SERVICES)
def test_no_file_stays_open(soak: Soak, service: str) -> None:
    early, late = (soak.usages[turn][service]["files"] for turn in (2, -1))
    assert late <= early * 1.25 + 20, [usage[service] for usage in soak.usages]


def test_one_container_of_each_service_is_left(soak: Soak, compose: Compose) -> None:
    assert sorted(container.service for container in compose.containers()) == sorted(SERVICES)


def test_nothing_was_killed_for_memory(soak: Soak, compose: Compose) -> None:
    assert {one.service: one.limits["oom_kills"] for one in compose.containers()} == dict.fromkeys(SERVICES, 0)


def test_no_more_images_are_kept_than_a_rollback_needs(soak: Soak, host: Host) -> None:
    tags = host.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}' app-nginx").splitlines()
    assert len([tag for tag in tags if not tag.endswith(":current")]) <= 5
