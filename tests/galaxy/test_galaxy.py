"""The collection as Galaxy gets it: what the artifact holds, that it installs, and what Galaxy's own checks say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
SANITY_HOME = REPOSITORY / ".cache" / "ansible-test"
"""Home of ansible-test: it keeps an environment there for each of its tests."""
SANITY_PIP = "24.2"
"""The pip that the ansible-test of the lock asks for."""

WANTED = re.compile(
    r"(LICENSE|README\.md|CHANGELOG\.md|changelogs/changelog\.yaml|meta/runtime\.yml"
    r"|docs/[^/]+\.(md|svg)|docs/examples/.+|inventories/(dev|prod)/.+|playbooks/.+|plugins/.+|roles/.+)"
)
MADE_BY_THE_BUILD = {"MANIFEST.json", "FILES.json"}
# What lies about where somebody works
LITTER = (
    ".env",
    ".venv/bin/python",
    "bench/out/bench.json",
    "docs/__pycache__/generate_variables.cpython-311.pyc",
    "inventories/mine/hosts.yml",
    "inventories/prod/.vault-password",
    "inventories/prod/group_vars/fullstack/vault.yml",
    "plugins/modules/__pycache__/preflight.cpython-311.pyc",
    "roles/redis/.mypy_cache/3.11/cache.json",
)
PLAYBOOKS = sorted(path.stem for path in (REPOSITORY / "playbooks").glob("*.yml"))


def run(*argv: str | Path, folder: Path, **environment: str) -> str:
    """Run a program of the development environment as somebody without settings; return all it says.

    Raises:
        AssertionError: when it fails.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    done = subprocess.run(
        [PROGRAMS / argv[0], *argv[1:]],
        cwd=folder,
        env={**clean, "PATH": path, "ANSIBLE_NOCOLOR": "true", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def tracked() -> list[str]:
    """Return the paths of the repository's files."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [path for path in listing.stdout.split("\0") if path and (REPOSITORY / path).is_file()]


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository, with the litter of somebody who works in it."""
    copy = tmp_path_factory.mktemp("source")
    for path in tracked():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / path, copy / path)
    for path in LITTER:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text("litter\n")
    return copy


@pytest.fixture(scope="session")
def artifact(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the artifact, and return its path."""
    out = tmp_path_factory.mktemp("artifact")
    run("ansible-galaxy", "collection", "build", "--output-path", out, folder=source)
    (built,) = out.glob("*.tar.gz")
    return built


@pytest.fixture(scope="session")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the artifact into an empty folder, and return that folder."""
    folder = tmp_path_factory.mktemp("installed")
    run("ansible-galaxy", "collection", "install", artifact, "-p", folder / "collections", folder=folder)
    return folder


def test_artifact_holds_what_users_need_and_nothing_else(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        held = {member.name for member in archive.getmembers() if member.isfile()}
    wanted = {path for path in tracked() if WANTED.fullmatch(path)}
    assert held - MADE_BY_THE_BUILD == wanted


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_playbook_is_found_in_the_installed_collection(installed: Path, playbook: str) -> None:
    example = "collections/ansible_collections/fullstack/docker/inventories/prod"
    command = ("ansible-playbook", f"fullstack.docker.{playbook}", "-i", example, "--syntax-check")
    said = run(*command, folder=installed, ANSIBLE_COLLECTIONS_PATH="collections")
    assert f"collections/ansible_collections/fullstack/docker/playbooks/{playbook}.yml" in said


def test_galaxy_importer_finds_nothing(artifact: Path, tmp_path: Path) -> None:
    said = run(
        "python", "-m", "galaxy_importer.main", artifact, folder=tmp_path, GALAXY_IMPORTER_CHECK_REQUIRED_TAGS="true"
    )
    assert [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR"))] == []


@pytest.fixture(scope="session")
def sanity_home() -> Path:
    """Return a home for ansible-test, which passes nothing of the environment on to what it starts."""
    bootstrap = SANITY_HOME / f".ansible/test/cache/get_pip_{SANITY_PIP.replace('.', '_')}.py"
    settings = SANITY_HOME / ".config/pip/pip.conf"
    for path in (bootstrap, settings):
        path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("get_pip.py"), bootstrap)
    given = {name.removeprefix("PIP_").lower(): value for name, value in os.environ.items() if name.startswith("PIP_")}
    lines = (f"{name.replace('_', '-')} = {value}\n" for name, value in given.items())
    settings.write_text("[global]\n" + "".join(lines))
    return SANITY_HOME


def test_sanity_tests_find_nothing(artifact: Path, sanity_home: Path, tmp_path: Path) -> None:
    """All of them, on this Python. What has nothing to look at (PowerShell, shell scripts) passes by itself."""
    checkout = tmp_path / "ansible_collections/fullstack/docker"
    with tarfile.open(artifact) as archive:
        archive.extractall(checkout, filter="data")
    shutil.copytree(REPOSITORY / "tests/sanity", checkout / "tests/sanity")
    subprocess.run(["git", "init", "--quiet", checkout], check=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    command = ("ansible-test", "sanity", "--local", "--requirements", "--color", "no", "--python", version)
    run(*command, folder=checkout, HOME=str(sanity_home))


def test_changelog_of_a_release_is_written_from_the_fragments(source: Path) -> None:
    run("antsibull-changelog", "release", "--version", "0.9.0", folder=source)
    said = (source / "CHANGELOG.md").read_text()
    assert r"## v0\.9\.0" in said
    assert "### Security fixes" in said
    assert list((source / "changelogs/fragments").iterdir()) == []
