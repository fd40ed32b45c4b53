"""The PostgreSQL service of a Compose project, asked over its own socket."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.fullstack.docker.plugins.module_utils.docker import containers
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.postgres import roles

# Seconds that a login may take
LOGIN_PATIENCE = 20


@dataclass(frozen=True)
class RoleChange:
    """What has to be done to database roles.

    ``passwords`` are the described ones by role, ``state`` is what the server said of them before, ``statements`` are
    pairs of what an operator may read and the SQL.
    """

    passwords: Mapping[str, str]
    state: Mapping[str, Any]
    statements: Sequence[tuple[str, str]]

    @property
    def said(self) -> list[str]:
        """What is done, in the operator's words."""
        return [said for said, _sql in self.statements]


class Database:
    """The database server of one project.

    Parameters:
        docker: commands of the project.
        description: ``service``, ``superuser``, ``name`` and ``owner``; empty where the project has no database.
    """

    def __init__(self, docker: DockerCli, description: Mapping[str, Any]) -> None:
        self._docker = docker
        self._description = description

    def serves(self, containers: Iterable[containers.Container]) -> bool:
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

    def compare(self, passwords: Mapping[str, str]) -> RoleChange:
        """Return what brings roles, their passwords and the owner of the database to their described state.

        Parameters:
            passwords: by role.

        Raises DockerError when the server does not answer, or knows neither the database nor the superuser.
        """
        name, superuser = self._description["name"], self._description["superuser"]
        try:
            state = json.loads(self.sql(roles.roles_query(passwords, name)))
        except DockerError as error:
            raise self._explained(error, name, superuser) from error
        return RoleChange(passwords, state, roles.role_statements(self._description, passwords, state))

    def apply(self, change: RoleChange) -> None:
        """Carry a change out, all or none of it.

        Raises DockerError when the server refuses a statement, and when a role cannot log in with the password that
        was set; the passwords are then as before, for those that use them.
        """
        self.sql("BEGIN;" + "".join(sql for _said, sql in change.statements) + "COMMIT;")
        try:
            for role, password in change.passwords.items():
                self.prove_login(role, password)
        except DockerError:
            self.sql(roles.earlier_passwords(change.passwords, change.state))
            raise

    def prove_login(self, role: str, password: str) -> None:
        """Log in as a role the way that the application does: by its password, over the project's network.

        Raises DockerError, with the role's name, when the server does not let it in. A server that keeps its superuser
        off the network by pg_hba.conf cannot be asked for that one.
        """
        service, name = self._description["service"], self._description["name"]
        user, secret, database = (quote(part, safe="") for part in (role, password, name))
        # As a URL, which can hold every character, and over standard input, which nobody else can see
        login = f"\\connect 'postgresql://{user}:{secret}@{service}:5432/{database}?connect_timeout={LOGIN_PATIENCE}'\n"
        try:
            self.sql(login)
        except DockerError as error:
            if role == self._description["superuser"] and "pg_hba.conf" in str(error):
                return
            raise DockerError(f"role {role} cannot log in with the password that was set for it: {error}") from error

    @staticmethod
    def _explained(error: DockerError, name: str, superuser: str) -> DockerError:
        """Return the error in terms of the variables, where it is one of names that the server does not know."""
        first = "which the server makes at its first start only"
        if f'database "{name}" does not exist' in str(error):
            return DockerError(
                f"postgres_database: there is no database {name}, {first}; set the variable back, or make it: docker "
                f"compose exec db createdb --username '{superuser}' --maintenance-db template1 '{name}'"
            )
        if f'role "{superuser}" does not exist' in str(error):
            return DockerError(f"postgres_user: there is no role {superuser}, {first}; set the variable back")
        return error
