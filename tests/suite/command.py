"""The command line of the suite."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.suite.model import REPORTS, REPOSITORY, Command, Part
from tests.suite.parts import MOLECULE, SOAK, molecule, parts, program, scenarios
from tests.suite.running import execute, run, say
from tests.suite.schedule import chosen, forecast
from tests.suite.summary import summary


def listing(selected: Sequence[Part]) -> list[str]:
    """Return the parts with their budgets, shard by shard."""
    lines = []
    for shard in dict.fromkeys(part.shard for part in selected):
        within = [part for part in selected if part.shard == shard]
        lines.append(f"{shard} ({forecast(within) / 60:.0f} min)")
        lines += [f"  {part.name:28} {part.budget:5} s{'  alone' if part.alone else ''}" for part in within]
    return lines


def deselected(scenario: str, files: Iterable[str], folder: Path = REPOSITORY) -> list[str]:
    """Return the options by which pytest leaves out all test files of a scenario but some.

    Args:
        scenario: its name.
        files: the test files that are wanted, none for all.
        folder: from which they are named.

    Raises:
        ValueError: for what is no test file of the scenario.
    """
    known = {str(path.relative_to(REPOSITORY)) for path in (MOLECULE / scenario).rglob("test_*.py")}
    wanted = {os.path.relpath(folder / file, REPOSITORY) for file in files}
    if strange := ", ".join(sorted(wanted - known)):
        raise ValueError(f"no test file of {scenario}: {strange}; there are: {', '.join(sorted(known))}")
    return [f"--deselect={file}" for file in sorted(known - wanted)] if wanted else []


def keep(scenario: str, arguments: Sequence[str], folder: Path) -> int:
    """Run tests of a scenario on hosts that are kept: made when they are not there, brought up to date else.

    Args:
        scenario: its name.
        arguments: test files, none for all, and options of pytest.
        folder: from which test files are named.
    """
    if scenario not in scenarios():
        raise ValueError(f"no scenario is called {scenario}; there are: {', '.join(scenarios())}")
    files = [one for one in arguments if one.endswith(".py")]
    options = ["-m", f"not {SOAK}", *(one for one in arguments if one not in files)]
    sequence = (MOLECULE / scenario / "molecule.yml").read_text().partition("test_sequence: [")[2].partition("]")[0]
    begin = "prepare" if sequence and "converge" not in sequence else "converge"
    select = shlex.join([*deselected(scenario, files, folder), *options])
    for command in (
        molecule(begin, "--scenario-name", scenario),
        Command((program("molecule"), "verify", "--scenario-name", scenario), environment={"PYTEST_ADDOPTS": select}),
    ):
        if status := execute(command):
            return status
    say(f"kept: tests/run --destroy {scenario} removes the hosts")
    return 0


def main() -> int:
    """Run what the command line asks for. Returns the exit status: 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="tests/run", description="Run the tests. Without names, all of them.")
    parser.add_argument("--full", action="store_true", help="many more examples for each property, and the soaks")
    parser.add_argument("--list", action="store_true", help="name the parts with their budgets, and run none")
    parser.add_argument(
        "--keep",
        metavar="SCENARIO",
        help="run tests of a scenario on hosts that stay; what comes after -- is test files and options of pytest",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path.cwd(), help="from which test files are named (default: this one)"
    )
    parser.add_argument("--destroy", metavar="SCENARIO", help="remove the hosts of a scenario")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="first words of the names of parts, or a shard; --list shows them"
    )
    arguments = parser.parse_args()
    if shutil.which(program("pytest")) is None:
        parser.error("there is no .venv yet; run make setup")
    try:
        if arguments.destroy:
            return execute(molecule("destroy", "--scenario-name", arguments.destroy))
        if arguments.keep:
            return keep(arguments.keep, arguments.names, arguments.folder)
        selected = chosen(parts(full=arguments.full), arguments.names)
    except ValueError as error:
        parser.error(str(error))
    if arguments.list:
        print("\n".join(listing(selected)))
        return 0
    REPORTS.mkdir(parents=True, exist_ok=True)
    # One part, or the parts of one scenario, can be watched as they go
    apart = {part.uses or part.name for part in selected if not part.name.startswith("setup")}
    outcomes = run(selected, follow=len(apart) < 2)
    say("=== summary")
    say("\n".join(summary(outcomes)))
    return int(any(outcome.failed for outcome in outcomes))
