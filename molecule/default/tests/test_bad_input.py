"""Input that cannot work is refused before anything changes, by a message that names the variable and the remedy.

Faults of one kind are told all at once, so that one run serves for several.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.scenario.stack import Run, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from testinfra.host import Host

Words = tuple[str, ...]


@pytest.fixture(scope="module")
def refused(site: Site, fingerprint: Callable[..., dict[str, str]]) -> Callable[..., Run]:
    """Return a function that runs the play, and holds that it failed and left no trace."""

    def run(*folders: str, check: bool = False, inventory: Path | None = None, **variables: Any) -> Run:
        before = fingerprint(*folders)
        done = site.run(*(["--check"] if check else []), inventory=inventory, **variables)
        assert done.code != 0
        assert fingerprint(*folders) == before
        return done

    return run


def unsaid(words: Words, done: Run) -> list[str]:
    """Return those of the words that a run has not said."""
    return [one for one in words if one not in done.said]


# --- variables ----------------------------------------------------------------------------------

WRONG_VARIABLES = {
    "postgres_memroy": "1G",
    "redis_pids": "many",
    "compose_project_name": "My_App",
    "compose_project_directory": "/opt",
    "compose_project_parts": {},
    "nginx_frontend_address": "::",
    "postgres_app_user": "pg_app",
    "nginx_frontend_api_prefix": "/api/",
    "nginx_frontend_auth_paths": ["/login", "token"],
    "fastapi_backend_health_path": "//health",
}
PLAIN_SECRETS = """
postgres_password: changeme-changeme
postgres_app_password: k3T9-aW_
fastapi_backend_secret_environment: {TOKEN: 7d2f0c1be94a4c58}
"""
SAID_OF_VARIABLES: dict[str, Words] = {
    "mistyped": ("postgres_memroy: no such variable in role postgres", "did you mean postgres_memory?"),
    "the roles' own": ("compose_project_parts: set by the command line (-e), but it is the roles' own",),
    "wrong type": ("redis_pids:", "cannot be converted to an int", "wanted: int (Most processes in the container)"),
    "project name": ("compose_project_name: 'My_App' is no name of a Compose project", "use my_app"),
    "shared folder": ("compose_project_directory: /opt is not the project's alone", "such as /opt/shop"),
    "IPv6": ("nginx_frontend_address: '::' is an IPv6 address", "use 0.0.0.0 for all"),
    "reserved role": ("postgres_app_user: 'pg_app' is kept by PostgreSQL for itself; use another name",),
    "prefix": ("nginx_frontend_api_prefix: '/api/' ends with a slash; write /api",),
    "path of a list": ("nginx_frontend_auth_paths: 'token' does not begin with a slash; write /token",),
    "path": ("fastapi_backend_health_path: '//health' has two slashes side by side; drop one of them",),
    "missing secret": ("redis_password: not set; set it in the vault file (playbooks/secrets.yml writes one",),
    "placeholder": ("postgres_password: is a placeholder; ansible-playbook playbooks/secrets.yml writes",),
    "short secret": ("postgres_app_password: has 8 characters, and 16 are the least",),
    "secret in plain": (
        "fastapi_backend_secret_environment: stands unencrypted in",
        "encrypt that file by ansible-vault",
    ),
}


@pytest.fixture(scope="module")
def wrong_variables(refused: Callable[..., Run], site: Site, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the play with variables that cannot be, from an inventory with a file in plain where the vault was."""
    copy = tmp_path_factory.mktemp("without_vault") / "inventory"
    inventory = shutil.copytree(site.inventory.parent, copy, ignore=shutil.ignore_patterns("vault.yml"))
    (inventory / "group_vars/fullstack/secrets.yml").write_text(PLAIN_SECRETS)
    return refused(inventory=inventory, **WRONG_VARIABLES)


@pytest.mark.parametrize("fault", SAID_OF_VARIABLES)
def test_variable_is_refused(wrong_variables: Run, fault: str) -> None:
    assert unsaid(SAID_OF_VARIABLES[fault], wrong_variables) == [], wrong_variables.said


@pytest.mark.parametrize("variable", ["fastapi_backend_path", "nginx_frontend_path"])
def test_path_that_does_not_exist_is_refused(refused: Callable[..., Run], variable: str) -> None:
    done = refused(**{variable: "/nowhere"})
    assert unsaid((f"{variable}: /nowhere", "name the folder of the application"), done) == [], done.said


SAID_OF_CONNECTIONS: dict[str, Words] = {
    "pools": ("fastapi_backend_connections: 20 are fewer than the 28 that 4 workers may open", "lower"),
    "server": ("postgres_config: max_connections 100 is less than the 123 that", "drop it, or lower one"),
}


@pytest.fixture(scope="module")
def few_connections(refused: Callable[..., Run]) -> Run:
    """Run the play with pools that are larger than the budget, and a server that has too few connections for it."""
    pools = {"DB_POOL_SIZE": 5, "DB_MAX_OVERFLOW": 2}
    return refused(fastapi_backend_environment=pools, postgres_config={"max_connections": 100})


@pytest.mark.parametrize("fault", SAID_OF_CONNECTIONS)
def test_connections_that_do_not_fit_are_refused(few_connections: Run, fault: str) -> None:
    assert unsaid(SAID_OF_CONNECTIONS[fault], few_connections) == [], few_connections.said


# --- the host -----------------------------------------------------------------------------------

HELD_PORT = 8498
UNFIT = {
    "compose_project_memory_minimum": 9_000_000,
    "compose_project_disk_minimum": 900_000_000,
    "docker_host_kernel_minimum": "99.0",
    "docker_host_package_source": "none",
    "docker_host_engine_minimum": "99.1",
    "docker_host_compose_minimum": "99.2",
    "nginx_frontend_port": HELD_PORT,
    "postgres_port": 6420,
    "redis_port": 6420,
}
SAID_OF_HOST: dict[str, Words] = {
    "memory": ("compose_project_memory_minimum: 9000000 MB of memory are needed", "add memory or lower the minimum"),
    "disk": ("compose_project_disk_minimum: 900000000 MB are needed", "free some space"),
    "kernel": ("docker_host_kernel_minimum: 99.0 is needed", "install a newer kernel and reboot"),
    "engine": ("docker_host_package_source: none leaves Docker Engine", "99.1 or later is needed; upgrade it"),
    "Compose": ("docker_host_package_source: none leaves Docker Compose", "99.2 or later is needed; upgrade it"),
    "clashing ports": ("redis_port: 6420", "is also postgres_port", "choose another port for one of them"),
    "port in use": (
        f"nginx_frontend_port: {HELD_PORT} on 0.0.0.0 is held by process python3",
        "stop it or choose another port",
    ),
}


@pytest.fixture(scope="module")
def unfit_host(host: Host, refused: Callable[..., Run]) -> Iterator[Run]:
    """Run the play with demands that the host does not meet, while a stranger listens on a port."""
    host.check_output(f"systemd-run --unit=stranger python3 -m http.server {HELD_PORT}")
    yield refused(**UNFIT)
    host.check_output("systemctl stop stranger")


@pytest.mark.parametrize("fault", SAID_OF_HOST)
def test_host_is_refused(unfit_host: Run, fault: str) -> None:
    assert unsaid(SAID_OF_HOST[fault], unfit_host) == [], unfit_host.said


# --- data volumes -------------------------------------------------------------------------------

# A stack beside the one that runs, whose data and port have no part in this
ANOTHER = {"compose_project_name": "another", "nginx_frontend_port": 8499}


class Volume(NamedTuple):
    """A data volume that the image cannot open, and what is said of it."""

    folder: str
    """Where in the volume the data lies."""
    major: int
    uid: int
    words: Words


VOLUMES = {
    "of another major version": Volume(
        ".",
        17,
        999,
        ("postgres_version: 18, but volume another_postgres_data holds data of PostgreSQL 17", "dump and restore"),
    ),
    "of another layout": Volume(
        ".",
        18,
        999,
        ("postgres_version: 18 keeps its data in 18/docker of the volume", "another_postgres_data/_data && mkdir"),
    ),
    "of another user": Volume(
        "18/docker",
        18,
        70,
        ("postgres_uid: 999, but the data in volume another_postgres_data belongs to uid 70", "Set postgres_uid: 70"),
    ),
}


@pytest.fixture(params=VOLUMES)
def volume(request: pytest.FixtureRequest, host: Host) -> Iterator[tuple[str, Volume]]:
    """Make the data volume of another stack; return its folder and what it is."""
    wanted = VOLUMES[request.param]
    name = host.check_output("docker volume create another_postgres_data")
    top = host.check_output("docker volume inspect --format '{{.Mountpoint}}' %s", name)
    data = f"{top}/{wanted.folder}"
    host.check_output("install -d -m 700 -o %s %s", str(wanted.uid), data)
    host.check_output("sh -c 'echo %s > %s/PG_VERSION && mkdir %s/global'", str(wanted.major), data, data)
    host.check_output("touch %s/global/pg_control", data)
    yield top, wanted
    host.check_output("docker volume rm %s", name)


def test_data_volume_is_refused(refused: Callable[..., Run], volume: tuple[str, Volume]) -> None:
    folder, wanted = volume
    done = refused(folder, **ANOTHER)
    assert unsaid((*wanted.words, "it is untouched"), done) == [], done.said


def test_image_of_another_kind_is_refused(refused: Callable[..., Run]) -> None:
    # In check mode, which asks an image that is there
    done = refused(check=True, **ANOTHER, postgres_version=17, postgres_uid=70)
    words = ("is of PostgreSQL 18; set postgres_version: 18", "set postgres_uid: 999 and postgres_gid: 999")
    assert unsaid(words, done) == [], done.said
