"""The parts of the suite, and what has to be installed for them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tests.suite.model import CACHE, REPOSITORY, Command, Part
from tests.suite.running import PROGRAMS, must

BACKEND = REPOSITORY / "app" / "backend"
FRONTEND = REPOSITORY / "app" / "frontend"
BACKEND_VENV = CACHE / "app-venv"
PNPM = CACHE / "pnpm"
MOLECULE = REPOSITORY / "molecule"

# What the backend's tests start servers of (app/backend/tests/servers.py)
BACKEND_PACKAGES = {"postgresql": Path("/usr/lib/postgresql"), "redis-server": Path("/usr/bin/redis-server")}
# What the tests of the page are seen with
BROWSER = "chromium"
# The Pythons that the backend runs on, which are newer than what the collection wants; the first one is production's
BACKEND_PYTHONS = ("3.13", "3.12", "3.14")
# The ground, and secrets in the demo's vault before two scenarios could each make up their own
VAULT_PASSWORD = "tests/ground/vault-password"
GROUND = (
    Command((str(REPOSITORY / "tests/ground/build"),)),
    Command(
        (
            str(PROGRAMS / "ansible-playbook"),
            "playbooks/secrets.yml",
            "--inventory=inventories/demo",
            f"--vault-password-file={VAULT_PASSWORD}",
        )
    ),
)
# Tests that put a load on the stack for minutes, and such that measure time under a load of their own
SOAK, ALONE = "soak", "alone"


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def program(name: str) -> str:
    """Return the path of a program of the development environment."""
    return str(PROGRAMS / name)


def install_packages(packages: Iterable[str]) -> None:
    """Install packages of the distribution, by sudo where this is not root."""
    prefix = () if os.geteuid() == 0 else ("sudo",)
    must(*prefix, "apt-get", "update", "-qq")
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qqy", "--no-install-recommends")
    must(*prefix, *quiet, *packages)


def backend_python() -> str:
    """Return a Python of this machine that the backend runs on, else a version for uv to get."""
    for version in BACKEND_PYTHONS:
        installed = Path.home().glob(f".pyenv/versions/{version}.*/bin/python3")
        for candidate in (shutil.which(f"python{version}"), shutil.which("python3"), *map(str, installed)):
            # pyenv puts programs on PATH that only say that they are not chosen
            if candidate and version_of(candidate) == version:
                return candidate
    return BACKEND_PYTHONS[0]


def version_of(python: str) -> str:
    """Return a Python's version such as 3.13, empty where it does not run."""
    argv = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def prepare_backend() -> None:
    """Make the backend's environment from its own lock, once for each lock."""
    lock = BACKEND / "requirements-dev.txt"
    stamp = BACKEND_VENV / "locked"
    if stamp.exists() and stamp.read_text() == digest(lock):
        return
    must(program("uv"), "venv", "--quiet", "--clear", "--python", backend_python(), str(BACKEND_VENV))
    install = (program("uv"), "pip", "install", "--quiet", "--require-hashes", "-r", str(lock))
    must(*install, environment={"VIRTUAL_ENV": str(BACKEND_VENV)})
    stamp.write_text(digest(lock))


def prepare_servers() -> None:
    """Install the servers that the backend's tests start."""
    missing = [name for name, proof in BACKEND_PACKAGES.items() if not proof.exists()]
    if missing:
        install_packages(missing)


def prepare_browser() -> None:
    """Install the browser that looks at the deployed page."""
    if not shutil.which(BROWSER):
        install_packages([BROWSER])


def prepare_frontend() -> None:
    """Install pnpm in the version that package.json names, and what the lock names."""
    wanted = json.loads((FRONTEND / "package.json").read_text())["packageManager"].partition("+")[0]
    stamp = PNPM / "version"
    if not stamp.exists() or stamp.read_text() != wanted:
        PNPM.mkdir(parents=True, exist_ok=True)
        must(program("npm"), "install", "--silent", "--prefix", str(PNPM), wanted)
        stamp.write_text(wanted)
    must(str(pnpm()), "install", "--frozen-lockfile", "--silent", folder=FRONTEND, environment={"CI": "true"})


def pnpm() -> Path:
    """Return the path of pnpm."""
    return PNPM / "node_modules" / ".bin" / "pnpm"


def backend_program(name: str) -> str:
    """Return the path of a program of the backend's environment."""
    return str(BACKEND_VENV / "bin" / name)


def scenarios() -> list[str]:
    """Return the names of the Molecule scenarios, `default` first."""
    names = [path.parent.name for path in (REPOSITORY / "molecule").glob("*/molecule.yml")]
    return sorted(names, key=lambda name: (name != "default", name))


def platforms(scenario: str) -> tuple[str, ...]:
    """Return the names of a scenario's hosts."""
    return tuple(re.findall(r"^  - name: (\S+)$", (MOLECULE / scenario / "molecule.yml").read_text(), re.MULTILINE))


def has(scenario: str, mark: str) -> bool:
    """Tell whether a scenario has tests with a mark."""
    return any(f"pytest.mark.{mark}" in path.read_text() for path in (MOLECULE / scenario).rglob("test_*.py"))


def molecule(*arguments: str, **environment: str) -> Command:
    """Return a command of Molecule, whose output is for a file."""
    plain = {"ANSIBLE_NOCOLOR": "true", "NO_COLOR": "true", "PY_COLORS": "0"}
    return Command((program("molecule"), *arguments), environment=plain | environment)


def tests(mark: str, *arguments: str) -> Command:
    """Return a command of Molecule that runs the tests with a mark."""
    return molecule(*arguments, PYTEST_ADDOPTS=shlex.join(("-m", mark)))


# Seconds of a scenario, of its tests that run alone, and of its soak; others have DEFAULT
DEFAULT = {"budget": 240, "alone": 60, "soak": 1800}
SCENARIOS: dict[str, dict[str, int]] = {
    "default": {"budget": 900, "alone": 40, "soak": 1200},
    "release": {"budget": 800, "alone": 280, "soak": 3000},
    "development": {"budget": 260},
    "docker_repository": {"budget": 150},
    "documentation": {"budget": 250},
    "neighbours": {"budget": 200, "soak": 600},
    "own_app": {"budget": 230},
    "upgrade": {"budget": 300},
}
NEEDS_BROWSER = {"default", "development"}
# Whose tests look at what pnpm installs
NEEDS_FRONTEND = {"default"}


def scenario_parts(name: str) -> list[Part]:
    """Return the part that runs a scenario, and those of its tests that run alone and of its soak where it has some."""
    scenario = ("--scenario-name", name)
    destroy = molecule("destroy", *scenario)
    after = {"setup ground"}
    after |= {"setup browser"} if name in NEEDS_BROWSER else set()
    after |= {"setup frontend"} if name in NEEDS_FRONTEND else set()
    traits = DEFAULT | SCENARIOS.get(name, {})
    plain = Part(
        f"molecule {name}",
        (tests(f"not {SOAK}", "test", *scenario),),
        budget=traits["budget"],
        after=frozenset(after),
        # Names and addresses of its hosts are fixed
        uses=frozenset({f"hosts of {name}"}),
        shard="scenarios",
        hosts=platforms(name),
        farewell=(destroy,),
    )
    found = [plain]
    if has(name, ALONE):
        # On the hosts of the others, which stay for them
        together = tests(f"not {ALONE} and not {SOAK}", "test", "--destroy=never", *scenario)
        found[0] = replace(plain, commands=(destroy, together), farewell=())
        apart = replace(plain, name=f"{plain.name} {ALONE}", budget=traits["alone"], alone=True)
        verify = tests(f"{ALONE} and not {SOAK}", "verify", *scenario)
        found.append(replace(apart, commands=(verify, destroy), after=frozenset(), follows=frozenset({plain.name})))
    if has(name, SOAK):
        soak = replace(plain, name=f"{SOAK} {name}", budget=traits["soak"], alone=True)
        found.append(replace(soak, commands=(tests(SOAK, "test", *scenario),), shard=f"{SOAK}-{name}"))
    return found


def parts(*, full: bool) -> list[Part]:
    """Return the parts of the suite.

    Args:
        full: with many examples for each property, and with the soaks.
    """
    profile = {"HYPOTHESIS_PROFILE": "full" if full else "default"}
    unmarked = () if full else ("-m", f"not {SOAK}")
    mypy = program("mypy")
    frontend = (str(pnpm()),)
    backend = frozenset({"setup backend"})
    found = [
        Part("setup ground", GROUND, budget=100, uses=frozenset({"apt"})),
        Part("setup servers", prepare=(prepare_servers,), budget=20, uses=frozenset({"apt"})),
        Part("setup browser", prepare=(prepare_browser,), budget=40, uses=frozenset({"apt"})),
        Part("setup backend", prepare=(prepare_backend,), budget=30),
        Part("setup frontend", prepare=(prepare_frontend,), budget=20),
        Part(
            "lint collection",
            (
                Command((program("ruff"), "check")),
                Command((program("ruff"), "format", "--check")),
                Command((mypy, "-p", "ansible_collections.fullstack.docker.plugins")),
                Command((mypy, "tests", "docs", "molecule")),
                Command((program("ansible-lint"),)),
                Command((program("antsibull-changelog"), "lint")),
            ),
            budget=90,
        ),
        Part(
            "lint app",
            (
                Command((backend_program("ruff"), "check"), BACKEND),
                Command((backend_program("ruff"), "format", "--check"), BACKEND),
                Command((backend_program("mypy"),), BACKEND),
                Command((*frontend, "lint"), FRONTEND),
                Command((*frontend, "exec", "tsc", "--noEmit"), FRONTEND),
            ),
            budget=30,
            after=backend | {"setup frontend"},
        ),
        Part(
            "unit",
            (Command((program("pytest"), "-q", "-rs", "-W", "error", *unmarked), environment=profile),),
            budget=400 if full else 130,
            # Some ask a Docker Engine where there is one
            follows=frozenset({"setup ground"}),
        ),
        Part(
            "app backend",
            (Command((backend_program("pytest"),), BACKEND),),
            budget=60,
            after=backend | {"setup servers"},
        ),
        Part("app frontend", (Command((*frontend, "test"), FRONTEND),), budget=20, after=frozenset({"setup frontend"})),
        Part("galaxy", (Command((program("pytest"), "-q", "tests/galaxy")),), budget=160),
    ]
    found = [replace(part, shard="checks") for part in found]
    scenes = [part for name in scenarios() for part in scenario_parts(name)]
    found += [part for part in scenes if full or not part.name.startswith(SOAK)]
    return [with_report(part) for part in found]


def with_report(part: Part) -> Part:
    """Return the part with its test runner told where to leave the JUnit report."""
    if not part.tests:
        return part
    report = f"--junit-xml={part.report}"
    commands = []
    for one in part.commands:
        argv, environment = one.argv, dict(one.environment)
        if part.name == "app frontend":
            argv += ("--reporter=default", "--reporter=junit", f"--outputFile.junit={part.report}")
        elif "PYTEST_ADDOPTS" in environment:
            environment["PYTEST_ADDOPTS"] += f" {report}"
        elif not part.hosts:
            argv += (report,)
        commands.append(replace(one, argv=argv, environment=environment))
    return replace(part, commands=tuple(commands))
