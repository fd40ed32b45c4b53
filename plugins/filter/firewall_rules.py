# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""The filter `firewall_rules`: what the firewall of a Docker host lets in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.fullstack.docker.plugins.module_utils.host.firewall import (
    FirewallError,
    inside_rules,
    open_rules,
)

DOCUMENTATION = r"""
name: firewall_rules
short_description: What the firewall of a Docker host lets in
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Returns nftables rules that accept connections to one port each, for a chain that the hooks
    input and forward share. They match the port that the client asked for, so that it does not
    matter to which address and port Docker leads it.
  - Returns rules that accept what containers send through the host, by its interface.
positional: _input
options:
  _input:
    description:
      - Further ports to open, each with C(port), C(protocol) (V(tcp) or V(udp), by default V(tcp))
        and C(from) (addresses and networks, by default any).
    type: list
    elements: dict
    required: true
  published:
    description:
      - What the project publishes, each with C(port), C(address) and C(variable), the variable
        that sets it. What is published on a loopback address stays closed.
    type: list
    elements: dict
    default: []
  inside:
    description: Interfaces that containers send from; an asterisk at the end stands for anything.
    type: list
    elements: str
    default: []
  uplinks:
    description: Interfaces that lead outside, which are refused in O(inside).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show the rules
  ansible.builtin.debug:
    msg: "{{ ports | fullstack.docker.firewall_rules(published, ['docker0', 'br-*'], ['eth0']) }}"
  vars:
    ports:
      - {port: 9100, from: [10.0.0.0/8]}
    published:
      - {port: 8420, address: 0.0.0.0, variable: nginx_frontend_port}
"""

RETURN = r"""
_value:
  description: V(open) and V(inside), two lists of rules, each a line of nftables' language.
  type: dict
"""


def firewall_rules(
    ports: list[dict[str, Any]],
    published: Sequence[dict[str, Any]] = (),
    inside: Sequence[str] = (),
    uplinks: Sequence[str] = (),
) -> dict[str, list[str]]:
    """Return the rules; see the documentation of the filter."""
    try:
        return {"open": open_rules(ports, published), "inside": inside_rules(inside, uplinks)}
    except FirewallError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Any]:
        """Return the filters of this file by name."""
        return {"firewall_rules": firewall_rules}
