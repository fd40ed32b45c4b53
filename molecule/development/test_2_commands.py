"""The commands that a developer types, as the documentation writes them."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.scenario.developer import FOLDER
from tests.scenario.stack import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scenario.developer import Machine
    from tests.scenario.stack import Site

SERVICES = {"nginx", "backend", "frontend", "db", "redis"}
COMPOSE = "docker compose -f dev.compose.yml"
MODEL = """

class Extra(Base):
    \"\"\"A table that a test adds.\"\"\"

    __tablename__ = "extra"

    id: Mapped[int] = mapped_column(primary_key=True)
"""


def states(machine: Machine) -> dict[str, str]:
    """Return the health of each service."""
    lines = machine.compose("ps --format json").splitlines()
    return {one["Service"]: one["Health"] for one in map(json.loads, lines)}


def ready(ports: dict[str, int]) -> bool:
    """Tell whether the application behind nginx has all that it needs."""
    with urllib.request.urlopen(f"http://localhost:{ports['nginx']}/api/health/ready", timeout=5) as answer:
        return bool(answer.status == 200)


def started(machine: Machine, service: str) -> str:
    """Return when the container of a service was started."""
    return machine.output(f"docker inspect --format '{{{{.State.StartedAt}}}}' app-dev-{service}-1")


def test_all_five_services_are_healthy(machine: Machine) -> None:
    assert states(machine) == dict.fromkeys(SERVICES, "healthy")


@pytest.mark.parametrize("path", ["/health", "/api/health"])
def test_nginx_answers(machine: Machine, path: str) -> None:
    assert "ok" in machine.type(f"curl --silent --show-error --fail http://localhost:8420{path}")


@pytest.mark.parametrize("port", [8420, 5420, 3420, 3421, 6420])
def test_ports_are_of_this_machine_alone(machine: Machine, port: int) -> None:
    listening = machine.output("cat /proc/net/tcp /proc/net/tcp6").splitlines()
    addresses = [line.split()[1] for line in listening if f":{port:04X} " in line and " 0A " in line]
    assert [address.split(":")[0] for address in addresses] == ["0100007F"]


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_containers_run_as_the_developer(machine: Machine, service: str) -> None:
    assert machine.compose(f"exec -T {service} id -u").strip() == "4242"


def test_no_service_runs_as_root(machine: Machine) -> None:
    users = machine.output("docker inspect --format '{{.Config.User}}' $(docker ps --quiet)").split()
    assert len(users) == 5
    assert not [user for user in users if user.split(":")[0] in {"", "0", "root"}]


def test_no_secret_is_where_others_read(machine: Machine) -> None:
    secrets = machine.output("for file in .fullstack/secrets/*/*; do cat $file; echo; done").split()
    shown = machine.output("docker inspect $(docker ps --quiet); cat .fullstack/.env .fullstack/dev.compose.yml")
    assert len(secrets) > 5
    assert [secret for secret in secrets if len(secret) > 20 and secret in shown] == []


def test_secret_files_are_the_developers_alone(machine: Machine) -> None:
    found = machine.output("find .fullstack/secrets -printf '%u %m\n'").split("\n")
    assert {line for line in found if line} == {"ada 700", "ada 755", "ada 400", "ada 440"}
    code, _said = machine.run("true", text="")
    assert code == 0
    assert "Permission denied" in type(machine)("bob").run("ls .fullstack/secrets")[1]


@pytest.mark.parametrize("command", ["logs -f", "logs -f backend"])
def test_logs_are_followed(machine: Machine, command: str) -> None:
    _code, said = machine.run(f"cd .fullstack && timeout 3 {COMPOSE} {command}", terminal=True)
    assert "Uvicorn running" in said


def test_backend_is_restarted(machine: Machine, ports: dict[str, int]) -> None:
    before = started(machine, "backend")
    machine.type(f"{COMPOSE} restart backend")
    assert started(machine, "backend") != before
    eventually(lambda: ready(ports), 15, every=0.3)


def test_backend_is_built_and_started(machine: Machine, ports: dict[str, int]) -> None:
    machine.type(f"{COMPOSE} up -d --build backend")
    eventually(lambda: ready(ports), 15, every=0.3)


def test_backend_has_a_shell(machine: Machine) -> None:
    assert "/app" in machine.run(f"cd .fullstack && echo pwd | {COMPOSE} exec -T backend sh")[1]


class TestMigration:
    """From a model to a table."""

    @pytest.fixture(scope="class")
    @classmethod
    def revision(cls, machine: Machine, ports: dict[str, int]) -> Iterator[str]:
        """Return the path of the revision that the command of the documentation makes."""
        with machine.editing("backend/app/models.py") as models:
            machine.save("backend/app/models.py", models + MODEL)
            machine.type(f'{COMPOSE} exec backend uv run alembic revision --autogenerate -m "x"')
            path = machine.output("ls backend/migrations/versions/*_x.py").strip()
            yield path
            machine.type(f"{COMPOSE} exec backend uv run alembic downgrade -1")
            machine.output(f"rm {path}")
        eventually(lambda: ready(ports), 15, every=0.3)

    def test_it_is_generated(self, machine: Machine, revision: str) -> None:
        assert "create_table('extra'" in machine.read(revision).replace('"', "'")

    def test_it_belongs_to_the_developer(self, machine: Machine, revision: str) -> None:
        assert machine.output(f"stat -c %U {revision}").strip() == "ada"

    def test_it_is_applied(self, machine: Machine, revision: str) -> None:
        machine.type(f"{COMPOSE} exec backend uv run alembic upgrade head")
        assert machine.psql("SELECT to_regclass('extra')") == "extra"


def test_uv_writes_no_lock(machine: Machine) -> None:
    machine.type(f"{COMPOSE} exec backend uv run python -c 'import fastapi'")
    assert machine.output("ls backend").split().count("uv.lock") == 0


def test_a_failed_migration_is_told_of(machine: Machine, ports: dict[str, int]) -> None:
    path = "backend/migrations/versions/2999_01_01_broken.py"
    machine.save(path, "raise RuntimeError('this migration is broken')\n")
    try:
        machine.type(f"{COMPOSE} restart backend")
        eventually(lambda: "The migration failed" in machine.compose("logs --since 15s backend"), 10)
        assert machine.compose("exec -T backend pwd").strip() == "/app"
    finally:
        machine.output(f"rm {path}")
    machine.type(f"{COMPOSE} restart backend")
    eventually(lambda: ready(ports), 15, every=0.3)


class TestData:
    """What stays and what goes; in this order."""

    def test_down_and_up_keep_it(self, machine: Machine, ports: dict[str, int]) -> None:
        machine.psql("CREATE TABLE kept (id int)")
        machine.type(f"{COMPOSE} down")
        # Plain, since .env names the file
        machine.type("docker compose up -d")
        eventually(lambda: ready(ports), 40, every=0.5)
        assert machine.psql("SELECT to_regclass('kept')") == "kept"

    def test_a_reset_empties_and_seeds_it(self, machine: Machine, site: Site, ports: dict[str, int]) -> None:
        site.apply(playbook="playbooks/dev_reset.yml")
        assert machine.psql("SELECT to_regclass('kept')") == ""
        assert int(machine.psql("SELECT count(*) FROM notes")) == 3
        assert ready(ports)

    def test_down_with_volumes_removes_it(self, machine: Machine, ports: dict[str, int]) -> None:
        machine.psql("CREATE TABLE removed (id int)")
        machine.type(f"{COMPOSE} down -v")
        assert machine.output("docker volume ls --quiet --filter label=com.docker.compose.project=app-dev") == ""
        machine.type(f"{COMPOSE} up -d")
        eventually(lambda: ready(ports), 60, every=0.5)
        assert machine.psql("SELECT to_regclass('removed')") == ""


def test_all_that_was_made_belongs_to_the_developer(machine: Machine) -> None:
    assert machine.output(f"find {FOLDER} ! -user ada") == ""
