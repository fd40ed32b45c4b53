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
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils import strays
from ansible_collections.fullstack.docker.plugins.module_utils.compose_model import INPUTS_LABEL, digest
from ansible_collections.fullstack.docker.plugins.module_utils.database import Database
from ansible_collections.fullstack.docker.plugins.module_utils.docker_cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.postgres_server import PostgresServer


class Environment:
    """One run over one development environment."""

    def __init__(self, module: AnsibleModule, docker: DockerCli) -> None:
        self.module = module
        self.docker = docker
        self.parameters: dict[str, Any] = dict(module.params)
        self.actions: list[str] = []
        self.seconds = 0.0

    def run(self) -> None:
        """Do what is missing, in order."""
        before = self.docker.containers()
        self.check_postgres()
        self.make_folders()
        self.build()
        if self.module.check_mode:
            self.actions += [f"start {one.service}" for one in before if not one.serving] if before else ["start all"]
            return
        service = self.parameters["database"].get("service")
        database = Database(self.docker, self.parameters["database"])
        if service and (not database.serves(before) or self.parameters["reconcile"]):
            self.up(service)
            database.reconcile(self.parameters["database_passwords"], self.actions)
        began = time.monotonic()
        self.up()
        self.seconds = round(time.monotonic() - began, 2)
        known = {one.id: one.status for one in before}
        after = self.docker.containers()
        self.actions += [f"start {one.service}" for one in after if known.get(one.id) != one.status]
        gone = known.keys() - {one.id for one in after}
        self.actions += sorted(f"remove {one.name}" for one in before if one.id in gone)
        self.tell_strays()

    def tell_strays(self) -> None:
        """Tell of containers that are not described: they are left as they are."""
        for one in strays.strays(self.docker.everything(), self.docker.model()["services"]):
            self.module.warn(f"{one}; it is not described, and left as it is")

    def check_postgres(self) -> None:
        """Refuse an image of the database that its volume cannot be used by."""
        wanted = self.parameters["postgres"]
        if not wanted:
            return
        image = self.docker.model()["services"][wanted["service"]]["image"]
        if not self.module.check_mode and not self.docker.image_ids([image]):
            self.actions.append(f"pull {image}")
            self.docker.pull([image])
        PostgresServer(self.docker, wanted, image).refuse_unfit(self.actions)

    def make_folders(self) -> None:
        """Make the folders that something is mounted on, as the user's own."""
        for folder in self.parameters["folders"]:
            if not os.path.isdir(folder):
                self.actions.append(f"make {folder}")
                if not self.module.check_mode:
                    os.makedirs(folder)

    def build(self) -> None:
        """Build the images that are missing or were built from something else."""
        stale = []
        for build in self.parameters["builds"]:
            labels = (self.docker.image_config(f"{build['image']}:current") or {}).get("Labels") or {}
            if labels.get(INPUTS_LABEL) != digest(build["inputs"]):
                stale.append(build["service"])
        self.actions += [f"build {service}" for service in stale]
        if stale and not self.module.check_mode:
            self.docker.compose("--progress", "plain", "build", *stale)

    def up(self, *services: str) -> None:
        """Start services, all without a name, and wait for their health."""
        self.docker.up(*services, timeout=self.parameters["timeout"])


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
    environment = Environment(module, docker)
    try:
        environment.run()
    except DockerError as error:
        said = f"{error.cause()}\n{error.log()}".strip()
        module.fail_json(msg=said, where=error.what, changed=bool(environment.actions), actions=environment.actions)
    module.exit_json(changed=bool(environment.actions), actions=environment.actions, seconds=environment.seconds)


if __name__ == "__main__":
    main()
