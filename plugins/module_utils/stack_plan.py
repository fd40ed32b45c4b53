"""What has to happen so that the containers are as the project describes them: pure functions, no I/O."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from ansible_collections.fullstack.docker.plugins.module_utils import scram
from ansible_collections.fullstack.docker.plugins.module_utils.compose_model import ModelError, env_line

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
HASH_LABEL = "com.docker.compose.config-hash"
FILES_LABEL = "com.docker.compose.project.config_files"
ONEOFF_LABEL = "com.docker.compose.oneoff"
# A shorter line of a secret file, such as a bracket, tells nothing and is found everywhere
SECRET_LINE = 8
# Environment variable in which the entrypoint of a container finds the command of its image
IMAGE_COMMAND = "FULLSTACK_COMMAND"


@dataclass(frozen=True)
class Container:
    """One container of the project, as the engine describes it."""

    id: str
    name: str
    service: str
    config_hash: str
    image_id: str
    status: str
    health: str | None
    restarts: int = 0
    """How often the engine has restarted it by itself."""
    user: str = ""
    """Whom its processes run as, in the words of its definition."""

    @classmethod
    def from_inspect(cls, data: Mapping[str, Any]) -> Container:
        """Read a container from the answer of ``docker inspect``."""
        labels = data["Config"].get("Labels") or {}
        state = data["State"]
        return cls(
            id=data["Id"],
            name=data["Name"].lstrip("/"),
            service=labels.get(SERVICE_LABEL, ""),
            config_hash=labels.get(HASH_LABEL, ""),
            image_id=data["Image"],
            status=state["Status"],
            health=(state.get("Health") or {}).get("Status"),
            restarts=data.get("RestartCount", 0),
            user=data["Config"].get("User", ""),
        )

    @property
    def running(self) -> bool:
        """Whether its process runs; one that is between two restarts does not."""
        return self.status == "running"

    @property
    def serving(self) -> bool:
        """Whether it runs and no health check speaks against it."""
        return self.running and self.health in (None, "healthy")


def tag(inputs: Sequence[Any], source: str, base_ids: Iterable[str]) -> str:
    """Return the immutable tag of an image: the same for the same source, Dockerfile, arguments and bases."""
    text = json.dumps([list(inputs), source, list(base_ids)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def hash_override(services: Mapping[str, Mapping[str, Any]], running: Mapping[str, str]) -> str:
    """Return the Compose file to lay over the project's, so that Compose prints the hashes that it compares.

    Before it takes the hash of a service that it starts, but not where it prints hashes, Compose puts the id of the
    container in place of ``network_mode: service:NAME``, and the variables of an ``env_file`` among the others.

    Parameters:
        services: as ``docker compose config`` prints them.
        running: the id of a running container, by service.
    """
    reset = "the file is read already"
    over: dict[str, dict[str, Any]] = {}
    for name, service in services.items():
        over[name] = {"env_file": reset}
        if service.get("environment"):
            over[name]["environment"] = service["environment"]
        joined = service.get("network_mode", "").removeprefix("service:")
        if joined != service.get("network_mode", "") and joined in running:
            over[name]["network_mode"] = f"container:{running[joined]}"
    return json.dumps({"services": over}).replace(json.dumps(reset), "!reset []")


def image_command(image: str, config: Mapping[str, Any]) -> str:
    """Return the line of an env_file that holds an image's ENTRYPOINT and CMD, quoted for a shell.

    Parameters:
        image: its name, for messages.
        config: the keys of ``Config`` in ``docker image inspect``.

    Raises:
        ModelError: the image says nothing, or something that the line cannot hold.
    """
    argv = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    if not argv:
        raise ModelError(f"{image} has neither ENTRYPOINT nor CMD; set fastapi_backend_command")
    try:
        return env_line(IMAGE_COMMAND, shlex.join(argv)) + "\n"
    except ModelError:
        raise ModelError(f"{image}: a line break in its ENTRYPOINT or CMD; set fastapi_backend_command") from None


@dataclass(frozen=True)
class Image:
    """One name of an image; ``created`` sorts by time."""

    id: str
    repository: str
    tag: str
    created: str


def disposable(images: Iterable[Image], project: str, used: set[str], keep: int) -> list[str]:
    """Return the names of images that nothing needs.

    Parameters:
        images: named images of the host, the newest first.
        project: only images of this project are looked at.
        used: ids of images that containers were made from, or that a rollback needs.
        keep: how many of each repository stay, the newest; the current one and used ones stay beside them.
    """
    listed = list(images)
    current = {image.id for image in listed if image.tag == "current"}
    seen: dict[str, int] = {}
    names = []
    for image in listed:
        if image.repository not in (f"{project}-backend", f"{project}-nginx") or image.tag in ("current", "<none>"):
            continue
        seen[image.repository] = seen.get(image.repository, 0) + 1
        if seen[image.repository] > keep and image.id not in used | current:
            names.append(f"{image.repository}:{image.tag}")
    return names


def quote_name(name: str) -> str:
    """Quote an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Quote an SQL string literal, whatever ``standard_conforming_strings`` says."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{escaped}'" if "\\" in text else f"'{escaped}'"


def roles_query(names: Iterable[str], database: str) -> str:
    """Return the query that reads roles, their verifiers and the owner of the database as one JSON object."""
    listed = ", ".join(quote_text(name) for name in names)
    return (
        "SELECT json_build_object('roles', (SELECT coalesce(json_object_agg(rolname, json_build_object("  # noqa: S608  (what is put in is quoted)
        "'verifier', rolpassword, 'login', rolcanlogin, 'superuser', rolsuper)), '{}'::json) "
        f"FROM pg_authid WHERE rolname IN ({listed})), 'owner', "
        f"(SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = {quote_text(database)}));"
    )


def role_statements(
    database: Mapping[str, Any], passwords: Mapping[str, str], state: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return what brings roles, passwords and the owner of the database to their described state.

    Parameters:
        database: ``name``, ``owner`` and ``superuser``.
        passwords: by role.
        state: the answer to ``roles_query``.

    Returns:
        Pairs of what an operator may read (no secret in it) and the SQL statement.
    """
    statements: list[tuple[str, str]] = []
    known = state["roles"]
    for role, password in passwords.items():
        name = quote_name(role)
        has = known.get(role)
        set_password = f"PASSWORD {quote_text(scram.verifier(password))}"
        if has is None:
            statements.append((f"create role {role}", f"CREATE ROLE {name} LOGIN {set_password};"))
            continue
        if not scram.matches(password, has["verifier"]):
            statements.append((f"set the password of role {role}", f"ALTER ROLE {name} LOGIN {set_password};"))
        elif not has["login"]:
            statements.append((f"let role {role} log in", f"ALTER ROLE {name} LOGIN;"))
        if has["superuser"] and role != database["superuser"]:
            statements.append((f"take superuser from role {role}", f"ALTER ROLE {name} NOSUPERUSER;"))
    if state["owner"] != database["owner"]:
        statements.append(
            (
                f"give database {database['name']} to role {database['owner']}",
                f"ALTER DATABASE {quote_name(database['name'])} OWNER TO {quote_name(database['owner'])};",
            )
        )
    return statements


def earlier_passwords(roles: Iterable[str], state: Mapping[str, Any]) -> str:
    """Return the SQL that gives roles the verifiers back that they had; a role that is new gets none.

    Parameters:
        roles: their names.
        state: the answer to ``roles_query`` before they were changed.
    """
    verifiers = {role: (state["roles"].get(role) or {}).get("verifier") for role in roles}
    return "".join(
        f"ALTER ROLE {quote_name(role)} PASSWORD {quote_text(verifier) if verifier else 'NULL'};"
        for role, verifier in verifiers.items()
    )


def spellings(secret: str) -> set[str]:
    """Return how programs write a secret: as it is, a line of it alone, as JSON, as Python, in a URL."""
    lines = {secret, *(line for line in secret.splitlines() if len(line) >= SECRET_LINE)}
    return {
        spelling
        for line in lines
        for spelling in (
            line,
            json.dumps(line)[1:-1],
            repr(line)[1:-1],
            quote(line),
            quote(line, safe=""),
            quote_plus(line),
        )
    }


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text, however spelled; longest first, so that one inside another leaves no rest."""
    known = {spelling for secret in secrets if len(secret) >= 4 for spelling in spellings(secret)}
    for spelling in sorted(known, key=len, reverse=True):
        text = text.replace(spelling, "********")
    return text
