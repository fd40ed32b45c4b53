"""Development and production, rendered from the same roles, differ where docs/development.md says, and nowhere else."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.unit.real_ansible import REPOSITORY, PlayRunner

PAGE = REPOSITORY / "docs" / "development.md"
ROLES = ("postgres", "redis", "fastapi_backend", "nginx_frontend")
# What preflight finds out on a developer's machine
DEVELOPER = {
    "uid": 1000,
    "gid": 1000,
    "container_uid": 1000,
    "container_gid": 1000,
    "user": "1000:1000",
    "dependencies": {"backend": "", "frontend": ""},
}
VARIABLES: dict[str, Any] = {
    "compose_project_host": {"host": {"cpus": 2}, "developer": DEVELOPER},
    "compose_project_build_ca_file": "",
    "fastapi_backend_path": str(REPOSITORY / "app/backend"),
    "nginx_frontend_path": str(REPOSITORY / "app/frontend"),
    "postgres_password": "superuser",
    "postgres_app_password": "application",
    "redis_password": "redis",
    "fastapi_backend_jwt_secret_key": "key",
}
# They say what a configuration is, and are another with every difference of its own
FINGERPRINTS = "*.labels.fullstack.docker.*"
LOCATION = re.compile(r"^\s*location (.+) \{$", re.MULTILINE)


def role(name: str, **more: Any) -> dict[str, Any]:
    return {"ansible.builtin.import_role": {"name": f"fullstack.docker.{name}"}, **more}


def render(play: PlayRunner, environment: str) -> dict[str, Any]:
    """Return the model of the project for an environment."""
    filtered = "{{ compose_project_parts | fullstack.docker.compose_model(__compose_project_settings) }}"
    shown = play(
        *(role(name) for name in ROLES),
        role("compose_project", when=False),
        {"ansible.builtin.set_fact": {"model": filtered}},
        variables={**VARIABLES, "compose_project_environment": environment},
    )
    model: dict[str, Any] = shown.last["ansible_facts"]["model"]
    return model


@pytest.fixture(scope="module")
def models(play: PlayRunner) -> dict[str, dict[str, Any]]:
    return {environment: render(play, environment) for environment in ("production", "development")}


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of a tree with its path; a list is a value."""
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, tree


def facts(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a stack is made of, by where it stands."""
    files = {file["path"]: file["content"] for file in model["files"]}
    site = next(text for path, text in files.items() if re.search(r"/(prod|dev)\.nginx$", path))
    found = dict(leaves(model["compose"]))
    found |= {f".env {name}": value for name, _equals, value in lines(model["environment"], "=")}
    found |= {f"file {path}": "" for path in files}
    found |= {
        f"postgresql.conf {name}": value for name, _, value in lines(files["infra/postgres/postgresql.conf"], " = ")
    }
    found |= {f"redis.conf {name}": value for name, _, value in lines(files["infra/redis/redis.conf"], " ")}
    found |= {f"nginx.conf {line}": "" for line in statements(files["infra/nginx/nginx.conf"])}
    found |= {f"proxy.nginx {line}": "" for line in statements(files["infra/nginx/proxy.nginx"])}
    found |= {f"headers.nginx {name}": value for name, _, value in headers(files["infra/nginx/headers.nginx"])}
    found |= {f"location {location}": "" for location in LOCATION.findall(site)}
    found |= {f"secret {file['path']}": (file["mode"], file["owner"]) for file in model["secret_files"]}
    return {path: value for path, value in found.items() if not fnmatch.fnmatchcase(path, FINGERPRINTS)}


def statements(text: str) -> list[str]:
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def lines(text: str, separator: str) -> list[tuple[str, str, str]]:
    return [line.partition(separator) for line in statements(text)]


def headers(text: str) -> list[tuple[str, str, str]]:
    return [line.removeprefix("add_header ").partition(" ") for line in statements(text)]


def listed() -> list[str]:
    """Return the patterns in the first column of the page's table of differences."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return [pattern for row in rows for pattern in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


@pytest.fixture(scope="module")
def differences(models: dict[str, dict[str, Any]]) -> list[str]:
    production, development = (facts(models[name]) for name in ("production", "development"))
    missing = object()
    paths = production.keys() | development.keys()
    return sorted(path for path in paths if production.get(path, missing) != development.get(path, missing))


def matches(path: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(path, pattern.replace("[", "[[]"))


def test_every_difference_is_in_the_table(differences: list[str]) -> None:
    patterns = listed()
    unlisted = [path for path in differences if not any(matches(path, pattern) for pattern in patterns)]
    assert unlisted == [], "\n".join(unlisted)


def test_the_table_lists_nothing_else(differences: list[str]) -> None:
    assert [pattern for pattern in listed() if not any(matches(path, pattern) for path in differences)] == []


@pytest.mark.parametrize("image", ["db", "redis", "nginx"])
def test_versions_are_the_same(models: dict[str, dict[str, Any]], image: str) -> None:
    services = {name: model["compose"]["services"] for name, model in models.items()}
    images = {"db": "postgres:18-alpine", "redis": "redis:7-alpine", "nginx": "nginx:1.28-alpine"}
    assert services["development"][image]["image"] == images[image]
    if image == "nginx":
        bases = next(one["bases"] for one in models["production"]["builds"] if one["service"] == "nginx")
        assert bases[0] == images[image]
    else:
        assert services["production"][image]["image"] == images[image]
