#!/usr/bin/python
"""Module stack_releases: what was released of a project."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_releases
short_description: Tell what was released of a Compose project
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Reads the ledger that M(fullstack.docker.compose_stack) writes, and compares it with what runs.
  - Changes nothing.
extends_documentation_fragment:
  - fullstack.docker.project.read_only
  - fullstack.docker.project
"""

EXAMPLES = r"""
- name: Ask what was released
  fullstack.docker.stack_releases:
    project: shop
    directory: /opt/shop
  register: shop
"""

RETURN = r"""
table:
  description: The ledger as text for people, the newest release first.
  returned: always
  type: list
  elements: str
releases:
  description: >-
    The entries of the ledger, the oldest first: C(release), C(outcome), C(when), C(who), C(images), C(sources),
    C(schema), C(cause), C(target).
  returned: always
  type: list
  elements: dict
"""

import shutil
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.report.text_table import aligned
from ansible_collections.fullstack.docker.plugins.module_utils.state import ledger


def releases(docker: DockerCli) -> dict[str, Any]:
    """Return the module's result."""
    entries = ledger.LedgerFile(docker.directory).read()
    # Services whose image a release is made of; of others the ledger knows nothing
    released = {service for entry in entries for service in entry.images}
    running = {
        one.service: ledger.Image("", one.image_id)
        for one in docker.containers()
        if one.running and one.service in released
    }
    return {"table": aligned(ledger.rows(entries, running)), "releases": [asdict(entry) for entry in entries]}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    docker = DockerCli(module, module.params["project"], module.params["directory"])
    if shutil.which("docker") is None or not docker.compose_file.exists():
        module.fail_json(msg=f"there is no project in {docker.directory} on this host: run site.yml first")
    try:
        module.exit_json(changed=False, **releases(docker))
    except (DockerError, ledger.LedgerError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
