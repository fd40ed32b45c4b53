# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""The filter `docker_packages`: what apt has to do on a host."""

from __future__ import annotations

from typing import Any, cast

from ansible.errors import AnsibleFilterError

from ansible_collections.fullstack.docker.plugins.module_utils.host.packages import Settings, make_plan
from ansible_collections.fullstack.docker.plugins.module_utils.host.preflight import Host

DOCUMENTATION = r"""
name: docker_packages
short_description: What apt has to do so that a host has the Docker that is asked for
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Compares what M(fullstack.docker.preflight) read from a host with the wanted packages and
    versions.
positional: _input
options:
  _input:
    description: The RV(fullstack.docker.preflight#module:host) that was read.
    type: dict
    required: true
  settings:
    description:
      - C(packages) and C(companions), the names of Docker's packages and of those beside them;
        C(engine_version) and C(compose_version), each V(latest), a number or a whole version;
        C(state), V(present) or V(latest); C(engine_minimum) and C(compose_minimum), below which
        an installed version is upgraded.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Install Docker
  ansible.builtin.apt:
    name: "{{ plan.packages }}"
    state: "{{ plan.state }}"
    update_cache: true
  when: plan.new or plan.state == 'latest'
  vars:
    plan: "{{ preflight.host | fullstack.docker.docker_packages(settings) }}"
"""

RETURN = r"""
_value:
  description:
    - C(packages), names for apt, with a version pattern where one is pinned; C(state), V(present)
      or V(latest); C(new), whether a package is missing or has another version than the pinned one.
  type: dict
"""


def docker_packages(host: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return what apt has to do; see the documentation of the filter."""
    lacks = Settings.__required_keys__ - settings.keys()
    if lacks:
        raise AnsibleFilterError(f"docker_packages: settings lack {', '.join(sorted(lacks))}")
    return dict(make_plan(cast(Host, host), cast(Settings, settings)))


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Any]:
        """Return the filters of this file by name."""
        return {"docker_packages": docker_packages}
