"""Replace containers under traffic, so that no request fails.

The backend: pin nginx to the addresses that serve now, start as many new containers beside the old, wait for their
health, point nginx at them, wait until no worker of nginx knows the old ones, and only then stop the old.
nginx: start the new one beside the old in the network namespace that both share, wait for its own health, stop the old.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.docker_cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.stack_plan import Container

MARKER = ".rolling"
LEAVING = "is shutting down"
POLL = 0.2


@dataclass(frozen=True)
class Plan:
    """What the project says of its front.

    ``proxy`` and ``backend`` are services, ``front_door`` owns the proxy's network namespace, ``upstream`` is the file
    (below the project's folder) that names the backend's addresses, ``port`` the backend's, ``server_options`` what
    follows each address, ``default`` the content of the file between releases, ``drain_signal`` what makes a backend
    close its websockets (empty for one that knows no such signal), ``patience`` seconds that draining may take.
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


@dataclass(frozen=True)
class Worker:
    """One process of nginx."""

    pid: int
    title: str

    @property
    def leaving(self) -> bool:
        """Whether it only finishes what it has begun."""
        return LEAVING in self.title


def workers(top: str) -> list[Worker]:
    """Read nginx's workers from the answer of ``docker top … -eo pid,args``."""
    lines = [line.split(None, 1) for line in top.splitlines()[1:]]
    return [Worker(int(line[0]), line[1]) for line in lines if len(line) == 2 and "worker process" in line[1]]


def reloaded(before: Iterable[Worker], after: Sequence[Worker]) -> bool:
    """Tell whether new workers have taken over: there are some, and all earlier ones are leaving or gone."""
    known = {worker.pid for worker in before}
    return any(worker.pid not in known for worker in after) and all(
        worker.leaving for worker in after if worker.pid in known
    )


def upstream(addresses: Iterable[str], plan: Plan) -> str:
    """Return the content of the upstream file for fixed addresses."""
    return "".join(f"server {address}:{plan.port} {plan.server_options};\n" for address in sorted(addresses))


def takes_traffic(container: Container) -> bool:
    """Tell whether nginx may be sending requests to it. Health is asked anew after a restart of the engine."""
    return container.running and container.health != "unhealthy"


def rollable(plan: Plan | None, todo: dict[str, str], before: Sequence[Container]) -> list[str]:
    """Return the services that can be replaced under traffic: changed, serving now, behind a front door that stays."""
    if plan is None or plan.front_door in todo:
        return []
    serving = {container.service for container in before if takes_traffic(container)}
    if plan.proxy not in serving or plan.backend not in serving or plan.front_door not in serving:
        return []
    return [service for service in (plan.backend, plan.proxy) if todo.get(service, "").startswith("recreate")]


class Rolling:
    """One replacement of containers under traffic."""

    def __init__(self, docker: DockerCli, plan: Plan, timeout: int, evidence: Callable[[], str]) -> None:
        self.docker = docker
        self.plan = plan
        self.timeout = timeout
        self.evidence = evidence
        self.marker = docker.directory / MARKER
        self.file: Path = docker.directory / plan.upstream
        self.seconds: dict[str, float] = {}

    def replace(self, services: Sequence[str], before: Sequence[Container]) -> None:
        """Replace the services one after the other; on failure what served before serves on.

        Raises DockerError with the last log lines of what failed.
        """
        old = {service: [one for one in before if one.service == service] for service in services}
        self.marker.touch()
        backends = [
            container.id for container in before if container.service == self.plan.backend and takes_traffic(container)
        ]
        self._timed("pin", lambda: self._point(upstream(self._addresses(backends), self.plan)))
        try:
            if self.plan.backend in services:
                self._replace_backend(old[self.plan.backend])
            if self.plan.proxy in services:
                self._replace_proxy(old[self.plan.proxy])
        finally:
            self._point(self.plan.default)
            self.marker.unlink()

    def recover(self) -> bool:
        """After a run that was killed half-way, let nginx forget the addresses it was pinned to."""
        if not self.marker.exists():
            return False
        self._point(self.plan.default)
        self.marker.unlink()
        return True

    def _timed(self, name: str, act: Callable[[], Any]) -> Any:
        began = time.monotonic()
        try:
            return act()
        finally:
            self.seconds[name] = round(time.monotonic() - began, 1)

    def _replace_backend(self, old: Sequence[Container]) -> None:
        new = self._timed("start backend", lambda: self._start_beside(self.plan.backend, old))
        self._timed("switch", lambda: self._point(upstream(self._addresses(new), self.plan)))
        self._close_websockets([container.id for container in old])
        # An earlier worker may still send a request over a connection that it kept to the old ones
        self._timed("drain", self._wait_for_drain)
        self._timed("retire backend", lambda: self._retire(old))

    def _replace_proxy(self, old: Sequence[Container]) -> None:
        self._timed("start nginx", lambda: self._start_beside(self.plan.proxy, old))
        # The old one takes nothing new from here on, so who comes back after being told to meets the new one
        self.docker.run(["kill", "--signal=QUIT", *(container.id for container in old)])
        self._close_websockets([container.id for container in self._of(self.plan.backend) if container.running])
        self._timed("retire nginx", lambda: self._retire(old))

    def _close_websockets(self, backends: Sequence[str]) -> None:
        """Tell open websockets to come back; nginx itself would cut them off without a word."""
        if self.plan.drain_signal and backends:
            self.docker.run(["kill", f"--signal={self.plan.drain_signal}", *backends])

    def _start_beside(self, service: str, old: Sequence[Container]) -> list[str]:
        """Start as many new containers as there are old ones, wait for their health, and return their ids."""
        known = {container.id for container in old}
        # Not --no-deps: it would change the hash by which Compose tells whether a container is as described
        up = ["--progress", "quiet", "up", "--detach", "--no-build", "--no-recreate"]
        counts = {self.plan.backend: len(self._of(self.plan.backend)), service: 2 * len(old)}
        try:
            self.docker.compose(*up, *(f"--scale={name}={count}" for name, count in counts.items()), service)
            self._wait(lambda: self._healthy(service, known), self.timeout, f"{service} to become healthy")
        except DockerError as error:
            evidence = self.evidence()
            self._remove([one.id for one in self._of(service) if one.id not in known])
            raise DockerError(f"{error}\n{evidence}") from error
        return [container.id for container in self._of(service) if container.id not in known]

    def _of(self, service: str) -> list[Container]:
        return [container for container in self.docker.containers() if container.service == service]

    def _healthy(self, service: str, known: set[str]) -> bool:
        """Tell whether all new containers are healthy; raise as soon as one of them is lost."""
        new = [container for container in self._of(service) if container.id not in known]
        for container in new:
            if container.status in ("exited", "dead", "restarting") or container.health == "unhealthy":
                raise DockerError(f"{container.name} is {container.health or container.status} ({container.status})")
        return bool(new) and all(container.running and container.health in (None, "healthy") for container in new)

    def _addresses(self, ids: Iterable[str]) -> list[str]:
        """Return the addresses of containers on the network that nginx reaches them by."""
        network = f"{self.docker.project}_backend"
        inspected: list[dict[str, Any]] = json.loads(self.docker.run(["container", "inspect", *ids]))
        return [one["NetworkSettings"]["Networks"][network]["IPAddress"] for one in inspected]

    def _proxies(self) -> list[str]:
        return [container.id for container in self._of(self.plan.proxy) if container.running]

    def _workers(self, proxy: str) -> list[Worker]:
        return workers(self.docker.run(["top", proxy, "-eo", "pid,args"]))

    def _point(self, content: str) -> None:
        """Write the upstream file and let every nginx read it; a configuration that is not valid stops here."""
        previous = self.file.read_text()
        self.file.write_text(content)
        proxies = self._proxies()
        for proxy in proxies:
            before = self._workers(proxy)
            try:
                self.docker.run(["exec", proxy, "nginx", "-t", "-q", "-c", "/etc/nginx/fullstack/nginx.conf"])
            except DockerError:
                self.file.write_text(previous)
                raise
            self.docker.run(["kill", "--signal=HUP", proxy])
            self._wait(lambda: reloaded(before, self._workers(proxy)), 30, "nginx to reload")  # noqa: B023

    def _wait_for_drain(self) -> None:
        """Wait until no nginx worker of an earlier generation is left, for as long as is granted."""
        end = time.monotonic() + self.plan.patience
        while time.monotonic() < end:
            if not any(worker.leaving for proxy in self._proxies() for worker in self._workers(proxy)):
                return
            time.sleep(POLL)

    @staticmethod
    def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise DockerError(f"waited {seconds:.0f} s for {what}")
            time.sleep(POLL)

    def _retire(self, old: Sequence[Container]) -> None:
        """Stop containers within their own grace period, then remove them."""
        self.docker.run(["stop", *(container.id for container in old)])
        self._remove([container.id for container in old])

    def _remove(self, ids: Sequence[str]) -> None:
        if ids:
            self.docker.run(["rm", "--force", *ids])
