# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""The filter `pyproject_files`: the files that a pyproject.toml needs beside itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

try:
    import tomllib
except ImportError:  # Python 3.10
    tomllib = None  # type: ignore[assignment,unused-ignore]

DOCUMENTATION = r"""
name: pyproject_files
short_description: The files that a pyproject.toml needs beside itself
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Names the readme and the license files of C([project]), without which no package can be built. Patterns are left
    out.
  - With Python 3.10, which reads no TOML, it names V(README.md).
positional: _input
options:
  _input:
    description: The text of C(pyproject.toml).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the readme
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'pyproject.toml') | fullstack.docker.pyproject_files }}"
"""

RETURN = r"""
_value:
  description: Paths beside C(pyproject.toml).
  type: list
  elements: str
"""


def pyproject_files(text: str) -> list[str]:
    """Return the paths; see the documentation of the filter."""
    if tomllib is None:
        return ["README.md"]
    try:
        project = tomllib.loads(text).get("project", {})
    except tomllib.TOMLDecodeError as error:
        raise AnsibleFilterError(f"pyproject.toml is no TOML: {error}") from error
    if not isinstance(project, Mapping):
        return []
    readme, license_ = project.get("readme"), project.get("license")
    # A license that is a text is no file but an expression such as MIT
    named = [
        readme.get("file") if isinstance(readme, Mapping) else readme,
        license_.get("file") if isinstance(license_, Mapping) else None,
        *project.get("license-files", []),
    ]
    return [file for file in named if isinstance(file, str) and not set(file) & set("*?[")]


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Any]:
        """Return the filters of this file by name."""
        return {"pyproject_files": pyproject_files}
