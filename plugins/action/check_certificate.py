"""Refuse a certificate that could not serve, before anything changes; runs on the controller."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.fullstack.docker.plugins.plugin_utils.certificates import problems

SPEC: dict[str, Any] = {
    "certificate_file": {"type": "path", "required": True},
    "key": {"type": "str", "required": True, "no_log": True},
    "names": {"type": "list", "elements": "str", "default": []},
    "trust_file": {"type": "path"},
}


class ActionModule(ActionBase):
    """Controller only."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return all problems at once."""
        super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=SPEC)
        path = Path(arguments["certificate_file"])
        if not path.is_file():
            return self._refused(
                [f"nginx_frontend_tls_certificate_file: {path} is no file on this machine; name the PEM file"]
            )
        trust = Path(arguments["trust_file"] or "/nonexistent")
        return self._refused(
            problems(
                path.read_text(),
                arguments["key"],
                arguments["names"],
                trust.read_text() if trust.is_file() else "",
                datetime.now(timezone.utc),
            )
        )

    @staticmethod
    def _refused(found: list[str]) -> dict[str, Any]:
        if not found:
            return {"changed": False}
        return {"failed": True, "problems": found, "msg": "\n".join(["Nothing was changed.", *found])}
