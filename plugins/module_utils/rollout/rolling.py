"""What a release under traffic does with Docker and nginx: the World of the state machine in release.py.

The backend: as many new containers are started beside the old; nginx is pointed at them once they are good; the old
are stopped when no worker of nginx knows them any more.
nginx: the new one is started beside the old in the network namespace that both share; the old takes nothing new, and
ends when it has finished what it has begun.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.plan import changes
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action
from ansible_collections.fullstack.docker.plugins.module_utils.rollout import front_check
from ansible_collections.fullstack.docker.plugins.module_utils.state.description import Description
from ansible_collections.fullstack.docker.plugins.module_utils.state.journal import ReleaseError

LEAVING = "is shutting down"
SERVER = "gunicorn"
# Seconds between two looks: while somebody waits for the answer, and while only time has to pass. Each look starts a
# process or two, which takes from the users' requests
POLL, WATCH = 0.1, 0.5
ALONE = "max_fails=0"
# Seconds after which nginx has looked a name up again, so that it knows who is gone: with `resolver … valid=1s` it asks
# every two. A request to a dead address is lost where nginx learns of that while it waits for the connection
LOOKED_UP = 3.0
# Tries that a question gets, and seconds between two of them
TRIES, PAUSE = 5, 0.4
# The same while two nginx share the port
CHANCE_TRIES, CHANCE_PAUSE = 60, 0.1
# Seconds that requests in flight get while a front door is replaced, and that nginx gets to come up behind the new one:
# it has been tried before
DOOR_GRACE, DOOR_PATIENCE = 3, 20
CONFIGURATION = "/run/nginx/nginx.conf"
WORD_FILE = "run/nginx/word.map"
DAY = 86400.0


@dataclass(frozen=True)
class Plan:
    """What the project says of its front.

    ``proxy`` and ``backend`` are services, ``front_door`` owns the proxy's network namespace, ``upstream`` is the file
    (below the project's folder) that names the backend's addresses, ``port`` the backend's, ``server_options`` what
    follows each address, ``default`` the content of the file between releases, ``drain_signal`` what makes a backend
    close its websockets (empty for one that knows no such signal), ``patience`` seconds that draining may take.
    New backends are asked for ``smoke_paths`` with the Host header ``smoke_host``, and watched for ``settle``
    seconds. ``verify`` are the pages asked for through the front door by the name ``verify_host``, with all that they
    name; ``answered`` the URLs that a replica has to answer there, and well, ``reached`` those that one has to answer
    somehow; ``pages`` the paths asked of a new nginx before users meet it. ``assets`` is the folder (below the
    project's) that keeps the files of ``assets_source`` in earlier images for ``assets_days`` days.
    """

    proxy: str
    backend: str
    front_door: str
    upstream: str
    port: int
    server_options: str
    default: str
    drain_signal: str
    patience: int
    smoke_paths: Sequence[str] = ()
    smoke_host: str = "127.0.0.1"
    settle: float = 0
    verify: Sequence[str] = ()
    verify_host: str = "localhost"
    pages: Sequence[str] = ()
    assets: str = ""
    assets_source: str = ""
    assets_days: float = 0
    answered: Sequence[str] = ()
    reached: Sequence[str] = ()

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Plan:
        """Return the plan that a deployment left on the host; what a newer one says beside it is passed over."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in said.items() if name in known})


@dataclass(frozen=True)
class Worker:
    """One process of nginx."""

    pid: int
    title: str

    @property
    def leaving(self) -> bool:
        """Whether it only finishes what it has begun."""
        return LEAVING in self.title


def processes(top: str) -> list[Worker]:
    """Read processes from the answer of ``docker top … -eo pid,args``."""
    lines = [line.split(None, 1) for line in top.splitlines()[1:]]
    return [Worker(int(line[0]), line[1]) for line in lines if len(line) == 2]


def workers(top: str) -> list[Worker]:
    """Read nginx's workers from the answer of ``docker top … -eo pid,args``."""
    return [process for process in processes(top) if "worker process" in process.title]


def reloaded(before: Iterable[Worker], after: Sequence[Worker]) -> bool:
    """Tell whether new workers have taken over: there are some, and all earlier ones are leaving or gone."""
    known = {worker.pid for worker in before}
    return any(worker.pid not in known for worker in after) and all(
        worker.leaving for worker in after if worker.pid in known
    )


def upstream(addresses: Collection[str], plan: Plan) -> str:
    """Return the content of the upstream file for fixed addresses.

    The name stays among them, out of use: so nginx knows its addresses already when it comes into use again. With no
    address known, requests that came in the first moments after that reload were answered by 502.
    A single address is not left out for a while after a failure: there is no other one.
    """
    options = plan.server_options if len(addresses) > 1 else ALONE
    fixed = "".join(f"server {address}:{plan.port} {options};\n" for address in sorted(addresses))
    return fixed + plan.default.replace(";\n", " down;\n")


def takes_traffic(container: Container) -> bool:
    """Tell whether nginx may be sending requests to it. Health is asked anew after a restart of the engine."""
    return container.running and container.health != "unhealthy"


def serves(plan: Plan, before: Sequence[Container]) -> bool:
    """Tell whether users get answers: front door, proxy and backend take traffic."""
    serving = {container.service for container in before if takes_traffic(container)}
    return {plan.proxy, plan.backend, plan.front_door} <= serving


def replaces_door(plan: Plan | None, todo: Mapping[str, Action], before: Sequence[Container], user: str) -> bool:
    """Tell whether a front door that serves has to give way to another one.

    So it has to where the proxy is to run as another user: the kernel shares a port among processes of one user alone.

    Parameters:
        plan: what the project says of its front.
        todo: what has to be done, by service.
        before: the containers as they are.
        user: whom the proxy is to run as.
    """
    if plan is None or not serves(plan, before):
        return False
    users = {one.user for one in before if one.service == plan.proxy and one.running}
    return changes.recreated(plan.front_door, todo) or not users <= {user}


def rollable(plan: Plan | None, todo: Mapping[str, Action], before: Sequence[Container], *, door: bool) -> list[str]:
    """Return the services that can be replaced under traffic: changed, and serving now.

    Parameters:
        plan: what the project says of its front.
        todo: what has to be done, by service.
        before: the containers as they are.
        door: the front door is replaced, and with it the proxy, which lives in its network namespace.
    """
    if plan is None or not serves(plan, before):
        return []
    services = [plan.backend] if door else [plan.backend, plan.proxy]
    return [service for service in services if changes.recreated(service, todo)]


def shared(urls: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return those of the URLs whose path one of the others has too."""
    paths = {urllib.parse.urlsplit(url).path for url in others}
    return [url for url in urls if urllib.parse.urlsplit(url).path in paths]


def outdated(ages: Mapping[str, float], days: float) -> list[str]:
    """Return the files that no release has served for so many days.

    Parameters:
        ages: seconds since a release last had the file, by its path.
    """
    return sorted(path for path, age in ages.items() if age > days * DAY)


def at(address: str, url: str) -> str:
    """Return the URL by which a container at an address is asked for what a URL of the front door names."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{address}:{443 if parts.scheme == 'https' else 80}{front_check.target(parts)}"


class DockerWorld:
    """The World of a release, by the commands of Docker. Its failures carry the last log lines of what failed."""

    def __init__(self, docker: DockerCli, plan: Plan, timeout: int, serving: Plan | None = None) -> None:
        """Prepare for one release.

        Parameters:
            docker: commands for the project.
            plan: what the project says of its front.
            timeout: seconds that services get to become healthy.
            serving: what it said of the front door that serves, where that one is going to be replaced.
        """
        self.docker = docker
        self.plan = plan
        self.proxy = plan.proxy
        self.backend = plan.backend
        self.door = plan.front_door
        self._serving = serving or plan
        self._timeout = timeout
        self._file: Path = docker.directory / plan.upstream
        # The replicas that nginx was pointed at last, and those that are to be next
        self._pinned: Sequence[str] = ()
        self._next: Sequence[str] = ()

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, running or not."""
        return [container.id for container in self._of(service)]

    def alive(self, ids: Sequence[str]) -> list[str]:
        """Return those of the containers that may be getting requests."""
        return [one.id for one in self._all() if one.id in ids and takes_traffic(one)]

    def name_images(self, images: Mapping[str, str]) -> None:
        """Let each moving tag name an image."""
        known = self._try(lambda: self.docker.image_ids([*images, *images.values()]))
        for name, image in images.items():
            if known.get(name) != known.get(image, ""):
                self._try(lambda: self.docker.run(["tag", image, name]))  # noqa: B023 - called at once

    def pin(self, backends: Sequence[str]) -> None:
        """Let nginx send requests to the addresses of these containers, and to no others; none leaves it as it is."""
        if backends:
            self._point(upstream(self._addresses(backends), self.plan))
            self._pinned = backends

    def unpin(self) -> None:
        """Let nginx look the backend's name up again, once it has forgotten those that are gone."""
        time.sleep(LOOKED_UP)
        self._point(self.plan.default)

    def start(self, service: str, old: Sequence[str]) -> None:
        """Create and start as many new containers of a service as there are old ones, beside these."""
        # Not --no-deps: it would change the hash by which Compose tells whether a container is as described
        up = ["--progress", "quiet", "up", "--detach", "--no-build", "--no-recreate"]
        counts = {self.plan.backend: len(self._of(self.plan.backend)), service: 2 * len(old)}
        scale = [f"--scale={name}={count}" for name, count in counts.items()]
        self._try(lambda: self.docker.compose(*up, *scale, service), lambda: self._strangers(service, old))

    def health(self, ids: Sequence[str], timeout: float | None = None) -> None:
        """Wait until all of the containers are healthy; raise as soon as one of them is lost."""
        granted = timeout or self._timeout
        end = time.monotonic() + granted
        while not self._healthy(ids):
            if time.monotonic() > end:
                raise self._failure(f"waited {granted} s for it to become healthy", ids)
            time.sleep(POLL)

    def smoke(self, backends: Sequence[str]) -> None:
        """Ask new backends, directly and behind an nginx of their own, and see that they and their workers stay up."""
        begun = {one: self._processes(one) for one in backends}
        urls = [
            f"http://{address}:{self.plan.port}{path}"
            for address in self._addresses(backends)
            for path in self.plan.smoke_paths
        ]
        end = time.monotonic() + self.plan.settle
        for url in urls:
            self._ask(url, backends, partial(front_check.problem, url, self.plan.smoke_host))
        self._next = backends
        # One that comes back has answered users before
        if self.plan.settle and (self.plan.verify or self.plan.answered):
            self._rehearse(self.plan.verify, upstream(self._addresses(backends), self.plan))
        while (left := end - time.monotonic()) > 0:
            self._healthy(backends)
            time.sleep(min(WATCH, left))
        self._healthy(backends)
        # gunicorn puts another worker in the place of one that died: its container looks well
        if self.plan.drain_signal:
            for one, before in begun.items():
                lost = before - self._processes(one)
                if lost:
                    raise self._failure(f"{len(lost)} of its processes ended by themselves", [one])

    def rehearse(self) -> None:
        """Start the new nginx in a network namespace of its own, and ask it for the page."""
        replicas = upstream(self._addresses(self._next), self.plan) if self._next else ""
        self._rehearse([f"http://localhost{path}" for path in self.plan.pages], replicas)

    def verify(self) -> None:
        """Ask through the front door that serves, as users do."""
        known = [*self.plan.verify, *self.plan.answered, *self.plan.reached]
        before = self._serving
        self._ask_front_door(
            replace(
                before,
                verify=shared(before.verify, known),
                answered=shared(before.answered, known),
                reached=shared(before.reached, known),
            )
        )

    def replace_door(self) -> None:
        """Put a new front door and proxy in the place of those that serve, and ask through it; users meet a gap."""
        self._renew_door()
        self._ask_front_door(self.plan)

    def restore_door(self, old: Sequence[str]) -> None:
        """Have front door and proxy as they were before, unless the containers of then are there still."""
        Description(self.docker.directory).put_back(within_release=True)
        if not set(old) <= {one.id for one in self._all() if one.running}:
            self._renew_door()

    def complete_door(self) -> None:
        """Start what there is not of front door and proxy, as they are described now."""
        # Not --no-deps, as in `start`, but the backends as they are
        up = ["--progress", "quiet", "up", "--detach", "--no-build", "--no-recreate"]
        scale = f"--scale={self.backend}={len(self._of(self.backend))}"
        self._try(lambda: self.docker.compose(*up, scale, self.door, self.proxy), self._proxies)
        self.health(self.containers(self.proxy), DOOR_PATIENCE)

    def _renew_door(self) -> None:
        """Remove front door and proxy, and start them as they are described now."""
        for service in (self.proxy, self.door):
            ids = self.containers(service)
            if ids:
                # The port stays closed until the door is gone: requests in flight get a moment, and no more
                self._try(lambda: self.docker.run(["stop", f"--time={DOOR_GRACE}", *ids]))  # noqa: B023 - called at once
                self._try(lambda: self.docker.run(["rm", "--force", *ids]))  # noqa: B023 - called at once
        self.complete_door()

    def _ask_front_door(self, plan: Plan) -> None:
        """Ask what a plan says through the front door; the logs of whoever may have answered tell of what is wrong."""
        self._look(plan, self._proxies(), self._pinned, plan.verify, lambda url: url)

    def retire_proxies(self, ids: Sequence[str]) -> None:
        """Tell nginx containers to take nothing new and to finish what they have begun."""
        running = self.alive(ids)
        if running:
            self._try(lambda: self.docker.run(["kill", "--signal=QUIT", *running]))

    def close_websockets(self, backends: Sequence[str]) -> None:
        """Tell the clients of open websockets to come back; nginx itself would cut them off without a word."""
        if self.plan.drain_signal and backends:
            self._signal(backends, signal.Signals[f"SIG{self.plan.drain_signal}"])

    def drain(self) -> None:
        """Wait until no nginx worker of an earlier generation is left, for as long as is granted."""
        end = time.monotonic() + self.plan.patience
        proxies = self._proxies()
        while time.monotonic() < end:
            if not any(worker.leaving for proxy in proxies for worker in self._workers(proxy)):
                return
            time.sleep(WATCH)

    def remove(self, ids: Sequence[str], *, gently: bool) -> None:
        """Remove containers, after they have finished what they do where ``gently``."""
        if gently:
            self._try(lambda: self.docker.run(["stop", *ids]))
        self._try(lambda: self.docker.run(["rm", "--force", *ids]))

    def keep_assets(self) -> None:
        """Keep the hashed files of the page that is served now, for browsers that go on showing it."""
        serving = self._proxies()
        if not self.plan.assets or not serving:
            return
        folder = self.docker.directory / self.plan.assets
        staged = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(staged, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.docker.run(["cp", f"{serving[0]}:{self.plan.assets_source}", str(staged)])
        except DockerError:  # an image without such a folder
            return
        now = time.time()
        for path in [path for path in staged.rglob("*") if path.is_file()]:
            kept = folder / path.relative_to(staged)
            kept.parent.mkdir(parents=True, exist_ok=True)
            path.replace(kept)
            os.utime(kept, (now, now))
        shutil.rmtree(staged)
        files = {str(path): now - path.stat().st_mtime for path in folder.rglob("*") if path.is_file()}
        for gone in outdated(files, self.plan.assets_days):
            Path(gone).unlink()

    def _all(self) -> list[Container]:
        found: list[Container] = self._try(self.docker.containers)
        return found

    def _of(self, service: str) -> list[Container]:
        return [container for container in self._all() if container.service == service]

    def _strangers(self, service: str, old: Sequence[str]) -> list[str]:
        return [one for one in self.containers(service) if one not in old]

    def _healthy(self, ids: Sequence[str]) -> bool:
        """Tell whether all of the containers are healthy; raise as soon as one of them is lost."""
        found: list[Container] = self._try(lambda: self.docker.containers(ids))
        for one in found:
            if one.status in ("exited", "dead", "restarting") or one.health == "unhealthy" or one.restarts:
                raise self._failure(f"{one.name} is {one.health or one.status} ({one.status})", ids)
        return len(found) == len(ids) and all(one.serving for one in found)

    def _ask(
        self, url: str, asked: Sequence[str], ask: Callable[[], str], tries: int = TRIES, pause: float = PAUSE
    ) -> None:
        """Ask until there is nothing wrong with the answer; raise what is when that does not come."""
        trouble = ask()
        for _attempt in range(tries - 1):
            if not trouble:
                return
            time.sleep(pause)
            trouble = ask()
        if trouble:
            raise self._failure(f"GET {url}: {trouble}", asked)

    def _look(
        self,
        plan: Plan,
        proxies: Sequence[str],
        backends: Sequence[str],
        pages: Sequence[str],
        at: Callable[[str], str],
    ) -> None:
        """Ask for pages, and have it proven that the backends answer.

        Parameters:
            plan: what has to be proven, and by what name the front door is asked.
            proxies: the nginx one of which gets each question.
            backends: the replicas that may answer; none stands for all that run.
            pages: the URLs of pages.
            at: the URL by which these nginx are asked what a URL of the front door names.
        """
        backends = backends or self.alive(self.containers(self.backend))
        asked, host = [*proxies, *backends], plan.verify_host
        for url in pages:
            self._ask(url, asked, partial(front_check.page_problem, at(url), host))
        texts, replicas = self._words(proxies), self._addresses(backends)
        word = front_check.words(texts)
        # Beside another nginx, which may know other paths or no word, it is chance who gets a question
        pace = (TRIES, PAUSE) if len(proxies) == 1 else (CHANCE_TRIES, CHANCE_PAUSE)
        for url in (*plan.answered, *plan.reached):
            if word:
                ask = partial(front_check.proof_problem, at(url), host, word, replicas, any_status=url in plan.reached)
                self._ask(url, asked, ask, *pace)
            elif url in plan.answered:
                self._ask(url, asked, partial(front_check.problem, at(url), host))

    def _words(self, proxies: Sequence[str]) -> list[str]:
        """Return the file with the word of each nginx, empty for one that has none."""
        found = []
        for state in self._states(proxies):
            try:
                found.append(Path(f"/proc/{state['Pid']}/root/{WORD_FILE}").read_text())
            except OSError:
                found.append("")
        return found

    def _rehearse(self, pages: Sequence[str], upstream_file: str = "") -> None:
        """Ask an nginx that no user reaches, before replicas that an upstream file names, or before those in use."""
        service = {"network_mode": "!reset", "networks": ["backend"], "depends_on": "!reset", "restart": "no"}
        override = json.dumps({"services": {self.proxy: service}}).replace('"!reset"', "!reset null")
        run = ["run", "--detach", "--no-deps", "--no-TTY", f"--env=UPSTREAM={upstream_file}", self.proxy]
        candidate = self._try(lambda: self.docker.compose(*run, override=override)).strip().splitlines()[-1]
        try:
            (address,) = self._addresses([candidate])
            health = f"http://{address}/health"
            self._ask(health, [candidate], partial(front_check.problem, health, self.plan.verify_host))
            backends = self._next if upstream_file else self._pinned
            self._look(self.plan, [candidate], backends, pages, lambda url: at(address, url))
        finally:
            self._try(lambda: self.docker.run(["rm", "--force", candidate]))

    def _addresses(self, ids: Iterable[str]) -> list[str]:
        """Return the addresses of containers on the network that nginx reaches them by."""
        network = f"{self.docker.project}_backend"
        inspected: list[dict[str, Any]] = json.loads(self._try(lambda: self.docker.run(["container", "inspect", *ids])))
        return [one["NetworkSettings"]["Networks"][network]["IPAddress"] for one in inspected]

    def _proxies(self) -> list[str]:
        return [container.id for container in self._of(self.plan.proxy) if container.running]

    def _processes(self, container: str) -> set[int]:
        """Return the processes of gunicorn; others, such as the health check, come and go."""
        top = self._try(lambda: self.docker.run(["top", container, "-eo", "pid,args"]))
        return {process.pid for process in processes(top) if SERVER in process.title}

    def _workers(self, proxy: str) -> list[Worker]:
        """Return nginx's workers; none where it has just ended."""
        try:
            return workers(self.docker.run(["top", proxy, "-eo", "pid,args"]))
        except DockerError:
            return []

    def _point(self, content: str) -> None:
        """Write the upstream file and let every nginx read it; a configuration that is not valid stops here."""
        previous = self._file.read_text()
        self._file.write_text(content)
        for proxy in self._proxies():
            before = self._workers(proxy)
            if not any(not worker.leaving for worker in before):
                continue  # it is ending, and reads nothing any more
            try:
                self.docker.run(["exec", proxy, "nginx", "-t", "-q", "-c", CONFIGURATION])
            except DockerError as error:
                self._file.write_text(previous)
                raise ReleaseError(error.what, error.witnesses) from None
            self._signal([proxy], signal.SIGHUP)
            self._await_reload(proxy, before)

    def _signal(self, ids: Sequence[str], number: signal.Signals) -> None:
        """Send a signal to containers that are to run on: after a `docker kill` the engine restarts them no more."""
        for state in self._states(ids):
            if state["Running"]:
                with suppress(ProcessLookupError):
                    os.kill(state["Pid"], number)

    def _states(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return what the engine says of whether and how containers run."""
        inspected = json.loads(self._try(lambda: self.docker.run(["container", "inspect", *ids]))) if ids else []
        return [one["State"] for one in inspected]

    def _await_reload(self, proxy: str, before: Sequence[Worker]) -> None:
        end = time.monotonic() + 30
        while not reloaded(before, self._workers(proxy)):
            if time.monotonic() > end:
                raise ReleaseError("waited 30 s for nginx to reload")
            time.sleep(POLL)

    def _failure(self, cause: str, ids: Sequence[str]) -> ReleaseError:
        """Return a failure with the last log lines of the containers that it is about."""
        return ReleaseError(cause, self._try(lambda: self.docker.witnesses(ids)))

    def _try(self, act: Callable[[], Any], concerned: Callable[[], Sequence[str]] | None = None) -> Any:
        """Run a command of Docker; its failure is one of the release."""
        try:
            return act()
        except DockerError as error:
            more = self.docker.witnesses(concerned()) if concerned else []
            raise ReleaseError(error.what, [*error.witnesses, *more]) from None
