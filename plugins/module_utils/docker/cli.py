"""The Docker command line, as a module uses it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import (
    FILES_LABEL,
    ONEOFF_LABEL,
    PROJECT_LABEL,
    SERVICE_LABEL,
    Container,
)
from ansible_collections.fullstack.docker.plugins.module_utils.docker.hashes import hash_override
from ansible_collections.fullstack.docker.plugins.module_utils.report import cause


class Runner(Protocol):
    """What is used of AnsibleModule."""

    def run_command(self, args: list[str], **options: Any) -> tuple[int, str, str]:
        """Run a command; return its exit code, output and error output."""


class DockerError(cause.StepError):
    """A command failed; its witnesses are what it said, and the containers that it is about."""


# What timeout(1) ends with
TIMED_OUT = 124
# Words of a command that it is told by, and options that are followed by a value
WORDS = 6
_WITH_VALUE = frozenset(
    {
        "--project-name",
        "--project-directory",
        "--env-file",
        "--file",
        "--progress",
        "--profile",
        "--format",
        "--filter",
        "--wait-timeout",
        "--label",
    }
)
_ENVIRONMENT = {"COMPOSE_ANSI": "never", "COMPOSE_MENU": "0", "DOCKER_CLI_HINTS": "false", "LC_ALL": "C.UTF-8"}


def title(arguments: Sequence[str]) -> str:
    """Return a command of docker for people: its first words, without options."""
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word in _WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            words.append(word)
    return " ".join(["docker", *words[:WORDS]])


class DockerCli:
    """Commands of the engine and of Compose for one project."""

    def __init__(self, runner: Runner, project: str, directory: str, compose_file: str = "compose.yml") -> None:
        self._runner = runner
        self.project = project
        self.directory = Path(directory)
        self.compose_file = self.directory / compose_file
        self.env_file = self.directory / ".env"

    def run(
        self, arguments: Sequence[str], stdin: str | None = None, ok: Iterable[int] = (0,), limit: int | None = None
    ) -> str:
        """Run ``docker`` with the arguments and return its output.

        Raises DockerError when it ends with a code that is not in ``ok``, or not within ``limit`` seconds.
        """
        options: dict[str, Any] = {"environ_update": _ENVIRONMENT, "handle_exceptions": False}
        if self.directory.is_dir():
            options["cwd"] = str(self.directory)
        if stdin is not None:
            options["data"] = stdin
        timer = ["timeout", str(limit)] if limit else []
        code, out, err = self._runner.run_command([*timer, "docker", *arguments], **options)
        if code not in ok:
            name = title(arguments)
            how = f"was not done within {limit} s" if limit and code == TIMED_OUT else f"ended with {code}"
            # A build tells its steps on the output, and on the errors only that it failed
            said = "\n".join(text.strip() for text in (out, err) if text.strip())
            raise DockerError(f"{name} {how}", [cause.Witness(name, said)])
        return out

    def compose(
        self, *arguments: str, override: str | None = None, stdin: str | None = None, limit: int | None = None
    ) -> str:
        """Run ``docker compose`` for the project, with the YAML of ``override`` merged over its file."""
        command = ["compose", "--project-name", self.project, "--project-directory", str(self.directory)]
        command += ["--env-file", str(self.env_file), "--file", str(self.compose_file)]
        if override is not None:
            with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
                file.write(override)
                file.flush()
                return self.run([*command, "--file", file.name, *arguments], stdin, limit=limit)
        return self.run([*command, *arguments], stdin, limit=limit)

    def up(self, *arguments: str, timeout: int, before: Iterable[Container] = ()) -> None:
        """Start services without building, and wait for their health.

        Parameters:
            arguments: further ones of ``docker compose up``: options, then services; all without a service.
            timeout: seconds that the services get.
            before: containers as they were; those that served then are not asked what went wrong.

        Raises DockerError, with the last log lines of the containers that do not serve.
        """
        command = ["--progress", "quiet", "up", "--detach", "--no-build", "--wait", "--wait-timeout", str(timeout)]
        try:
            self.compose(*command, *arguments)
        except DockerError as error:
            known = {one.id for one in before if one.serving}
            failed = [one for one in self.containers() if not one.serving and one.id not in known]
            raise DockerError(error.what, (*error.witnesses, *self.witnesses([one.id for one in failed]))) from error

    def model(self) -> dict[str, Any]:
        """Return the project as Compose understands it, services of every profile included."""
        loaded: dict[str, Any] = json.loads(self.compose("--profile", "*", "config", "--format", "json"))
        return loaded

    def hashes(self, containers: Iterable[Container]) -> dict[str, str]:
        """Return the hash that Compose compares to tell whether a service changed, by service."""
        running = {container.service: container.id for container in containers if container.running}
        override = hash_override(self.model()["services"], running)
        lines = self.compose("--profile", "*", "config", "--hash", "*", override=override).splitlines()
        return {line.split()[0]: line.split()[1] for line in lines if len(line.split()) == 2}

    def containers(self, ids: Sequence[str] | None = None) -> list[Container]:
        """Return the project's containers, those of one-off commands left out; or those with the ids that are left."""
        found = self.inspected() if ids is None else self._inspect("container", ids)
        return [Container.from_inspect(data) for data in found]

    def used_images(self) -> set[str]:
        """Return the ids of the images that any container of the host was made from, running or not."""
        ids = self.run(["ps", "--all", "--quiet", "--no-trunc"]).split()
        return {data["Image"] for data in self._inspect("container", ids)}

    def inspected(self) -> list[dict[str, Any]]:
        """Return what the engine knows of the project's containers, those of one-off commands left out."""
        labels = [f"label={PROJECT_LABEL}={self.project}", f"label={ONEOFF_LABEL}=False"]
        filters = [part for label in labels for part in ("--filter", label)]
        ids = self.run(["ps", "--all", "--quiet", "--no-trunc", *filters]).split()
        return self._inspect("container", ids)

    def everything(self) -> list[dict[str, Any]]:
        """Return all containers of the project, those made by hand with its label too, as `strays` takes them."""
        listed = self.run(["ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={PROJECT_LABEL}={self.project}"])
        found = []
        for data in self._inspect("container", listed.split()):
            labels = data["Config"].get("Labels") or {}
            found.append(
                {
                    "id": data["Id"],
                    "name": data["Name"].lstrip("/"),
                    "service": labels.get(SERVICE_LABEL, ""),
                    "image": data["Config"]["Image"],
                    "files": labels.get(FILES_LABEL, ""),
                    "oneoff": labels.get(ONEOFF_LABEL) == "True",
                }
            )
        return found

    def remove_one_offs(self, service: str) -> None:
        """Remove what there is of the one-shot containers of a service."""
        names = self.one_offs(service)
        if names:
            self.run(["rm", "--force", *names])

    def one_offs(self, service: str) -> list[str]:
        """Return the names of the one-shot containers of a service."""
        labels = [f"{PROJECT_LABEL}={self.project}", f"{SERVICE_LABEL}={service}", f"{ONEOFF_LABEL}=True"]
        filters = [part for label in labels for part in ("--filter", f"label={label}")]
        return self.run(["ps", "--all", "--format", "{{.Names}}", *filters]).split()

    def image_ids(self, names: Iterable[str]) -> dict[str, str]:
        """Return the ids of those of the images that are on the host, by the name that was asked for."""
        wanted = sorted(set(names))
        # One question a name: the engine answers in its own spelling of it, and leaves out what it does not know
        with ThreadPoolExecutor(max_workers=4) as pool:
            answers = pool.map(
                lambda name: self.run(["image", "inspect", "--format", "{{.Id}}", name], ok=(0, 1)).strip(), wanted
            )
        return {name: answer for name, answer in zip(wanted, answers, strict=True) if answer}

    def image_config(self, name: str) -> dict[str, Any] | None:
        """Return what an image says of its containers (the keys of ``Config``); none for one that is not there."""
        answer = self.run(["image", "inspect", "--format", "{{json .Config}}", name], ok=(0, 1)).strip()
        config: dict[str, Any] | None = json.loads(answer) if answer else None
        return config

    def volumes(self) -> set[str]:
        """Return the names of all volumes."""
        return set(self.run(["volume", "ls", "--format", "{{.Name}}"]).split())

    def volume_path(self, name: str) -> str | None:
        """Return the directory of a volume on the host, none where it has none that can be looked at."""
        path = self.run(["volume", "inspect", "--format", "{{.Mountpoint}}", name], ok=(0, 1)).strip()
        # A developer may not look there
        return path if path and os.access(path, os.R_OK | os.X_OK) else None

    def volume_labels(self, name: str) -> dict[str, str]:
        """Return the labels of a volume."""
        answer = self.run(["volume", "inspect", "--format", "{{json .Labels}}", name], ok=(0, 1)).strip()
        labels: dict[str, str] | None = json.loads(answer or "null")
        return labels or {}

    def ask_image(self, name: str, script: str, limit: int = 60) -> str:
        """Return what the sh of an image says to a script; empty where the image has none.

        The container of it can reach and keep nothing, and is gone afterwards.
        """
        sealed = ["--rm", "--network", "none", "--read-only", "--cap-drop", "ALL"]
        sealed += ["--security-opt", "no-new-privileges", "--user", "65534:65534", "--no-healthcheck"]
        # What the engine ends with where the command cannot be run
        return self.run(
            ["run", "--pull", "never", *sealed, "--entrypoint", "sh", name, "-c", script], ok=(0, 126, 127), limit=limit
        )

    def pull(self, images: Sequence[str]) -> None:
        """Pull images side by side."""
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(lambda image: self.run(["pull", "--quiet", image]), images))

    def witnesses(self, ids: Sequence[str]) -> list[cause.Witness]:
        """Return what containers can tell of why they do not serve."""
        found = []
        for data in self._inspect("container", ids):
            state = data["State"]
            probes = (state.get("Health") or {}).get("Log") or []
            probe = next((one["Output"] for one in reversed(probes) if one.get("ExitCode")), "")
            name = data["Name"].lstrip("/")
            memory = bool(state.get("OOMKilled"))
            found.append(cause.Witness(name, self.logs(data["Id"]), state.get("ExitCode"), memory, probe))
        return found

    def logs(self, container: str, lines: int = cause.SEARCHED) -> str:
        """Return the last lines that a container wrote, its output and its errors."""
        # By the shell, which alone brings both into the order that they were written in
        both = ["sh", "-c", 'exec docker logs --tail "$1" "$2" 2>&1', "sh", str(lines), container]
        code, out, _err = self._runner.run_command(both)
        return out.strip() if code == 0 else ""

    def _inspect(self, kind: str, names: Sequence[str]) -> list[dict[str, Any]]:
        """Inspect what of ``names`` exists; what is gone in between is left out."""
        if not names:
            return []
        loaded: list[dict[str, Any]] = json.loads(self.run([kind, "inspect", *names], ok=(0, 1)) or "[]")
        return loaded
