"""Migrations, run by the command that a release runs."""

from concurrent.futures import ThreadPoolExecutor

from tests.servers import alembic


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
