"""The PostgreSQL service of a Compose project, asked over its own socket."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils import stack_plan
from ansible_collections.fullstack.docker.plugins.module_utils.docker_cli import DockerCli


class Database:
    """The database server of one project.

    Parameters:
        docker: commands of the project.
        description: ``service``, ``superuser``, ``name`` and ``owner``; empty where the project has no database.
    """

    def __init__(self, docker: DockerCli, description: Mapping[str, Any]) -> None:
        self._docker = docker
        self._description = description

    def serves(self, containers: Iterable[stack_plan.Container]) -> bool:
        """Tell whether one of the containers is the server and takes connections."""
        service = self._description.get("service")
        return any(one.service == service and one.serving for one in containers)

    def sql(self, text: str) -> str:
        """Run SQL as the superuser inside the container, and return the rows; the text travels over standard input.

        Raises DockerError when the server does not answer or refuses a statement.
        """
        psql = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        psql += ["--username", self._description["superuser"], "--dbname", self._description["name"]]
        return self._docker.compose("exec", "--no-TTY", self._description["service"], *psql, stdin=text)

    def reconcile(self, passwords: Mapping[str, str], actions: list[str], *, check_mode: bool = False) -> None:
        """Bring roles, their passwords and the owner of the database to their described state, all or none of it.

        Parameters:
            passwords: by role; without any, nothing is looked at.
            actions: what is done is added here before it is done, so that a failure tells of it too.
            check_mode: only tell.

        Raises DockerError when the server does not answer or refuses a statement.
        """
        if not passwords:
            return
        state = json.loads(self.sql(stack_plan.roles_query(passwords, self._description["name"])))
        statements = stack_plan.role_statements(self._description, passwords, state)
        actions += [said for said, _sql in statements]
        if statements and not check_mode:
            self.sql("BEGIN;" + "".join(sql for _said, sql in statements) + "COMMIT;")
