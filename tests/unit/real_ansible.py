"""Runs tasks and modules of the collection on this machine, with nothing mocked."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

REPOSITORY = Path(__file__).resolve().parents[2]
COLLECTIONS = REPOSITORY / ".ansible" / "collections"


@dataclass(frozen=True)
class Play:
    """What one run of tasks on localhost did."""

    results: list[dict[str, Any]]
    """One for each task that ran."""
    output: str
    """All that Ansible printed, as JSON and as errors."""

    @property
    def last(self) -> dict[str, Any]:
        """The last task's result."""
        return self.results[-1]


PlayRunner = Callable[..., Play]


def run_module(main: Callable[[], None], *, check: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
    """Run a module as the host would, but in this process, which saves the seconds that Ansible takes to start.

    Args:
        main: the module's function of that name.
        check: in check mode.
        diff: with diffs.
        options: the module's options.
    """
    flags = {"_ansible_check_mode": check, "_ansible_diff": diff}
    printed = io.StringIO()
    with patch_module_args(options | flags), contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main()
    answer: dict[str, Any] = json.loads(printed.getvalue())
    return answer


def run(
    folder: Path,
    *tasks: dict[str, Any],
    variables: dict[str, Any] | None = None,
    check: bool = False,
    diff: bool = False,
    arguments: tuple[str, ...] = (),
    collections: Path = COLLECTIONS,
) -> Play:
    """Run tasks on localhost by ansible-playbook, in a local connection.

    Args:
        folder: where the playbook is written and run.
        tasks: the tasks.
        variables: the play's variables.
        check: in check mode.
        diff: with diffs.
        arguments: further arguments of ansible-playbook.
        collections: the folder that has the collection.
    """
    playbook = folder / "play.yml"
    content = [{"hosts": "localhost", "gather_facts": False, "vars": variables or {}, "tasks": list(tasks)}]
    playbook.write_text(yaml.safe_dump(content, sort_keys=False))
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }
    flags = [*(["--check"] if check else []), *(["--diff"] if diff else []), *arguments]
    inventory = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *inventory, *flags, str(playbook)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=folder)
    # With -v there are lines before the report, and none of them begins with a brace.
    start = done.stdout.find("\n{") + 1
    report = json.loads(done.stdout[start:])
    results = [task["hosts"]["localhost"] for entry in report["plays"] for task in entry["tasks"]]
    return Play(results, done.stdout + done.stderr)
