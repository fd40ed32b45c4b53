"""The words in which tests speak of a deployed stack: its containers, its page, another run of the play."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import Message

    from testinfra.backend.base import CommandResult
    from testinfra.host import Host
    from websockets.sync.connection import Connection

Found = TypeVar("Found")

PROJECT = Path(__file__).resolve().parents[2]
SERVICES = ("front_door", "nginx", "backend", "db", "redis")
SCRIPTS = Path(__file__).parent / "remote"
# What a service that is not there yet answers with
NOT_YET = (AssertionError, OSError, http.client.HTTPException)


def eventually(condition: Callable[[], Found], seconds: float, every: float = 0.1) -> Found:
    """Ask until the answer is true, and return it.

    Args:
        condition: what is asked. One that raises what a service raises that is not there yet is asked again.
        seconds: how long it may take.
        every: seconds between two questions.

    Raises:
        AssertionError: it did not come true in time; the message holds the last answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer: Any = condition()
            if answer:
                found: Found = answer
                return found
        except NOT_YET as error:
            answer = repr(error)
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.1f} s; the last answer was: {answer}")
        time.sleep(every)


def run_script(host: Host, name: str, *arguments: str) -> Any:
    """Run one of the scripts of the folder `remote` on a host and return what it found."""
    script = (SCRIPTS / f"{name}.py").read_text()
    places = " %s" * len(arguments)
    return json.loads(host.check_output(f"python3 -c %s{places}", script, *arguments))


# --- the project on its host --------------------------------------------------------------------


@dataclass(frozen=True)
class Container:
    """A container, as the engine and the kernel know it (see remote/observe.py)."""

    known: Mapping[str, Any]

    @property
    def inspect(self) -> Mapping[str, Any]:
        """What `docker inspect` says."""
        inspected: Mapping[str, Any] = self.known["inspect"]
        return inspected

    @property
    def id(self) -> str:
        """Id of the container."""
        return str(self.inspect["Id"])

    @property
    def service(self) -> str:
        """Compose service that it is of; empty for one that somebody made with the project's label alone."""
        return str(self.inspect["Config"]["Labels"].get("com.docker.compose.service", ""))

    @property
    def pid(self) -> int:
        """Number of the main process, on the host."""
        return int(self.inspect["State"]["Pid"])

    @property
    def health(self) -> str | None:
        """Verdict of the health check; none where there is no check or it does not run."""
        state = self.inspect["State"]
        return state["Health"]["Status"] if state["Running"] and "Health" in state else None

    @property
    def serving(self) -> bool:
        """Whether it runs, and is healthy if that is checked."""
        return bool(self.inspect["State"]["Running"]) and self.health in {None, "healthy"}

    @property
    def exit_code(self) -> int:
        """How it ended; 137 is killed."""
        return int(self.inspect["State"]["ExitCode"])

    @property
    def limits(self) -> Mapping[str, Any]:
        """Limits in force in the kernel: memory, memory_reserved (bytes), pids, cpus, cpu_shares; and oom_kills."""
        found: Mapping[str, Any] = self.known["limits"]
        return found

    @property
    def processes(self) -> list[Mapping[str, Any]]:
        """The processes in it."""
        found: list[Mapping[str, Any]] = self.known["processes"]
        return found

    @property
    def mounts(self) -> Mapping[str, list[str]]:
        """Options of each mount point."""
        found: Mapping[str, list[str]] = self.known["mounts"]
        return found

    @property
    def secrets(self) -> Mapping[str, Mapping[str, int]]:
        """Owner and mode of each file below /run/secrets."""
        found: Mapping[str, Mapping[str, int]] = self.known["secrets"]
        return found

    @property
    def network_namespace(self) -> int | None:
        """Inode of the network namespace that its processes are in; none where it does not run."""
        found: int | None = self.known.get("network_namespace")
        return found

    @property
    def addresses(self) -> Mapping[str, str]:
        """Address in each network that it is attached to."""
        networks = self.inspect["NetworkSettings"]["Networks"]
        return {name: network["IPAddress"] for name, network in networks.items()}


@dataclass(frozen=True)
class Compose:
    """A Compose project, in the words of an operator who is logged in on its host."""

    host: Host
    project: str = "app"

    @property
    def directory(self) -> str:
        """Folder of the project."""
        return f"/opt/{self.project}"

    def run(self, line: str) -> CommandResult:
        """Type a line in the project's folder."""
        return self.host.run(f"cd {self.directory} && {line}")

    def output(self, line: str) -> str:
        """Type a line in the project's folder and return what it prints; it has to succeed."""
        done = self.run(line)
        assert done.rc == 0, f"{line}: {done.stdout}{done.stderr}"
        return str(done.stdout)

    def exec(self, service: str, *command: str) -> str:
        """Run a command in the container of a service and return what it prints, without white space around."""
        places = " %s" * len(command)
        line = f"cd {self.directory} && docker compose exec -T {service}{places}"
        return str(self.host.check_output(line, *command)).strip()

    def one_off_script(self, service: str, name: str) -> Any:
        """Run one of the scripts of the folder `remote` in a container like a service's; return what it found."""
        line = f"docker compose run --rm --no-deps -T --entrypoint python3 {service} -c "
        return json.loads(self.output(line + shlex.quote((SCRIPTS / f"{name}.py").read_text())))

    def containers(self, service: str = "") -> list[Container]:
        """Return the containers that there are, of one service or of all."""
        found = [Container(one) for one in run_script(self.host, "observe", self.project)]
        return [container for container in found if service in {"", container.service}]

    def container(self, service: str) -> Container:
        """Return the only container of a service."""
        (found,) = self.containers(service)
        return found

    def ids(self) -> dict[str, str]:
        """Return the id of each service's only container."""
        return {container.service: container.id for container in self.containers()}

    def log(self, service: str, lines: int) -> list[str]:
        """Return the last lines that the only container of a service wrote to its standard output."""
        command = f"docker logs --tail={lines} {self.container(service).id}"
        return str(self.host.check_output(command)).splitlines()

    def health(self, service: str) -> str | None:
        """Return the health of the only container of a service."""
        return self.container(service).health

    def serving(self, services: int) -> bool:
        """Tell whether so many containers are there, all of them running and healthy."""
        found = self.containers()
        return len(found) == services and all(container.serving for container in found)

    def kill(self, service: str) -> None:
        """Kill the main process of a service from the host, which is no stop that the engine knows of."""
        self.host.check_output("kill -9 %s", str(self.container(service).pid))

    def psql(self, query: str, database: str = "app_db") -> str:
        """Ask the database as its superuser, over the socket in its container."""
        return self.exec("db", "psql", "-U", "postgres", "-d", database, "-tAc", query)


# --- the stack as its users see it --------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """Return the body as data."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Web:
    """The published port of a host, seen from the machine that runs the tests."""

    name: str
    """Name of the host, which users type."""
    address: str
    port: int = 8420

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request on a connection of its own."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=5)
        try:
            connection.request(method, path, body, {"Host": f"{self.name}:{self.port}", **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a path; headers are written with underscores."""
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, data: Any = None, **headers: str) -> Answer:
        """Send data as JSON."""
        return self.request("POST", path, json.dumps(data).encode(), {"Content-Type": "application/json", **headers})

    @contextmanager
    def websocket(self, path: str) -> Iterator[Connection]:
        """Open a websocket."""
        channel = socket.create_connection((self.address, self.port), timeout=5)
        with connect(f"ws://{self.name}:{self.port}{path}", sock=channel) as connection:
            yield connection

    def serving(self) -> bool:
        """Tell whether both the page and the application behind it answer, and neither for the other."""
        page, application = self.get("/"), self.get("/api/health/ready")
        kinds = page.headers.get_content_type(), application.headers.get_content_type()
        return (page.status, application.status, kinds) == (200, 200, ("text/html", "application/json"))

    @cached_property
    def user(self) -> User:
        """Somebody who writes notes here, signed up when first needed."""
        return User(self)

    def add_note(self, text: str) -> int:
        """Write a note and return its number."""
        answer = self.post("/api/notes", {"text": text}, **self.user.bearer())
        assert answer.status == 201, answer
        return int(answer.json()["id"])

    def delete_note(self, number: int) -> None:
        """Delete a note."""
        answer = self.request("DELETE", f"/api/notes/{number}", headers=self.user.bearer())
        assert answer.status == 204, answer

    def notes(self) -> list[str]:
        """Return the newest notes."""
        return [note["text"] for note in self.get("/api/notes", **self.user.bearer()).json()]

    def visits(self) -> int:
        """Return how many visits were counted."""
        return int(self.get("/api/visits").json()["count"])


class User:
    """Somebody with an account of the application's; signs up once, and in again when the token gets old."""

    PASSWORD = "correct horse battery"
    TOKEN_SECONDS = 600
    """Less than an access token is good for."""

    def __init__(self, web: Web) -> None:
        self.name = f"user-{uuid4().hex[:20]}"
        self._web = web
        self._token = self._sign("register")
        self._since = time.monotonic()

    def _sign(self, way: str) -> str:
        """Sign up (register) or in (login) and return the access token."""
        credentials = {"name": self.name, "password": self.PASSWORD}
        answer = self._web.post(f"/api/auth/{way}", credentials)
        assert answer.status in {200, 201}, answer
        return str(answer.json()["access_token"])

    def bearer(self) -> dict[str, str]:
        """Return the header that says who asks."""
        if time.monotonic() - self._since > self.TOKEN_SECONDS:
            self._token = self._sign("login")
            self._since = time.monotonic()
        return {"Authorization": f"Bearer {self._token}"}


# --- another run of the play --------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What a run of site.yml said."""

    code: int
    output: str

    @cached_property
    def said(self) -> str:
        """The output with its line breaks undone, for sentences to be found in it."""
        return " ".join(self.output.split())

    @property
    def changed(self) -> int:
        """Number of changed tasks."""
        return sum(int(number) for number in re.findall(r"ok=\d+ +changed=(\d+)", self.output))

    @property
    def remote_calls(self) -> int:
        """How often the host was asked; only a run with `-vvv` tells."""
        return self.output.count("SSH: EXEC")


class Site:
    """A playbook, site.yml by default, run against the hosts of the scenario as a user runs it."""

    def __init__(self, inventory: Path) -> None:
        self.inventory = inventory

    def run(self, *arguments: str, playbook: str = "site.yml", inventory: Path | None = None, **variables: Any) -> Run:
        """Run it with further arguments and variables, whatever comes of it."""
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            str(PROJECT / playbook),
            f"--inventory={inventory or self.inventory}",
            f"--extra-vars={json.dumps(variables)}",
            *arguments,
        ]
        environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return Run(done.returncode, done.stdout + done.stderr)

    def apply(self, *arguments: str, playbook: str = "site.yml", **variables: Any) -> Run:
        """Run it with further arguments and variables; it has to succeed."""
        done = self.run(*arguments, playbook=playbook, **variables)
        assert done.code == 0, done.output
        return done
