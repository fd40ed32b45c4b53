"""PostgreSQL's dead ends, on a stack of their own beside the one that runs: every remedy is followed, and leads out.

`make test-full` runs it: the second major version takes an image that nothing else needs.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.stack import PROJECT, Compose, Run, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

pytestmark = pytest.mark.soak

NAME = "another"
VOLUME = f"{NAME}_postgres_data"
TOP = f"/var/lib/docker/volumes/{VOLUME}/_data"
OLD = {"postgres_image": "registry.lan:5000/fullstack/postgres:17", "postgres_version": 17}
REMEDY = re.compile(r"as root on the host: (.+?)(?:; then run this again|\. To go to \d+,)")
HEADING = "### PostgreSQL: another major version, or another kind of image\n"


@dataclass(frozen=True)
class Another:
    """The other stack."""

    host: Host
    site: Site
    compose: Compose

    def run(self, **variables: Any) -> Run:
        """Deploy it, whatever comes of it."""
        return self.site.run(compose_project_name=NAME, nginx_frontend_port=8499, **variables)

    def apply(self, **variables: Any) -> None:
        """Deploy it; the row that was written is there at the end."""
        done = self.run(**variables)
        assert done.code == 0, done.output

    def write(self) -> None:
        """Write a row."""
        self.compose.psql("CREATE TABLE IF NOT EXISTS kept (word text); INSERT INTO kept VALUES ('here')")

    def kept(self) -> tuple[str, str]:
        """Return the major version that runs, and the row."""
        return self.compose.psql("SHOW server_version_num")[:2], self.compose.psql("SELECT DISTINCT word FROM kept")

    def type(self, commands: str) -> None:
        """Type commands as root, in the stack's folder."""
        self.host.check_output("sh -euc %s", f"cd /opt/{NAME}\n{commands}")

    def lay_elsewhere(self, source: str, target: str) -> None:
        """Stop the server, and let its data lie in another folder, as an earlier deployment could leave them."""
        self.type("docker compose stop db")
        self.type(f"cd {TOP} && mkdir new && find . -mindepth 1 -maxdepth 1 ! -name new -exec mv -t new {{}} +")
        self.type(f"cd {TOP} && mkdir -p {target} && mv new/{source}/* {target}/ && rm -r new")
        self.type(f"cd {TOP} && chown -R --reference={target}/PG_VERSION . && chmod 700 {target}")

    def remove(self) -> None:
        """Remove it with all that it has."""
        named: dict[str, Any] = {"compose_project_name": NAME, "teardown_project": NAME, "teardown_volumes": NAME}
        done = self.site.run(playbook="playbooks/teardown.yml", **named)
        assert done.code == 0, done.output
        self.host.check_output(f"rm -rf /root/{NAME}*")


@pytest.fixture(scope="module")
def another(host: Host, site: Site) -> Iterator[Another]:
    """Return the other stack, which is gone at the end."""
    subprocess.run([PROJECT / "tests/ground/build", "--all"], check=True)
    found = Another(host, site, Compose(host, NAME))
    yield found
    found.remove()
    site.apply()


def remedy(done: Run) -> str:
    """Return the commands that a refusal names."""
    assert done.code != 0
    found = REMEDY.search(done.said)
    assert found, done.output
    return found.group(1)


def guide(count: int) -> str:
    """Return a block of commands of the operations page, for the other stack."""
    text = (PROJECT / "docs/operations.md").read_text().partition(HEADING)[2]
    block = text.split("```text\n")[count].partition("```")[0]
    return (
        re.sub(r"\s{2,}#.*", "", block)
        .replace("/opt/app\n", f"/opt/{NAME}\n")
        .replace("/app", f"/{NAME}")
        .replace(" app_postgres", f" {NAME}_postgres")
    )


def test_an_image_of_another_kind_is_refused_before_its_volume_is_made(another: Another) -> None:
    done = another.run(postgres_image=OLD["postgres_image"], postgres_uid=70)
    assert done.code != 0
    assert "is of PostgreSQL 17; set postgres_version: 17" in done.said
    assert "set postgres_uid: 999 and postgres_gid: 999" in done.said
    assert another.host.run(f"docker volume inspect {VOLUME}").rc != 0
    assert another.compose.containers() == []


def test_what_another_user_left_is_not_in_the_way(another: Another) -> None:
    another.host.check_output(f"docker volume create {VOLUME}")
    another.host.check_output(f"chmod 1777 {TOP} && install -d -o 70 -g 70 {TOP}/18 {TOP}/18/docker")
    another.apply()
    another.write()
    assert another.kept() == ("18", "here")


def test_data_in_the_folder_of_earlier_versions_can_be_moved(another: Another) -> None:
    another.lay_elsewhere("18/docker", ".")
    another.type(remedy(another.run()))
    another.apply()
    assert another.kept() == ("18", "here")


def test_older_data_in_the_folder_of_later_versions_can_be_moved(another: Another) -> None:
    another.remove()
    another.apply(**OLD)
    another.write()
    another.lay_elsewhere(".", "18/docker")
    another.type(remedy(another.run(postgres_image=OLD["postgres_image"])))
    another.apply(**OLD)
    assert another.kept() == ("17", "here")


def test_guide_leads_to_the_next_major_version(another: Another) -> None:
    another.type(guide(1))
    another.apply()
    another.type(guide(2))
    assert another.kept() == ("18", "here")
    another.apply()
    labels = another.host.check_output(f"docker volume inspect --format '{{{{json .Labels}}}}' {VOLUME}")
    assert '"fullstack.docker.postgres.major":"18"' in labels
