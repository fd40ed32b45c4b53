"""Runs of the play: the first one beside a shell script, one with nothing to change, check mode."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.bench.host import CACHE, NAME, SSH, changed, remote_calls, timed
from tests.bench.table import Goal, Rows
from tests.ground import ground

if TYPE_CHECKING:
    from tests.bench.host import Stack

TITLE = "Runs of site.yml"
SCRIPT_HOST = "fullstack-bench-script"
# What a person would type who has the finished files: the same packages, volumes, builds, migration and start
SCRIPT = """
set -eu
apt-get update -qq
apt-get install -qq -y --no-install-recommends docker.io docker-cli docker-compose docker-buildx iptables apparmor \\
  nftables ca-certificates >/dev/null
mkdir -p /etc/docker && cp /root/daemon.json /etc/docker/ && systemctl restart docker
cd /opt/app
docker volume create app_postgres_data >/dev/null && docker volume create app_redis_data >/dev/null
docker compose build --quiet
docker compose up --detach --wait db redis
docker compose exec -T db psql -q -U postgres -d app_db <<SQL
CREATE ROLE app LOGIN PASSWORD '$(cat secrets/backend/postgres_password)'; ALTER DATABASE app_db OWNER TO app;
SQL
docker compose run --rm -T migrate
docker compose up --detach --wait
"""


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Deploy to a bare host by the play, and to another one by a script."""
    try:
        ground.host_down(SCRIPT_HOST)
        ground.host_up(SCRIPT_HOST, "host:trixie", "", ())
        stack.bare()
        first = stack.play()
        unchanged = stack.play("site.yml", "-vvv")
        check = stack.play("site.yml", "--check")
        archive = CACHE / "app.tar"
        with archive.open("wb") as file:
            subprocess.run([*SSH, NAME, "tar -C / -c opt/app etc/docker/daemon.json"], stdout=file, check=True)
        with archive.open("rb") as file:
            unpack = "tar -C / -x && mv /etc/docker/daemon.json /root/ && rm -f /opt/app/.lock"
            subprocess.run([*SSH, SCRIPT_HOST, unpack], stdin=file, check=True)
        archive.unlink()
        script = timed([*SSH, SCRIPT_HOST, "sh -s"], SCRIPT)
    finally:
        ground.host_down(SCRIPT_HOST)
    rows.add("first run on a bare host", first.seconds, "s", beside="shell script", other=script.seconds,
             goal=Goal("÷", 1.5), chart="first run | a shell script")  # fmt: skip
    rows.add("run with nothing to change", unchanged.seconds, "s")
    rows.add("its remote calls", remote_calls(unchanged.output), goal=Goal("", 20))
    rows.add("its changed tasks", changed(unchanged.output), goal=Goal("", 0))
    rows.add("--check with nothing to change", check.seconds, "s", beside="run", other=unchanged.seconds)
    return ["The script gets the finished files: same packages, volumes, builds, migration and start."]
