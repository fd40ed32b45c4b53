"""What the tests of this scenario share: the play's input to be changed, the host's state to be compared."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.scenario.stack import PROJECT, run_script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testinfra.host import Host

Fingerprint = dict[str, str]


@pytest.fixture(scope="module")
def fingerprint(host: Host) -> Callable[..., Fingerprint]:
    """Return a function that sums up what a deployment could change on the host, and in further folders."""

    def read(*folders: str) -> Fingerprint:
        found: Fingerprint = run_script(host, "fingerprint", "/opt", "/etc", *folders)
        return found

    return read


@pytest.fixture(scope="module")
def secrets(host: Host) -> dict[str, str]:
    """Return the content of each secret file of the project, by its path."""
    paths = host.check_output("find /opt/app/secrets -type f").splitlines()
    return {path: host.file(path).content_string.strip() for path in paths}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the application's source that a test may change."""
    copy = tmp_path_factory.mktemp("application") / "app"
    passed_over = shutil.ignore_patterns("node_modules", "dist", ".venv", "__pycache__", ".*_cache")
    return shutil.copytree(PROJECT / "app", copy, ignore=passed_over)
