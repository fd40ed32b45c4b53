"""The largest script of the page: compressed once when it was built, beside compressed for every request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.load import Load, side_by_side, wrk
from tests.bench.table import Goal, Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.host import Stack

TITLE = "Precompressed assets"
CONFIGURATION = "infra/nginx/nginx.conf"
KEPT = "/root/bench-nginx.conf"
CONNECTIONS = 8


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Ask for the script with gzip_static, and without at nginx's own level and at the one that was used to build."""
    listing = "docker compose exec -T nginx sh -c 'ls -lS /usr/share/nginx/html/assets/*.js | head -1'"
    fields = stack.output(listing).split()
    octets, path = int(fields[4]), fields[-1].removeprefix("/usr/share/nginx/html")
    url = f"http://127.0.0.1:8420{path}"

    def variant(edit: str) -> Callable[[], Load]:
        def run() -> Load:
            # Written over, so that the file that is mounted stays the same one
            stack.output(f"sed '{edit}' {KEPT} >{CONFIGURATION}")
            stack.reload_nginx()
            return wrk(stack, url, CONNECTIONS, "Accept-Encoding: gzip")

        return run

    stack.output(f"cp {CONFIGURATION} {KEPT}")
    try:
        found = side_by_side({
            "precompressed": variant(""),
            "live": variant("s/gzip_static on;/gzip_static off;/"),
            "live, level 9": variant("s/gzip_static on;/gzip_static off; gzip_comp_level 9;/"),
        })  # fmt: skip
    finally:
        stack.output(f"cat {KEPT} >{CONFIGURATION}")
        stack.reload_nginx()
    rows.add("precompressed", found["precompressed"].rate, "requests/s", beside="live gzip, the same bytes (level 9)",
             other=found["live, level 9"].rate, goal=Goal("÷", 50, at_least=True), more_is_better=True,
             chart="precompressed script | live gzip, level 9")  # fmt: skip
    rows.add("precompressed", found["precompressed"].rate, "requests/s", beside="live gzip, nginx's default level 1",
             other=found["live"].rate, goal=Goal("÷", 50, at_least=True), more_is_better=True,
             chart="precompressed script | live gzip, level 1")  # fmt: skip
    rows.add("precompressed, p99", found["precompressed"].p99, "ms", beside="live, level 1", other=found["live"].p99)
    return [f"{path}, {octets / 1000:.0f} kB, {CONNECTIONS} connections; nginx has one core (its limit)."]
