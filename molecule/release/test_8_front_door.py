"""A deployment that changes more than the application: the application first, the front door once it is good."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.certificates import issue
from tests.scenario.load import Load, traffic
from tests.scenario.releases import sums
from tests.scenario.stack import SERVICES, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.scenario.releases import Stack
    from tests.scenario.stack import Compose, Run, Web

MAIN = "backend/app/main.py"
CAUSE = "this release is bad"
ANOTHER_PORT = 8430
# The same image by another name, as if a new one was pulled
ANOTHER_DOOR = "registry.lan:5000/fullstack/busybox:again"
DATA = ("db", "redis")


@dataclass(frozen=True)
class Outcome:
    """What came of a deployment."""

    run: Run
    before: dict[str, list[str]]
    after: dict[str, list[str]]
    files: tuple[str, str]
    """Sums of the files that describe the project, before and after."""
    load: Load
    settled: bool

    @property
    def replaced(self) -> set[str]:
        """Services that run in other containers than before."""
        return {service for service in SERVICES if self.before[service] != self.after[service]}


def break_at_start(stack: Stack) -> None:
    """Let the application end where it begins."""
    path = stack.application.folder / MAIN
    path.write_text(f'{path.read_text()}\nraise RuntimeError("{CAUSE}")\n')


def deploy(stack: Stack, web: Web, **variables: Any) -> Outcome:
    """Run site.yml under traffic, with one change."""
    before, files = stack.replicas(), sums(stack.compose)
    with traffic(web, pauses=(0.04, 0.3), slow=0.5, websockets=0) as load:
        run = stack.release(playbook="site.yml", **variables)
    return Outcome(run, before, stack.replicas(), (files, sums(stack.compose)), load, stack.settled())


def back(stack: Stack) -> None:
    """Deploy what the project is without any change."""
    run = stack.release(playbook="site.yml")
    assert run.code == 0, run.output[-3000:]


def answers(web: Web, port: int) -> bool:
    """Tell whether something takes connections on a port of the host."""
    try:
        socket.create_connection((web.address, port), timeout=2).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Kind:
    """A kind of change that a deployment can hold beside a bad application."""

    variables: Callable[[Stack, Path], dict[str, Any]]
    replaced: set[str] = field(default_factory=set)
    """What may run in a new container afterwards, healthy by the new configuration."""


def tls(_stack: Stack, folder: Path) -> dict[str, Any]:
    """Switch TLS on."""
    authority = issue("Authority of this test")
    issued = issue("localhost", authority)
    (folder / "authority.pem").write_text(authority.pem)
    (folder / "certificate.pem").write_text(issued.pem)
    return {
        "nginx_frontend_tls": "files",
        "nginx_frontend_tls_certificate_file": str(folder / "certificate.pem"),
        "nginx_frontend_tls_key": issued.key_pem,
        "nginx_frontend_tls_trust_file": str(folder / "authority.pem"),
        "nginx_frontend_https_port": ANOTHER_PORT,
    }


def another_base(stack: Stack, _folder: Path) -> dict[str, Any]:
    """Give the front door another image."""
    stack.compose.output(f"docker tag registry.lan:5000/fullstack/busybox:1 {ANOTHER_DOOR}")
    return {"nginx_frontend_front_door_image": ANOTHER_DOOR}


def plain(**variables: Any) -> Kind:
    """Return a kind that needs nothing but variables."""
    return Kind(lambda _stack, _folder: variables)


KINDS = {
    "port": plain(nginx_frontend_port=ANOTHER_PORT),
    "source alone": plain(),
    "configuration of nginx": plain(nginx_frontend_body_size="11m"),
    "TLS": Kind(tls),
    "networks": plain(
        nginx_frontend_front_door_overrides={"networks": {"frontend": {"aliases": ["nginx", "app-nginx", "door"]}}}
    ),
    "limits": plain(
        fastapi_backend_memory="900M",
        nginx_frontend_front_door_overrides={"deploy": {"resources": {"limits": {"pids": 16}}}},
    ),
    "configuration of PostgreSQL": Kind(lambda _stack, _folder: {"postgres_config": {"work_mem": "5MB"}}, {"db"}),
    "configuration of Redis": Kind(
        lambda _stack, _folder: {"redis_config": {"maxmemory-policy": "allkeys-lru"}}, {"redis"}
    ),
    "PostgreSQL and the port": Kind(
        lambda _stack, _folder: {"postgres_config": {"work_mem": "6MB"}, "nginx_frontend_port": ANOTHER_PORT}, {"db"}
    ),
    "a secret": plain(fastapi_backend_secret_environment={"ANOTHER_SECRET": "long enough to be taken for a secret"}),
    "image of a base": Kind(another_base),
}
QUICK = ("port",)


@pytest.fixture(scope="module", autouse=True)
def as_before(stack: Stack, web: Web) -> Iterator[None]:
    """Begin and end with the application as it is in the project."""
    stack.application.restore()
    yield
    stack.application.restore()
    back(stack)
    eventually(web.serving, 30)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """Return what came of the deployments, as far as they were tried."""
    return {}


@pytest.fixture(params=[kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.soak) for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> str:
    """Return a kind of change."""
    name: str = request.param
    return name


@pytest.fixture
def outcome(kind: str, stack: Stack, web: Web, tmp_path: Path, outcomes: dict[str, Outcome]) -> Outcome:
    """Deploy a change together with an application that does not start, once."""
    if kind not in outcomes:
        break_at_start(stack)
        outcomes[kind] = found = deploy(stack, web, **KINDS[kind].variables(stack, tmp_path))
        stack.application.restore()
        print(f"{kind}: {len(found.load.failures)} of {found.load.answered} failed, gap {found.load.gap:.2f} s, "
              f"new containers: {', '.join(sorted(found.replaced)) or 'none'}")  # fmt: skip
        if found.replaced:  # the next one begins with the databases as they were
            back(stack)
    return outcomes[kind]


class TestBadApplication:
    """A bad application, whatever else changes in the same deployment."""

    def test_it_fails_by_its_cause(self, outcome: Outcome) -> None:
        assert outcome.run.code != 0
        assert CAUSE in outcome.run.said, outcome.run.output[-3000:]

    def test_the_old_release_serves(self, outcome: Outcome, kind: str, web: Web) -> None:
        assert outcome.replaced <= KINDS[kind].replaced
        assert web.serving()

    def test_no_request_fails(self, outcome: Outcome, kind: str) -> None:
        # A database that takes a new setting is restarted, and what asks it in that second is told so
        data = KINDS[kind].replaced & set(DATA)
        spared = [one for one in outcome.load.failures if not data or "/api/health" in one]
        assert spared == []

    def test_a_restart_would_start_what_served(self, outcome: Outcome) -> None:
        before, after = outcome.files
        assert before.splitlines() == after.splitlines()

    def test_nothing_is_left_over(self, outcome: Outcome, web: Web) -> None:
        assert outcome.settled
        assert not answers(web, ANOTHER_PORT)


# --- a front door that is bad itself ------------------------------------------------------------


@pytest.fixture(scope="module")
def bad_door(stack: Stack, web: Web) -> Outcome:
    """Release a good application, and a front door that does not stay up."""
    return deploy(
        stack,
        web,
        nginx_frontend_port=ANOTHER_PORT,
        nginx_frontend_front_door_overrides={"entrypoint": ["false"]},
        fastapi_backend_environment={"DOOR": "bad"},
    )


def test_a_bad_front_door_is_named(bad_door: Outcome) -> None:
    assert bad_door.run.code != 0
    assert "front door" in bad_door.run.said, bad_door.run.output[-3000:]


def test_a_bad_front_door_is_taken_back_with_its_release(bad_door: Outcome, web: Web) -> None:
    assert bad_door.before["backend"] == bad_door.after["backend"]
    assert web.serving()
    assert not answers(web, ANOTHER_PORT)
    assert bad_door.files[0].splitlines() == bad_door.files[1].splitlines()
    assert bad_door.settled


def test_the_gap_of_a_bad_front_door_ends_by_itself(bad_door: Outcome) -> None:
    print(f"gap {bad_door.load.gap:.1f} s, {len(bad_door.load.failures)} failed")
    assert bad_door.load.gap < 60


# --- a good one ---------------------------------------------------------------------------------


def test_check_mode_tells_of_the_gap(stack: Stack) -> None:
    run = stack.release("--check", "--diff", playbook="site.yml", nginx_frontend_port=ANOTHER_PORT)
    assert run.code == 0, run.output[-3000:]
    assert "replace front_door and nginx" in run.said


@pytest.mark.soak
def test_a_good_deployment_moves_to_the_new_port(stack: Stack, web: Web) -> None:
    outcome = deploy(stack, web, nginx_frontend_port=ANOTHER_PORT, fastapi_backend_environment={"MOVED": "yes"})
    assert outcome.run.code == 0, outcome.run.output[-3000:]
    assert outcome.replaced == {"front_door", "nginx", "backend"}
    assert answers(web, ANOTHER_PORT)
    assert not answers(web, web.port)
    back(stack)
    assert web.serving()


@pytest.mark.soak
def test_nginx_comes_to_run_as_another_user(stack: Stack, web: Web) -> None:
    outcome = deploy(stack, web, nginx_frontend_uid=1234, nginx_frontend_gid=1234)
    assert outcome.run.code == 0, outcome.run.output[-3000:]
    assert outcome.replaced == {"front_door", "nginx"}
    assert web.serving()


# --- settings that a database does not start with -----------------------------------------------


@pytest.mark.parametrize(
    ("service", "variables"),
    [
        ("db", {"postgres_config": {"shared_buffers": "potatoes"}}),
        pytest.param("redis", {"redis_config": {"maxmemory-policy": "potatoes"}}, marks=pytest.mark.soak),
    ],
)
def test_a_database_with_a_bad_setting_comes_back_with_the_old_one(
    stack: Stack, compose: Compose, web: Web, service: str, variables: dict[str, Any]
) -> None:
    before = sums(compose)
    run = stack.release(playbook="site.yml", **variables)
    assert run.code != 0
    assert "potatoes" in run.said
    assert f"{service} serves again as before" in run.said, run.output[-3000:]
    assert compose.health(service) == "healthy"
    assert web.serving()
    assert sums(compose).splitlines() == before.splitlines()


# --- a stack that serves its page alone ---------------------------------------------------------


@pytest.mark.soak
def test_the_page_stays_where_the_backend_is_down_already(stack: Stack, compose: Compose, web: Web) -> None:
    compose.output("docker compose stop backend 2>&1")
    break_at_start(stack)
    run = stack.release(playbook="site.yml", nginx_frontend_port=ANOTHER_PORT)
    stack.application.restore()
    assert run.code != 0
    assert web.get("/").status == 200
