"""What an operator asks and what runs by itself: status, cleanup, healing, the start in order."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.scenario.stack import SERVICES, Compose, Run, Site, Web, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

STARTED_AFTER = 60
# Production gives a minute and a half, and lets requests end
HASTE = {"healthcheck": {"interval": "1s", "timeout": "3s", "retries": 1}, "stop_grace_period": "1s"}
NOTIFIED = "fullstack-notify"
"""What the notify command of the demo writes to the journal as."""


def notifications(host: Host, since: str) -> list[tuple[float, str]]:
    """Return when the notify command was called, in seconds, and what it was told."""
    lines = host.check_output(f"journalctl --identifier={NOTIFIED} --output=json --since=@{since}").splitlines()
    entries = [json.loads(line) for line in lines]
    return [(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, entry["MESSAGE"]) for entry in entries]


class TestStatus:
    """Of a stack that is well."""

    @pytest.fixture(scope="class")
    @classmethod
    def status(cls, site: Site) -> Run:
        return site.run(playbook="playbooks/status.yml")

    def test_it_succeeds(self, status: Run) -> None:
        assert status.code == 0, status.output

    def test_it_changes_nothing(self, status: Run) -> None:
        assert status.changed == 0

    def test_table_has_its_columns(self, status: Run) -> None:
        assert re.search("SERVICE +STATE +REPLICAS +RELEASE +UP +MEMORY", status.output)

    @pytest.mark.parametrize("service", SERVICES)
    def test_table_has_a_line_for_each_service(self, status: Run, service: str) -> None:
        assert re.search(rf"{service} +(healthy|running) +1/1 +\w+ +\d+ \w+ +\d+ of \d+ MiB \(\d+ %\)", status.output)

    @pytest.mark.parametrize("fact", [r"disk: \d+ % used, \d+ GiB free", "certificate: none"])
    def test_host_is_told_of(self, status: Run, fact: str) -> None:
        assert re.search(fact, status.output)


class TestStatusOfTrouble:
    """nginx is stopped, and redis has nearly as much memory in use as it may."""

    @pytest.fixture(scope="class")
    @classmethod
    def status(cls, compose: Compose, web: Web, site: Site) -> Iterator[Run]:
        compose.output("docker compose stop nginx")
        compose.exec("redis", "sh", "-c", "head --bytes=235M /dev/zero >/tmp/full")
        yield site.run(playbook="playbooks/status.yml")
        compose.exec("redis", "rm", "/tmp/full")  # noqa: S108
        compose.output("docker compose start nginx")
        eventually(web.serving, STARTED_AFTER)

    def test_it_fails(self, status: Run) -> None:
        assert status.code != 0

    @pytest.mark.parametrize(
        "problem",
        ["nginx is exited; see: docker compose logs", r"redis uses 9\d % of its memory limit; raise the limit"],
    )
    def test_it_says_what_is_wrong_and_what_to_do(self, status: Run, problem: str) -> None:
        assert re.search(problem, status.said)

    def test_table_is_shown_all_the_same(self, status: Run) -> None:
        assert re.search("backend +healthy +1/1", status.output)


class Kept(NamedTuple):
    """Names of the images and volumes of a host."""

    images: set[str]
    volumes: set[str]

    @classmethod
    def on(cls, host: Host) -> Kept:
        """Read them."""
        names = host.check_output(
            "docker image ls --filter dangling=false --format '{{.Repository}}:{{.Tag}}'"
        ).splitlines()
        return cls(set(names), set(host.check_output("docker volume ls --quiet").splitlines()))


class TestCleanup:
    """Four releases newer than the one that runs, a stopped container of the oldest of them; two are to be kept."""

    RELEASES = 2
    MARK = "fullstack.test=cleanup"

    @pytest.fixture(scope="class")
    @classmethod
    def before(cls, host: Host, compose: Compose) -> Iterator[Kept]:
        base = compose.container("front_door").inspect["Config"]["Image"]
        names = [*(f"app-backend:release{number}" for number in range(1, 5)), "shop-backend:release1"]
        for created, name in enumerate(names, start=2_000_000_000):
            dockerfile = f"FROM {base}\nLABEL {cls.MARK} created={created}\n"
            build = f"docker build --quiet --build-arg SOURCE_DATE_EPOCH={created} --tag {name} -"
            host.check_output(f"echo %s | {build}", dockerfile)
        host.check_output("docker create --name stopped app-backend:release1 true && docker volume create spare")
        yield Kept.on(host)
        host.check_output("docker rm stopped && docker volume rm spare")
        left = f"docker image ls --filter label={cls.MARK} --format '{{{{.Repository}}}}:{{{{.Tag}}}}'"
        host.check_output(f"docker image rm $({left})")

    @pytest.fixture(scope="class")
    @classmethod
    def checked(cls, before: Kept, site: Site) -> Run:
        options = ("--check", "--diff")
        return site.apply(*options, playbook="playbooks/cleanup.yml", compose_project_releases_kept=cls.RELEASES)

    @pytest.fixture(scope="class")
    @classmethod
    def after_check(cls, checked: Run, host: Host) -> Kept:
        return Kept.on(host)

    @pytest.fixture(scope="class")
    @classmethod
    def after(cls, after_check: Kept, site: Site, host: Host) -> Kept:
        site.apply(playbook="playbooks/cleanup.yml", compose_project_releases_kept=cls.RELEASES)
        return Kept.on(host)

    def test_check_mode_tells_what_would_go(self, checked: Run) -> None:
        assert "remove app-backend:release2" in checked.output

    def test_check_mode_removes_nothing(self, before: Kept, after_check: Kept) -> None:
        assert after_check == before

    def test_what_check_mode_told_is_gone_and_no_more(self, checked: Run, before: Kept, after: Kept) -> None:
        assert before.images - after.images == set(re.findall(r"remove (app-\S+:\S+)", checked.output))

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("app-backend:release4", id="one of the last releases"),
            pytest.param("app-backend:release3", id="another of the last releases"),
            pytest.param("app-backend:release1", id="a stopped container's"),
            pytest.param("app-backend:current", id="the one that runs"),
            pytest.param("shop-backend:release1", id="another project's"),
        ],
    )
    def test_image_is_kept(self, after: Kept, name: str) -> None:
        assert name in after.images

    def test_image_that_nothing_needs_is_gone(self, after: Kept) -> None:
        assert "app-backend:release2" not in after.images

    def test_volumes_are_kept(self, before: Kept, after: Kept) -> None:
        assert after.volumes == before.volumes


class TestHungBackend:
    """The workers of the backend are stopped: its process runs on, and no request is answered."""

    @pytest.fixture(scope="class")
    @classmethod
    def since(cls, host: Host, compose: Compose, web: Web) -> Iterator[str]:
        """Hang the workers, and return the host's time before that."""
        up = "up --detach --no-deps --no-build --wait backend"
        override = json.dumps({"services": {"backend": HASTE}})
        compose.output(f"echo '{override}' | docker compose --file compose.yml --file - {up}")
        began = host.check_output("date +%s")
        backend = compose.container("backend")
        workers = [str(process["pid"]) for process in backend.processes if process["pid"] != backend.pid]
        host.check_output(f"kill -STOP {' '.join(workers)}")
        yield began
        # A restart that is still going on would be in the way of what replaces the container
        eventually(lambda: compose.health("backend") == "healthy", STARTED_AFTER)
        host.check_output("systemctl stop app-healer")
        compose.output(f"docker compose {up}")
        host.check_output("systemctl start app-healer")
        eventually(web.serving, STARTED_AFTER)

    def test_operator_is_told(self, since: str, host: Host) -> None:
        ((_at, told),) = eventually(lambda: notifications(host, since), 30)
        assert re.fullmatch(r"app-backend-\d+ stays unhealthy: restarting it", told)

    def test_it_serves_again(self, since: str, web: Web) -> None:
        assert eventually(web.serving, STARTED_AFTER)


class TestContainerThatStaysUnhealthy:
    """However often it is restarted."""

    # Longer than a busy machine takes to restart the container and to find it unhealthy again
    PAUSE = 4
    UNIT = "/etc/systemd/system/app-healer.service"
    CHANGED = "/run/systemd/system/app-healer.service.d"

    @pytest.fixture(scope="class")
    @classmethod
    def times(cls, host: Host, compose: Compose) -> Iterator[list[float]]:
        """Return when it was restarted, in seconds, the first three times."""
        command = re.sub(
            r"--pause \d+", f"--pause {cls.PAUSE}", host.check_output(f"sed -n '/^ExecStart=/p' {cls.UNIT}")
        )
        restart = "systemctl daemon-reload && systemctl restart app-healer"
        change = f"[Service]\nExecStart=\n{command}\n"
        host.check_output(f"mkdir {cls.CHANGED} && echo %s >{cls.CHANGED}/pause.conf && {restart}", change)
        began = host.check_output("date +%s")
        labels = "--label com.docker.compose.project=app --label com.docker.compose.service=sick"
        health = "--health-cmd false --health-interval 1s --health-retries 1"
        image = compose.container("front_door").inspect["Config"]["Image"]
        host.check_output(f"docker run --detach --name sick --stop-signal KILL {labels} {health} {image} sleep 600")

        def three() -> list[float]:
            told = notifications(host, began)
            assert len(told) >= 3, told
            return [at for at, _sentence in told[:3]]

        yield eventually(three, 45, every=0.5)
        host.check_output(f"docker rm --force sick && rm -r {cls.CHANGED} && {restart}")

    def test_first_pause(self, times: list[float]) -> None:
        assert times[1] - times[0] == pytest.approx(self.PAUSE, abs=1)

    def test_next_pause_is_twice_as_long(self, times: list[float]) -> None:
        assert times[2] - times[1] == pytest.approx(2 * self.PAUSE, abs=1)


class TestDisk:
    """A healer of a project whose folder is on a disk that is nearly full, or has room."""

    FOLDER = "/run/small"

    @pytest.fixture(scope="class")
    @classmethod
    def disk(cls, host: Host) -> Iterator[None]:
        host.check_output(f"mkdir {cls.FOLDER} && mount -t tmpfs -o size=1m tmpfs {cls.FOLDER}")
        yield
        host.check_output(f"umount {cls.FOLDER} && rmdir {cls.FOLDER}")

    def told(self, host: Host, used: int) -> str:
        """Return what is told at the first look, with so many KiB of 1024 in use."""
        host.check_output(f"head --bytes={used}K /dev/zero >{self.FOLDER}/ballast")
        # It ends its first look before it waits for events, which a project that is not there never has
        healer = f"python3 -u /opt/app/infra/healer/healer.py --project no --lock {self.FOLDER}/.lock --notify echo"
        ended = host.run(f"timeout 5 {healer}")
        assert ended.rc == 124, ended.stderr
        return str(ended.stdout)

    def test_one_that_is_nearly_full_is_told_of(self, disk: None, host: Host) -> None:
        assert f"the disk of {self.FOLDER} is more than 90 % full: run playbooks/cleanup.yml" in self.told(host, 960)

    def test_one_with_room_is_not(self, disk: None, host: Host) -> None:
        assert self.told(host, 800) == ""


class TestProjectUnit:
    """It brings up what is stopped, as after a boot that found nothing running."""

    @pytest.fixture(scope="class")
    @classmethod
    def started(cls, host: Host, compose: Compose, web: Web) -> dict[str, datetime]:
        """Return when each service was started."""
        compose.output("docker compose stop")
        host.check_output("systemctl restart app")
        eventually(web.serving, STARTED_AFTER)
        states = {container.service: container.inspect["State"] for container in compose.containers()}
        return {service: datetime.fromisoformat(state["StartedAt"]) for service, state in states.items()}

    @pytest.mark.parametrize(
        ("first", "then"),
        [("db", "backend"), ("redis", "backend"), ("backend", "nginx"), ("front_door", "nginx")],
    )
    def test_services_come_up_in_order(self, started: dict[str, datetime], first: str, then: str) -> None:
        assert started[first] < started[then]

    def test_it_is_started_at_boot(self, host: Host) -> None:
        assert host.service("app-healer").is_enabled
        assert "app.service" in host.check_output("systemctl show --property=Wants --value app-healer").split()

    @pytest.mark.parametrize("unit", ["docker.service", "network-online.target"])
    def test_it_is_started_after(self, host: Host, unit: str) -> None:
        assert unit in host.check_output("systemctl show --property=After --value app").split()
