"""Throwaway servers on free ports of the loopback interface.

PostgreSQL and Redis come from Debian's packages DEBIAN_PACKAGES, which whoever runs the tests
installs first; gunicorn is the one that production runs.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

DEBIAN_PACKAGES = ("postgresql", "redis-server")

HOST = "127.0.0.1"
# Each of its characters breaks a URL, a shell command or a config file put together carelessly.
PASSWORD = " p@ss:/w?r#d %41 é'\"\\$ "
START_TIMEOUT = 30.0  # seconds
AUTHENTICATION = ("--auth-local=trust", "--auth-host=scram-sha-256")
CREATE_APP = "CREATE ROLE app LOGIN PASSWORD :'password'; CREATE DATABASE app OWNER app;"
BACKEND = Path(__file__).parent.parent


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def accepts_connections(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@contextlib.contextmanager
def listening(process: subprocess.Popen[Any], port: int) -> Iterator[None]:
    """Wait until a server listens; stop it at the end.

    Raises:
        RuntimeError: It ended or did not listen in time.
    """
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not accepts_connections(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} did not start")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(START_TIMEOUT)


@contextlib.contextmanager
def postgres() -> Iterator[int]:
    """Run PostgreSQL; yield its port.

    The role `app` owns the database `app`, has PASSWORD and is not a superuser.
    """
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    port = free_port()

    with tempfile.TemporaryDirectory() as directory:
        if user:
            shutil.chown(directory, user)

        def run(program: str, *arguments: str, given: str | None = None) -> None:
            command = [str(programs / program), *arguments]
            output = subprocess.DEVNULL
            subprocess.run(
                command, check=True, cwd=directory, user=user, input=given, stdout=output, text=True
            )

        run("initdb", "-D", "data", "-U", "postgres", "-E", "UTF8", "--no-sync", *AUTHENTICATION)
        server = f"-p {port} -h {HOST} -k {directory} -F"
        run("pg_ctl", "start", "--wait", "-D", "data", "-l", "log", "-o", server)
        try:
            local = ["-h", directory, "-p", str(port), "-U", "postgres"]
            run("psql", *local, "-v", f"password={PASSWORD}", given=CREATE_APP)
            yield port
        finally:
            run("pg_ctl", "stop", "-m", "immediate", "-D", "data")


@contextlib.contextmanager
def redis() -> Iterator[int]:
    """Run Redis with PASSWORD; yield its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "redis.conf"
        password = json.dumps(PASSWORD, ensure_ascii=False)
        config.write_text(f'bind {HOST}\nport {port}\nsave ""\nrequirepass {password}\n')
        with (
            subprocess.Popen(["redis-server", config], stdout=subprocess.DEVNULL) as process,
            listening(process, port),
        ):
            yield port


@contextlib.contextmanager
def gunicorn(
    environment: Mapping[str, str], log: Path = Path(os.devnull)
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the application as production does, with one worker; yield its process and port.

    Args:
        environment: What it runs in.
        log: The file that gets its standard output; a pipe that nobody reads would block it.
    """
    port = free_port()
    command = [
        *[sys.executable, "-m", "gunicorn", "app.main:app", "--no-control-socket"],
        *["--worker-class", "uvicorn_worker.UvicornWorker", "--bind", f"{HOST}:{port}"],
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=BACKEND, env=environment, stdout=output) as process,
        listening(process, port),
    ):
        # It listens before the application is loaded
        urlopen(f"http://{HOST}:{port}/health", timeout=START_TIMEOUT).close()
        yield process, port


def alembic(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Alembic as a release does."""
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=BACKEND,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
