#!/usr/bin/python
"""Documentation of the action plugin vault_file; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_file
short_description: Write random secrets into a vault file, encrypted at once
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Makes sure that a file of variables, encrypted by Ansible Vault, holds a value for each of the names. What is
    there is kept; what is missing gets a random value.
  - Encrypts with the vault secret that the play was started with (C(--ask-vault-pass), C(--vault-password-file) or
    C(--vault-id)). The values are never on disk in plain and never in the output.
  - Runs on the controller.
options:
  path:
    description: The vault file.
    type: path
    required: true
  names:
    description: Variables that it has to hold.
    type: list
    elements: str
    required: true
  bytes:
    description: Random bytes of a new value, written as URL-safe text.
    type: int
    default: 32
  vault_id:
    description: Which of the vault ids encrypts; the first that was given by default.
    type: str
attributes:
  check_mode:
    support: full
    description: Tells which names would be added.
  diff_mode:
    support: none
    description: Never shows a value.
  platform:
    platforms: posix
    support: full
    description: The controller.
"""

EXAMPLES = r"""
- name: Make sure that the passwords exist
  fullstack.docker.vault_file:
    path: inventories/prod/group_vars/fullstack/vault.yml
    names: [postgres_password, redis_password]
"""

RETURN = r"""
added:
  description: Names that were given a value.
  returned: always
  type: list
  elements: str
"""
