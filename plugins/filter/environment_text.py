# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""The filter `environment_text`: a value as an environment variable holds it."""

from __future__ import annotations

import json
from typing import Any

DOCUMENTATION = r"""
name: environment_text
short_description: A value as an environment variable holds it
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Text stays as it is, also the text V(true). A truth value becomes V(true) or V(false), nothing becomes the empty
    text, a list or a mapping becomes JSON, which is what settings libraries read.
positional: _input
options:
  _input:
    description: The value.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Show true and ["a", "b"]
  ansible.builtin.debug:
    msg: "{{ [true, ['a', 'b']] | map('fullstack.docker.environment_text') | join(' and ') }}"
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""


def environment_text(value: Any) -> str:
    """Return the text; see the documentation of the filter."""
    if value is None:
        return ""
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Any]:
        """Return the filters of this file by name."""
        return {"environment_text": environment_text}
