"""The filter ``compose_model``: what the roles describe, as one Compose project."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.fullstack.docker.plugins.module_utils.project.model import ModelError, build

DOCUMENTATION = r"""
name: compose_model
short_description: Join what the roles describe into one Compose project
version_added: 0.1.0
author: The fullstack.docker maintainers
description:
  - Takes the parts that the service roles describe and returns the Compose file, the C(.env) file, the files to be
    written, the secret files, the volumes and the images to build.
  - Adds what every service has (restart policy, read-only root, no capabilities), cuts CPU limits to what the host
    has, and labels each service with a checksum of its configuration and its secrets.
positional: _input
options:
  _input:
    description: The parts, by role.
    type: dict
    required: true
  settings:
    description: >-
      C(project), C(directory), C(cpus) (the cores of the host), C(build_network) and C(build_ca).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Join the parts
  ansible.builtin.set_fact:
    model: "{{ compose_project_parts | fullstack.docker.compose_model({'project': 'shop', 'cpus': 2}) }}"
"""

RETURN = r"""
_value:
  description: C(compose), C(environment), C(files), C(directories), C(validate), C(secret_files),
    C(volumes), C(published), C(builds), C(database), C(database_passwords), C(migration), C(notices).
  type: dict
"""


def compose_model(parts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the project that the parts make; see the documentation of the filter."""
    try:
        model = build(parts, settings)
    except ModelError as error:
        raise AnsibleFilterError(f"compose_model: {error}") from error
    if not model["compose"].get("services"):
        raise AnsibleFilterError("compose_model: no role describes a service; the project would be an empty one")
    return model


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Any]:
        """Return the filters of this file by name."""
        return {"compose_model": compose_model}
