"""What the modules of a Compose project say alike in their documentation."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes by the name that comes after ``fullstack.docker.project``; the first has none."""

    DOCUMENTATION = r"""
options:
  project:
    description: Name of the Compose project.
    type: str
    required: true
  directory:
    description: Folder of the project on the host.
    type: path
    required: true
attributes:
  platform:
    platforms: posix
    support: full
    description: A host with Docker Engine and Compose.
"""

    # Of modules that start services
    UP = r"""
options:
  database:
    description: >-
      The PostgreSQL service whose roles are reconciled: C(service), C(superuser), C(name) and C(owner).
      Empty for none.
    type: dict
    default: {}
  database_passwords:
    description: Password of each database role, by its name.
    type: dict
    default: {}
  timeout:
    description: Seconds that services get to become healthy.
    type: int
    default: 180
"""

    # Of modules that only look
    READ_ONLY = r"""
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""
