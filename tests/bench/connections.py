"""The way of a request: through nginx with and without connections kept to the backend, and without nginx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.load import Load, side_by_side, wrk
from tests.bench.table import Goal, Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.host import Stack

TITLE = "Connections kept to the backend"
CONFIGURATION = "infra/nginx/prod.nginx"
KEPT = "/root/bench-prod.nginx"
# Without a keep-alive the header asks the backend to close, with any version of nginx
CLOSE = r"s/^map \$upgrade \$upgrade_connection {/&\n    default close;/"


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Ask for /health of the backend by one connection and by 32."""
    layout = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    backend = stack.output(f"docker inspect --format '{layout}' $(docker compose ps -q backend | head -1)")

    def variant(edit: str, url: str, connections: int) -> Callable[[], Load]:
        def run() -> Load:
            stack.output(f"sed '{edit}' {KEPT} >{CONFIGURATION}")
            stack.reload_nginx()
            return wrk(stack, url, connections)

        return run

    stack.output(f"cp {CONFIGURATION} {KEPT}")
    through = "http://127.0.0.1:8420/api/health"
    try:
        for connections in (1, 32):
            found = side_by_side({
                "kept": variant("", through, connections),
                "closed": variant(CLOSE, through, connections),
                "direct": lambda: wrk(stack, f"http://{backend}:8000/health", connections),  # noqa: B023 - used at once
            })  # fmt: skip
            add(rows, connections, found)
    finally:
        stack.output(f"cat {KEPT} >{CONFIGURATION}")
        stack.reload_nginx()
    return [
        "The claim is about 50 % lower latency. The answer is /health: no database, so that the way is what counts."
    ]


def add(rows: Rows, connections: int, found: dict[str, Load]) -> None:
    """Add the rows of so many connections."""
    kept, closed, direct = found["kept"], found["closed"], found["direct"]
    by = f"{connections} connection{'s' if connections > 1 else ''}"
    beside = "a connection a request"
    rows.add(
        f"nginx → backend, kept, {by}", kept.rate, "requests/s", beside=beside, other=closed.rate, more_is_better=True
    )
    rows.add(f"its p50, {by}", kept.p50, "ms", beside=beside, other=closed.p50, goal=Goal("÷", 0.5),
             chart=f"kept connection, p50, {by} | a connection a request")  # fmt: skip
    rows.add(f"its p99, {by}", kept.p99, "ms", beside=beside, other=closed.p99)
    rows.add(f"direct, {by}", direct.rate, "requests/s", beside="through nginx", other=kept.rate, more_is_better=True)
    rows.add(f"direct, p50, {by}", direct.p50, "ms", beside="through nginx", other=kept.p50)
    rows.add(f"direct, p99, {by}", direct.p99, "ms", beside="through nginx", other=kept.p99)
