"""Migrations, run by the command that a release runs."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
from starlette.testclient import TestClient

from app.factory import create_app
from app.settings import Settings
from tests.conftest import sign_up
from tests.servers import BACKEND, HOST, PASSWORD, alembic


def query(environment: dict[str, str], sql: str) -> list[Any]:
    """Ask the database as the application's role; return the first column."""

    async def ask() -> list[Any]:
        port = int(environment["POSTGRES_PORT"])
        connection = await asyncpg.connect(
            host=HOST, port=port, user="app", database="app", password=PASSWORD
        )
        try:
            return [row[0] for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_migrations_and_models_agree(environment: dict[str, str]) -> None:
    result = alembic(environment, "check")
    assert result.returncode == 0, result.stdout


def test_two_runs_at_once_take_turns(environment: dict[str, str]) -> None:
    alembic(environment, "downgrade", "base").check_returncode()
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(alembic, environment, "upgrade", "head") for _ in range(2)]
        assert [run.result().returncode for run in runs] == [0, 0]


def test_the_sql_can_be_read_first(environment: dict[str, str]) -> None:
    assert "CREATE TABLE notes" in alembic(environment, "upgrade", "head", "--sql").stdout


class TestNotesWithoutOwner:
    """A database from before there were users, expanded, and used by both releases."""

    WRITE = "INSERT INTO notes (text) VALUES ('%s') RETURNING id"

    def test_they_survive_and_can_be_given_to_somebody(
        self, environment: dict[str, str], settings: Settings
    ) -> None:
        alembic(environment, "downgrade", "0001").check_returncode()
        query(environment, "DELETE FROM notes")
        query(environment, self.WRITE % "before the release")
        alembic(environment, "upgrade", "head").check_returncode()
        query(environment, self.WRITE % "by the old code, on the new schema")
        with TestClient(create_app(settings), base_url="http://localhost") as client:
            name = sign_up(client)
            assert client.get("/notes").json() == []
            query(environment, hand_over_command(name))
            client.post("/notes", json={"text": "by the new code"})
            texts = [note["text"] for note in client.get("/notes").json()]
        assert texts == [
            "by the new code",
            "by the old code, on the new schema",
            "before the release",
        ]


def hand_over_command(name: str) -> str:
    """The statement of README.md that gives them to a user, here by that name."""
    (statement,) = re.findall(r"UPDATE notes [^;]+", (BACKEND / "README.md").read_text("utf-8"))
    return str(statement).replace("'ada'", f"'{name}'")
