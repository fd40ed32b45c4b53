# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""What is wrong with the variables that a play sets for the roles. Pure; runs on the controller."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values

Spec = Mapping[str, Mapping[str, Any]]

# Names with a role's prefix that the roles set themselves, for each other.
FACTS = frozenset(
    {
        "compose_project_host",  # what preflight found on the host
        "compose_project_parts",  # the services, each as its role describes it
        "compose_project_releases",  # what playbooks/releases.yml read
        "compose_project_result",  # what the last deployment in this play did
        "compose_project_status",  # what playbooks/status.yml read
    }
)
# How alike (0 to 1) a name without any role's prefix must be to one of ours to be a mistyped one.
NEARLY_THE_SAME = 0.92
_CONVERSION = re.compile(r"argument '[^']*' is of type .* and we were unable to convert to \w+: (.*)", re.DOTALL)
_UNSUPPORTED = re.compile(r"(.*)\. Supported parameters include: (.*)\.", re.DOTALL)


@dataclass(frozen=True)
class Unusable:
    """Stands for a value that could not be worked out."""

    reason: str
    """Fit to be shown."""
    undefined: bool
    """Something that it is made of is not known, or not known yet."""


def suggestion(name: str, known: Collection[str], role: str) -> str:
    """Return what to say after 'no such variable': the nearest names, or where to read of all."""
    # Without the prefix, which all have in common
    stems = {one.removeprefix(f"{role}_"): one for one in sorted(known)}
    stem = name.removeprefix(f"{role}_")
    near = difflib.get_close_matches(stem, stems, n=1, cutoff=0.8) or difflib.get_close_matches(stem, stems, n=3)
    if near:
        return f"did you mean {' or '.join(stems[one] for one in near)}?"
    return f"the role's variables are in roles/{role}/meta/argument_specs.yml"


def unknown_names(names: Iterable[str], specs: Mapping[str, Spec]) -> list[str]:
    """Return a line for each name that looks like a role's variable and is none.

    Args:
        names: the names that the play knows.
        specs: each role's options.
    """
    known = {name for spec in specs.values() for name in spec}
    lines: list[str] = []
    for name in sorted(set(names) - known - FACTS):
        role = next((role for role in specs if name.startswith(f"{role}_")), None)
        if role:
            hint = suggestion(name, specs[role], role)
            lines.append(f"{name}: no such variable in role {role}; {hint}")
        elif not name.startswith(("ansible_", "_")):
            near = difflib.get_close_matches(name, known, n=1, cutoff=NEARLY_THE_SAME)
            # my_postgres_memory is somebody's own name, postgre_memory is not
            if near and near[0] not in name:
                lines.append(f"{name}: no role has such a variable; did you mean {near[0]}?")
    return lines


def internals(names: Iterable[str], roles: Iterable[str], place: str) -> list[str]:
    """Return a line for each name that the roles keep to themselves.

    What is given from outside beats what they find out or put together: with parts of the project from the command
    line, those of the roles are lost, and with them the services.

    Args:
        names: variables of the command line, or of the inventory.
        roles: all roles of the collection.
        place: where the variables come from, for the message.
    """
    own = tuple(f"__{role}_" for role in roles)
    return [
        f"{name}: set by {place}, but it is the roles' own, and what they put there would be lost; remove it"
        for name in sorted(names)
        if name in FACTS or name.startswith(own)
    ]


def _kind(option: Mapping[str, Any]) -> str:
    kind = str(option.get("type", "str"))
    return f"{kind} of {option['elements']}" if "elements" in option else kind


def _purpose(option: Mapping[str, Any]) -> str:
    """Return the option's first sentence of description, without its full stop."""
    text = option.get("description", "")
    first = text if isinstance(text, str) else next(iter(text), "")
    return str(first).strip().rstrip(".")


def _shape_problem(value: object, option: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a value that the validator would convert, or None.

    The roles get the value as it stands, not as it was converted.
    """
    kind = option.get("type", "str")
    if value is None and option.get("default") is not None:
        return "is empty; give it a value, or remove the line for the default"
    if kind == "str" and isinstance(value, (dict, list)):
        return f"is a {type(value).__name__}, not a str"
    if kind in {"dict", "list"} and isinstance(value, (str, int, float)):
        return f"is a {type(value).__name__}, not a {kind}"
    if kind in {"int", "float"} and isinstance(value, bool):
        return f"is true or false, not a number of type {kind}"
    if kind == "bool" and isinstance(value, str):
        return """is text; write true or false without quotes (on the command line -e '{"name": true}')"""
    return None


def value_problems(name: str, value: object, option: Mapping[str, Any]) -> list[str]:
    """Return a line for each thing that is wrong with the value of one variable.

    The value of an option with no_log is in no line.

    Args:
        name: the variable.
        value: its templated value, or why there is none.
        option: its entry in the argument spec.
    """
    remedy = f"; wanted: {_kind(option)} ({_purpose(option)})"
    if isinstance(value, Unusable):
        # An optional value may wait for a fact of the host; what is missing later stops it there.
        if value.undefined and not option.get("required"):
            return []
        return [f"{name}: {value.reason}"]
    if value == "" and option.get("required") and option.get("no_log"):
        return [missing(name, option, "empty")]
    shape = _shape_problem(value, option)
    if shape:
        return [f"{name}: {shape}{remedy}"]
    result = ArgumentSpecValidator({name: dict(option)}).validate({name: value})
    lines = []
    for message in result.error_messages:
        said = str(remove_values(_plain(message), result._no_log_values))
        lines.append(f"{name}: {' '.join(said.split())}{remedy}")
    return lines


def _plain(message: str) -> str:
    """Return a message of Ansible's validator in fewer words."""
    if match := _CONVERSION.fullmatch(message):
        return match[1].replace('"', "")
    if match := _UNSUPPORTED.fullmatch(message):
        return f"there is no {match[1]}; known are {match[2]}"
    return message


def missing(name: str, option: Mapping[str, Any], fault: str = "not set") -> str:
    """Return the line for a required variable that nothing sets."""
    place = "group_vars"
    if option.get("no_log"):
        place = "the vault file (playbooks/secrets.yml writes one with random values)"
    return f"{name}: {fault}; set it in {place} of your inventory: {_purpose(option)}"


def problems(names: Iterable[str], values: Mapping[str, object], specs: Mapping[str, Spec]) -> list[str]:
    """Return all that is wrong, one line each.

    Args:
        names: the names of all variables that the play knows.
        values: the templated values (or Unusable) of those that a role has in its spec.
        specs: each role's options.
    """
    lines = unknown_names(names, specs)
    for spec in specs.values():
        for name, option in spec.items():
            if name in values:
                lines += value_problems(name, values[name], option)
            elif option.get("required"):
                lines.append(missing(name, option))
    return lines
