"""One run over one project: what it was told, what it says and how long that took; and whether it acts at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerCli
from ansible_collections.fullstack.docker.plugins.module_utils.plan.actions import Action
from ansible_collections.fullstack.docker.plugins.module_utils.report.cause import StepError


class Run:
    """What the parts of a deployment share.

    Parameters:
        docker: commands of the project.
        parameters: those of the module.
        looks: it only looks, as in check mode: everything is said, and nothing done.
        warn: tells the operator of something that needs no action.
        announce: tells whoever asks meanwhile which step has begun.
    """

    def __init__(
        self,
        docker: DockerCli,
        parameters: Mapping[str, Any],
        *,
        looks: bool,
        warn: Callable[[str], None],
        announce: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self.docker = docker
        self.parameters: dict[str, Any] = dict(parameters)
        self.looks = looks
        self.warn = warn
        self._announce = announce
        self.actions: list[Action] = []
        self.seconds: dict[str, float] = {}

    @property
    def directory(self) -> Path:
        """The project's folder."""
        return self.docker.directory

    @property
    def said(self) -> list[str]:
        """The actions in the operator's words, in order."""
        return [str(action) for action in self.actions]

    def say(self, *actions: Action) -> None:
        """Tell what is done, or would be; before it is, so that a failure tells of it too."""
        self.actions += actions

    def perform(self, act: Callable[[], object]) -> None:
        """Do what was said, unless this is a look: the one place that knows."""
        if not self.looks:
            act()

    def do(self, actions: Iterable[Action], act: Callable[[], object]) -> None:
        """Say what is to be done, and do it; where there is nothing to say, there is nothing to do."""
        found = list(actions)
        self.say(*found)
        if found:
            self.perform(act)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, name it in its failure, and tell whoever asks meanwhile."""
        began = time.monotonic()
        self._announce(name)
        try:
            yield
        except StepError as error:
            raise error.within(name) from error
        finally:
            # A release that replaces both tries both in the same step
            self.seconds[name] = round(self.seconds.get(name, 0) + time.monotonic() - began, 1)
