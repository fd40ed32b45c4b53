"""What is asked of Docker for the database and for services that start, with a stand-in for the command."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.database import Database
from ansible_collections.fullstack.docker.plugins.module_utils.docker_cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.stack_plan import Container

DESCRIPTION = {"service": "db", "superuser": "postgres", "name": "shop", "owner": "shop"}
NO_ROLES = json.dumps({"roles": {}, "owner": "postgres"})
ACTIONS = ["create role shop", "give database shop to role shop"]


class Engine:
    """Answers commands by the word that they hold."""

    def __init__(self, **answers: tuple[int, str]) -> None:
        self.answers = answers
        self.asked: list[list[str]] = []
        self.given: list[str] = []

    def run_command(self, args: list[str], **options: Any) -> tuple[int, str, str]:
        """Answer with code and output, and remember the question."""
        self.asked.append(args)
        text = options.get("data", "")
        self.given += [text] if text else []
        found = [answer for word, answer in self.answers.items() if word in args or text.startswith(word)]
        code, out = found[0] if found else (0, "")
        return code, out, ""


def database(engine: Engine) -> Database:
    return Database(DockerCli(engine, "shop", "/nowhere"), DESCRIPTION)


def test_roles_are_brought_about_in_one_transaction() -> None:
    engine, actions = Engine(SELECT=(0, NO_ROLES)), ["before"]
    database(engine).reconcile({"shop": "secret"}, actions)
    assert actions == ["before", *ACTIONS]
    _query, change = engine.given
    assert change.startswith("BEGIN;CREATE ROLE")
    assert change.endswith(";COMMIT;")
    assert not any("secret" in part for args in engine.asked for part in args)


def test_check_mode_tells_and_changes_nothing() -> None:
    engine, actions = Engine(SELECT=(0, NO_ROLES)), list[str]()
    database(engine).reconcile({"shop": "secret"}, actions, check_mode=True)
    assert actions == ACTIONS
    assert len(engine.given) == 1


def test_a_refused_change_is_told_all_the_same() -> None:
    actions: list[str] = []
    with pytest.raises(DockerError):
        database(Engine(SELECT=(0, NO_ROLES), BEGIN=(3, ""))).reconcile({"shop": "secret"}, actions)
    assert actions == ACTIONS


def container(name: str, **changed: Any) -> dict[str, Any]:
    labels = {"com.docker.compose.service": name, "com.docker.compose.config-hash": "hash"}
    state = {"Status": "running", "Health": {"Status": "unhealthy"}}
    return {"Id": name, "Name": f"/{name}", "Image": "image", "State": state, "Config": {"Labels": labels}} | changed


def test_services_that_do_not_start_say_their_last_lines_but_those_that_served_before() -> None:
    found = [container("db"), container("backend")]
    answers = {"up": (1, ""), "ps": (0, "db backend"), "inspect": (0, json.dumps(found)), "sh": (0, "a trace")}
    engine = Engine(**answers)
    served = container("db", State={"Status": "running", "Health": {"Status": "healthy"}})
    with pytest.raises(DockerError) as told:
        DockerCli(engine, "shop", "/nowhere").up("db", "backend", timeout=7, before=[Container.from_inspect(served)])
    assert str(told.value).endswith("--- last lines of backend:\na trace")
    assert "lines of db" not in str(told.value)
    assert engine.asked[0][-5:] == ["--wait", "--wait-timeout", "7", "db", "backend"]
