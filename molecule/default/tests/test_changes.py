"""Further runs of the play: what changes touches what it must, and nothing else."""

from __future__ import annotations

import json
import re
import secrets as random_secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.stack import SERVICES, Compose, Run, Site, Web, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from testinfra.host import Host

BUILT = r"[0-9a-f]{12}"


@dataclass(frozen=True)
class Change:
    """A run of the play, and the containers before and after it."""

    run: Run
    before: dict[str, str]
    after: dict[str, str]

    @property
    def touched(self) -> set[str]:
        """Services that run in another container than before."""
        return {service for service in self.after if self.after[service] != self.before.get(service)}


@dataclass
class Changes:
    """The runs of this file, each with its own change on top of those before."""

    site: Site
    compose: Compose
    variables: dict[str, Any]

    def apply(self, *arguments: str, **variables: Any) -> Change:
        """Run the play with one more change."""
        self.variables |= variables
        before = self.compose.ids()
        run = self.site.apply(*arguments, **self.variables)
        return Change(run, before, self.compose.ids())


@pytest.fixture(scope="module")
def changes(site: Site, compose: Compose, web: Web) -> Iterator[Changes]:
    """Return the runs of this file, and undo what they did."""
    yield Changes(site, compose, {})
    site.apply()
    eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), 60)


def image_tags(host: Host, repository: str) -> set[str]:
    """Return the tags that a host has of a repository."""
    return set(host.check_output("docker images --format '{{.Tag}}' %s", repository).splitlines())


# --- nothing to change --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checked(site: Site) -> Run:
    """Ask what would change, with nothing to change."""
    return site.apply("--check", "--diff")


def test_check_finds_nothing_to_change(checked: Run) -> None:
    assert checked.changed == 0


def test_check_shows_no_secret(checked: Run, secrets: dict[str, str]) -> None:
    assert [path for path, value in secrets.items() if value in checked.output] == []


# --- source of the backend ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def word() -> str:
    """Return what the changed application says of its health; nothing was ever built that said it."""
    return random_secrets.token_hex(8)


@pytest.fixture(scope="module")
def source(application: Path, word: str) -> dict[str, str]:
    """Change the source of the backend: its health has another word. Return the variable that leads to it."""
    module = application / "backend/app/routes/health.py"
    text = module.read_text()
    changed = text.replace('status: str = "ok"', f'status: str = "{word}"')
    assert changed != text
    module.write_text(changed)
    return {"fastapi_backend_path": str(application / "backend")}


@pytest.fixture(scope="module")
def announced(
    site: Site, source: dict[str, str], fingerprint: Callable[..., dict[str, str]]
) -> tuple[Run, dict[str, str], dict[str, str]]:
    """Ask what the changed source would bring; return the host before and after as well."""
    before = fingerprint()
    return site.apply("--check", "--diff", **source), before, fingerprint()


Announced = tuple[Run, dict[str, str], dict[str, str]]


@pytest.mark.parametrize(
    "words",
    [rf"build app-backend:{BUILT}", r"backend: recreate: its image changed", r"migrate", r"app/routes/health\.py"],
)
def test_check_tells_what_would_be_done(announced: Announced, words: str) -> None:
    assert re.search(words, announced[0].said), announced[0].output


def test_check_does_nothing(announced: Announced) -> None:
    _run, before, after = announced
    assert after == before


@pytest.fixture(scope="module")
def released(changes: Changes, source: dict[str, str], announced: Announced, host: Host) -> tuple[Change, set[str]]:
    """Deploy the changed source; return which tags of the backend's image are new."""
    before = image_tags(host, "app-backend")
    change = changes.apply(**source)
    return change, image_tags(host, "app-backend") - before


def test_changed_source_is_what_runs(released: object, web: Web, word: str) -> None:
    assert web.get("/api/health").json() == {"status": word}


def test_changed_source_makes_one_image(released: tuple[Change, set[str]]) -> None:
    assert re.fullmatch(BUILT, " ".join(released[1]))


def test_changed_source_touches_the_backend_alone(released: tuple[Change, set[str]]) -> None:
    assert released[0].touched == {"backend"}


# --- configuration of nginx ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def configured(released: object, changes: Changes) -> Change:
    """Deploy another configuration of nginx."""
    return changes.apply(nginx_frontend_headers={"X-Test": "configured"})


def test_changed_configuration_is_in_force(configured: Change, web: Web) -> None:
    assert web.get("/").headers["X-Test"] == "configured"


def test_changed_configuration_touches_nginx_alone(configured: Change) -> None:
    assert configured.touched == {"nginx"}


# --- passwords ----------------------------------------------------------------------------------

# What SASLprep changes, and what files, URLs and commands give a meaning to
ODD = "Sicher❤️ e\u0301日本\n\"'\\$%{x}"


@dataclass(frozen=True)
class Passwords:
    """Of Redis and of the application's database role."""

    redis: str
    database: str


@pytest.fixture(scope="module")
def old(secrets: dict[str, str]) -> Passwords:
    folder = "/opt/app/secrets/backend"
    return Passwords(secrets[f"{folder}/redis_password"], secrets[f"{folder}/postgres_password"])


@pytest.fixture(scope="module")
def new() -> Passwords:
    return Passwords(f"{ODD}{random_secrets.token_urlsafe(32)}", f"{ODD}{random_secrets.token_urlsafe(32)}")


@pytest.fixture(scope="module")
def rotated(old: Passwords, new: Passwords, configured: object, changes: Changes) -> Change:
    """Deploy other passwords, and have all shown that may be."""
    return changes.apply("--diff", "-vvv", redis_password=new.redis, postgres_app_password=new.database)


def answer_of_redis(compose: Compose, password: str) -> str:
    """Return what Redis says to a ping."""
    return compose.exec("redis", "env", f"REDISCLI_AUTH={password}", "redis-cli", "ping")


def database_admits(host: Host, password: str) -> bool:
    """Tell whether the database lets the application in, over the network."""
    line = "cd /opt/app && docker compose exec -T -e PGPASSWORD=%s db psql -h db -U app -d app_db -c 'SELECT 1'"
    return bool(host.run(line, password).succeeded)


def test_redis_takes_the_new_password(rotated: Change, compose: Compose, new: Passwords) -> None:
    assert answer_of_redis(compose, new.redis) == "PONG"


def test_redis_takes_the_old_password_no_more(rotated: Change, compose: Compose, old: Passwords) -> None:
    assert answer_of_redis(compose, old.redis).startswith("NOAUTH")


def test_database_takes_the_new_password(rotated: Change, host: Host, new: Passwords) -> None:
    assert database_admits(host, new.database)


def test_database_takes_the_old_password_no_more(rotated: Change, host: Host, old: Passwords) -> None:
    assert not database_admits(host, old.database)


def test_application_has_the_new_passwords(rotated: Change, web: Web) -> None:
    assert web.get("/api/health/ready").status == 200


def test_changed_passwords_touch_those_that_read_them_alone(rotated: Change) -> None:
    assert rotated.touched == {"backend", "redis"}


@pytest.mark.parametrize("name", ["redis", "database"])
def test_changed_password_is_not_shown(rotated: Change, new: Passwords, name: str) -> None:
    # Given on the command line here, which Ansible repeats nowhere else than in its own first lines
    said = rotated.run.output.partition("PLAY [")[2]
    assert getattr(new, name) not in said


# --- back to an earlier release -----------------------------------------------------------------


@pytest.fixture(scope="module")
def earlier(rotated: object, compose: Compose) -> str:
    """Return the last release of the source as it was."""
    ledger = json.loads(compose.output("cat releases.json"))["releases"]
    running = ledger[-1]["images"]["backend"]["id"]
    succeeded = [one for one in reversed(ledger) if one["outcome"] == "succeeded"]
    return str(next(one["release"] for one in succeeded if one["images"]["backend"]["id"] != running))


def test_a_release_that_never_was_is_refused_and_those_there_are_named(
    earlier: str, site: Site, compose: Compose
) -> None:
    before = compose.ids()
    refused = site.run(playbook="playbooks/rollback.yml", release="19700101-000000")
    assert refused.code != 0
    assert earlier in refused.said
    assert compose.ids() == before


@pytest.fixture(scope="module")
def went_back(earlier: str, site: Site) -> Run:
    """Go back, with nothing but the name of the release, after a look at what that would do."""
    looked = site.apply("--check", playbook="playbooks/rollback.yml", release=earlier)
    done = site.apply(playbook="playbooks/rollback.yml", release=earlier)
    assert [line for line in looked.output.splitlines() if "go back from" in line] == [
        line for line in done.output.splitlines() if "go back from" in line
    ]
    return done


def test_it_says_from_which_release_to_which(went_back: Run, earlier: str, compose: Compose) -> None:
    entries = json.loads(compose.output("cat releases.json"))["releases"]
    newest = [one["release"] for one in entries if one["outcome"] == "succeeded"][-1]
    assert f"go back from release {newest} to release {earlier}" in went_back.said


def test_earlier_release_is_what_runs(went_back: Run, web: Web) -> None:
    assert web.get("/api/health").json() == {"status": "ok"}


def test_ledger_tells_of_it(went_back: Run, earlier: str, site: Site) -> None:
    listed = site.apply(playbook="playbooks/releases.yml")
    assert f"rolled back to {earlier}, in use" in listed.said
