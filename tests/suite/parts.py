"""The whole test suite: what its parts are, how each runs, and what it comes to.

The standard library is all this needs, and Linux with apt where a part wants a package.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CACHE = REPOSITORY / ".cache"
REPORTS = CACHE / "reports"
PROGRAMS = REPOSITORY / ".venv" / "bin"
BACKEND = REPOSITORY / "app" / "backend"
FRONTEND = REPOSITORY / "app" / "frontend"
BACKEND_VENV = CACHE / "app-venv"
PNPM = CACHE / "pnpm"

# What the backend's tests start servers of (app/backend/tests/servers.py)
BACKEND_PACKAGES = {"postgresql": Path("/usr/lib/postgresql"), "redis-server": Path("/usr/bin/redis-server")}
# What the tests of the page are seen with
BROWSER = "chromium"
# The Pythons that the backend runs on, which are newer than what the collection wants; the first one is production's
BACKEND_PYTHONS = ("3.13", "3.12", "3.14")
# Tests that put a load on the stack for minutes
SOAK = "soak"
# Characters that the summary shows of why a test failed
REASON_LENGTH = 200


@dataclass(frozen=True)
class Command:
    """One program to run."""

    argv: tuple[str, ...]
    folder: Path = REPOSITORY
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """One part of the suite."""

    name: str
    commands: tuple[Command, ...]
    """All are run, also after one that failed."""
    prepare: tuple[Callable[[], None], ...] = ()
    """Install what the commands need."""

    @property
    def tests(self) -> bool:
        """Whether the part runs tests, which linters do not."""
        return not self.name.startswith("lint")

    @property
    def report(self) -> Path:
        """Where the part's tests leave their JUnit report; linters leave none."""
        return REPORTS / f"{self.name.replace(' ', '-').replace('/', '-')}.xml"


@dataclass(frozen=True)
class Outcome:
    """What a part came to."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0
    note: str = ""
    failures: tuple[str, ...] = ()
    """A line for each failed test."""


def tally(report: str | None, failures: int) -> tuple[int, int, int]:
    """Count tests.

    Args:
        report: a JUnit report, or None where the part has none.
        failures: how many of the part's commands failed.

    Returns:
        The numbers of passed, failed and skipped tests. A command that failed without a failed test (a linter, a
        scenario that did not converge) is a failed test itself.
    """
    total = failed = skipped = 0
    if report is not None:
        for suite in ET.fromstring(report).iter("testsuite"):  # noqa: S314 - written by our own test runners
            total += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0))
    passed = total - failed - skipped
    return passed, max(failed, failures), skipped


def failures(report: str) -> list[str]:
    """Return a line for each failed test of a JUnit report: its name, and how the failure begins."""
    lines = []
    for case in ET.fromstring(report).iter("testcase"):  # noqa: S314 - written by our own test runners
        for trouble in (*case.findall("failure"), *case.findall("error")):
            reason = (trouble.get("message") or trouble.text or "").strip().partition("\n")[0]
            lines.append(f"{case.get('classname', '')}::{case.get('name', '')}: {reason[:REASON_LENGTH]}")
    return lines


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the summary: a line for each part, what failed, and the sums at the end."""
    outcomes = list(outcomes)
    width = max((len(outcome.name) for outcome in outcomes), default=0)
    lines = []
    for one in outcomes:
        counts = f"{one.passed:4} passed  {one.failed:3} failed  {one.skipped:3} skipped  {one.seconds:5.0f} s"
        lines.append(f"{one.name:{width}}  {counts}  {one.note}".rstrip())
    lines += [f"FAILED {one.name}: {line}" for one in outcomes for line in one.failures]
    lines.append(f"{sum(one.passed for one in outcomes)} passed, {sum(one.failed for one in outcomes)} failed")
    return lines


def chosen(parts: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """Return the parts that are asked for by name or by first word, all when none is.

    Raises:
        ValueError: for a name that no part has.
    """
    unknown = [name for name in names if not any(name in (part.name, part.name.split()[0]) for part in parts)]
    if unknown:
        known = ", ".join(part.name for part in parts)
        raise ValueError(f"no part is called {', '.join(unknown)}; there are: {known}")
    return [part for part in parts if not names or part.name in names or part.name.split()[0] in names]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def program(name: str) -> str:
    """Return the path of a program of the development environment."""
    return str(PROGRAMS / name)


def say(text: str) -> None:
    """Print a line at once, in step with what the commands print."""
    print(text, flush=True)


def execute(command: Command) -> int:
    """Run a command with its output shown, and return its exit status."""
    environment = os.environ | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"} | command.environment
    say(f"$ {' '.join(command.argv)}")
    try:
        return subprocess.run(
            command.argv, cwd=command.folder, env=environment, stdin=subprocess.DEVNULL, check=False
        ).returncode
    except OSError as error:
        say(str(error))
        return 127


def must(*argv: str, folder: Path = REPOSITORY, environment: dict[str, str] | None = None) -> None:
    """Run a command that prepares a part.

    Raises:
        RuntimeError: when it fails.
    """
    if execute(Command(argv, folder, environment or {})) != 0:
        raise RuntimeError(f"failed: {' '.join(argv)}")


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


def parts(*, full: bool) -> list[Part]:
    """Return the parts of the suite, the cheap ones first.

    Args:
        full: with many examples for each property, and with the soaks.
    """
    selection = [] if full else ["-m", f"not {SOAK}"]
    profile = {"HYPOTHESIS_PROFILE": "full" if full else "default"}
    mypy = program("mypy")
    frontend = (str(pnpm()),)
    found = [
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
            (prepare_backend, prepare_frontend),
        ),
        Part("unit", (Command((program("pytest"), "-q", "-rs", "-W", "error", *selection), environment=profile),)),
        Part(
            "app backend",
            (Command((backend_program("pytest"),), BACKEND),),
            (prepare_backend, prepare_servers),
        ),
        Part("app frontend", (Command((*frontend, "test"), FRONTEND),), (prepare_frontend,)),
        Part("galaxy", (Command((program("pytest"), "-q", "tests/galaxy")),)),
    ]
    for name in scenarios():
        test = Command((program("molecule"), "test", "--scenario-name", name))
        prepare = (prepare_browser, prepare_frontend) if name == "default" else ()
        found.append(Part(f"molecule {name}", (test,), prepare))
    return [with_report(part, selection) for part in found]


def with_report(part: Part, selection: Sequence[str]) -> Part:
    """Return the part with its test runner told where to leave the JUnit report."""
    if not part.tests:
        return part
    (command,) = part.commands
    argv, environment = command.argv, dict(command.environment)
    if part.name == "app frontend":
        argv += ("--reporter=default", "--reporter=junit", f"--outputFile.junit={part.report}")
    elif part.name.startswith("molecule"):
        environment["PYTEST_ADDOPTS"] = " ".join([f"--junit-xml={part.report}", *(f"'{one}'" for one in selection)])
    else:
        argv += (f"--junit-xml={part.report}",)
    return Part(part.name, (Command(argv, command.folder, environment),), part.prepare)


def run_part(part: Part) -> Outcome:
    """Run one part and count."""
    say(f"\n=== {part.name}")
    begin = time.monotonic()
    part.report.unlink(missing_ok=True)
    broken, note = 0, ""
    try:
        for prepare in part.prepare:
            prepare()
        broken = sum(execute(command) != 0 for command in part.commands)
    except RuntimeError as error:
        broken, note = 1, str(error)
    report = part.report.read_text() if part.report.exists() else None
    if report is None and part.tests and not broken:
        broken, note = 1, "no test ran"
    passed, failed, skipped = tally(report, broken)
    named = tuple(failures(report)) if report else ()
    return Outcome(part.name, passed, failed, skipped, time.monotonic() - begin, note, named)


@contextmanager
def ground(wanted: bool) -> Iterator[Callable[[], Outcome]]:
    """Build the ground's images while the cheap parts run; yield a function that waits for it.

    Args:
        wanted: whether anything needs the ground.
    """
    if not wanted:
        yield lambda: Outcome("ground")
        return
    begin = time.monotonic()
    log = REPORTS / "ground.log"
    with log.open("w") as stream:
        build = subprocess.Popen(
            [sys.executable, str(REPOSITORY / "tests/ground/build")],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )

    def finish() -> Outcome:
        say("\n=== ground (was built meanwhile)")
        failed = int(build.wait() != 0)
        say(log.read_text().rstrip())
        return Outcome("ground", failed=failed, seconds=time.monotonic() - begin)

    try:
        yield finish
    finally:
        if build.poll() is None:
            build.terminate()
            build.wait()


def run(selected: Sequence[Part]) -> list[Outcome]:
    """Run parts in their order, the scenarios after the ground stands."""
    cheap = [part for part in selected if not part.name.startswith("molecule")]
    costly = [part for part in selected if part.name.startswith("molecule")]
    outcomes = []
    with ground(bool(costly)) as finish:
        outcomes += [run_part(part) for part in cheap]
        if costly:
            outcomes.append(finish())
            if outcomes[-1].failed:
                return outcomes + [Outcome(part.name, failed=1, note="not run: no ground") for part in costly]
            outcomes += [run_part(part) for part in costly]
    return outcomes


def main() -> int:
    """Run what the command line asks for. Returns the exit status: 0 when nothing failed."""
    parser = argparse.ArgumentParser(description="Run the tests. Without names, all of them.")
    parser.add_argument("--full", action="store_true", help="many more examples for each property, and the soaks")
    parser.add_argument("--list", action="store_true", help="name the parts and run none")
    parser.add_argument("names", nargs="*", metavar="PART", help="lint, unit, app, molecule, or one part's full name")
    arguments = parser.parse_args()
    try:
        selected = chosen(parts(full=arguments.full), arguments.names)
    except ValueError as error:
        parser.error(str(error))
    if arguments.list:
        print("\n".join(part.name for part in selected))
        return 0
    if shutil.which(program("pytest")) is None:
        parser.error("there is no .venv yet; run make setup")
    REPORTS.mkdir(parents=True, exist_ok=True)
    outcomes = run(selected)
    say("\n=== summary")
    say("\n".join(table(outcomes)))
    return int(any(outcome.failed for outcome in outcomes))
