"""Installing the backend's packages from its lock: uv beside pip, with an empty cache and with a full one."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from tests.bench.images import base_of
from tests.bench.table import Goal, Rows

if TYPE_CHECKING:
    from tests.bench.host import Stack

TITLE = "Installing the locked packages: uv and pip"
# Runs in a container of the backend's base, each time into an environment that was just made
INSTALL = """
import json, os, subprocess, sys, time
uv_version, = sys.argv[1:]
subprocess.run([sys.executable, "-m", "venv", "/opt/tools"], check=True)
tools = "/opt/tools/bin/"
subprocess.run([tools + "pip", "install", "-q", "uv==" + uv_version], check=True)
lock = ["--require-hashes", "-r", "/lock/requirements.txt"]
seconds = {}
for compiled in (True, False):
    for cache in ("cold", "warm"):
        for tool in ("uv", "pip"):
            name = tool + (" compiled " if compiled else " plain ") + cache
            caches = "/tmp/cache-" + tool + str(compiled)
            python = "/tmp/" + name.replace(" ", "-")
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", python], check=True)
            python += "/bin/python"
            if tool == "uv":
                more = ["--compile-bytecode"] if compiled else []
                command = [tools + "uv", "pip", "install", "-q", "--python", python, "--cache-dir", caches, *more]
            else:
                more = [] if compiled else ["--no-compile"]
                command = [tools + "pip", "--python", python, "install", "-q", "--cache-dir", caches, *more]
            begin = time.monotonic()
            subprocess.run([*command, *lock], check=True, env={**os.environ, "UV_LINK_MODE": "copy"})
            seconds[name] = time.monotonic() - begin
print(json.dumps(seconds))
"""


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Install eight times."""
    base = base_of(stack, "infra/docker/fastapi.prod")
    model = json.loads(stack.output("docker compose config --format json"))
    version = model["services"]["backend"]["build"]["args"]["UV_VERSION"]
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    # The folder itself is renamed by whoever deploys
    stack.output("mkdir -p /root/bench-lock && cp backend/requirements.txt /root/bench-lock/")
    found = json.loads(stack.output(
        f"docker run --rm --network host -v {bundle}:{bundle}:ro -e PIP_CERT={bundle} -e SSL_CERT_FILE={bundle} "
        f"-e PIP_DISABLE_PIP_VERSION_CHECK=1 -v /root/bench-lock:/lock:ro {base} "
        f"python3 -c {shlex.quote(INSTALL)} {version}"
    ).splitlines()[-1])  # fmt: skip
    named = {"cold": "empty cache", "warm": "full cache"}
    for compiled, what in (("compiled", "compiled to byte code"), ("plain", "not compiled")):
        for cache, where in named.items():
            rows.add(f"uv, {where}, {what}", found[f"uv {compiled} {cache}"], "s", beside="pip",
                     other=found[f"pip {compiled} {cache}"], goal=Goal("x", 10, at_least=True),
                     chart=f"uv, {where}, {what} | pip")  # fmt: skip
    return [
        "The claim is 10 to 100 times. Byte code is compiled by the same Python for both, by uv on both cores, and "
        "the image has it; what uv saves beyond that shows where nothing is compiled.",
    ]
