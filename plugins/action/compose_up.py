# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Run the module of the same name, and have the reason of its failure printed once."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.fullstack.docker.plugins.plugin_utils import told


class ActionModule(ActionBase):
    """One remote call."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        return told.once(self._execute_module(module_name="fullstack.docker.compose_up", task_vars=task_vars))
