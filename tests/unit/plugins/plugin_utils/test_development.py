"""What a developer is told before anything starts: the pure part."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import tomllib

from ansible_collections.fullstack.docker.plugins.module_utils.host.preflight import Host, Request
from ansible_collections.fullstack.docker.plugins.module_utils.project.model import INPUTS_LABEL, build
from ansible_collections.fullstack.docker.plugins.plugin_utils import development
from tests.unit.real_ansible import REPOSITORY

REQUEST: dict[str, Any] = {"minimum_engine": "25.0", "minimum_compose": "2.26", "postgres": None}
DEVELOPER: dict[str, Any] = {"client": True, "engine_error": ""}
HOST: dict[str, Any] = {
    "engine": {"version": "26.1.5", "running": True},
    "compose_version": "2.26.1",
    "buildx_version": "0.13.1",
}
PYPROJECT = """
[project]
name = "shop"
dependencies = ["fastapi>=0.1", "SQLAlchemy[asyncio]>=2"]
[dependency-groups]
dev = ["pytest>=9"]
"""
UV_LOCK = """
version = 1
[[package]]
name = "fastapi"
version = "0.2"
source = { registry = "an index" }
[[package]]
name = "shop"
source = { virtual = "." }
[package.metadata]
requires-dist = [
  { name = "fastapi", specifier = ">=0.1" },
  { name = "sqlalchemy", extras = ["asyncio"], specifier = ">=2" },
  { name = "sentry", marker = "extra == 'watched'" },
]
[package.metadata.requires-dev]
dev = [{ name = "pytest", specifier = ">=9" }]
"""
PINNED = "fastapi==0.2 \\\n    --hash=sha256:1\nsqlalchemy==2.1 \\\n    --hash=sha256:2\n"
PACKAGE = json.dumps({"dependencies": {"react": "^19.0.0"}, "devDependencies": {"vite": "^8.0.0"}})
PNPM_LOCK = """\
lockfileVersion: '9.0'

importers:

  .:
    dependencies:
      react:
        specifier: ^19.0.0
        version: 19.3.1
    devDependencies:
      vite:
        specifier: ^8.0.0
        version: 8.3.8

packages:
  react@19.3.1: {}
"""
NPM_LOCK = json.dumps({"packages": {"": json.loads(PACKAGE)}})


def docker_problems(developer: dict[str, Any] | None = None, **host: Any) -> list[str]:
    asked = cast("Request", REQUEST)
    return list(development.docker_problems(asked, cast("Host", {**HOST, **host}), {**DEVELOPER, **(developer or {})}))


def test_a_machine_that_fits_has_no_problem() -> None:
    assert docker_problems() == []


@pytest.mark.parametrize(
    ("developer", "host", "message"),
    [
        ({"client": False}, {}, "Docker: there is no docker command on this machine"),
        ({"engine_error": "permission denied"}, {"engine": {"version": "26", "running": False}}, "(permission denied)"),
        ({}, {"engine": {"version": None, "running": False}}, "(it does not answer); start it"),
        ({}, {"engine": {"version": "24.0.7", "running": True}}, "Engine is 24.0.7, and 25.0 or later is needed"),
        ({}, {"compose_version": "2.20.0"}, "Compose is 2.20.0, and 2.26 or later is needed"),
        ({}, {"compose_version": None}, "the plugin Compose is not on this machine"),
        ({}, {"buildx_version": None}, "the plugin Buildx is not on this machine"),
    ],
)
def test_a_problem_with_docker_is_told(developer: dict[str, Any], host: dict[str, Any], message: str) -> None:
    (told,) = docker_problems(developer, **host)
    assert message in told


def test_data_of_another_major_version_is_told() -> None:
    postgres = {"volume": "shop-dev_postgres_data", "major": 18, "uid": 70}
    volume = {"exists": True, "labels": {"fullstack.docker.postgres.major": "17"}, "postgres": []}
    request = cast("Request", {**REQUEST, "postgres": postgres})
    server = {"service": "db", "name": "shop-dev-db-1"}
    host = cast("Host", {**HOST, "volumes": {"shop-dev_postgres_data": volume}, "containers": [server]})
    (told,) = development.volume_problems(request, host)
    assert "postgres_version: 18, but volume shop-dev_postgres_data holds data of PostgreSQL 17" in told
    assert told.endswith("docker rm --force shop-dev-db-1 && docker volume rm shop-dev_postgres_data")


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        ("backend", None, "backend_path: /src is no folder on this machine"),
        ("backend", {}, "backend_path: /src holds no pyproject.toml and no requirements.txt"),
        ("frontend", {}, "frontend_path: /src holds no package.json"),
        ("frontend", {"package.json": PACKAGE}, "frontend_path: /src holds no pnpm-lock.yaml and no package-lock.json"),
        ("frontend", {"package.json": "{"}, "frontend_path: /src: what says its dependencies cannot be read"),
        ("backend", {"pyproject.toml": "[", "uv.lock": ""}, "backend_path: /src: what says its dependencies cannot"),
    ],
)
def test_a_source_that_is_none_is_told(name: str, files: dict[str, str] | None, message: str) -> None:
    (told,) = development.source_problems(name, "/src", f"{name}_path", files)
    assert told.startswith(message)


LOCKS = {
    "uv.lock": (PYPROJECT, UV_LOCK),
    "requirements.txt": (PYPROJECT, PINNED),
    "pnpm-lock.yaml": (PACKAGE, PNPM_LOCK),
    "package-lock.json": (PACKAGE, NPM_LOCK),
}


def judged(lock: str, manifest: str) -> list[str]:
    name, beside = (
        ("backend", "pyproject.toml") if lock in {"uv.lock", "requirements.txt"} else ("frontend", "package.json")
    )
    return development.source_problems(name, "/src", "path", {beside: manifest, lock: LOCKS[lock][1]})


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_of_its_project_is_well(lock: str) -> None:
    assert judged(lock, LOCKS[lock][0]) == []


@pytest.mark.parametrize(
    ("lock", "old", "new", "named"),
    [
        ("uv.lock", '"fastapi>=0.1", ', "", "fastapi"),
        ("uv.lock", "fastapi>=0.1", "fastapi>=0.2", "fastapi"),
        ("uv.lock", '["fastapi', '["rich", "fastapi', "rich"),
        ("uv.lock", "pytest>=9", "pytest>=8", "pytest"),
        ("requirements.txt", "fastapi>=0.1", "fastapi>=0.3", "fastapi"),
        ("requirements.txt", '["fastapi', '["rich", "fastapi', "rich"),
        ("pnpm-lock.yaml", "^19", "^18", "react"),
        ("pnpm-lock.yaml", '"vite"', '"vitest"', "vite, vitest"),
        ("package-lock.json", "^19", "^18", "react"),
    ],
)
def test_a_lock_of_another_state_is_told(lock: str, old: str, new: str, named: str) -> None:
    (told,) = judged(lock, LOCKS[lock][0].replace(old, new, 1))
    assert f"/src/{lock} is not of this" in told
    assert f"({named}); " in told


def test_requirements_that_a_person_wrote_are_no_lock() -> None:
    files = {"pyproject.toml": PYPROJECT, "requirements.txt": "fastapi\n"}
    assert development.source_problems("backend", "/src", "path", files) == []


@pytest.mark.parametrize("name", ["backend", "frontend"])
def test_the_example_is_well(name: str) -> None:
    folder = REPOSITORY / "app" / name
    files = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    assert development.source_problems(name, str(folder), "path", files) == []


def test_a_lock_that_names_no_project_tells_nothing() -> None:
    assert development.stale_uv_lock(tomllib.loads(PYPROJECT), {"package": []}) == []


class TestModel:
    """What of the joined project is another in development."""

    @pytest.fixture(scope="class")
    @classmethod
    def made(cls) -> dict[str, Any]:
        entry = {
            "service": "web",
            "image": "shop-dev-web",
            "inputs": ["text"],
            "source": {"kind": "none", "name": "web"},
        }
        part = {
            "services": {"web": {"image": "x", "build": {"context": "."}, "restart": None}},
            "volumes": {"data": {"labels": {"a": "b"}}},
            "builds": [entry],
            "secrets": {"web": {"uid": 7, "gid": 8, "mode": "0440", "files": {"key": "value"}}},
        }
        settings = {"project": "shop-dev", "directory": "/src/.fullstack", "cpus": 2, "development": True}
        return build({"example": part}, settings)

    def test_volumes_belong_to_the_project(self, made: dict[str, Any]) -> None:
        assert made["compose"]["volumes"] == {"data": {"name": "shop-dev_data", "labels": {"a": "b"}}}

    def test_an_image_tells_what_it_was_built_from(self, made: dict[str, Any]) -> None:
        assert made["compose"]["services"]["web"]["build"]["labels"].keys() == {INPUTS_LABEL}

    def test_a_key_without_a_value_is_left_out(self, made: dict[str, Any]) -> None:
        assert "restart" not in made["compose"]["services"]["web"]

    def test_a_secret_may_be_the_groups(self, made: dict[str, Any]) -> None:
        assert [(file["mode"], file["owner"], file["group"]) for file in made["secret_files"]] == [("0440", "7", "8")]
