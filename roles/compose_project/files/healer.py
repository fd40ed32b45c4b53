"""Watch over the containers of one Compose project, and put right what Docker leaves as it is.

Docker restarts what exits. It does not put nginx back into the network namespace of a front door that was replaced
(nginx then runs on, with nobody able to reach it), and it does not restart a container that stays unhealthy.
It also undoes or finishes a release that was interrupted, as after a reboot.
Standard library only: it runs on the host.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import selectors
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The collection's own modules lie beside this file
sys.path.insert(0, str(Path(__file__).resolve().parent))

from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import (
    ONEOFF_LABEL,
    PROJECT_LABEL,
    SERVICE_LABEL,
)
from ansible_collections.fullstack.docker.plugins.module_utils.host import limits
from ansible_collections.fullstack.docker.plugins.module_utils.rollout import release, rolling
from ansible_collections.fullstack.docker.plugins.module_utils.state import description, stack
from ansible_collections.fullstack.docker.plugins.module_utils.state import lock as stack_lock
from ansible_collections.fullstack.docker.plugins.module_utils.state.journal import JournalFile, ReleaseError

FRONT_DOOR = "front_door"
EVENTS = ("start", "die", "health_status", "restart")
# A container that could not join a namespace that was gone is left with this exit code
CANNOT_JOIN = 128
LOOK_EVERY = 30.0
LOOK_AGAIN = 2.0
DAY = 86400


def namespace(pid: int) -> int | None:
    """Return the inode of a process's network namespace, or none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:
        return None


def lost_its_door(container: Mapping[str, Any], doors: Mapping[str, int | None]) -> bool:
    """Tell whether a container belongs into a front door's namespace and is not there.

    Parameters:
        container: the answer of ``docker inspect``, with ``namespace`` added (none when it does not run).
        doors: namespace of each running front door, by container id.
    """
    mode = container["HostConfig"]["NetworkMode"]
    door = mode.partition(":")[2]
    if not mode.startswith("container:") or doors.get(door) is None:
        return False
    state = container["State"]
    if state["Running"]:
        return container["namespace"] not in (None, doors[door])
    return bool(state["ExitCode"] == CANNOT_JOIN)


def verdict(container: Mapping[str, Any]) -> str | None:
    """Return the verdict of a container's health check, or none where there is none or the container does not run.

    Docker calls every container that has a health check and was stopped unhealthy.
    """
    state = container["State"]
    verdict = (state.get("Health") or {}).get("Status")
    return verdict if state["Running"] and not state["Restarting"] else None


@dataclass
class Patience:
    """When a container that stays unhealthy may be restarted again: later each time."""

    pause: float
    most: float
    _next: dict[str, tuple[float, float]] = field(default_factory=dict)

    def due(self, container: str, now: float) -> bool:
        """Tell whether it is time, and if so plan the next time. Times are seconds of a monotonic clock."""
        at, pause = self._next.get(container, (0.0, self.pause))
        if now < at:
            return False
        self._next[container] = (now + pause, min(pause * 2, self.most))
        return True

    def wait(self, now: float, most: float) -> float:
        """Return the seconds until the next pause is over, ``most`` if there is none or it is longer."""
        return min([most, *(at - now for at, _pause in self._next.values() if at > now)])

    def forget(self, container: str) -> None:
        """A container that became healthy starts afresh."""
        self._next.pop(container, None)


def notify(command: str, sentence: str) -> None:
    """Write a sentence to the log, and pass it to the operator's command."""
    print(sentence)
    if not command:
        return
    try:
        subprocess.run([*shlex.split(command), sentence], capture_output=True, text=True, check=True, timeout=60)
    except subprocess.CalledProcessError as error:
        print(f"{command} ended with {error.returncode}: {error.stderr.strip()}")
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        # What the command is told of is put right all the same
        print(f"{command}: {error}")


def certificate_ends_soon(path: Path) -> bool:
    """Tell whether the certificate that nginx serves ends within two weeks, or has ended; not, where there is none."""
    command = ["openssl", "x509", "-noout", "-checkend", str(limits.CERTIFICATE_DAYS * DAY), "-in", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        print(f"{path}: {error}")
        return False
    # It ends with 1 where it cannot read the file, too
    return done.returncode == 1 and "will expire" in done.stdout


def full_disks(folders: Iterable[Path]) -> list[Path]:
    """Return those of the folders on whose disk nearly everything is in use, each disk once."""
    disks = {folder.stat().st_dev: folder for folder in folders if folder.is_dir()}
    usages = {folder: shutil.disk_usage(folder) for folder in disks.values()}
    return [folder for folder, usage in usages.items() if 100 * usage.used > limits.DISK_PERCENT * usage.total]


def docker(*arguments: str) -> str:
    """Run docker and return its output; empty when it fails, for the next look repairs what this one could not."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"docker {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def deploying(lock: str) -> bool:
    """Tell whether a deployment holds the project's lock; what it stops and starts is its own affair."""
    try:
        with Path(lock).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Runner:
    """Runs commands for DockerCli, as AnsibleModule does for the modules."""

    def run_command(self, args: list[str], **options: Any) -> tuple[int, str, str]:
        """Run a command; return its exit code, output and error output."""
        environment = {**os.environ, **options.get("environ_update", {})}
        done = subprocess.run(
            args,
            capture_output=True,
            text=True,
            check=False,
            cwd=options.get("cwd"),
            env=environment,
            input=options.get("data"),
        )
        return done.returncode, done.stdout, done.stderr


@contextmanager
def untimed(_name: str) -> Iterator[None]:
    """Take no notice of how long a step takes."""
    yield


def recover(project: str, directory: Path, command: str) -> bool:
    """Undo or finish a deployment that was interrupted, so that one release serves; tell whether none is left."""
    journal = JournalFile(directory)
    lock = stack_lock.StackLock(directory, stack_lock.HEALER, stack_lock.HEALER)
    files = description.Description(directory)
    done = ""
    try:
        holder = lock.holder()
        # The next deployment tells of one that died and left nothing
        if not journal.path.exists() and not (holder and holder.working and files.differing()):
            return True
        with lock.held(release=True):
            if journal.path.exists():
                known = stack.read(directory)
                plan = rolling.Plan.read(known["rolling"])
                world = rolling.DockerWorld(DockerCli(Runner(), project, str(directory)), plan, known["timeout"])
                done = release.Release(world, journal, untimed).recover()
                if done == release.FINISHED:
                    files.keep(plan.upstream)
            if files.put_back() and not done:
                done = "put back the files of the release that serves"
    except stack_lock.LockError:
        return True  # a deployment has begun, and does it itself
    except (ReleaseError, DockerError, stack.StackError, OSError, ValueError, KeyError, TypeError) as error:
        notify(command, f"an interrupted release could not be put right: {error}")
        return False
    if done:
        notify(command, f"a release was interrupted: {done}")
    return True


def crowds(containers: Iterable[Mapping[str, Any]], known: Collection[str]) -> dict[str, int]:
    """Return how many containers there are of each known service that has more than one.

    Others were made by hand: Compose refuses to scale a service that its files do not have.
    """
    counts = Counter(container["Config"]["Labels"].get(SERVICE_LABEL, "") for container in containers)
    return {service: count for service, count in counts.items() if count > 1 and service in known}


def bring_up(project: str, directory: Path, command: str) -> int:
    """Start what could not start by itself at boot, such as nginx before its front door; return the exit status.

    What runs is left alone, also where somebody has scaled it.
    """
    if not recover(project, directory, command):
        return 1
    lock = stack_lock.StackLock(directory, stack_lock.HEALER, stack_lock.HEALER)
    try:
        with lock.held(release=True):
            compose = ["compose", "--project-directory", str(directory)]
            known = docker(*compose, "config", "--services").split()
            scale = [f"--scale={name}={count}" for name, count in crowds(project_containers(project), known).items()]
            up = [*compose, "up", "--detach", "--no-build", "--no-recreate"]
            return subprocess.run(["docker", *up, *scale], check=False).returncode
    except stack_lock.LockError as error:
        print(error)
        return 0  # a deployment does it


def project_containers(project: str) -> list[dict[str, Any]]:
    """Return the containers of the project as the engine describes them, those of one-off commands left out."""
    ids = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={PROJECT_LABEL}={project}").split()
    listed: list[dict[str, Any]] = json.loads(docker("container", "inspect", *ids) or "[]") if ids else []
    return [container for container in listed if container["Config"]["Labels"].get(ONEOFF_LABEL) != "True"]


def look(project: str, command: str, patience: Patience) -> None:
    """Compare the containers with what they should be, once, and restart what needs it."""
    containers = project_containers(project)
    doors: dict[str, int | None] = {}
    for container in containers:
        container["namespace"] = namespace(container["State"]["Pid"]) if container["State"]["Running"] else None
        if container["Config"]["Labels"].get(SERVICE_LABEL) == FRONT_DOOR and container["State"]["Running"]:
            doors[container["Id"]] = container["namespace"]
    for container in containers:
        name = container["Name"].lstrip("/")
        health = verdict(container)
        if lost_its_door(container, doors):
            notify(command, f"{name} is not where its front door is: restarting it")
            docker("restart", "--time", "1", container["Id"])
        elif health == "unhealthy" and patience.due(container["Id"], time.monotonic()):
            notify(command, f"{name} stays unhealthy: restarting it")
            docker("restart", container["Id"])
        elif health == "healthy":
            patience.forget(container["Id"])


def watch(project: str, lock: str, command: str, patience: Patience) -> None:
    """Look at every event of the project, when a pause is over, and every half minute, until the engine goes away."""
    filters = [f"label={PROJECT_LABEL}={project}", "type=container", *(f"event={event}" for event in EVENTS)]
    listen = ["docker", "events", "--format", "{{.ID}}"]
    for one in filters:
        listen += ["--filter", one]
    directory = Path(lock).parent
    certificate = directory / "secrets/tls/certificate.pem"
    # Images and volumes may have a disk of their own
    folders = [directory, Path(docker("info", "--format", "{{.DockerRootDir}}").strip() or directory)]
    daily = Patience(DAY, DAY)
    reader, writer = os.pipe()
    with subprocess.Popen(listen, stdout=writer) as events, selectors.DefaultSelector() as selector:
        os.close(writer)
        selector.register(reader, selectors.EVENT_READ)
        while events.poll() is None:
            busy = deploying(lock)
            if not busy:
                if patience.due("release", time.monotonic()) and recover(project, directory, command):
                    patience.forget("release")
                look(project, command, patience)
                full = full_disks(folders)
                if full and daily.due("disk", time.monotonic()):
                    places = " and ".join(str(folder) for folder in full)
                    notify(
                        command,
                        f"the disk of {places} is more than {limits.DISK_PERCENT} % full: run playbooks/cleanup.yml",
                    )
                if daily.due("certificate", time.monotonic()) and certificate_ends_soon(certificate):
                    notify(command, f"{certificate} ends within {limits.CERTIFICATE_DAYS} days: replace it")
            pause = LOOK_AGAIN if busy else patience.wait(time.monotonic(), LOOK_EVERY)
            if selector.select(pause) and not os.read(reader, 65536):
                return


def main() -> None:
    """Run until stopped; systemd starts it again when the engine was restarted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", required=True)
    parser.add_argument("--lock", required=True, help="file that a deployment locks")
    parser.add_argument("--notify", default="", help="command that is told of trouble, one sentence at a time")
    parser.add_argument("--pause", type=float, default=30.0, help="seconds between restarts, doubled each time")
    parser.add_argument("--pause-most", type=float, default=600.0, help="most seconds between restarts")
    parser.add_argument("--bring-up", action="store_true", help="start what is not there, as at boot, and end")
    options = parser.parse_args()
    if options.bring_up:
        sys.exit(bring_up(options.project, Path(options.lock).parent, options.notify))
    watch(options.project, options.lock, options.notify, Patience(options.pause, options.pause_most))


if __name__ == "__main__":
    main()
