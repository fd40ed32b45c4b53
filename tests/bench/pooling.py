"""Connections to the database: from a pool, beside a new one for every request."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tests.bench.load import side_by_side, wrk
from tests.bench.table import Goal, Rows

if TYPE_CHECKING:
    from tests.bench.host import Stack

TITLE = "Database pooling"
# A configuration of gunicorn over the stack's own, which it reads before the application imports SQLAlchemy's engine
WITHOUT_POOL = """\
exec(open("/etc/fullstack/gunicorn.conf.py").read())
import functools
import sqlalchemy.ext.asyncio as asyncio
from sqlalchemy.pool import NullPool
original = asyncio.create_async_engine
@functools.wraps(original)
def create_async_engine(url, **options):
    for name in ("pool_size", "max_overflow", "pool_timeout", "pool_pre_ping"):
        options.pop(name, None)
    return original(url, poolclass=NullPool, **options)
asyncio.create_async_engine = create_async_engine
"""
NAMES = {"pool": "bench-pool", "none": "bench-no-pool"}


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Ask backends that differ in the pool alone for /health/ready, which asks database and Redis."""
    stack.output(f"mkdir -p /root/bench && printf %s {shlex.quote(WITHOUT_POOL)} >/root/bench/no_pool.py")
    try:
        gunicorn = ("gunicorn", "app.main:app")
        with_pool = stack.server(NAMES["pool"], *gunicorn)
        without = stack.server(
            NAMES["none"], *gunicorn, "--config=/bench/no_pool.py", options="-v /root/bench:/bench:ro"
        )
        for connections in (1, 32):
            found = side_by_side({
                "pool": lambda: wrk(stack, f"http://{with_pool}:8000/health/ready", connections),  # noqa: B023 - used at once
                "none": lambda: wrk(stack, f"http://{without}:8000/health/ready", connections),  # noqa: B023
            })  # fmt: skip
            pool, none = found["pool"], found["none"]
            by = f"{connections} connection{'s' if connections > 1 else ''}"
            beside = "a connection a request"
            rows.add(f"pool, {by}", pool.rate, "requests/s", beside=beside, other=none.rate, more_is_better=True)
            rows.add(f"its p50, {by}", pool.p50, "ms", beside=beside, other=none.p50, goal=Goal("÷", 0.5),
                     chart=f"database pool, p50, {by} | a connection a request")  # fmt: skip
            rows.add(f"its p99, {by}", pool.p99, "ms", beside=beside, other=none.p99)
    finally:
        stack.remove_servers(*NAMES.values())
    return [
        "Asked directly for /health/ready, which looks at database and Redis. The claim is about 50 % lower latency."
    ]
