#!/usr/bin/python
# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Bring what a project asks of its host into what all projects on it ask."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_share
short_description: Bring what a project asks of its host into what all projects on it ask
description:
  - Firewall, C(daemon.json) and kernel settings are there once on a host. Each project has a share,
    a file below C(/etc/fullstack.docker) with what it asks for, and the files of the host are made
    of all shares together, by one run at a time.
  - When a deployment begins, its new ports are opened and none is closed. Once it has succeeded, the
    ports are closed that are its no more; when it has failed, those that it had asked for, unless
    containers publish them by then.
  - A project without a share was deployed before there were any. What is open for it is learned from
    its containers and from the rules in place.
  - Rules are checked by C(nft) and C(daemon.json) by C(dockerd), where they are there, before
    anything is written. New rules are in force afterwards, in one step, where the firewall runs.
version_added: 0.1.0
extends_documentation_fragment:
  - fullstack.docker.project.published_ports
  - fullstack.docker.project.share
options:
  project:
    description: Name of the Compose project.
    type: str
    required: true
  directory:
    description: Folder of the project on the host.
    type: path
    default: ""
  state:
    description: What has come of the deployment.
    type: str
    choices: [asked, settled, withdrawn]
    default: asked
  run:
    description: What tells the deployment from others.
    type: str
    default: ""
  published_ports:
    description: Ports that the project publishes.
    type: list
    elements: dict
    default: []
  share:
    description: What the project asks for.
    type: dict
    required: true
  ports_only:
    description: Leaves engine, kernel, and whether there is a firewall, as the share on the host has them.
    type: bool
    default: false
author:
  - The fullstack.docker maintainers (@fullstack-docker)
attributes:
  check_mode:
    description: Tells what would be written.
    support: full
  diff_mode:
    description: The files. The shares themselves are not shown, since options of the engine may be secret.
    support: full
"""

EXAMPLES = r"""
- name: Open what is new
  fullstack.docker.host_share:
    project: shop
    directory: /opt/shop
    published_ports:
      - {port: 8420, address: 0.0.0.0, variable: nginx_frontend_port, service: front_door}
    share:
      firewall: true
      inside: [docker0, br-*]
      sysctls: {vm.overcommit_memory: "1"}

- name: Close what is old
  fullstack.docker.host_share:
    project: shop
    directory: /opt/shop
    state: settled
    published_ports:
      - {port: 8420, address: 0.0.0.0, variable: nginx_frontend_port, service: front_door}
    share: {}
"""

RETURN = r"""
changed_paths:
  description: Paths that were, or in check mode would be, changed.
  type: list
  elements: str
  returned: always
  sample: [/etc/fullstack.docker/shop.json, /etc/fullstack-firewall.nft]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.host.preflight import ARGUMENT_SPEC
from ansible_collections.fullstack.docker.plugins.module_utils.host.state import (
    Defaults,
    HostError,
    HostState,
    containers,
    firewall_enabled,
    put_rules_in_force,
    rules_in_force,
    validate,
)

STEPS = {"asked": "ask", "settled": "settle", "withdrawn": "withdraw"}


def diff(state: HostState, files: dict[str, str | None]) -> list[dict[str, str]]:
    """Return Ansible's diff of the files; of a share, the ports alone."""
    return [
        {
            "before_header": path,
            "after_header": path,
            "before": shown(path, state.text_of(path)),
            "after": shown(path, text),
        }
        for path, text in sorted(files.items())
    ]


def shown(path: str, text: str | None) -> str:
    """Return what may be seen of a file."""
    if text is None or not path.startswith(host_share.FOLDER):
        return text or ""
    share = host_share.parse(text, path)
    return "".join(f"{rule}\n" for rule in host_share.rules(share))


def bring_about(module: AnsibleModule, state: HostState) -> dict[str, Any]:
    """Do what is missing and return the module's result. Raises HostError."""
    params = module.params
    options = params["share"]
    want = host_share.wanted(params["project"], params["directory"], options, params["published_ports"])
    plan = state.plan(
        STEPS[params["state"]],  # type: ignore[arg-type]
        want,
        params["run"],
        options=not params["ports_only"],
        overruled=options["overruled"],
        defaults=Defaults(options["daemon_defaults"], options["daemon_rotation"], options["ssh_port"]),
        rows=containers(),
    )
    files = state.differing(plan)
    result: dict[str, Any] = {"changed": bool(files), "changed_paths": sorted(files)}
    if module._diff:
        result["diff"] = diff(state, files)
    if plan.overruled:
        module.warn(f"gives way, and has to be deployed with the same values: {', '.join(plan.overruled)}")
    if not module.check_mode:
        state.write(files, validate)
        due = firewall.RULES in files or (firewall.RULES in plan.files and not rules_in_force())
        if due and firewall_enabled():
            put_rules_in_force()
            result["changed"] = True
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "default": ""},
            "state": {"type": "str", "choices": list(STEPS), "default": "asked"},
            "run": {"type": "str", "default": ""},
            "published_ports": ARGUMENT_SPEC["published_ports"],
            "share": {"type": "dict", "required": True, "options": host_share.ASK_SPEC},
            "ports_only": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    state = HostState()
    try:
        if module.check_mode:
            result = bring_about(module, state)
        else:
            with state.locked():
                result = bring_about(module, state)
    except (HostError, firewall.FirewallError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or host_share.FOLDER}: {error.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
