"""playbooks/secrets.yml, as an operator runs it: random values, encrypted from the first byte on disk."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from ansible.constants import DEFAULT_VAULT_ID_MATCH
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.unit.real_ansible import COLLECTIONS, REPOSITORY

PASSWORD = "a vault password of the tests"
NAMES = {"postgres_password", "postgres_app_password", "redis_password", "fastapi_backend_jwt_secret_key"}


class Inventory(NamedTuple):
    """An inventory with its vault, and a file that holds the password."""

    folder: Path
    password_file: Path

    @property
    def vault(self) -> Path:
        return self.folder / "group_vars/fullstack/vault.yml"

    def command(self, *arguments: str) -> list[str]:
        """Return the command of the README, with other ways to give the password."""
        binary = Path(sys.executable).with_name("ansible-playbook")
        return [str(binary), str(REPOSITORY / "playbooks/secrets.yml"), "-i", str(self.folder), *arguments]

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False, env=environment())

    def secrets(self) -> dict[str, str]:
        """Return what the vault holds."""
        vault = VaultLib([(DEFAULT_VAULT_ID_MATCH, VaultSecret(PASSWORD.encode()))])
        found: dict[str, str] = yaml.safe_load(vault.decrypt(self.vault.read_text()))
        return found


def environment() -> dict[str, str]:
    return os.environ | {
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_NOCOLOR": "true",
    }


def prepared(folder: Path) -> Inventory:
    """Return an inventory without a vault, and a file with the password beside it."""
    (folder / "inventory").mkdir()
    (folder / "inventory/hosts.yml").write_text("fullstack:\n  hosts:\n    a.example:\n")
    (folder / "password").write_text(PASSWORD)
    return Inventory(folder / "inventory", folder / "password")


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return prepared(tmp_path)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """Return an inventory whose vault was made with a password file."""
    once = prepared(tmp_path_factory.mktemp("made"))
    assert once.make("--vault-password-file", str(once.password_file)).returncode == 0
    return once


@pytest.fixture
def made(made_once: Inventory, tmp_path: Path) -> Inventory:
    """Return a copy of it."""
    shutil.copytree(made_once.folder, tmp_path / "inventory")
    return Inventory(tmp_path / "inventory", made_once.password_file)


def test_every_secret_gets_a_strong_value_of_its_own(made: Inventory) -> None:
    secrets = made.secrets()
    assert secrets.keys() == NAMES
    assert len(set(secrets.values())) == len(NAMES)
    assert min(len(value) for value in secrets.values()) >= 32


def test_file_is_encrypted_and_for_its_owner_alone(made: Inventory) -> None:
    assert made.vault.read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    assert made.vault.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in made.vault.parent.iterdir()] == ["vault.yml"]


def test_another_run_keeps_what_is_there_and_adds_what_is_missing(made: Inventory) -> None:
    before = made.secrets()
    vault = VaultLib([(DEFAULT_VAULT_ID_MATCH, VaultSecret(PASSWORD.encode()))])
    fewer = {name: value for name, value in before.items() if name != "redis_password"} | {"of_the_team": "x"}
    made.vault.write_bytes(vault.encrypt(yaml.safe_dump(fewer).encode()))
    done = made.make("--vault-password-file", str(made.password_file), "-vvv", "--diff")
    after = made.secrets()
    assert {**after, "redis_password": ""} == {**fewer, "redis_password": ""}
    assert after["redis_password"] not in {"", before["redis_password"]}
    assert not [name for name, value in {**before, **after}.items() if len(value) > 1 and value in done.stdout]


def test_password_may_be_typed_and_have_an_id(inventory: Inventory) -> None:
    # Ansible asks a terminal, and nothing else
    ours, theirs = pty.openpty()
    command = inventory.command("--vault-id", "prod@prompt")
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment()
    ) as running:
        said = b""
        while b"prod)" not in said:
            said += os.read(ours, 1024)
        os.write(ours, f"{PASSWORD}\n".encode())
        assert running.wait(60) == 0
    os.close(ours)
    os.close(theirs)
    assert inventory.vault.read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;prod\n")
    assert inventory.secrets().keys() == NAMES


def test_without_a_password_nothing_is_written(inventory: Inventory) -> None:
    done = inventory.make()
    assert done.returncode != 0
    assert "--ask-vault-pass" in done.stdout + done.stderr
    assert not inventory.vault.exists()


def test_a_file_in_plain_is_left_as_it_is_and_refused(inventory: Inventory) -> None:
    inventory.vault.parent.mkdir(parents=True)
    inventory.vault.write_text("postgres_password: in plain\n")
    done = inventory.make("--vault-password-file", str(inventory.password_file))
    assert done.returncode != 0
    assert "is not encrypted; encrypt it first: ansible-vault encrypt" in " ".join((done.stdout + done.stderr).split())
    assert inventory.vault.read_text() == "postgres_password: in plain\n"


def test_another_password_is_refused(made: Inventory, tmp_path: Path) -> None:
    before = made.vault.read_bytes()
    (tmp_path / "another").write_text("another password")
    assert made.make("--vault-password-file", str(tmp_path / "another")).returncode != 0
    assert made.vault.read_bytes() == before


def test_check_mode_writes_nothing(inventory: Inventory) -> None:
    assert inventory.make("--vault-password-file", str(inventory.password_file), "--check").returncode == 0
    assert not inventory.vault.exists()
