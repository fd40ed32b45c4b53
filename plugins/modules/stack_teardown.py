#!/usr/bin/python
# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Remove a stack from its host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_teardown
short_description: Remove a stack from its host
description:
  - Removes the units, containers, networks and images of a project, what it asks of the host
    (M(fullstack.docker.host_share)), and what deployments put into its folder. Its volumes stay,
    unless the project's name is given once more for them.
  - Touches nothing before the names were found to be right, and nothing of another project. What is
    in the folder and came from no deployment stays, and so do packages, C(daemon.json), kernel
    settings, base images and build cache.
  - Works where a part of the stack is gone already, and where there is no Docker.
version_added: 0.1.0
extends_documentation_fragment:
  - fullstack.docker.project
  - fullstack.docker.project.share
options:
  confirm:
    description: Name of the project again, as somebody typed it. Check mode needs none.
    type: str
    default: ""
  confirm_volumes:
    description: Name of the project again, where its data is to go as well.
    type: str
    default: ""
  share:
    description: What the project asks of the host.
    type: dict
    default: {}
  who:
    description: Who does it, for those who are refused meanwhile.
    type: str
    default: unknown
author:
  - The fullstack.docker maintainers (@fullstack-docker)
attributes:
  check_mode:
    support: full
    description: Tells what would go and what would stay.
  diff_mode:
    support: full
    description: What goes, one a line.
"""

EXAMPLES = r"""
- name: Remove the stack, and leave its data
  fullstack.docker.stack_teardown:
    project: shop
    directory: /opt/shop
    confirm: "{{ teardown_project }}"
"""

RETURN = r"""
goes:
  description: What was removed, or would be, in order.
  type: list
  elements: str
  returned: always
stays:
  description: What of the project or beside it stays, and why.
  type: list
  elements: str
  returned: always
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fullstack.docker.plugins.module_utils.deployment import teardown
from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli, DockerError
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import PROJECT_LABEL
from ansible_collections.fullstack.docker.plugins.module_utils.host import firewall
from ansible_collections.fullstack.docker.plugins.module_utils.host import share as host_share
from ansible_collections.fullstack.docker.plugins.module_utils.host.state import (
    Defaults,
    HostError,
    HostState,
    containers,
    firewall_enabled,
    put_rules_in_force,
    read,
    validate,
)
from ansible_collections.fullstack.docker.plugins.module_utils.state import lock as stack_lock

UNITS = Path("/etc/systemd/system")
# Seconds that the healer is waited for
HEALER_PATIENCE = 60
ALWAYS_STAYS = (
    f"packages, base images, build cache, the firewall, {host_share.DAEMON} and {host_share.SYSCTLS}: others may need "
    "them; the next site.yml of a stack on this host writes the latter two as the projects that are left ask"
)


class TeardownError(RuntimeError):
    """Nothing was touched; the message says why."""


class Teardown:
    """What goes of one project, and what stays."""

    def __init__(self, module: AnsibleModule, docker: DockerCli) -> None:
        self.module = module
        self.docker = docker
        self.project = docker.project
        self.directory = docker.directory
        self.data = bool(module.params["confirm_volumes"])
        self.steps: list[tuple[list[str], Callable[[], None]]] = []
        self.stays: list[str] = []

    @property
    def goes(self) -> list[str]:
        """What goes, in words."""
        return [line for words, _remove in self.steps for line in words]

    def will(self, words: list[str], remove: Callable[[], None]) -> None:
        """Take a step down, if there is anything to it."""
        if words:
            self.steps.append((words, remove))

    def plan(self) -> None:
        """Look at everything. Changes nothing.

        Raises:
            TeardownError: what is found is not what is meant.
            HostError: the shares cannot be told.
            DockerError: the engine does not answer.
        """
        there = self.docker_answers()
        mine = self.containers() if there else []
        if folders := teardown.elsewhere(mine, str(self.directory)):
            raise TeardownError(
                f"compose_project_directory: is {self.directory}, and project {self.project} runs from "
                f"{', '.join(folders)}; nothing was touched. Set it to that folder"
            )
        self.plan_units()
        if there:
            self.plan_containers(mine)
            self.plan_networks(mine)
            self.plan_images(mine)
            self.plan_volumes(mine)
        self.plan_share()
        self.plan_folder()
        self.stays.append(ALWAYS_STAYS)

    def docker_answers(self) -> bool:
        """Tell whether there is an engine; one that is stopped could start the containers again."""
        if shutil.which("docker") is None:
            return False
        try:
            self.docker.run(["version", "--format", "{{.Server.Version}}"])
        except DockerError as error:
            raise TeardownError(
                "the engine does not answer, and would start the containers again; nothing was touched. Start it "
                f"(systemctl start docker), or remove its packages: {error}"
            ) from error
        return True

    def containers(self) -> list[dict[str, Any]]:
        """Return the project's containers, those of one-off commands included."""
        query = ["ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={PROJECT_LABEL}={self.project}"]
        return self.inspect("container", self.docker.run(query).split())

    def inspect(self, kind: str, names: list[str]) -> list[dict[str, Any]]:
        """Return what the engine knows of things by their names."""
        found: list[dict[str, Any]] = json.loads(self.docker.run([kind, "inspect", *names])) if names else []
        return found

    def plan_units(self) -> None:
        """Stop the units first: the healer would put right what goes."""
        units = [f"{self.project}-healer.service", f"{self.project}.service"]
        files = [UNITS / unit for unit in units if f"{self.directory}/infra/healer/" in read(UNITS / unit)]

        def remove() -> None:
            names = [file.name for file in files]
            # What is there and not loaded is no failure
            self.module.run_command(["systemctl", "disable", "--now", *names])
            for file in files:
                file.unlink(missing_ok=True)
            self.module.run_command(["systemctl", "daemon-reload"], check_rc=True)
            self.module.run_command(["systemctl", "reset-failed", *names])

        self.will([f"unit {file}" for file in files], remove)

    def plan_containers(self, mine: list[dict[str, Any]]) -> None:
        """Stop the containers, each in its own way and time, then remove them."""
        ids = [one["Id"] for one in mine]

        def remove() -> None:
            self.docker.run(["stop", *ids])
            self.docker.run(["rm", "--force", *(["--volumes"] if self.data else []), *ids])

        self.will(sorted(f"container {one['Name'].lstrip('/')}" for one in mine), remove)

    def plan_networks(self, mine: list[dict[str, Any]]) -> None:
        """Remove the project's networks, but those that a container of somebody else is on."""
        ids = {one["Id"] for one in mine}
        query = ["network", "ls", "--quiet", "--no-trunc", "--filter", f"label={PROJECT_LABEL}={self.project}"]
        names = []
        for network in self.inspect("network", self.docker.run(query).split()):
            strangers = sorted(one["Name"] for key, one in (network["Containers"] or {}).items() if key not in ids)
            if strangers:
                self.stays.append(f"network {network['Name']}: {', '.join(strangers)} is on it")
            else:
                names.append(network["Name"])
        self.will(
            sorted(f"network {name}" for name in names),
            lambda: void(self.docker.run(["network", "rm", *sorted(names)])),
        )

    def plan_images(self, mine: list[dict[str, Any]]) -> None:
        """Remove the images that were built for the project."""
        lines = self.docker.run(["image", "ls", "--no-trunc", "--format", "{{.ID}}\t{{.Repository}}\t{{.Tag}}"])
        rows = []
        for line in lines.splitlines():
            image, repository, tag = line.split("\t")
            rows.append((image, repository, tag))
        label = f"label={PROJECT_LABEL}={self.project}"
        nameless = ["image", "ls", "--quiet", "--no-trunc", "--filter", "dangling=true", "--filter", label]
        found = teardown.images_of(self.project, rows, self.docker.run(nameless).split())
        ids = {one["Id"] for one in mine}
        everybody = self.docker.run(["ps", "--all", "--quiet", "--no-trunc"]).split()
        others = self.inspect("container", [one for one in everybody if one not in ids])
        users = {one["Image"]: one["Name"].lstrip("/") for one in others}
        names = []
        for name, image in sorted(found.items()):
            if image in users:
                self.stays.append(f"image {name}: container {users[image]} is made from it")
            else:
                names.append(name)
        self.will([f"image {name}" for name in names], lambda: void(self.docker.run(["image", "rm", *names])))

    def plan_volumes(self, mine: list[dict[str, Any]]) -> None:
        """Remove the volumes where that was confirmed."""
        form = f'{{{{.Name}}}}\t{{{{.Label "{PROJECT_LABEL}"}}}}'
        rows = (line.partition("\t") for line in self.docker.run(["volume", "ls", "--format", form]).splitlines())
        ids = {one["Id"] for one in mine}
        names = []
        for name in teardown.volumes_of(self.project, {name: owner for name, _tab, owner in rows}):
            query = ["ps", "--all", "--no-trunc", "--filter", f"volume={name}", "--format", "{{.ID}} {{.Names}}"]
            users = [line.split()[1] for line in self.docker.run(query).splitlines() if line.split()[0] not in ids]
            if users:
                self.stays.append(f"volume {name}: container {', '.join(users)} uses it")
            elif self.data:
                names.append(name)
            else:
                self.stays.append(f"volume {name}: data; -e teardown_volumes={self.project} removes it, for good")
        self.will(
            [f"volume {name}, for good" for name in names], lambda: void(self.docker.run(["volume", "rm", *names]))
        )

    def plan_share(self) -> None:
        """Take the project out of what the host is asked for."""
        options = self.module.params["share"]
        state = HostState()
        defaults = Defaults(options["daemon_defaults"], options["daemon_rotation"], options["ssh_port"])
        want = host_share.empty(self.project, str(self.directory))

        def files() -> dict[str, str | None]:
            return state.differing(state.plan("remove", want, options=False, defaults=defaults, rows=containers()))

        def remove() -> None:
            with state.locked():
                due = files()
                state.write(due, validate)
                if firewall.RULES in due and firewall_enabled():
                    put_rules_in_force()

        due = files()
        words = [f"{path}, its share of the host's state" for path, text in due.items() if text is None]
        rules = (read(firewall.RULES), due.get(firewall.RULES) or read(firewall.RULES))
        before, after = (firewall.parse_rules(text) for text in rules)
        words += [
            f"open port {opening['port']} ({opening['variable']})"
            for project, opening in before
            if (project, opening) not in after and project in ("", self.project)
        ]
        self.will(words, remove)

    def plan_folder(self) -> None:
        """Remove what deployments put into the folder, and the folder if nothing else is in it."""
        folder = self.directory
        if folder.is_symlink() or not folder.is_dir():
            if folder.is_symlink():
                self.stays.append(f"{folder}: is a link, and what it leads to is not looked at")
            return
        share = HostState().shares()[0].get(self.project)
        named = re.search(r"^name: ['\"]?([^\s'\"]+)", read(folder / "compose.yml"), re.MULTILINE)
        known = {named[1] if named else "", folder.name}
        if self.project not in known and not (share and share["directory"] == str(folder)):
            self.stays.append(f"{folder}: is no folder of project {self.project}")
            return
        own, foreign = teardown.own_entries(os.listdir(folder))
        mounts = [str(folder / name) for name in own if mounted_below(folder / name)]
        if mounts:
            raise TeardownError(f"something is mounted in {', '.join(mounts)}; nothing was touched. Unmount it first")
        self.stays += [f"{folder / name}: no deployment made it" for name in foreign]

        def remove() -> None:
            # The lock last: until then others are kept out
            for name in sorted(own, key=lambda name: name == stack_lock.FILE):
                path = folder / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            if not foreign:
                folder.rmdir()

        self.will([str(folder)] if not foreign else [str(folder / name) for name in own], remove)


def void(_result: object) -> None:
    """Return nothing, whatever came of it."""


def mounted_below(path: Path) -> bool:
    """Tell whether another file system is mounted at a path or below it."""
    return os.path.ismount(path) or any(
        os.path.ismount(os.path.join(folder, name)) for folder, names, _files in os.walk(path) for name in names
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "confirm": {"type": "str", "default": ""},
            "confirm_volumes": {"type": "str", "default": ""},
            "share": {"type": "dict", "default": {}, "options": host_share.ASK_SPEC, "apply_defaults": True},
            "who": {"type": "str", "default": "unknown"},
        },
        supports_check_mode=True,
    )
    params = module.params
    refused = teardown.refusal(
        params["project"], params["confirm"], params["confirm_volumes"], check_mode=module.check_mode
    )
    if refused:
        module.fail_json(msg=refused, goes=[], stays=[])
    docker = DockerCli(module, params["project"], params["directory"])
    lock = stack_lock.StackLock(docker.directory, secrets.token_hex(8), params["who"])
    stack = Teardown(module, docker)
    # In a folder without anything of a deployment there is nobody to keep out, and a lock would be something new
    left = docker.directory.is_dir() and teardown.own_entries(os.listdir(docker.directory))[0]
    holding = not module.check_mode and bool(left)
    done: list[str] = []
    try:
        with lock.held(release=True, patience=HEALER_PATIENCE) if holding else nullcontext():
            stack.plan()
            if not module.check_mode:
                for words, remove in stack.steps:
                    remove()
                    done += words
    except (TeardownError, HostError, DockerError, stack_lock.LockError) as error:
        module.fail_json(msg=str(error), goes=done, stays=stack.stays)
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}", goes=done, stays=stack.stays)
    before = "".join(f"{line}\n" for line in stack.goes)
    module.exit_json(
        changed=bool(stack.steps), goes=stack.goes, stays=stack.stays, diff={"before": before, "after": ""}
    )


if __name__ == "__main__":
    main()
