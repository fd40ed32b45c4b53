"""Names, folders and addresses that something on the host would refuse, or take for something else.

Whoever refuses them does it late, when files, secrets and volumes are made already. Pure; used on the controller.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

# A label of a host name has 63 characters, and <name>-frontend is the longest alias
PROJECT_LENGTH = 54
# Compose's rule, and within it what an image may be called: <name>-backend
_COMPOSE = re.compile(r"[a-z0-9][a-z0-9_-]*")
_IMAGE = re.compile(r"[a-z0-9]+(?:(?:_|__|-+)[a-z0-9]+)*-*")
# Their units would be replaced by those of the project, and the host may not have them yet
_UNITS = frozenset(
    {"containerd", "cron", "dbus", "docker", "fullstack-firewall", "nftables", "ssh", "sshd", "sudo", "systemd", "udev"}
)
_FOLDER = re.compile(r"(?:/[A-Za-z0-9._+@-]+)+")
# Others live in these, and one level below /home
_SHARED = re.compile(
    "/|/(bin|boot|dev|etc|home|lib|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|usr/local|var)|/home/[^/]+"
    "|/var/(lib|lib/docker|log|tmp)"
)
_LOST_AT_BOOT = ("/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp")  # noqa: S108  (refused here)
# PostgreSQL keeps NAMEDATALEN - 1 bytes of a name, and cuts longer ones silently
NAME_BYTES = 63
_ROLES = frozenset({"current_role", "current_user", "none", "public", "session_user"})
_DATABASES = frozenset({"template0", "template1"})
# It stands in a Dockerfile and on command lines
_MODULE = re.compile(r"""[^\s"\\$`/]+""")
ADDRESSES = (
    "nginx_frontend_address",
    "nginx_frontend_development_address",
    "fastapi_backend_development_address",
    "postgres_address",
    "redis_address",
)


def project_name(name: str) -> str | None:
    """Return what is wrong with the name of a project, or none."""
    if not _COMPOSE.fullmatch(name):
        near = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")
        said = f"{name!r} is no name of a Compose project: lower case letters, digits, - and _, a letter or digit first"
        return f"{said}; use {near}" if near and not project_name(near) else f"{said}; use another"
    if not _IMAGE.fullmatch(name):
        near = re.sub(r"_*-[_-]*|_{3,}", "-", name).rstrip("_")
        return f"{name!r} makes no name of an image ({name}-backend): no _ at its end or beside -; use {near}"
    if len(name) > PROJECT_LENGTH:
        return f"{name!r} has {len(name)} characters, and {PROJECT_LENGTH} are the most that a host name can be made of"
    if name in _UNITS or name.startswith("systemd-"):
        return f"{name}.service is a unit of the host's own, which the project's would replace; use another"
    return None


def project_directory(path: str, *, development: bool) -> str | None:
    """Return what is wrong with the folder of a project, or none.

    Parameters:
        path: the folder.
        development: it lies beside the application's source, wherever that is.
    """
    if not path.startswith("/"):
        return f"{path!r} is not an absolute path; write one such as /opt/shop"
    clean = posixpath.normpath(path)
    if clean.startswith("//") or clean != (path.rstrip("/") or "/"):
        return f"{path!r} is not a plain path; write {posixpath.normpath('/' + path.lstrip('/'))}"
    if _SHARED.fullmatch(clean):
        return f"{clean} is not the project's alone; use a folder below it, such as {clean.rstrip('/')}/shop"
    if development:
        return None
    if not _FOLDER.fullmatch(clean):
        return f"{path!r} has a character that units and Compose files give a meaning to; use letters, digits and ._+@-"
    if clean.startswith(tuple(f"{one}/" for one in _LOST_AT_BOOT)):
        return f"{clean} is emptied by a reboot; use a folder such as /opt/shop"
    return None


def address(value: str) -> str | None:
    """Return what is wrong with an address to publish on, or none."""
    remedy = "use 0.0.0.0 for all, 127.0.0.1 for this host only, or one of the host's own"
    try:
        found = ipaddress.ip_address(value.strip("[]"))
    except ValueError:
        return f"{value!r} is not an IP address to publish on; {remedy}"
    if found.version == 6:
        return f"{value!r} is an IPv6 address, and nginx and the front door serve IPv4 alone so far; {remedy}"
    return None if value == str(found) else f"{value!r} is not written as an IP address; {remedy}"


def _database_name(name: str) -> str | None:
    """Return what is wrong with a name within PostgreSQL, or none."""
    if not name or name != name.strip():
        return "is empty, or has white space around it"
    if not name.isprintable():
        return "has a character that cannot be printed"
    if len(name.encode()) > NAME_BYTES:
        return f"has {len(name.encode())} bytes, and PostgreSQL cuts it after {NAME_BYTES}"
    if "=" in name or "://" in name:
        return "has = or :// in it, which programs take for connection parameters"
    if "$" in name or "`" in name or "\\" in name:
        return "has a $, ` or \\ in it, to which Compose files and shells give a meaning"
    return None


def role(name: str) -> str | None:
    """Return what is wrong with the name of a role of PostgreSQL, or none."""
    fault = _database_name(name)
    if fault is None and (name.startswith("pg_") or name in _ROLES):
        fault = "is kept by PostgreSQL for itself"
    return f"{name!r} {fault}; use another name, such as shop" if fault else None


def database(name: str) -> str | None:
    """Return what is wrong with the name of a database, or none."""
    fault = _database_name(name)
    if fault is None and name in _DATABASES:
        fault = "is what PostgreSQL copies new databases from"
    return f"{name!r} {fault}; use another name, such as shop" if fault else None


def module(name: str) -> str | None:
    """Return what is wrong with the module and name of an ASGI application, or none."""
    if _MODULE.fullmatch(name) and ".py" not in name:
        return None
    return f"{name!r} is not a module and the application in it; write it as app.main:app"


def problems(values: Mapping[str, object], *, development: bool) -> Iterator[str]:
    """Yield a line for each name, folder or address that something would refuse later.

    Parameters:
        values: by variable; only text and numbers are looked at.
        development: the environment is one for development.
    """

    def folder(path: str) -> str | None:
        return project_directory(path, development=development)

    rules: dict[str, Callable[[str], str | None]] = {
        "compose_project_name": project_name,
        "compose_project_directory": folder,
        "postgres_user": role,
        "postgres_app_user": role,
        "postgres_database": database,
        "fastapi_backend_module": module,
        **dict.fromkeys(ADDRESSES, address),
    }
    for name, rule in rules.items():
        value = values.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and (fault := rule(str(value))):
            yield f"{name}: {fault}"
    superuser, user = values.get("postgres_user", "postgres"), values.get("postgres_app_user", "app")
    if isinstance(superuser, str) and superuser == user:
        yield (
            f"postgres_app_user: {user!r} is postgres_user as well, so that the application would be the superuser; "
            "use another name for one of them"
        )
