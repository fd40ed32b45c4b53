# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Read the host by the module of the same name, then refuse it with all its problems at once."""

from __future__ import annotations

from typing import Any, cast

from ansible.plugins.action import ActionBase

from ansible_collections.fullstack.docker.plugins.module_utils.host.preflight import (
    ARGUMENT_SPEC,
    Request,
    notices,
    problems,
)
from ansible_collections.fullstack.docker.plugins.module_utils.project.model import digest
from ansible_collections.fullstack.docker.plugins.plugin_utils import development


class ActionModule(ActionBase):
    """One remote call that reads, and a verdict on the controller."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, failed when anything forbids the deployment."""
        super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        result: dict[str, Any] = self._execute_module(module_name="fullstack.docker.preflight", task_vars=task_vars)
        if result.get("failed"):
            return result
        request = cast(Request, arguments)
        if arguments["sources"]:
            head = "This machine was refused, and nothing was started:"
            developer = result["developer"]
            found = development.problems(request, result["host"], developer, arguments["sources"])
            developer["dependencies"] = {name: digest(files) for name, files in developer["dependencies"].items()}
        else:
            head = "This host was refused, and nothing was deployed:"
            found = problems(request, result["host"])
            result["warnings"] = [*result.get("warnings", []), *([] if found else notices(request, result["host"]))]
        result["problems"] = found
        if found:
            result["failed"] = True
            result.pop("host")  # pages of it, and the problems say what matters
            result["msg"] = "\n".join([head, *found])
        return result
