#!/usr/bin/python
"""Module stack_lock: keep other deployments out of a project."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_lock
short_description: Keep other deployments out of a project
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Holds a project for a run of a play, so that a second one is refused before it changes anything.
  - Between two modules of a run nothing runs on the host that could hold anything. The run is then believed to go on
    for 30 seconds; after that, or at once where it died within a module, the next one takes over and says so.
  - When it lets others in again, the files that describe the project are put back as what runs was made from them,
    wherever the run has failed in between.
options:
  directory:
    description: Folder of the project on the host. It is made where it is missing, to hold the lock.
    type: path
    required: true
  run:
    description: What tells this run from others.
    type: str
    required: true
  who:
    description: Who deploys, for those who are refused.
    type: str
    default: unknown
  state:
    description: Whether to hold the project or to let others in again.
    type: str
    choices: [held, free]
    default: held
attributes:
  check_mode:
    support: full
    description: Holds nothing, and refuses nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
  platform:
    platforms: posix
    support: full
    description: A host of a project.
"""

EXAMPLES = r"""
- name: Keep other deployments out
  fullstack.docker.stack_lock:
    directory: /opt/shop
    run: 5d1f0a9c
    who: jo@laptop
"""

RETURN = r"""
notice:
  description: From whom the project was taken over; empty where nobody had it.
  returned: always
  type: str
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.state.description import Description
from ansible_collections.fullstack.docker.plugins.module_utils.state.lock import LockError, StackLock

# Seconds that the healer is waited for, which may be repairing what an interrupted run left
HEALER_PATIENCE = 60


def put_back(module: AnsibleModule, directory: Path) -> None:
    """Put back the files of what runs; after a run that succeeded these are the files that are there."""
    try:
        found = Description(directory).put_back()
    except OSError as error:
        module.warn(f"the files of the release that serves could not all be put back: {error}")
    else:
        if found:
            module.warn(f"put back as the containers were made from them: {', '.join(found)}")


def main() -> None:
    """Run the module."""
    os.umask(0o022)  # whatever the login's is: services read what is made here as other users
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "run": {"type": "str", "required": True},
            "who": {"type": "str", "default": "unknown"},
            "state": {"type": "str", "choices": ["held", "free"], "default": "held"},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["directory"])
    lock = StackLock(directory, module.params["run"], module.params["who"])
    free = module.params["state"] == "free"
    if module.check_mode or (free and not lock.path.exists()):
        module.exit_json(changed=False, notice="")
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        with lock.held(release=free, patience=HEALER_PATIENCE):
            if free:
                put_back(module, directory)
    except LockError as error:
        # Who is refused has nothing to let go of
        if free:
            module.exit_json(changed=False, notice="")
        module.fail_json(msg=str(error))
    if lock.notice:
        module.warn(lock.notice)
    module.exit_json(changed=False, notice=lock.notice)


if __name__ == "__main__":
    main()
