"""An engine in memory, asked by the commands of Docker: what a deployment does to it can be seen at once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import (
    HASH_LABEL,
    PROJECT_LABEL,
    SERVICE_LABEL,
)

PROJECT = "shop"
# Commands that only ask
QUESTIONS = ("ps", "inspect", "config", "ls", "exec")


@dataclass
class Engine:
    """The runner of a ``DockerCli``: answers its commands, and takes down those that change something."""

    model: dict[str, Any]
    images: dict[str, str] = field(default_factory=dict)
    """Ids by name."""
    volumes: set[str] = field(default_factory=set)
    containers: list[dict[str, Any]] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    """What Compose says of services as described."""
    tops: dict[str, str] = field(default_factory=dict)
    """What runs in containers, by their ids."""
    failing: str = ""
    """A word of the command that fails."""
    made: int = 0
    """Containers that there were so far."""
    done: list[str] = field(default_factory=list)
    """Commands that change something, in short."""

    def docker(self, directory: Path) -> DockerCli:
        """Return commands of the project in a folder."""
        return DockerCli(self, PROJECT, str(directory))

    def run_command(self, args: list[str], **_options: Any) -> tuple[int, str, str]:
        """Answer one command."""
        words = self._words(args)
        verb = words[0]
        if self.failing and self.failing in words:
            return 1, "", f"{self.failing} failed"
        if verb == "sh":
            return 0, "", ""
        answer = getattr(self, f"_{verb.replace('-', '_')}", None)
        if answer is None:
            raise AssertionError(f"the engine does not know {args}")
        if not any(word in QUESTIONS for word in words[:2]):
            self.done.append(" ".join(words))
        return self._answered(answer(words[1:], args))

    @staticmethod
    def _answered(said: str | None) -> tuple[int, str, str]:
        return (1, "", "no such thing") if said is None else (0, said, "")

    @staticmethod
    def _words(args: list[str]) -> list[str]:
        """Return a command without ``docker``, ``compose`` and options."""
        valued = {"--project-name", "--project-directory", "--env-file", "--file", "--progress", "--profile"}
        valued |= {"--format", "--filter", "--wait-timeout", "--label", "--hash", "--tail"}
        words, rest = [], iter(args)
        for word in rest:
            if word in valued:
                next(rest)
            elif not word.startswith("-"):
                words.append(word)
        return [word for word in words if word not in ("docker", "compose")]

    def add(self, service: str, image: str, **state: Any) -> None:
        """Let a container of a service run."""
        self.made += 1
        number = self.made
        labels = {PROJECT_LABEL: PROJECT, SERVICE_LABEL: service, HASH_LABEL: self.hashes[service]}
        self.containers.append(
            {
                "Id": f"{service}-{number}",
                "Name": f"/{PROJECT}-{service}-{number}",
                "Image": self.images.get(image, image),
                "Config": {"Labels": labels, "Image": image},
                "State": {"Status": "running", "Running": True, "Pid": 0, "Health": {"Status": "healthy"}, **state},
                "NetworkSettings": {"Networks": {f"{PROJECT}_backend": {"IPAddress": f"10.0.0.{number}"}}},
            }
        )

    def _ps(self, _words: list[str], args: list[str]) -> str:
        if any("oneoff=True" in word for word in args):
            return ""
        return "\n".join(one["Id"] for one in self.containers)

    def _container(self, words: list[str], _args: list[str]) -> str:
        if words[0] == "rm":
            self.containers = [one for one in self.containers if one["Id"] not in words[1:]]
            return ""
        return json.dumps([one for one in self.containers if one["Id"] in words[1:]])

    def _rm(self, words: list[str], args: list[str]) -> str:
        return self._container(["rm", *words], args)

    def _image(self, words: list[str], args: list[str]) -> str | None:
        if words[0] == "ls":
            names = [name.rpartition(":") for name in self.images]
            lines = [f"{self.images[''.join(one)]}\t{one[0]}\t{one[2]}\t2026" for one in names]
            return "" if "--quiet" in args else "\n".join(lines)
        if words[0] == "rm":
            return self.images.pop(words[1], None)
        name = words[1]
        if "{{json .Config}}" in args:
            return json.dumps({"Cmd": ["serve"]}) if name in self.images else None
        return self.images.get(name) or (name if name in self.images.values() else None)

    def _volume(self, words: list[str], _args: list[str]) -> str:
        if words[0] == "create":
            self.volumes.add(words[1])
        return "\n".join(self.volumes)

    def _pull(self, words: list[str], _args: list[str]) -> str:
        self.images[words[0]] = f"sha256:{words[0]}"
        return ""

    def _tag(self, words: list[str], _args: list[str]) -> str:
        self.images[words[1]] = self.images[words[0]]
        return ""

    def _config(self, _words: list[str], args: list[str]) -> str:
        if "--hash" in args:
            return "\n".join(f"{service} {value}" for service, value in self.hashes.items())
        return json.dumps(self.model)

    def _build(self, _words: list[str], args: list[str]) -> str:
        override = json.loads(Path([args[at + 1] for at, word in enumerate(args) if word == "--file"][-1]).read_text())
        for service in override["services"].values():
            self.images[service["image"]] = f"sha256:{service['image']}"
        return ""

    def _run(self, _words: list[str], _args: list[str]) -> str:
        return ""

    def _up(self, words: list[str], args: list[str]) -> str:
        scales = dict(word.removeprefix("--scale=").split("=") for word in args if word.startswith("--scale="))
        wanted = words or [name for name, one in self.model["services"].items() if not one.get("profiles")]
        for service in wanted:
            there = [one for one in self.containers if one["Config"]["Labels"][SERVICE_LABEL] == service]
            if "--no-recreate" not in args:
                self.containers = [one for one in self.containers if one not in there]
                there = []
            for _missing in range(int(scales.get(service, 1)) - len(there)):
                self.add(service, self.model["services"][service]["image"])
        return ""

    def _top(self, words: list[str], _args: list[str]) -> str:
        return self.tops.get(words[0], "PID COMMAND\n")

    def _exec(self, _words: list[str], _args: list[str]) -> str:
        return ""

    def _stop(self, words: list[str], _args: list[str]) -> str:
        for one in self.containers:
            if one["Id"] in words:
                one["State"]["Status"] = "exited"
        return ""

    def _kill(self, _words: list[str], _args: list[str]) -> str:
        return ""
