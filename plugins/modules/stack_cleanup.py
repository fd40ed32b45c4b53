#!/usr/bin/python
"""Module stack_cleanup: make room without losing what is needed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_cleanup
short_description: Remove what a Compose project no longer needs
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Removes images of old releases of this project beyond the newest O(keep), images of it that have no name any more,
    and build cache that was not used for O(cache_days).
  - Never removes a volume, nor an image that a container uses, running or not, nor the current release, nor anything
    of another project. A general prune does all of these.
extends_documentation_fragment:
  - fullstack.docker.project
options:
  keep:
    description: How many releases of each image are kept for a rollback.
    type: int
    default: 5
  cache_days:
    description: Days without use after which build cache is removed.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    description: Tells which images would be removed.
  diff_mode:
    support: full
    description: The removed images, one a line.
"""

EXAMPLES = r"""
- name: Make room
  fullstack.docker.stack_cleanup:
    project: shop
    directory: /opt/shop
    keep: 3
"""

RETURN = r"""
removed:
  description: Names of the images that were removed, or would be.
  returned: always
  type: list
  elements: str
cache:
  description: What the engine said of the build cache.
  returned: when it was asked
  type: str
"""

import shutil

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.docker import image_cleanup
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.state import ledger


def clean(docker: DockerCli, keep: int, cache_days: int, check_mode: bool) -> tuple[list[str], str]:
    """Remove, or tell what would be removed; return the images and what was said of the build cache."""
    needed = ledger.needed(ledger.LedgerFile(docker.directory).read(), keep)
    removed = image_cleanup.disposable(docker, keep, needed)
    cache = ""
    if not check_mode:
        for name in removed:
            docker.run(["image", "rm", name])
        said = docker.run(["builder", "prune", "--force", "--filter", f"until={cache_days * 24}h"]).strip()
        cache = said.splitlines()[-1] if said else ""
    return removed, cache


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "keep": {"type": "int", "default": 5},
            "cache_days": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    docker = DockerCli(module, parameters["project"], parameters["directory"])
    if shutil.which("docker") is None:
        module.exit_json(changed=False, removed=[], cache="")
    if parameters["keep"] < 1:
        module.fail_json(msg=f"keep: {parameters['keep']} would leave nothing to roll back to; 1 is the least")
    try:
        removed, cache = clean(docker, parameters["keep"], parameters["cache_days"], module.check_mode)
    except (DockerError, ledger.LedgerError) as error:
        module.fail_json(msg=str(error))
    after = "".join(f"remove {name}\n" for name in removed)
    freed = bool(cache) and not cache.endswith("0B")
    changed = bool(removed) or freed
    module.exit_json(changed=changed, removed=removed, cache=cache, diff={"before": "", "after": after})


if __name__ == "__main__":
    main()
