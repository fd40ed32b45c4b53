"""The server's worker class: uvicorn-worker, which the stack uses, beside gunicorn's own ASGI worker."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING

from tests.bench.load import side_by_side, wrk
from tests.bench.table import Rows

if TYPE_CHECKING:
    from tests.bench.host import Stack

TITLE = "Worker classes of gunicorn"
# The stack's configuration without its hook, which lays itself around the application where UvicornWorker keeps it
PLAIN = """\
exec(open("/etc/fullstack/gunicorn.conf.py").read())
def post_worker_init(worker):
    pass
"""
CLASSES = {"bench-uvicorn": "uvicorn_worker.UvicornWorker", "bench-asgi": "asgi"}


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Ask backends that differ in the worker class alone for /health."""
    stack.output(f"mkdir -p /root/bench && printf %s {shlex.quote(PLAIN)} >/root/bench/plain.py")
    try:
        at = {}
        for name, one in CLASSES.items():
            command = ("gunicorn", "--config=/bench/plain.py", f"--worker-class={one}", "app.main:app")
            at[name] = stack.server(name, *command, options="-v /root/bench:/bench:ro")
        for connections in (1, 32):
            found = side_by_side({
                name: partial(wrk, stack, f"http://{address}:8000/health", connections)
                for name, address in at.items()
            })  # fmt: skip
            ours, other = found["bench-uvicorn"], found["bench-asgi"]
            by = f"{connections} connection{'s' if connections > 1 else ''}"
            beside = "gunicorn's asgi worker"
            rows.add(
                f"UvicornWorker, {by}", ours.rate, "requests/s", beside=beside, other=other.rate, more_is_better=True
            )
            rows.add(f"its p50, {by}", ours.p50, "ms", beside=beside, other=other.p50)
            rows.add(f"its p99, {by}", ours.p99, "ms", beside=beside, other=other.p99)
    finally:
        stack.remove_servers(*CLASSES)
    return [
        "Speed is not why UvicornWorker is used: on a stop it closes websockets with 1012, the other sends no frame."
    ]
