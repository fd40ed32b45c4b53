"""What one client can do to all the others: beside each other for two and three replicas, and for other ways of nginx.

A harm may cost what the dead worker or replica had in hand. Nothing that was sent afterwards may fail.
"""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.scenario import poison
from tests.scenario.load import Load, traffic
from tests.scenario.stack import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.scenario.releases import Stack
    from tests.scenario.stack import Compose, Web

pytestmark = pytest.mark.soak

# Clients that ask without a pause, each over a connection of its own, every other time a POST
PAUSES = (0.0,) * 8
# Seconds of traffic before and after each harm, by which the throughput is compared
SPAN = 4.0
REPLICAS = (2, 3)
# Seconds after which nginx gives up an answer that does not come
LATE = 4
# Seconds more that each worker takes to start: longer than nginx waits for an answer
START = LATE + 1
# Seconds after which gunicorn ends a worker that is stuck; one that starts has to be left the time for it
STUCK = START + 4
VARIABLES = {
    # More than three requests can end in a replica, each of which goes to two of them
    "fastapi_backend_workers": 4,
    "fastapi_backend_timeout": STUCK,
    "nginx_frontend_proxy_timeout": f"{LATE}s",
    "nginx_frontend_request_header_kilobytes": 32,
}

# Other ways to set nginx up: what its upstream says of each replica, and a sed program over the other files
CONNECT = "s/proxy_connect_timeout .*/proxy_connect_timeout {};/;"
BY_ITSELF = (
    r"/error_page 50[24] = \$after/d;"
    "s/^proxy_next_upstream off;/proxy_next_upstream error timeout; proxy_next_upstream_tries {};"
    " proxy_next_upstream_timeout 5s;/;"
    "s/^error_page 400 .*/error_page 502 504 @api_error;/;"
)
SMALL = "s/proxy_buffer_size .*/proxy_buffer_size 4k;/"
WAYS: dict[str, tuple[str, str]] = {
    "as it was": ("max_fails=1 fail_timeout=10s", BY_ITSELF.format(3) + CONNECT.format("1s") + SMALL),
    "max_fails=0 alone": ("max_fails=0", BY_ITSELF.format(3) + CONNECT.format("1s") + SMALL),
    "max_fails=0, two tries, 250 ms": ("max_fails=0", BY_ITSELF.format(2) + CONNECT.format("250ms")),
    "as it is, but 100 ms": ("max_fails=0", CONNECT.format("100ms")),
    "as it is": ("max_fails=0", ""),
}
SET_UP = """
main=/proc/$(docker inspect --format '{{{{.State.Pid}}}}' $(docker compose ps --quiet nginx))
files=$main/root/run/nginx
cp infra/nginx/nginx.conf infra/nginx/prod.nginx infra/nginx/proxy.nginx $files/
sed --in-place '{program}' $files/nginx.conf $files/prod.nginx $files/proxy.nginx
echo 'server backend:8000 resolve {options};' > infra/nginx/upstream.nginx
docker compose exec --no-TTY nginx nginx -t -q -c /run/nginx/nginx.conf
kill -HUP ${{main#/proc/}}
"""


def ask(web: Web, path: str, method: str = "GET") -> int:
    """Send a request that may take long and return the status, 0 where the connection broke."""
    connection = http.client.HTTPConnection(web.address, web.port, timeout=90)
    try:
        connection.request(method, path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def at_once(count: int, path: str, method: str = "GET") -> Callable[[Web, Compose], None]:
    """Return a harm that so many requests do at the same time."""

    def harm(web: Web, _compose: Compose) -> None:
        threads = [threading.Thread(target=ask, args=(web, path, method)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return harm


def kill(_web: Web, compose: Compose) -> None:
    """Kill a replica, which the engine starts again."""
    victim = compose.containers("backend")[-1]
    compose.host.check_output("kill -9 %s", str(victim.pid))
    eventually(lambda: not compose.host.file(f"/proc/{victim.pid}").exists, 10)


def vanish(_web: Web, compose: Compose) -> None:
    """Take a replica's address away for good."""
    compose.host.check_output("docker rm --force %s", compose.containers("backend")[-1].id)


HARMS: dict[str, Callable[[Web, Compose], None]] = {
    "a GET kills its worker": at_once(1, "/api/poison/crash"),
    "three at once": at_once(3, "/api/poison/crash"),
    "a POST kills its worker": at_once(1, "/api/poison/crash", "POST"),
    "memory is used up": at_once(1, "/api/poison/memory"),
    "a worker gets stuck": at_once(1, "/api/poison/hang"),
    "two slow answers": at_once(2, f"/api/poison/quiet/{LATE + 1}"),
    "headers of 5 kB, twice": at_once(2, "/api/poison/headers/5000"),
    "headers of 16 kB, twice": at_once(2, "/api/poison/headers/16000"),
    "a replica is killed": kill,
    "a replica's address is gone": vanish,
}


@dataclass(frozen=True)
class Row:
    """What the others have seen of a harm."""

    way: str
    replicas: int
    harm: str
    load: Load
    over: float
    """When it was over, by the monotonic clock."""
    ratio: float
    """Answers in a while after the harm began, by those in as long before."""

    def __str__(self) -> str:
        failed, late = self.load.failures, self.load.failed_after(self.over)
        posts = len([one for one in failed if " POST " in one])
        return (
            f"| {self.way} | {self.replicas} | {self.harm} | {len(failed)} of {self.load.answered + len(failed)}"
            f" | {len(failed) - posts} | {posts} | {len(late)} | {self.load.gap * 1000:.0f} ms | {self.ratio:.0%} |"
        )


Key = tuple[str, int, str]
HEAD = (
    "| nginx | replicas | harm | failed | GET | POST | sent afterwards | longest gap | throughput meanwhile |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@pytest.fixture(scope="module")
def poisoned(stack: Stack, compose: Compose, web: Web) -> Iterator[Stack]:
    """Have a release with the routes."""
    stack.application.restore()
    poison.add_to(stack.application, START)
    stack.variables.update(VARIABLES)
    run = stack.release()
    assert run.code == 0, run.output[-3000:]
    yield stack
    stack.application.restore()
    compose.output("docker compose up --detach --wait --scale backend=1 2>&1")


@pytest.fixture(scope="module")
def rows(poisoned: Stack, compose: Compose, web: Web, pytestconfig: pytest.Config) -> Iterator[dict[Key, Row]]:
    """Return what came of all harms, printed beside each other at the end."""
    found: dict[Key, Row] = {}
    yield found
    manager = pytestconfig.pluginmanager
    reporter, capture = manager.get_plugin("terminalreporter"), manager.get_plugin("capturemanager")
    lines = [str(found[key]) for key in KEYS if key in found]
    if reporter and capture:
        with capture.global_and_fixture_disabled():
            reporter.write_line("\n".join(["", HEAD, *lines]))


# The other ways, for comparison, with two replicas alone
KEYS: list[Key] = [
    (way, replicas, harm)
    for replicas in REPLICAS
    for harm in HARMS
    for way in WAYS
    if replicas == REPLICAS[0] or way == "as it is"
]


@pytest.fixture(params=KEYS, ids=lambda key: "{2} [{0}, {1}]".format(*key))
def row(request: pytest.FixtureRequest, rows: dict[Key, Row], compose: Compose, web: Web) -> Row:
    """Do a harm under load, once."""
    way, replicas, harm = key = request.param
    if key not in rows:
        up = "docker compose up --detach --wait --no-recreate"
        compose.output(f"{up} --scale backend={replicas} 2>&1")
        options, program = WAYS[way]
        compose.output(SET_UP.format(options=options, program=program))
        time.sleep(4)  # the old workers of nginx are gone, and it has looked the name up again
        with traffic(web, pauses=PAUSES, slow=0.1, websockets=0) as load:
            time.sleep(1)
            begin = load.answered
            time.sleep(SPAN)
            before, harmed = (load.answered - begin) / SPAN, time.monotonic()
            begin = load.answered
            HARMS[harm](web, compose)
            over = time.monotonic()
            time.sleep(max(0.0, harmed + SPAN - over))
            ratio = (load.answered - begin) / (time.monotonic() - harmed) / before
            time.sleep(SPAN)
        rows[key] = Row(way, replicas, harm, load, over, ratio)
    return rows[key]


def test_nothing_fails_that_was_sent_after_the_harm(row: Row) -> None:
    print(row)
    if row.way != "as it is":
        pytest.skip("for comparison")
    assert row.load.failed_after(row.over) == []
    # Each client has at most one request in hand when something dies; three requests may end six workers
    assert len(row.load.failures) <= 6 * (len(PAUSES) + 3)


def test_long_request_headers_reach_the_application(poisoned: Stack, web: Web) -> None:
    sizes = web.get("/api/poison/sizes", X_Long="x" * 32000).json()
    assert sizes["x-long"] == 32000
