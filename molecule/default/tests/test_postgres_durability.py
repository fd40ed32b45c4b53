"""What was acknowledged is there after crashes, and a stop is no crash."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.scenario.stack import SCRIPTS, SERVICES, Compose, Web, eventually, run_script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

STARTED_AFTER = 60


def crash(host: Host, compose: Compose, service: str, kills: int, seconds: float, writer: str, name: str) -> Any:
    """Kill a service under a writer; return what was acknowledged when, and when it was killed."""
    script = (SCRIPTS / f"{writer}.py").read_text()
    return run_script(host, "crash", compose.directory, service, str(kills), str(seconds), script, name)


class TestPostgresKilled:
    """kill -9 of the server, again and again, under four clients that write numbered notes."""

    KILLS = 6

    @pytest.fixture(scope="class")
    @classmethod
    def began(cls, host: Host) -> str:
        """Return the host's time before it."""
        return str(host.check_output("date +%s"))

    @pytest.fixture(scope="class")
    @classmethod
    def name(cls, began: str, compose: Compose) -> Iterator[str]:
        """Return what the notes are known by."""
        name = f"crash-{uuid4()}"
        yield name
        compose.psql("DELETE FROM users WHERE name LIKE 'writer-%'")

    @pytest.fixture(scope="class")
    @classmethod
    def acknowledged(cls, name: str, host: Host, compose: Compose, web: Web) -> set[int]:
        """Return the numbers of the notes that the application said are saved."""
        heard = crash(host, compose, "db", cls.KILLS, 0.2, "write_notes", name)
        assert len(heard["killed"]) == cls.KILLS
        eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), STARTED_AFTER)
        return {number for number, _at in heard["acknowledged"]}

    @pytest.fixture(scope="class")
    @classmethod
    def saved(cls, acknowledged: set[int], name: str, compose: Compose) -> Counter[int]:
        """Return how often each number is in the database."""
        query = f"SELECT json_agg(split_part(text, ' ', 2)::int) FROM notes WHERE text LIKE '{name} %'"
        return Counter(json.loads(compose.psql(query)))

    def test_much_was_written_in_between(self, acknowledged: set[int]) -> None:
        assert len(acknowledged) > 10 * self.KILLS

    def test_each_kill_was_a_crash(self, acknowledged: set[int], began: str, compose: Compose) -> None:
        log = compose.output(f"docker logs --since {began} {compose.container('db').id} 2>&1")
        assert log.count("automatic recovery in progress") >= self.KILLS

    def test_nothing_acknowledged_is_lost(self, acknowledged: set[int], saved: Counter[int]) -> None:
        assert acknowledged - saved.keys() == set()

    def test_nothing_is_there_twice(self, saved: Counter[int]) -> None:
        assert [number for number, times in saved.items() if times > 1] == []


@pytest.mark.soak
class TestPostgresKilledForMinutes(TestPostgresKilled):
    """The same, more than thirty times as often."""

    KILLS = 200


class TestPostgresStopped:
    """The engine stops it while the application is connected."""

    @pytest.fixture(scope="class")
    @classmethod
    def log(cls, host: Host, compose: Compose, web: Web) -> str:
        """Return what it wrote from the stop to the next start."""
        eventually(web.serving, STARTED_AFTER)
        began = host.check_output("date +%s")
        compose.output("docker compose stop db && docker compose start db")
        eventually(web.serving, STARTED_AFTER)
        return compose.output(f"docker compose logs --no-color --since {began} db")

    @pytest.mark.parametrize(
        "line", ["received fast shutdown request", "database system is shut down", "database system was shut down at"]
    )
    def test_log_tells_of_a_clean_shutdown(self, log: str, line: str) -> None:
        assert line in log

    @pytest.mark.parametrize("line", ["not properly shut down", "automatic recovery", "was interrupted"])
    def test_log_tells_of_no_recovery(self, log: str, line: str) -> None:
        assert line not in log


class TestRedisKilled:
    """kill -9, twice, after some seconds of writing."""

    KILLS = 2
    MAY_BE_LOST = 2.0
    """Seconds of writes: Redis writes its log each second, and a second later while the disk is slow."""

    @pytest.fixture(scope="class")
    @classmethod
    def heard(cls, host: Host, compose: Compose, web: Web) -> Iterator[dict[str, Any]]:
        """Return what was acknowledged, when it was killed, and what is in the list afterwards."""
        name = f"crash-{uuid4()}"
        ask = 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli "$@"'
        heard: dict[str, Any] = crash(host, compose, "redis", cls.KILLS, 2.5, "write_list", name)
        there = compose.exec("redis", "sh", "-c", ask, "sh", "LRANGE", name, "0", "-1").splitlines()
        yield {**heard, "there": Counter(map(int, there))}
        compose.exec("redis", "sh", "-c", ask, "sh", "DEL", name)
        eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), STARTED_AFTER)

    def test_only_the_last_two_seconds_before_a_kill_may_be_lost(self, heard: dict[str, Any]) -> None:
        lost = [at for number, at in heard["acknowledged"] if number not in heard["there"]]
        assert [at for at in lost if not any(0 <= kill - at <= self.MAY_BE_LOST for kill in heard["killed"])] == []

    def test_much_was_written_before_them(self, heard: dict[str, Any]) -> None:
        early = [at for _number, at in heard["acknowledged"] if at < heard["killed"][0] - self.MAY_BE_LOST]
        assert len(early) > 100

    def test_nothing_is_there_twice(self, heard: dict[str, Any]) -> None:
        assert max(heard["there"].values()) == 1
