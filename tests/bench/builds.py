"""Builds on the host: without any cache, and again after one line of the source has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.table import Goal, Rows

if TYPE_CHECKING:
    from tests.bench.host import Stack

TITLE = "Builds"
# A line of code each, which changes what is built
CHANGES = {
    "backend": "printf 'BENCH = %s\\n' {number} >>backend/app/main.py",
    "nginx": "printf 'document.title += \"%s\";\\n' {number} >>frontend/src/main.tsx",
}
ROUNDS = 3


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Build both images cold, unchanged, and changed."""
    for service, change in CHANGES.items():
        build = f"docker compose build --quiet {service}"
        # The host's own cache: nobody else builds there
        stack.output("docker builder prune --all --force >/dev/null")
        cold = stack.run(build).seconds
        again = min(stack.run(build).seconds for _ in range(ROUNDS))
        changed = []
        for number in range(ROUNDS):
            stack.output(change.format(number=number))
            changed.append(stack.run(build).seconds)
        name = {"backend": "backend", "nginx": "frontend"}[service]
        goal = Goal("÷", 0.05) if service == "backend" else None
        rows.add(f"{name}, after a change of one line", sorted(changed)[ROUNDS // 2], "s", beside="cold", other=cold,
                 goal=goal, chart=f"{name}: rebuild after a change | cold build")  # fmt: skip
        rows.add(f"{name}, nothing changed", again, "s", beside="cold", other=cold)
    rows.add("of these: docker compose alone, nothing to build", stack.run("docker compose version").seconds, "s")
    return [
        "Cold: no layer and no package cache, base images present; the packages come over the network.",
        "The frontend's dependencies are kept as well; what is left is Vite's own work, done anew for any change.",
    ]
