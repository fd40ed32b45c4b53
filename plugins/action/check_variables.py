# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Check the variables of all roles before anything runs. The host is not asked."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.fullstack.docker.plugins.plugin_utils import name_rules, path_rules, secret_rules
from ansible_collections.fullstack.docker.plugins.plugin_utils.variables import (
    Spec,
    Unusable,
    internals,
    problems,
)

VARIABLE_FILES = (".yml", ".yaml", ".json", "")
# Secrets whose form others decide: keys in PEM
FREE_FORM = frozenset({"nginx_frontend_tls_key", "fastapi_backend_git_key", "nginx_frontend_git_key"})
ROLES = Path(__file__).resolve().parents[2] / "roles"


def is_undefined(error: BaseException | None) -> bool:
    """Return whether an error, or one of those that caused it, is an undefined variable."""
    while error is not None:
        if isinstance(error, AnsibleUndefinedVariable):
            return True
        error = error.__cause__ or error.__context__
    return False


class ActionModule(ActionBase):
    """Run check_variables."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result for the task."""
        super().run(tmp, task_vars)
        known = sorted(path.parents[1].name for path in ROLES.glob("*/meta/argument_specs.yml"))
        _result, params = self.validate_argument_spec(
            argument_spec={"roles": {"type": "list", "elements": "str", "choices": known, "default": known}}
        )
        variables = task_vars or {}
        specs = {role: self._spec(ROLES / role) for role in params["roles"]}
        own, lost = self._own_roles(variables) if params["roles"] else ({}, [])
        specs |= own
        known += own
        values = {
            name: self._value(variables[name], secret=bool(option.get("no_log")))
            for spec in specs.values()
            for name, option in spec.items()
            if name in variables
        }
        environment = self._templar.template(variables.get("compose_project_environment", "production"))
        lines = [
            *lost,
            *self._internals(known, variables),
            *problems(variables, values, specs),
            *path_rules.malformed(values),
            *name_rules.problems(values, development=environment == "development"),
        ]
        if environment == "production":
            secrets = {name for spec in specs.values() for name, option in spec.items() if option.get("no_log")}
            known_values = {name: values[name] for name in secrets & values.keys()}
            usable = {name: value for name, value in known_values.items() if not isinstance(value, Unusable)}
            lines += secret_rules.weak(usable, FREE_FORM)
            lines += secret_rules.unusable(usable)
            lines += self._plain_secrets(frozenset(secrets), variables)
        if lines:
            count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
            head = f"{count} with the variables; nothing was changed:"
            return {"failed": True, "msg": "\n".join([head, *lines])}
        return {"changed": False}

    def _internals(self, roles: list[str], variables: dict[str, Any]) -> list[str]:
        """Return a line for each variable of the command line or the inventory that is the roles' own."""
        host = variables["inventory_hostname"]
        manager = self._task.get_variable_manager()
        given = set(load_extra_vars(self._loader))
        # An earlier play of the same run may have set what hostvars has beside the inventory's
        set_by_plays = {
            name
            for cache in ("_nonpersistent_fact_cache", "_vars_cache")
            for name in getattr(manager, cache, {}).get(host, {})
        }
        inventory = set(variables["hostvars"].raw_get(host)) - set_by_plays - given
        return [
            *internals(given, roles, "the command line (-e)"),
            *internals(inventory, roles, "the inventory"),
        ]

    def _plain_secrets(self, names: frozenset[str], variables: dict[str, Any]) -> list[str]:
        """Return a line for each secret that stands unencrypted in a file of the inventory or beside the playbook."""
        sources = [Path(source) for source in variables.get("ansible_inventory_sources") or []]
        folders = {source if source.is_dir() else source.parent for source in sources}
        folders.add(Path(variables.get("playbook_dir", ".")))
        files = {source for source in sources if source.is_file() and source.suffix in (*VARIABLE_FILES, ".ini")}
        for folder in folders:
            for kind in ("group_vars", "host_vars"):
                files |= {
                    path for path in (folder / kind).rglob("*") if path.is_file() and path.suffix in VARIABLE_FILES
                }
            files |= {path for path in folder.glob("hosts.*") if path.is_file() and path.suffix in VARIABLE_FILES}
        return [
            line
            for path in sorted(files)
            for line in secret_rules.plain(names, str(path), path.read_text(errors="replace"))
        ]

    def _own_roles(self, variables: dict[str, Any]) -> tuple[dict[str, Spec], list[str]]:
        """Return the options of the roles that the inventory names, and a line for each that is not usable."""
        specs: dict[str, Spec] = {}
        lost = []
        named = self._value(variables.get("compose_project_roles", []), secret=False)
        for role in named if isinstance(named, list) else []:
            place = self._place_of(str(role), variables)
            if place is None:
                lost.append(
                    f"compose_project_roles: there is no role {role}; name one of a collection or of roles_path"
                )
            elif not (place / "meta" / "argument_specs.yml").is_file():
                lost.append(
                    f"compose_project_roles: role {role} has no meta/argument_specs.yml; say there what it takes"
                )
            else:
                specs[place.name] = self._spec(place)
        return specs, lost

    @staticmethod
    def _place_of(role: str, variables: dict[str, Any]) -> Path | None:
        """Return the folder of a role, found as Ansible finds it: in a collection, beside the play, in roles_path."""
        if role.count(".") >= 2:
            namespace, collection, name = role.split(".", 2)
            try:
                package = importlib.import_module(f"ansible_collections.{namespace}.{collection}.roles.{name}")
            except ImportError:
                return None
            return Path(package.__path__[0])
        beside = Path(variables.get("playbook_dir", "."))
        folders = [beside / "roles", *map(Path, constants.DEFAULT_ROLES_PATH), beside]
        return next((folder / role for folder in folders if (folder / role / "tasks").is_dir()), None)

    def _spec(self, role: Path) -> Spec:
        """Return the options of a role's entry point main."""
        content = self._loader.load_from_file(str(role / "meta" / "argument_specs.yml"))
        options: Spec = content["argument_specs"]["main"].get("options", {})
        return options

    def _value(self, raw: object, *, secret: bool) -> object:
        """Return a variable's value with its templates worked out, or why there is none."""
        try:
            return self._templar.template(raw)
        except AnsibleError as error:
            undefined = is_undefined(error)
            # The message of a failed filter may quote the secret that it was given.
            said = str(error) if undefined or not secret else "the value fails to template"
            return Unusable(" ".join(said.split()), undefined)
