#!/usr/bin/python
# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Documentation of check_variables, which is an action plugin only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_variables
short_description: Check the variables of the collection's roles before anything runs
description:
  - Validates the play's variables against the argument specs (entry point C(main)) of the roles.
  - Refuses variables that begin with a role's name and are not in its spec, and ones that are
    nearly spelled like one that is, and says which was probably meant.
  - Where C(compose_project_environment) is C(production), refuses secrets that are placeholders, short or repetitive,
    and secrets that stand unencrypted in a file of the inventory or in C(group_vars) and C(host_vars) beside the
    playbook. A file encrypted whole, an inline C(!vault) value and a template (a lookup into another store) are well.
  - All problems come in one message, one line each. No value of a secret is in it.
  - Runs on the controller. The host is not asked and not touched.
version_added: 0.1.0
options:
  roles:
    description: Names of the roles to check, all that have an argument spec when left out.
    type: list
    elements: str
author:
  - The fullstack.docker maintainers (@fullstack-docker)
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Does the same in check mode.
    support: full
notes:
  - An optional variable whose template needs something that is not known yet is passed over.
"""

EXAMPLES = r"""
- name: Check the variables
  fullstack.docker.check_variables:
"""

RETURN = r"""
msg:
  description: What is wrong, one line each below a line that counts.
  type: str
  returned: failure
  sample: |-
    1 problem with the variables; nothing was changed:
    postgres_memroy: no such variable in role postgres; did you mean postgres_memory?
"""
