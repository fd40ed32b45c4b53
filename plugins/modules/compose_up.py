#!/usr/bin/python
"""Module compose_up: bring a development environment up."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_up
short_description: Bring a development environment up
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Builds the images whose inputs changed, starts the database and reconciles its roles where it did not run or its
    secrets changed, then brings everything up and waits for its health.
  - Keeps no releases; M(fullstack.docker.compose_stack) does that in production.
extends_documentation_fragment:
  - fullstack.docker.project
  - fullstack.docker.project.up
options:
  compose_file:
    description: Name of the Compose file in O(directory).
    type: str
    default: dev.compose.yml
  builds:
    description: >-
      Images made here: C(service), C(image) (the repository, whose tag V(current) is used) and C(inputs), what
      decides its content beside the source that is mounted.
    type: list
    elements: dict
    default: []
  postgres:
    description: >-
      What the image of the database has to be: C(service), C(volume), C(major), C(uid) and C(gid). One of another kind
      is refused before anything starts. Empty for none.
    type: dict
    default: {}
  folders:
    description: Folders that are made when missing, since the engine would make them as root to mount something there.
    type: list
    elements: path
    default: []
  reconcile:
    description: Reconcile the roles of a database that runs already, too.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Tells what would be built and which services do not serve; builds and starts nothing.
  diff_mode:
    support: none
    description: Says nothing of files.
"""

EXAMPLES = r"""
- name: Bring the environment up
  fullstack.docker.compose_up:
    project: shop-dev
    directory: /home/ada/shop/.fullstack
    builds:
      - service: backend
        image: shop-dev-backend
        inputs: [the text of the Dockerfile]
"""

RETURN = r"""
actions:
  description: What was done, or would be, in order.
  returned: always
  type: list
  elements: str
seconds:
  description: How long Compose took to bring everything up.
  returned: always
  type: float
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.deployment.environment import Environment
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli, DockerError


def main() -> None:
    """Run the module."""
    os.umask(0o022)  # whatever the login's is: services read what is made here as other users
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "compose_file": {"type": "str", "default": "dev.compose.yml"},
            "builds": {"type": "list", "elements": "dict", "default": []},
            "postgres": {"type": "dict", "default": {}},
            "folders": {"type": "list", "elements": "path", "default": []},
            "database": {"type": "dict", "default": {}},
            "database_passwords": {"type": "dict", "default": {}, "no_log": True},
            "reconcile": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    docker = DockerCli(module, parameters["project"], parameters["directory"], parameters["compose_file"])
    run = Run(docker, parameters, looks=module.check_mode, warn=module.warn)
    environment = Environment(run)
    try:
        environment.bring_up()
    except DockerError as error:
        said = f"{error.cause()}\n{error.log()}".strip()
        module.fail_json(msg=said, where=error.what, changed=bool(run.actions), actions=run.said)
    module.exit_json(changed=bool(run.actions), actions=run.said, seconds=environment.seconds)


if __name__ == "__main__":
    main()
