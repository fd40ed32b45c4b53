"""A host that an earlier version deployed: this version over it, and back, with users on the page meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.scenario.load import Load, traffic

if TYPE_CHECKING:
    from testinfra.host import Host

    from tests.scenario.stack import Compose, Run, Site, Web

HEALER = "/opt/app/infra/healer/ansible_collections/fullstack/docker/plugins/module_utils"


@dataclass(frozen=True)
class Change:
    """What a playbook did to the host, and what users saw of it."""

    run: Run
    load: Load
    before: dict[str, str]
    """Ids of the containers by service."""
    after: dict[str, str]

    @property
    def kept(self) -> set[str]:
        """Services whose containers are the same."""
        return {service for service, name in self.before.items() if self.after.get(service) == name}


def change(site: Site, compose: Compose, web: Web, playbook: str) -> Change:
    """Run a playbook under load."""
    before = compose.ids()
    with traffic(web) as load:
        run = site.run(playbook=playbook)
    return Change(run, load, before, compose.ids())


@pytest.fixture(scope="module")
def earlier_note(web: Web) -> str:
    """Return a note that was written while the earlier version was in service."""
    web.add_note("written before")
    return "written before"


@pytest.fixture(scope="module")
def upgraded(earlier_note: str, site: Site, compose: Compose, web: Web) -> Change:
    """Run this version's site.yml."""
    return change(site, compose, web, "site.yml")


@pytest.fixture(scope="module")
def returned(upgraded: Change, site: Site, compose: Compose, web: Web) -> Change:
    """Go back to the release that the earlier version made."""
    return change(site, compose, web, "playbooks/rollback.yml")


def test_it_succeeds(upgraded: Change) -> None:
    assert upgraded.run.code == 0, upgraded.run.output[-3000:]


def test_nobody_notices(upgraded: Change) -> None:
    assert upgraded.load.failures == []
    assert upgraded.load.answered > 100


def test_data_and_front_door_stay_as_they_are(upgraded: Change) -> None:
    assert {"db", "redis", "front_door"} <= upgraded.kept


def test_what_was_written_before_is_there(upgraded: Change, earlier_note: str, compose: Compose) -> None:
    assert compose.psql(f"SELECT count(*) FROM notes WHERE text = '{earlier_note}'") == "1"


def test_the_ledger_goes_on(upgraded: Change, site: Site) -> None:
    assert site.apply(playbook="playbooks/releases.yml").output.count("succeeded") == 2


def test_files_of_the_earlier_version_are_gone(upgraded: Change, host: Host) -> None:
    assert host.file(f"{HEALER}/rollout/release.py").exists
    assert not host.file(f"{HEALER}/release.py").exists


def test_the_healer_watches_by_the_present_code(upgraded: Change, host: Host) -> None:
    assert host.service("app-healer").is_running
    assert "Traceback" not in host.check_output("journalctl --unit app-healer --no-pager")


def test_all_is_well(upgraded: Change, site: Site) -> None:
    assert "all is well" in site.apply(playbook="playbooks/status.yml").output


def test_a_second_run_changes_nothing(upgraded: Change, site: Site) -> None:
    assert site.apply().changed == 0


def test_the_way_back_succeeds(returned: Change) -> None:
    assert returned.run.code == 0, returned.run.output[-3000:]


def test_nobody_notices_the_way_back(returned: Change) -> None:
    assert returned.load.failures == []
    assert {"db", "redis", "front_door"} <= returned.kept
