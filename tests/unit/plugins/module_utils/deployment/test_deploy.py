"""What a deployment says and does, on an engine in memory; the same on a real one is tested by the scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.deployment.deploy import Deployment
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.docker.images import tag
from ansible_collections.fullstack.docker.plugins.module_utils.state import ledger
from tests.unit.plugins.module_utils.engine import Engine

MODEL: dict[str, Any] = {
    "services": {
        "db": {"image": "postgres:18"},
        "backend": {"image": "shop-backend:current", "depends_on": {"db": {"condition": "service_healthy"}}},
        "migrate": {"image": "shop-backend:current", "profiles": ["migrate"]},
    }
}
BUILD = {"service": "backend", "image": "shop-backend", "bases": ["python:3"], "inputs": ["FROM"], "source": "backend"}
PARAMETERS: dict[str, Any] = {
    "builds": [BUILD],
    "sources": {"backend": "one"},
    "volumes": [{"name": "shop_data", "labels": {"of": "db"}}],
    "postgres": {},
    "database": {},
    "database_passwords": {},
    "migration": {"service": "migrate", "of": "backend"},
    "image_commands": {"backend": "command.env"},
    "removed_services": [],
    "secret_paths": [],
    "rolling": {},
    "timeout": 5,
    "revisions": {},
    "who": "somebody",
    "keep": 1,
}
NEW = f"shop-backend:{tag(BUILD['inputs'], 'one', ['sha256:python:3'])}"


def bare() -> Engine:
    return Engine(MODEL, hashes={"db": "h1", "backend": "h2", "migrate": "h3"})


def make(engine: Engine, folder: Path, *, looks: bool = False, **changed: Any) -> Deployment:
    return Deployment(Run(engine.docker(folder), {**PARAMETERS, **changed}, looks=looks, warn=lambda _text: None))


def deploy(engine: Engine, folder: Path, *, looks: bool = False, **changed: Any) -> list[str]:
    """Deploy, and return what was said."""
    deployment = make(engine, folder, looks=looks, **changed)
    deployment.deploy()
    return deployment.run.said


def test_a_bare_host_gets_all_of_it_in_order(tmp_path: Path) -> None:
    engine = bare()
    said = deploy(engine, tmp_path)
    assert said == [
        "pull postgres:18",
        "pull python:3",
        "create volume shop_data",
        f"build {NEW}",
        f"write {tmp_path}/command.env",
        "db: create",
        "backend: create",
        "migrate (migrate)",
        f"tag {NEW} as shop-backend:current",
        "record the release in releases.json",
    ]
    assert [command.split()[0] for command in engine.done] == [
        *("pull", "pull", "volume", "build", "up", "run", "tag", "up")
    ]
    assert (tmp_path / "command.env").read_text() == "FULLSTACK_COMMAND=serve\n"


def test_the_databases_come_up_before_the_migration_and_the_rest_after_it(tmp_path: Path) -> None:
    engine = bare()
    deploy(engine, tmp_path)
    assert [one for one in engine.done if one.split()[0] in ("up", "run")] == ["up db", "run migrate", "up"]


def test_a_second_run_says_and_does_nothing(tmp_path: Path) -> None:
    engine = bare()
    deploy(engine, tmp_path)
    engine.done.clear()
    assert deploy(engine, tmp_path) == []
    assert engine.done == []


def test_another_source_is_built_and_migrated_for(tmp_path: Path) -> None:
    engine = bare()
    deploy(engine, tmp_path)
    said = deploy(engine, tmp_path, sources={"backend": "two"})
    newer = f"shop-backend:{tag(BUILD['inputs'], 'two', ['sha256:python:3'])}"
    assert said == [
        f"build {newer}",
        "backend: recreate: its image changed",
        "migrate (migrate)",
        f"tag {newer} as shop-backend:current",
        "record the release in releases.json",
    ]
    assert [entry.outcome for entry in ledger.LedgerFile(tmp_path).read()] == ["succeeded", "succeeded"]


def test_a_look_leaves_no_trace(tmp_path: Path) -> None:
    engine = bare()
    deploy(engine, tmp_path, looks=True)
    assert engine.done == []
    assert list(tmp_path.iterdir()) == []


states = st.fixed_dictionaries(
    {
        "sources": st.sampled_from([{"backend": "one"}, {"backend": "two"}]),
        "volumes": st.sampled_from([[], [{"name": "shop_data"}], [{"name": "shop_data"}, {"name": "more"}]]),
        "migration": st.sampled_from([{}, PARAMETERS["migration"]]),
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(states, states, st.sampled_from(["h1", "changed"]))
def test_a_look_says_what_the_run_then_says(
    tmp_path_factory: pytest.TempPathFactory, first: dict[str, Any], then: dict[str, Any], database: str
) -> None:
    folder, engine = tmp_path_factory.mktemp("shop"), bare()
    deploy(engine, folder, **first)
    engine.hashes["db"] = database
    looked = deploy(engine, folder, looks=True, **then)
    assert deploy(engine, folder, **then) == looked


@pytest.mark.parametrize("failing", ["run", "up"])
def test_what_fails_is_told_and_written_down(tmp_path: Path, failing: str) -> None:
    engine = bare()
    engine.failing = failing
    deployment = make(engine, tmp_path)
    with pytest.raises(DockerError) as error:
        deployment.deploy()
    _told, serves = deployment.fail(error.value)
    assert serves == "Nothing serves yet."
    (entry,) = ledger.LedgerFile(tmp_path).read()
    assert entry.outcome == "failed"
    assert f"{failing} failed" in entry.cause
    assert not (tmp_path / "command.env").exists()


def test_a_migration_that_fails_leaves_what_serves(tmp_path: Path) -> None:
    engine = bare()
    deploy(engine, tmp_path)
    engine.failing = "run"
    before, named = list(engine.containers), engine.images["shop-backend:current"]
    deployment = make(engine, tmp_path, sources={"backend": "two"})
    with pytest.raises(DockerError) as error:
        deployment.deploy()
    _told, serves = deployment.fail(error.value)
    assert serves.startswith("The old release")
    assert (engine.containers, engine.images["shop-backend:current"]) == (before, named)


def test_containers_that_never_ran_are_removed(tmp_path: Path) -> None:
    engine = bare()
    deploy(engine, tmp_path)
    engine.add("backend", "shop-backend:current", Status="created")
    assert deploy(engine, tmp_path) == [f"remove shop-backend-{engine.made}, which never ran"]
    assert len(engine.containers) == 2


def test_secrets_that_are_wanted_no_more_are_removed_last(tmp_path: Path) -> None:
    engine = bare()
    (tmp_path / "secrets/env").mkdir(parents=True)
    for name in ("kept", "env/old"):
        (tmp_path / "secrets" / name).write_text("value")
    said = deploy(engine, tmp_path, secret_paths=["secrets/kept"])
    assert "remove secrets/env/old" in said
    assert [str(path.relative_to(tmp_path)) for path in (tmp_path / "secrets").rglob("*")] == ["secrets/kept"]


def test_a_look_that_fails_changes_nothing(tmp_path: Path) -> None:
    engine = bare()
    deployment = make(engine, tmp_path, looks=True)
    engine.failing = "config"
    with pytest.raises(DockerError) as error:
        deployment.deploy()
    assert deployment.fail(error.value)[1] == "This was a look: nothing was changed."
    assert list(tmp_path.iterdir()) == []
