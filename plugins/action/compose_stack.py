# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Run the module of the same name, and tell meanwhile which step it is in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.fullstack.docker.plugins.module_utils.state import lock as stack_lock
from ansible_collections.fullstack.docker.plugins.plugin_utils import told

# A run with nothing to do is over before it is asked how it is getting on: it costs no further remote call
FIRST_LOOK = 4.0
LOOK_EVERY = 2.0


class Watcher:
    """Tells of each step once, for as long as the block runs."""

    def __init__(self, ask: Callable[[], str], tell: Callable[[str], None]) -> None:
        self._ask = ask
        self._tell = tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._told = ("", 0.0)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pause = FIRST_LOOK
        while not self._over.wait(pause):
            pause = LOOK_EVERY
            self.look(self._ask())

    def look(self, text: str) -> None:
        """Tell of the step that the lock file names, unless it was told of; a file that says nothing is no news."""
        try:
            holder = stack_lock.parse(text)
        except stack_lock.LockError:
            return
        if holder is None or not holder.step or (holder.step, holder.began) == self._told:
            return
        self._told = (holder.step, holder.began)
        self._tell(holder.step)


class ActionModule(ActionBase):
    """One remote call that does it all, and small ones that ask how it is getting on where it takes its time."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        host = (task_vars or {}).get("inventory_hostname", "")
        file = PurePosixPath(str(self._task.args.get("directory"))) / stack_lock.FILE
        display = Display()

        def ask() -> str:
            # Without becoming root: everybody may read it
            command = self._connection._shell.join(["cat", str(file)])
            answer: dict[str, Any] = self._low_level_execute_command(command, sudoable=False)
            return str(answer.get("stdout", ""))

        with Watcher(ask, lambda step: display.display(f"... [{host}] {step}")):
            result: dict[str, Any] = self._execute_module(
                module_name="fullstack.docker.compose_stack", task_vars=task_vars
            )
        return told.once(result)
