"""From the parts that the roles describe to the Compose project: pure functions, no I/O."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.state import stack

Tree = dict[str, Any]

SERVICE_DEFAULTS: Tree = {
    "restart": "unless-stopped",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}
NETWORKS = ("frontend", "backend")
CONFIG_LABEL = "fullstack.docker.config"
SECRETS_LABEL = "fullstack.docker.secrets"
INPUTS_LABEL = "fullstack.docker.inputs"
BUILD_CA_PATH = "infra/docker/build_ca.crt"
_SOURCE_KEYS = {"path": ("src", "ignore", "keep", "variable"), "git": ("url", "version"), "none": ()}
_PLAIN_ENV = re.compile(r"^[\w@%+=:,./-]*$")


class ModelError(ValueError):
    """A part that cannot become part of the project; the message names the part and the fault."""


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """Merge two mappings recursively; where both have a value that is no mapping, ``over`` wins."""
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        merged[key] = merge(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return merged


def digest(*values: Any) -> str:
    """Return a stable SHA-256 (16 hex digits) of JSON-serialisable values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def secret_digest(salt: str, values: Mapping[str, str]) -> str:
    """Return a fingerprint of secret values that may be seen by others.

    A plain hash would let a reader try out guesses quickly; scrypt (RFC 7914, 16 MiB a try) does not.
    """
    text = json.dumps(dict(values), sort_keys=True).encode()
    return hashlib.scrypt(text, salt=salt.encode(), n=2**14, r=8, p=1, dklen=8).hex()


def env_line(name: str, value: Any) -> str:
    """Return one line of a ``.env`` file that Compose reads back as ``value``, unchanged.

    Raises ModelError for a line break or a name that is not one.
    """
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ModelError(f"environment: {name!r} is not the name of an environment variable")
    if "\n" in text or "\r" in text:
        raise ModelError(f"environment: the value of {name} has a line break; pass it as a secret file instead")
    if _PLAIN_ENV.fullmatch(text):
        return f"{name}={text}"
    if "'" not in text:
        return f"{name}='{text}'"
    escaped = re.sub(r'([\\"$])', r"\\\1", text)
    return f'{name}="{escaped}"'


def clamp_cpus(service: Mapping[str, Any], cpus: float | None) -> tuple[Tree, str | None]:
    """Return the service with its CPU limit within the host's count, and the limit it asked for if cut."""
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    asked = limits.get("cpus")
    if asked is None or cpus is None or float(asked) <= cpus:
        return dict(service), None
    return merge(service, {"deploy": {"resources": {"limits": {"cpus": str(float(cpus))}}}}), str(asked)


def reserve_cpus(service: Mapping[str, Any]) -> Tree:
    """Turn ``reservations.cpus``, which Compose ignores outside Swarm, into ``cpu_shares`` (1024 a core)."""
    resources = service.get("deploy", {}).get("resources", {})
    reserved = resources.get("reservations", {}).get("cpus")
    if reserved is None:
        return dict(service)
    rest = {key: value for key, value in resources["reservations"].items() if key != "cpus"}
    without = merge(service, {})
    without["deploy"] = {**service["deploy"], "resources": {**resources, "reservations": rest}}
    without["cpu_shares"] = max(2, round(float(reserved) * 1024))
    return without


def _build_extras(settings: Mapping[str, Any]) -> Tree:
    """Return what every build gets from the site: the network to build in, and a CA bundle that stays in no layer."""
    extras: Tree = {}
    if settings.get("build_network"):
        extras["network"] = settings["build_network"]
    if settings.get("build_ca"):
        extras["secrets"] = ["build_ca"]
    return extras


def _git_file(source: Mapping[str, Any], kind: str, content: str) -> Tree:
    """Return a file that git needs on the host to reach a repository; a key lies with the secrets."""
    folder = "secrets" if kind == "key" else "infra"
    return {"path": f"{folder}/git/{source['name']}.{kind}", "content": content}


def _secret_entries(service: str, targets: Iterable[str]) -> tuple[list[Tree], Tree]:
    """Return the service's ``secrets`` list and the project's ``secrets`` mapping for it."""
    mounts: list[Tree] = []
    files: Tree = {}
    for target in sorted(targets):
        source = f"{service}_{target.replace('/', '_')}"
        mounts.append({"source": source, "target": f"/run/secrets/{target}"})
        files[source] = {"file": f"./secrets/{service}/{target}"}
    return mounts, files


def _owned_files(folder: str, owned: Mapping[str, Any]) -> list[Tree]:
    """Return secret files that only the container's user can read."""
    return [
        {
            "path": f"secrets/{folder}/{target}",
            "content": content,
            "mode": owned.get("mode", "0400"),
            "owner": str(owned["uid"]),
            "group": str(owned["gid"]),
        }
        for target, content in sorted(owned["files"].items())
    ]


def _check_health(services: Mapping[str, Mapping[str, Any]], rolling: Mapping[str, Any]) -> None:
    """Refuse a service that is to be replaced under traffic and cannot tell whether it is well."""
    for name in (rolling.get("backend"), rolling.get("proxy")):
        check = services.get(str(name), {}).get("healthcheck") or {}
        if name in services and (check.get("disable") or check.get("test") in (None, [], ["NONE"])):
            raise ModelError(
                f"the service {name} has no health check, so that nothing can tell a good release from a bad one; "
                "remove what disables it from the service_overrides of its role"
            )


def build(parts: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]) -> Tree:
    """Return all that the host needs to know of the project.

    Parameters:
        parts: by role, its definition, as the filter ``with_service`` describes and has checked it.
        settings: ``project`` (name of the Compose project), ``directory`` (on the host), ``cpus`` (cores of the host,
            or none while unknown), ``build_network``, ``build_ca`` (content of a CA bundle for builds, or empty),
            ``development`` (volumes belong to the project, so that ``down -v`` removes them, and an image carries a
            fingerprint of what it was built from).

    Returns:
        ``compose``, ``environment`` (text of .env), ``files``, ``directories``, ``validate`` and ``secret_files`` (for
        file_tree), ``volumes``, ``published``, ``builds`` (for compose_stack), ``path_sources`` and ``git_sources``,
        ``database``, ``database_passwords``, ``migration``, ``reloads``, ``image_commands``, ``notices`` (sentences for
        the operator), ``description`` (what of this a rollback has to know, no secret in it).

    Raises:
        ModelError: they make no project that could be deployed.
    """
    project = settings["project"]
    development = settings.get("development", False)
    services: Tree = {}
    secrets: Tree = {}
    volumes: Tree = {}
    environment: Tree = {}
    files: list[Tree] = []
    secret_files: list[Tree] = []
    directories: list[Tree] = []
    validate: list[Tree] = []
    builds: list[Tree] = []
    published: list[Tree] = []
    notices: list[str] = []
    reloads: list[Tree] = []
    image_commands: dict[str, str] = {}
    sources: dict[str, list[Tree]] = {"path": [], "git": [], "none": []}
    singles: Tree = {"database": {}, "database_passwords": {}, "migration": {}, "rolling": {}}

    for part in parts.values():
        environment.update(part.get("environment", {}))
        published.extend(part.get("published", []))
        reloads.extend(part.get("reloads", []))
        directories.extend(part.get("directories", []))
        validate.extend(part.get("validate", []))
        image_commands.update(part.get("image_commands", {}))
        for build_entry in part.get("builds", []):
            source = build_entry["source"]
            builds.append({**build_entry, "source": source["name"]})
            wanted = {key: source[key] for key in ("name", *_SOURCE_KEYS[source["kind"]])}
            sources[source["kind"]].append({**wanted, "dest": f"{settings['directory']}/{source['name']}"})
            if source["kind"] == "git":
                files.append(_git_file(source, "known_hosts", "".join(f"{line}\n" for line in source["known_hosts"])))
                if source["key"]:
                    key_file = _git_file(source, "key", source["key"].rstrip() + "\n")
                    secret_files.append({**key_file, "mode": "0400", "owner": "0", "group": "0"})
        for key in singles:
            singles[key] = part.get(key, {}) or singles[key]
        for name, volume in part.get("volumes", {}).items():
            volumes[name] = {"name": f"{project}_{name}", "labels": volume.get("labels", {})}
        files.extend({"path": path, "content": text} for path, text in part.get("build_files", {}).items())
        for name, definition in part.get("services", {}).items():
            said = {key: value for key, value in merge(SERVICE_DEFAULTS, definition).items() if value is not None}
            service, asked = clamp_cpus(reserve_cpus(said), settings.get("cpus"))
            if asked is not None:
                notices.append(f"{name}: a limit of {asked} CPUs is cut to the {settings['cpus']} that the host has")
            if "test" in service.get("healthcheck", {}):
                service["healthcheck"] = merge({"start_interval": "1s"}, service["healthcheck"])
            if "build" in service:
                service["build"] = merge(service["build"], _build_extras(settings))
            services[name] = service

    if development:
        for entry in builds:
            services[entry["service"]]["build"]["labels"] = {INPUTS_LABEL: digest(entry["inputs"])}

    for part in parts.values():
        for name, configured in part.get("config_files", {}).items():
            _label(services[name], CONFIG_LABEL, digest(configured))
            for path, entry in configured.items():
                text, mode = (entry["content"], entry["mode"]) if isinstance(entry, Mapping) else (entry, "0644")
                files.append({"path": path, "content": text, "mode": mode})
        for name, owned in part.get("secrets", {}).items():
            mounts, mounted = _secret_entries(name, owned["files"])
            services[name]["secrets"] = [*services[name].get("secrets", []), *mounts]
            secrets.update(mounted)
            _label(services[name], SECRETS_LABEL, secret_digest(f"{project}/{name}", owned["files"]))
            secret_files.extend(_owned_files(name, owned))
        for folder, owned in part.get("secret_folders", {}).items():
            secret_files.extend(_owned_files(folder, owned))

    _check_health(services, singles["rolling"])
    compose: Tree = {
        "name": project,
        "services": services,
        "networks": {name: {} for name in NETWORKS},
        "volumes": {
            name: volume if development else {"name": volume["name"], "external": True}
            for name, volume in volumes.items()
        },
        "secrets": secrets,
    }
    if settings.get("build_ca"):
        compose["secrets"] = {**secrets, "build_ca": {"file": f"./{BUILD_CA_PATH}"}}
        files.append({"path": BUILD_CA_PATH, "content": settings["build_ca"]})
    return {
        "compose": {key: value for key, value in compose.items() if value != {}},
        "environment": "".join(env_line(name, value) + "\n" for name, value in environment.items()),
        "files": sorted(files, key=lambda file: str(file["path"])),
        "directories": directories,
        "validate": validate,
        "secret_files": secret_files,
        "volumes": [{"name": volume["name"], "labels": volume["labels"]} for volume in volumes.values()],
        "published": published,
        "builds": builds,
        "path_sources": sources["path"],
        "git_sources": sources["git"],
        **singles,
        "reloads": reloads,
        "image_commands": image_commands,
        "notices": notices,
        "description": {
            "version": stack.VERSION,
            "builds": [{key: one[key] for key in ("service", "image") if key in one} for one in builds],
            "image_commands": image_commands,
            "services": sorted(services),
            **{key: singles[key] for key in ("database", "migration", "rolling")},
        },
    }


def _label(service: Tree, name: str, value: str) -> None:
    service["labels"] = {**service.get("labels", {}), name: value}
