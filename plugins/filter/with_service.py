"""Filter with_service: the project, with what one more role adds to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: with_service
short_description: The project, with what one more role adds to it
version_added: 0.1.0
author: The fullstack.docker maintainers
description:
  - A role that adds services to the project says in one dictionary, its definition, all that the stack has to know of
    them. This filter checks the definition and adds it to those of the roles before.
  - It is for C(compose_project_parts), the one fact that all roles add to.
positional: role, definition
options:
  _input:
    description: The definitions so far, by role.
    type: dict
    required: true
  role:
    description: Name of the role, which messages name.
    type: str
    required: true
  definition:
    description: What the role adds.
    type: dict
    required: true
    suboptions:
      services:
        description: Services, by name, as Compose has them; those of no other role.
        type: dict
        default: {}
      volumes:
        description: Data volumes by name, each with the C(labels) that it is created with. None is ever removed.
        type: dict
        default: {}
      secrets:
        description: >-
          By service, C(uid) and C(gid) that may read them and C(files), the contents by name below C(/run/secrets).
        type: dict
        default: {}
      secret_folders:
        description: >-
          Secret files that a service mounts as a folder, so that they can be replaced while it runs; by folder below
          C(secrets), with C(uid), C(gid), C(mode) and C(files).
        type: dict
        default: {}
      reloads:
        description: >-
          Commands that make a service read a secret folder again, each with C(service), C(argv) and C(folder).
        type: list
        elements: dict
        default: []
      config_files:
        description: >-
          By service, what it mounts, by path below the project's folder: the text, or C(content) and C(mode). A change
          recreates the service.
        type: dict
        default: {}
      build_files:
        description: Texts of Dockerfiles and of their ignore files, by path below the project's folder.
        type: dict
        default: {}
      directories:
        description: Folders that services write to, each with C(path), C(owner), C(group) and C(mode).
        type: list
        elements: dict
        default: []
      validate:
        description: >-
          Commands that have to accept the files before they are put in place, as P(fullstack.docker.file_tree#module)
          takes them.
        type: list
        elements: dict
        default: []
      environment:
        description: Lines of C(.env), by name.
        type: dict
        default: {}
      published:
        description: >-
          Ports of the host, each with C(port), C(address), C(variable) (that sets it, for messages), C(service), and
          C(from), the networks that may ask.
        type: list
        elements: dict
        default: []
      builds:
        description: Images that are made on the host, as P(fullstack.docker.compose_stack#module) takes them.
        type: list
        elements: dict
        default: []
      image_commands:
        description: By service, the C(env_file) that ENTRYPOINT and CMD of its image are written to.
        type: dict
        default: {}
      database:
        description: The server whose roles are reconciled. One role alone may have it.
        type: dict
        default: {}
      database_passwords:
        description: Passwords by database role, for the role that has the C(database).
        type: dict
        default: {}
      migration:
        description: The one-shot service that migrates the schema. One role alone may have it.
        type: dict
        default: {}
      rolling:
        description: What is replaced under traffic, and how. One role alone may have it.
        type: dict
        default: {}
"""

EXAMPLES = r"""
- name: Add mailcatcher to the project
  ansible.builtin.set_fact:
    compose_project_parts: >-
      {{ compose_project_parts | default({}) | fullstack.docker.with_service('mailcatcher', __mailcatcher_definition) }}
  no_log: true # a definition may hold secrets
"""

RETURN = r"""
_value:
  description: The definitions by role, this one among them.
  type: dict
"""

SUBOPTIONS: dict[str, dict[str, Any]] = yaml.safe_load(DOCUMENTATION)["options"]["definition"]["suboptions"]
SPEC = {key: {name: value for name, value in one.items() if name != "description"} for key, one in SUBOPTIONS.items()}
# What a stack has one of
SINGLE = ("database", "database_passwords", "migration", "rolling")


def fits(value: Any, option: dict[str, Any]) -> bool:
    """Tell whether a value is of an option's type; Ansible's validator would copy it, with all that templates know."""
    if option["type"] == "list":
        return isinstance(value, list) and all(isinstance(one, dict) for one in value)
    return isinstance(value, dict)


def problems(parts: dict[str, Any], role: str, definition: Any) -> list[str]:
    """Return what is wrong with a definition, a line each, without any of its values."""
    if not isinstance(definition, dict):
        return [f"role {role}: its definition is a {type(definition).__name__}, not a dict"]
    found = []
    for key in sorted(set(definition) - SPEC.keys()):
        found.append(f"role {role}: its definition has no {key}; known are {', '.join(sorted(SPEC))}")
    for key in sorted(SPEC.keys() & definition.keys()):
        if not fits(definition[key], SPEC[key]):
            kind = f"{SPEC[key]['type']} of {SPEC[key]['elements']}" if "elements" in SPEC[key] else SPEC[key]["type"]
            found.append(f"role {role}: {key} of its definition is no {kind}")
    if found:
        return found
    others = {name: part for name, part in parts.items() if name != role}
    for name, part in others.items():
        for service in sorted(part.get("services", {}).keys() & definition.get("services", {}).keys()):
            found.append(f"role {role}: the service {service} is role {name}'s already; give it another name")
        for key in SINGLE:
            if part.get(key) and definition.get(key):
                found.append(f"role {role}: {key} is role {name}'s already, and a stack has one")
    services = {service for part in (*others.values(), definition) for service in part.get("services", {})}
    for key in ("secrets", "config_files"):
        for service in sorted(definition.get(key, {}).keys() - services):
            found.append(f"role {role}: {key} names the service {service}, which no role describes")
    return found


def with_service(parts: dict[str, Any], role: str, definition: dict[str, Any]) -> dict[str, Any]:
    """Return the definitions by role with one more; one that the role added before is replaced."""
    if found := problems(parts, role, definition):
        raise AnsibleFilterError("\n".join(found))
    return {**parts, role: definition}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"with_service": with_service}
