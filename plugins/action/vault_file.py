"""Write random secrets into a vault file, encrypted at once; runs on the controller."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import is_encrypted
from ansible.plugins.action import ActionBase

SPEC: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "names": {"type": "list", "elements": "str", "required": True},
    "bytes": {"type": "int", "default": 32},
    "vault_id": {"type": "str"},
}


def completed(values: dict[str, Any], names: list[str], size: int) -> tuple[dict[str, Any], list[str]]:
    """Return the values with a random one for each name that has none, and those names."""
    added = [name for name in names if not values.get(name)]
    # Ansible marks its strings; YAML takes plain ones
    return {**values, **{str(name): secrets.token_urlsafe(size) for name in added}}, added


class ActionModule(ActionBase):
    """Controller only: the values never leave it in plain."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return which names were added."""
        super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=SPEC)
        path = Path(arguments["path"])
        known = [secret for secret in self._loader._vault.secrets if arguments["vault_id"] in (None, secret[0])]
        if not known:
            raise AnsibleActionFail(
                f"{path}: no vault secret to encrypt with; start the play with --ask-vault-pass,"
                " --vault-password-file or --vault-id"
            )
        values, added = completed(self._read(path), arguments["names"], arguments["bytes"])
        if added and not self._task.check_mode:
            vault_id, secret = known[0]
            text = yaml.safe_dump(values, explicit_start=True, default_flow_style=False)
            self._write(path, self._loader._vault.encrypt(text.encode(), secret, vault_id))
        return {"changed": bool(added), "added": added}

    def _read(self, path: Path) -> dict[str, Any]:
        """Return what the file holds; refuse one that is not encrypted."""
        if not path.exists():
            return {}
        content = path.read_bytes()
        if not is_encrypted(content):
            raise AnsibleActionFail(f"{path} is not encrypted; encrypt it first: ansible-vault encrypt {path}")
        try:
            return dict(yaml.safe_load(self._loader._vault.decrypt(content)) or {})
        except AnsibleError as error:
            raise AnsibleActionFail(f"{path} cannot be decrypted with the vault secrets given: {error}") from error

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        """Put the file in place whole, for its owner only."""
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f".{path.name}.new")
        with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(content)
        staged.replace(path)
