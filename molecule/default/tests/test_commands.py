"""The commands of the specification for production, word for word, in the project's folder on the host."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.scenario.stack import SERVICES, Compose, Run, Site, Web, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

SECONDS = 12
"""What "within seconds" means: nginx asks an address again 10 s after it did not answer."""


@pytest.mark.parametrize(
    "command",
    [
        "docker compose -f compose.yml up -d",
        "docker compose -f compose.yml pull",
        "docker compose up -d",
    ],
)
def test_command_leaves_what_runs_as_it_is(compose: Compose, command: str) -> None:
    before = compose.ids()
    compose.output(command)
    assert compose.ids() == before


class TestLogs:
    """`logs -f` goes on until it is stopped."""

    @pytest.fixture(scope="class")
    @classmethod
    def logs(cls, compose: Compose, web: Web) -> str:
        stopped_by_timeout = 124
        web.get("/")
        done = compose.run("timeout 3 docker compose -f compose.yml logs -f")
        assert done.rc == stopped_by_timeout, done
        return str(done.stdout)

    @pytest.mark.parametrize("service", ["nginx", "backend", "db", "redis"])
    def test_log_shows_every_service(self, logs: str, service: str) -> None:
        assert re.search(rf"{service}-\d+ +\|", logs)


def test_state_of_the_database_is_shown(compose: Compose) -> None:
    assert "(healthy)" in compose.output("docker compose -f compose.yml ps db")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("curl http://localhost:8420/health", "ok\n"),
        ("curl http://localhost:8420/api/health", '{"status":"ok"}'),
    ],
)
def test_health_is_asked_for_on_the_host(host: Host, command: str, answer: str) -> None:
    assert host.check_output(command).strip() == answer.strip()


@pytest.fixture(scope="class")
def three_backends(compose: Compose) -> Iterator[list[str]]:
    """Scale up, return their addresses, and scale down."""
    compose.output("docker compose -f compose.yml up -d --scale backend=3")
    eventually(lambda: compose.serving(len(SERVICES) + 2), 60)
    yield [container.addresses["app_backend"] for container in compose.containers("backend")]
    compose.output("docker compose -f compose.yml up -d --scale backend=1")


@pytest.fixture(scope="class")
def play_over_three(three_backends: list[str], site: Site) -> Run:
    """Run the play, with nothing to change, while they are three."""
    return site.apply("-vvv")


class TestThreeBackends:
    """`up -d --scale backend=3`."""

    def test_three_run(self, three_backends: list[str]) -> None:
        assert len(three_backends) == 3

    def test_nginx_uses_all_of_them_within_seconds(self, three_backends: list[str], compose: Compose, web: Web) -> None:
        def used() -> set[str]:
            for _ in range(3):
                web.get("/api/health")
            entries = (json.loads(line) for line in compose.log("nginx", lines=6) if line.startswith("{"))
            return {entry["upstream"] for entry in entries}

        wanted = {f"{address}:8000" for address in three_backends}
        assert eventually(lambda: used() >= wanted, SECONDS, every=0.3)

    def test_play_changes_nothing(self, play_over_three: Run) -> None:
        assert play_over_three.changed == 0

    def test_play_keeps_three(self, play_over_three: Run, compose: Compose) -> None:
        assert len(compose.containers("backend")) == 3

    def test_play_with_nothing_to_change_asks_the_host_at_most_twenty_times(self, play_over_three: Run) -> None:
        assert 0 < play_over_three.remote_calls <= 20

    def test_play_shows_no_secret_however_much_it_is_asked_to_say(
        self, play_over_three: Run, secrets: dict[str, str]
    ) -> None:
        assert [path for path, value in secrets.items() if value in play_over_three.output] == []


class TestBuiltByHand:
    """`build` and `up -d`: it runs, says that no release made it, and the next run of the play goes back."""

    @pytest.fixture(scope="class")
    @classmethod
    def releases(cls, compose: Compose, site: Site, web: Web) -> tuple[str, str, str]:
        """Return what answered before, by hand, and after the play."""

        def release() -> str:
            return str(eventually(lambda: web.get("/api/health").headers["X-Release"], 30))

        before = release()
        compose.output("docker compose -f compose.yml build")
        compose.output("docker compose -f compose.yml up -d --wait")
        by_hand = release()
        site.apply()
        return before, by_hand, release()

    def test_what_is_built_by_hand_is_no_release(self, releases: tuple[str, str, str]) -> None:
        assert releases[1] == "unknown"

    def test_play_goes_back_to_the_release(self, releases: tuple[str, str, str]) -> None:
        assert releases[0] == releases[2] != "unknown"

    def test_ledger_tells_of_it(self, releases: tuple[str, str, str], compose: Compose) -> None:
        entries = json.loads(compose.output("cat releases.json"))["releases"]
        assert "unmanaged" in [entry["outcome"] for entry in entries]
