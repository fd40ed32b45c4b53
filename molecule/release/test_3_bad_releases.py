"""Bad releases of every kind: what serves goes on serving, the cause is named, and nothing is left over."""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.load import Load, traffic
from tests.scenario.releases import sums
from tests.scenario.stack import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.scenario.releases import Application, Stack
    from tests.scenario.stack import Answer, Compose, Run, Web

MIGRATION = '''"""A migration of a test."""

from alembic import op

revision = "test_{name}"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    pass
'''
UNRELEASED_HEADER = "X-Unreleased"
MAIN, HEALTH = "backend/app/main.py", "backend/app/routes/health.py"
READY = "    state = request.state\n"
# Good where it is tried, behind an nginx of its own, and from then on no more
TURNS_BAD = """if "x-forwarded-for" in request.headers:
        import pathlib
        tried = pathlib.Path("/tmp/tried-behind-nginx")
        assert not tried.exists(), "behind the front door"
        tried.touch()
"""
CRASH = """
import os
import threading

threading.Timer(5, os._exit, [9]).start()
"""


def edit_ready(application: Application, line: str) -> None:
    """Let the application do something else where it tells whether it is ready."""
    application.edit(HEALTH, READY, f"    {line}\n{READY}")


def add_migration(application: Application, compose: Compose, upgrade: str) -> None:
    """Add a migration on top of the one that the database is at."""
    head = compose.psql("SELECT version_num FROM alembic_version")
    name = f"{time.time():.0f}"
    text = MIGRATION.format(name=name, head=head, upgrade=upgrade)
    (application.folder / f"backend/migrations/versions/9999_{name}.py").write_text(text)


def add_crash(application: Application) -> None:
    """Let every worker die after five seconds."""
    path = application.folder / MAIN
    path.write_text(path.read_text() + CRASH)


def add_ballast(application: Application) -> None:
    """Make the source bigger by a megabyte."""
    (application.folder / "backend/app/ballast.bin").write_bytes(os.urandom(2**20))


@contextmanager
def reader_in_the_way(compose: Compose) -> Iterator[None]:
    """Hold the lock of one who reads the notes and does not end."""
    sql = "BEGIN; SELECT count(*) FROM notes; SELECT pg_sleep(3600);"
    compose.output(f'docker compose exec --detach db psql -U postgres -d app_db -c "{sql}"')
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()"
    eventually(lambda: compose.psql(waiting) != "0", 30)
    yield
    compose.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%'"
                 " AND pid <> pg_backend_pid()")  # fmt: skip


@contextmanager
def wrong_password(_compose: Compose) -> Iterator[None]:
    """Let Ansible take another password for the vault."""
    with tempfile.NamedTemporaryFile("w") as file, pytest.MonkeyPatch.context() as patch:
        file.write("wrong")
        file.flush()
        patch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", file.name)
        yield


@contextmanager
def full_disk(compose: Compose) -> Iterator[None]:
    """Let the project's folder lie on a file system that has no room left."""
    compose.host.check_output(
        "cp -a /opt/app /run/app.copy && size=$(du -sk /run/app.copy | cut -f1)"
        " && mount -t tmpfs -o size=$((size + 64))k tmpfs /opt/app && cp -a /run/app.copy/. /opt/app/"
    )
    yield
    compose.host.check_output("umount --lazy /opt/app && rm -r /run/app.copy")


@dataclass(frozen=True)
class Bad:
    """A bad release: how it comes about, the words that name its cause, and whether it is found on the host."""

    words: str
    variables: dict[str, Any]
    prepare: Callable[[Stack], None] = lambda _stack: None
    around: Callable[[Compose], AbstractContextManager[None]] | None = None
    deployed: bool = True


def slow_start(stack: Stack) -> None:
    """Let no health check be answered."""
    stack.application.edit(HEALTH, "    return Health()", "    import time\n    time.sleep(60)\n    return Health()")


BAD: dict[str, Bad] = {
    "the build fails": Bad("uv==0.0.0", {"fastapi_backend_uv_version": "0.0.0"}),
    "the migration fails": Bad(
        "this migration is bad",
        {},
        lambda stack: add_migration(stack.application, stack.compose, 'raise RuntimeError("this migration is bad")'),
    ),
    "the migration waits for a table": Bad(
        "lock timeout",
        {},
        lambda stack: add_migration(
            stack.application, stack.compose, 'op.execute("ALTER TABLE notes ADD COLUMN extra text")'
        ),
        reader_in_the_way,
    ),
    "the container exits": Bad("db_pool_size", {"fastapi_backend_environment": {"DB_POOL_SIZE": "none"}}),
    "it is healthy and then crashes": Bad(
        "ended by themselves", {"fastapi_backend_settle": 5}, lambda stack: add_crash(stack.application)
    ),
    "it never becomes healthy": Bad("to become healthy", {"compose_project_timeout": 10}, slow_start),
    "it answers 500": Bad(
        "/health/ready: 500",
        {"nginx_frontend_headers": {UNRELEASED_HEADER: "never"}},
        lambda stack: edit_ready(stack.application, 'raise RuntimeError("bad")'),
    ),
    "it is bad behind nginx": Bad(
        "smoke",
        {},
        lambda stack: edit_ready(stack.application, 'assert "x-forwarded-for" not in request.headers, "behind nginx"'),
    ),
    "the front door finds it bad": Bad("verify", {}, lambda stack: edit_ready(stack.application, TURNS_BAD)),
    "the page names a script that is not there": Bad(
        "it names /missing.js: 200 as text/html",
        {},
        lambda stack: stack.application.edit(
            "frontend/index.html", "</head>", '  <script src="/missing.js"></script>\n  </head>'
        ),
    ),
    "the configuration of nginx is invalid": Bad(
        "client_max_body_size", {"nginx_frontend_body_size": "10 potatoes"}, deployed=False
    ),
    "the password of the vault is wrong": Bad("Decryption failed", {}, around=wrong_password, deployed=False),
    "the registry is gone": Bad("registry.lan:5999", {"redis_image": "registry.lan:5999/fullstack/redis:9"}),
    "the disk is full": Bad(
        "No space left on device",
        {},
        lambda stack: add_ballast(stack.application),
        full_disk,
        deployed=False,
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What came of a bad release."""

    run: Run
    before: dict[str, list[str]]
    after: dict[str, list[str]]
    upstreams: set[str]
    serving: set[str]
    page: Answer
    settled: bool
    files: tuple[str, str]
    """Sums of the files that describe the project, before and after."""
    entries: list[dict[str, Any]]
    """The ledger."""

    @property
    def told(self) -> list[str]:
        """What Ansible printed of the deployment's failure, the reason first."""
        return self.run.output.partition("[ERROR]: Task failed: Module failed: ")[2].splitlines()

    @property
    def serving_release(self) -> str:
        """Id of the release that served before."""
        served = [one for one in self.entries if one["outcome"] in ("succeeded", "rolled back")][-1]
        return str(served["target"] or served["release"])


@pytest.fixture(scope="module")
def load(web: Web) -> Iterator[Load]:
    """Send traffic over all of this file."""
    with traffic(web, pauses=(0.04, 0.3), slow=3.0) as running:
        yield running


@pytest.fixture(scope="module")
def outcomes(stack: Stack, load: Load) -> dict[str, Outcome]:
    """Return what came of the releases, as far as they were tried."""
    return {}


def upstreams(compose: Compose, since: float) -> set[str]:
    """Return the addresses that nginx has asked since then."""
    logs = f"docker logs --since {since:.0f} {compose.container('nginx').id} 2>/dev/null"
    lines = compose.output(logs).splitlines()
    asked = {json.loads(line)["upstream"] for line in lines if line.startswith("{")}
    return {address.strip() for one in asked for address in one.split(",")} - {""}


@pytest.fixture(params=list(BAD))
def outcome(
    request: pytest.FixtureRequest, stack: Stack, compose: Compose, load: Load, outcomes: dict[str, Outcome]
) -> Outcome:
    """Try a bad release, once."""
    name: str = request.param
    if name not in outcomes:
        bad = BAD[name]
        stack.application.restore()
        bad.prepare(stack)
        before, since, files = stack.replicas(), time.time(), sums(compose)
        serving = {f"{one.addresses['app_backend']}:8000" for one in compose.containers("backend")}
        if bad.around:
            with bad.around(compose):
                run = stack.release(**bad.variables)
        else:
            run = stack.release(**bad.variables)
        outcomes[name] = Outcome(
            run,
            before,
            stack.replicas(),
            upstreams(compose, since),
            serving,
            stack.web.get("/"),
            stack.settled(),
            (files, sums(compose)),
            stack.ledger(),
        )
        stack.application.restore()
    return outcomes[name]


class TestBadRelease:
    """Each of them."""

    def test_it_fails(self, outcome: Outcome) -> None:
        assert outcome.run.code != 0

    def test_the_cause_is_named(self, outcome: Outcome, request: pytest.FixtureRequest) -> None:
        words = BAD[request.node.callspec.params["outcome"]].words
        assert words.lower() in outcome.run.said.lower(), outcome.run.output[-3000:]

    def test_the_cause_comes_first_then_what_serves_then_the_log_once(
        self, outcome: Outcome, request: pytest.FixtureRequest
    ) -> None:
        bad = BAD[request.node.callspec.params["outcome"]]
        if not bad.deployed:
            pytest.skip("it is found before the deployment")
        cause, serves, *log = outcome.told
        assert bad.words.lower() in cause.lower()
        assert serves == f"The old release {outcome.serving_release} still serves."
        assert outcome.run.output.count(cause) == 1
        blocks = [line for line in log if line.startswith("--- last lines of ")]
        assert len(blocks) == len(set(blocks)) == outcome.run.output.count("--- last lines of ")

    def test_the_ledger_has_the_cause_first(self, outcome: Outcome, request: pytest.FixtureRequest) -> None:
        if not BAD[request.node.callspec.params["outcome"]].deployed:
            pytest.skip("it is found before the deployment")
        assert outcome.entries[-1]["outcome"] == "failed"
        assert outcome.entries[-1]["cause"].splitlines()[0] == outcome.told[0]

    def test_what_served_serves_on(self, outcome: Outcome) -> None:
        assert outcome.before == outcome.after

    def test_no_user_met_it(self, outcome: Outcome, request: pytest.FixtureRequest) -> None:
        if "front door" in request.node.callspec.params["outcome"]:
            pytest.skip("it has to be in service for a moment to be found bad there")
        assert outcome.upstreams == outcome.serving

    def test_the_page_comes_as_before(self, outcome: Outcome) -> None:
        assert outcome.page.status == 200
        assert UNRELEASED_HEADER not in outcome.page.headers

    def test_a_restart_would_start_what_served(self, outcome: Outcome) -> None:
        before, after = outcome.files
        assert before.splitlines() == after.splitlines()

    def test_nothing_is_left_over(self, outcome: Outcome) -> None:
        assert outcome.settled


def test_the_next_good_release_works_without_a_hand(load: Load, outcomes: object, stack: Stack) -> None:
    run = stack.release(fastapi_backend_environment={"GOOD": "again"})
    assert run.code == 0, run.output[-3000:]
    assert stack.settled()


def test_no_request_failed_over_all_of_this(load: Load, compose: Compose) -> None:
    evidence = compose.run("docker compose logs --no-log-prefix nginx | grep -v '\"status\":2' | tail -20").stdout
    assert load.failures == [], evidence


def test_there_was_traffic(load: Load) -> None:
    assert load.answered > 1000
    assert load.rows
