#!/usr/bin/python
"""Module compose_stack: bring a Compose project to its described state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_stack
short_description: Bring a Compose project to its described state
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Reads the project's C(compose.yml) and C(.env) on the host, compares them with the containers, and does what is
    missing, in the order that the project needs. It creates the external volumes, pulls and builds images side by
    side, starts the databases, reconciles database roles and passwords, runs the migration once before new code
    starts, and brings up everything else, waiting for its health.
  - A build gets an immutable tag that follows from its source, Dockerfile, arguments and bases, so that nothing is
    built twice; C(current) is moved to it only after the migration went through.
  - A release that fails leaves the tag C(current) where it was, and brings the files back that describe the project
    as it runs, as long as nothing runs by those that were written for it.
  - What came of a release is written to the ledger, C(releases.json) in the project's folder.
extends_documentation_fragment:
  - fullstack.docker.project
  - fullstack.docker.project.up
options:
  volumes:
    description: External volumes that have to exist, with the labels they are created with. None is ever removed.
    type: list
    elements: dict
    default: []
  postgres:
    description: >-
      What the image of the database has to be: C(service), C(volume), C(major), C(uid) and C(gid). It is asked before
      its volume is made, and refused where it is of another kind. Empty for none.
    type: dict
    default: {}
  builds:
    description: >-
      Images made on the host: C(service), C(image) (the repository), C(bases) (images it is built on), C(inputs)
      (what else decides its content) and C(source) (a key of O(sources)).
    type: list
    elements: dict
    default: []
  sources:
    description: Hash of each source, by name.
    type: dict
    default: {}
  migration:
    description: >-
      The one-shot C(service), the service whose image it migrates for (C(of)), and C(revision_query), the SQL that
      tells which revision the schema is at (empty where nothing tells), and C(downgrade), the command that takes it
      back to the revision added as its last argument, and C(timeout), the seconds it may take. Empty for none.
    type: dict
    default: {}
  image_commands:
    description: >-
      Services that keep the ENTRYPOINT and CMD of their image behind an entrypoint of the project: the file, an
      C(env_file) of the service below O(directory), that these are written to, by service. They move together with
      C(current).
    type: dict
    default: {}
  secret_paths:
    description: >-
      Paths, relative to O(directory), of the secret files that the project has. Others below C(secrets) are removed
      once everything runs as described. Left out, none is.
    type: list
    elements: str
  removed_services:
    description: >-
      Services of the project that are not described any more, or containers that somebody made by hand, to be removed
      once everything runs as described. Others are left as they are.
    type: list
    elements: str
    default: []
  compose:
    description: What C(compose.yml) will say; used in check mode, where the file is not written yet.
    type: str
    default: ""
  environment:
    description: What C(.env) will say; used in check mode.
    type: str
    default: ""
  rolling:
    description: >-
      How backend and nginx are replaced under traffic: C(proxy), C(backend) and C(front_door) (services), C(upstream)
      (file with the backend's addresses), C(port), C(server_options), C(default) (the file between releases),
      C(drain_signal) and C(patience) in seconds; what is asked of new containers before users meet them
      (C(smoke_paths), C(smoke_host), C(settle), C(pages)); what is asked through the front door (C(verify) for pages
      and what they name, C(answered) and C(reached) for what the backend itself has to answer, C(verify_host));
      and where the assets of earlier pages are kept (C(assets), C(assets_source), C(assets_days)). Empty leaves it to
      Compose, with an outage.
    type: dict
    default: {}
  revisions:
    description: >-
      What the ledger says of each source, by name: a commit, for one. Left out, it says the hash in O(sources).
    type: dict
    default: {}
  who:
    description: Who deploys, for the ledger and for who is refused meanwhile.
    type: str
    default: unknown
  run:
    description: What tells this run from others, where it holds the project by M(fullstack.docker.stack_lock) already.
    type: str
    default: ""
  rollback:
    description: >-
      Goes back to an earlier release of the ledger instead of making one, by the images that it left on the host.
      Nothing is built, pulled or migrated, and the configuration on the host stays as it is; all that is not said here
      is read from C(infra/stack.json), where the last deployment wrote it.
    type: dict
    suboptions:
      release:
        description: Id of the release; empty is the one before the release in use.
        type: str
        default: ""
      schema:
        description: >-
          What becomes of a schema that has another revision than that release had: V(keep) it, or V(downgrade) it
          by the image in use now, once the older one serves. Without either, it is refused.
        type: str
        choices: ["", keep, downgrade]
        default: ""
  keep:
    description: Releases before the one in use whose images are kept for a rollback; older ones are removed.
    type: int
    default: 5
attributes:
  check_mode:
    support: full
    description: Tells what would be done; builds, pulls and starts nothing.
  diff_mode:
    support: full
    description: The actions, one a line.
"""

EXAMPLES = r"""
- name: Bring the project up
  fullstack.docker.compose_stack:
    project: shop
    directory: /opt/shop
    volumes:
      - name: shop_postgres_data
    builds:
      - service: backend
        image: shop-backend
        bases: [python:3.12-slim]
        inputs: [the text of the Dockerfile]
        source: backend
    sources:
      backend: 6c1f0a
    migration:
      service: migrate
      of: backend

- name: Go back to the release before
  fullstack.docker.compose_stack:
    project: shop
    directory: /opt/shop
    rollback:
      schema: keep
"""

RETURN = r"""
actions:
  description: What was done, or would be, in order.
  returned: always
  type: list
  elements: str
releases:
  description: The immutable tag of each image that was built here, by service.
  returned: always
  type: dict
release:
  description: Id of the release that was written to the ledger.
  returned: when one was
  type: str
seconds:
  description: How long each step took, in their order.
  returned: when something was done
  type: dict
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.deployment.deploy import Deployment
from ansible_collections.fullstack.docker.plugins.module_utils.deployment.run import Run
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli
from ansible_collections.fullstack.docker.plugins.module_utils.report.cause import StepError
from ansible_collections.fullstack.docker.plugins.module_utils.state import lock as stack_lock
from ansible_collections.fullstack.docker.plugins.module_utils.state.ledger import LedgerError

# Seconds that the healer is waited for
HEALER_PATIENCE = 60


@contextmanager
def described(module: AnsibleModule, docker: DockerCli) -> Iterator[None]:
    """In check mode, lay the files that are not written yet into a folder of their own for Compose to read."""
    if not (module.check_mode and module.params["compose"]):
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        docker.compose_file, docker.env_file = Path(folder) / "compose.yml", Path(folder) / ".env"
        docker.compose_file.write_text(module.params["compose"])
        docker.env_file.write_text(module.params["environment"])
        yield


@contextmanager
def locked(module: AnsibleModule, lock: stack_lock.StackLock) -> Iterator[None]:
    """Hold the project; the healer is waited for, which may be repairing what an interrupted run left."""
    if module.check_mode:
        yield
        return
    with lock.held(release=True, patience=HEALER_PATIENCE):
        if lock.notice:
            module.warn(lock.notice)
        yield


def carry_out(module: AnsibleModule, deployment: Deployment) -> None:
    """Deploy or go back; what fails is told as the module's failure."""
    run = deployment.run
    try:
        if module.params["rollback"] is None:
            deployment.deploy()
        else:
            deployment.roll_back(**module.params["rollback"])
    except StepError as error:
        failure, serves = deployment.fail(error)
        said = "\n".join([failure.cause(), serves, failure.log()]).strip()
        where = ": ".join(["it failed in the step", *failure.steps])
        module.fail_json(msg=said, where=where, actions=run.said, seconds=run.seconds)
    except LedgerError:
        deployment.refuse()
        raise


def diff(said: list[str]) -> dict[str, str]:
    """Return actions as what Ansible shows of a difference."""
    return {"before": "", "after": "".join(f"{action}\n" for action in said)}


def main() -> None:
    """Run the module."""
    os.umask(0o022)  # whatever the login's is: services read what is made here as other users
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "volumes": {"type": "list", "elements": "dict", "default": []},
            "postgres": {"type": "dict", "default": {}},
            "builds": {"type": "list", "elements": "dict", "default": []},
            "sources": {"type": "dict", "default": {}},
            "database": {"type": "dict", "default": {}},
            "database_passwords": {"type": "dict", "default": {}, "no_log": True},
            "migration": {"type": "dict", "default": {}},
            "image_commands": {"type": "dict", "default": {}},
            # The paths are no secrets
            "removed_services": {"type": "list", "elements": "str", "default": []},
            "secret_paths": {"type": "list", "elements": "str", "no_log": False},
            "compose": {"type": "str", "default": ""},
            "environment": {"type": "str", "default": ""},
            "rolling": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 180},
            "revisions": {"type": "dict", "default": {}},
            "who": {"type": "str", "default": "unknown"},
            "run": {"type": "str", "default": ""},
            "rollback": {
                "type": "dict",
                "options": {
                    "release": {"type": "str", "default": ""},
                    "schema": {"type": "str", "choices": ["", "keep", "downgrade"], "default": ""},
                },
            },
            "keep": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    docker = DockerCli(module, module.params["project"], module.params["directory"])
    lock = stack_lock.StackLock(docker.directory, module.params["run"] or secrets.token_hex(8), module.params["who"])
    run = Run(docker, module.params, looks=module.check_mode, warn=module.warn, announce=lock.step)
    if shutil.which("docker") is None:
        if not module.check_mode:
            module.fail_json(msg="docker is not on this host: run the role fullstack.docker.docker_host first")
        said = ["install Docker, then create every service"]
        module.exit_json(changed=True, actions=said, releases={}, seconds={}, diff=diff(said))
    deployment = Deployment(run)
    try:
        with locked(module, lock), described(module, docker):
            carry_out(module, deployment)
    except (LedgerError, stack_lock.LockError) as error:
        module.fail_json(msg=str(error), actions=run.said, seconds=run.seconds)
    module.exit_json(
        changed=bool(run.actions),
        actions=run.said,
        releases=deployment.releases,
        **({"release": deployment.release} if deployment.release else {}),
        seconds=run.seconds,
        diff=diff(run.said),
    )


if __name__ == "__main__":
    main()
