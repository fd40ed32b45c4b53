"""Lookup rendered: what a template of the role says."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rendered
short_description: What a template of the role says
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Like P(ansible.builtin.template#lookup), which copies all variables with all that they hold for each template. With
    the two dozen files of a project, that took a quarter of the controller's time. This one lets the template read the
    variables themselves.
  - A template that changes a list or a dictionary in place, rather than making another one, would change it for the
    others as well.
options:
  _terms:
    description: Names of templates, looked for below C(templates) of the role.
    required: true
"""

EXAMPLES = r"""
- name: Print a file
  ansible.builtin.debug:
    msg: "{{ lookup('fullstack.docker.rendered', 'redis.conf.j2') }}"
"""

RETURN = r"""
_raw:
  description: The text of each.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase


class Borrowed(dict[str, Any]):
    """Variables that are read and never changed: a deep copy of them is a flat one."""

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return dict(self)


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Render each of the templates."""
        builtin = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        texts: list[str] = builtin.run(terms, Borrowed(variables or {}), **kwargs)
        return texts
