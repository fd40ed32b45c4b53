"""What the application makes of its environment and secret files."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings, split_commas


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    (tmp_path / "postgres_password").write_text("from the file\n")
    (tmp_path / "jwt_secret_key").write_text(f"{'k' * 32}\n")
    return tmp_path


@pytest.mark.parametrize("password", ["plain", " a b ", "p@ss:/w?r#d%41", "日本\\n'\""])
def test_a_password_is_taken_as_it_is(secrets: Path, password: str) -> None:
    (secrets / "postgres_password").write_text(f"{password}\n", encoding="utf-8")
    assert Settings().database_url.password == password


def test_the_environment_goes_before_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "from the environment")
    assert Settings().postgres_password.get_secret_value() == "from the environment"


@pytest.mark.parametrize("name", ["postgres_password", "jwt_secret_key"])
def test_a_missing_secret_is_named(secrets: Path, name: str) -> None:
    (secrets / name).unlink()
    with pytest.raises(ValidationError, match=name):
        Settings()


def test_a_key_shorter_than_what_it_signs_is_refused(secrets: Path) -> None:
    (secrets / "jwt_secret_key").write_text("k" * 31)
    with pytest.raises(ValidationError, match="jwt_secret_key"):
        Settings()


def test_an_error_shows_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PORT", "pasted-secret")
    with pytest.raises(ValidationError, match="redis_port") as error:
        Settings()
    assert "pasted-secret" not in str(error.value)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PORT", "")
    assert Settings().postgres_port == 5432


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "example.org, www.example.org,")
    assert Settings().allowed_hosts == ["example.org", "www.example.org"]


@pytest.mark.parametrize(
    ("value", "expected"), [("", []), ("a", ["a"]), (" a ,, b", ["a", "b"]), (["a"], ["a"])]
)
def test_split_commas(value: object, expected: list[str]) -> None:
    assert split_commas(value) == expected
