"""Why something failed, in one line: found in what commands and containers wrote. Pure functions, no I/O.

Standard library only: the healer uses it on the host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

# Characters of a cause; it is one line
LENGTH = 300
# Lines of a log that are shown, and those of them that come after the one that names the cause
LINES, AFTER = 50, 8
# Lines that are looked through for the cause: some servers write a hundred for each of their workers
SEARCHED = 1000
KILLED = 137
# Characters of a line of a log that are shown: pip lists all versions that there are
WIDTH = 500
# A line that is shorter may stand anywhere by chance
TELLING = 12

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# BuildKit, --progress plain: "#12 3.848 text" is what a step wrote, "#12 ERROR: …" that it failed
_STEP_LINE = re.compile(r"^#(\d+) \d+\.\d+ ?(.*)$")
_STEP_FAILED = re.compile(r"^#(\d+) ERROR: (.*)$")
_STEP_NAME = re.compile(r"^#(\d+) \[([\w.-]+) ")
_UNSOLVED = re.compile(r"^(?:ERROR: |target \S+: )*failed to solve: (.*)$")
_UV = re.compile(r"^(?:error:|\s*\u00d7) ")
_UV_CAUSE = re.compile(r"^\s+(?:cause:|Caused by:|╰─▶) ")
# An exception's line follows the indented lines of its traceback
_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*|\w*error)(?::(?: .*)?)?$")
_PLACE = re.compile(r'^ +File "([^"]+)", line (\d+)')
_NOT_OURS = re.compile(r"[^/]|/usr/|/opt/venv/|.*/site-packages/")
_DIRECT_CAUSE = "The above exception was the direct cause of the following exception:"
_CONSEQUENCES = ("gunicorn.errors.HaltServer", "SystemExit", "KeyboardInterrupt", "asyncio.exceptions.CancelledError")
# What the engine says before it comes to the point
_ROUNDABOUT = re.compile(
    r"^(?:driver failed programming external connectivity on endpoint \S+ \(\w+\): "
    r"|failed to create task for container: .* unable to start container process: )"
)
_VALIDATION = re.compile(r"\d+ validation errors? for ")
# What tells no more than that something failed
_NOISE = re.compile(
    r"""^\W*(?:
        \[[^]]+\]\ \[\d+\]\ \[(?:INFO|ERROR|WARNING)\]\ (?:Worker|Shutting\ down|Reason:|Booting|Starting|Handling)
        | \S*\ ?ELIFECYCLE | Traceback\ \(most | During\ handling\ of\ the | The\ above\ exception | Build\ failed\ with
        | at\ \S | npm\ (?:error|ERR!)\ A\ complete\ log | canceled$ | errors?:\ \[ | [\W_]*$
    )""",
    re.VERBOSE,
)
_TROUBLE = re.compile(
    r"\b(?:error|fatal|failed|failure|exception|denied|cannot|can't|could not|not found|no such|unable|panic"
    r"|refused)\b",
    re.IGNORECASE,
)
_WORSE = ("error", "critical", "fatal")


@dataclass(frozen=True)
class Witness:
    """What a command or a container wrote, and how it is or ended.

    ``probe`` is the output of the last health check that failed.
    """

    name: str
    text: str
    exit_code: int | None = None
    out_of_memory: bool = False
    probe: str = ""


Kind = TypeVar("Kind", bound="StepError")


class StepError(RuntimeError):
    """Something failed: ``what``, what was written before it, and in which steps, the outer first."""

    def __init__(self, what: str, witnesses: Iterable[Witness] = (), steps: Sequence[str] = ()) -> None:
        self.what, _break, more = what.partition("\n")
        self.witnesses = (*((Witness("", more),) if more.strip() else ()), *witnesses)
        self.steps = tuple(steps)
        super().__init__("\n".join(part for part in (": ".join([*steps, self.what]), self.log()) if part))

    def within(self: Kind, step: str) -> Kind:
        """Return the same failure as one of a step."""
        return type(self)(self.what, self.witnesses, (step, *self.steps))

    def rewritten(self, write: Callable[[str], str]) -> StepError:
        """Return the same failure with all texts passed through a function, as to take the secrets out."""
        witnesses = [replace(one, text=write(one.text), probe=write(one.probe)) for one in self.witnesses]
        return StepError(write(self.what), witnesses, self.steps)

    def cause(self) -> str:
        """Return the cause: one line, never empty, at most ``LENGTH`` characters."""
        return one_line(": ".join([*self.steps[-1:], _cause(self.what, self.witnesses)])) or "unknown"

    def log(self) -> str:
        """Return what was written, as much of each as helps, under the name of who wrote it."""
        blocks = [(one.name, excerpt(one.text)) for one in self.witnesses]
        return "\n".join(f"--- last lines of {name}:\n{text}" if name else text for name, text in blocks if text)

    def brief(self, length: int) -> str:
        """Return the cause, and as much of the log's end as there is room for."""
        first, log = self.cause(), self.log()
        room = length - len(first) - 1
        return f"{first}\n{log[-room:]}" if log and room > 0 else first


def one_line(text: str, length: int = LENGTH) -> str:
    """Return a text as one line of at most so many characters."""
    line = " ".join(_CONTROL.sub(" ", _ANSI.sub("", text)).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _cause(what: str, witnesses: Sequence[Witness]) -> str:
    """Return why, the most telling first: memory, a line that is known to name a cause, a health check's answer."""
    command = what.startswith("docker ")
    if command and " was not done within " in what:
        return what
    subject = "" if command else what
    for one in witnesses:
        if one.out_of_memory:
            return _join(subject, f"{one.name} ran out of memory: it was killed at its limit")
    for one in witnesses:
        found = known_cause(one.text)
        if found:
            return _join(subject, _speaker(one, what), found)
    for one in witnesses:
        if one.probe:
            return _join(subject, f"health check of {one.name}", known_cause(one.probe) or last_words(one.probe))
    for one in witnesses:
        if one.exit_code == KILLED:
            return _join(subject, f"{one.name} was killed (137)")
    # Nobody is known to name it: what the command says of a container, and what that one said itself
    ours = next((last_words(one.text) for one in witnesses if one.name.startswith("docker ")), "")
    others = ((one, last_words(one.text)) for one in witnesses if not one.name.startswith("docker "))
    theirs = next((_join(_speaker(one, what + ours), said) for one, said in others if said), "")
    return _join(subject, ours, theirs) or what


def _speaker(one: Witness, what: str) -> str:
    """Return who said something, where that is not said already."""
    if one.name.startswith("docker "):
        service = failed_build(one.text)
        return f"build of {service}" if service else ""
    return "" if one.name in what else one.name


def _join(*parts: str) -> str:
    return ": ".join(part.strip().rstrip(":") for part in parts if part.strip())


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as people read them: without colours, and with what JSON lines of a log say."""
    found: list[str] = []
    for line in _ANSI.sub("", text).splitlines()[-SEARCHED:]:
        found += _logged(line) if line.startswith("{") else [line.rstrip()]
    return found


def _logged(line: str) -> list[str]:
    """Return what a line of a log in JSON says: its traceback, and its message where it tells of trouble."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return [line.rstrip()]
    if not isinstance(data, dict):
        return [line.rstrip()]
    texts = [data.get(key) for key in ("exception", "exc_info", "traceback", "stack")]
    told = [part for text in texts if isinstance(text, str) for part in text.splitlines()]
    message = next((data[key] for key in ("message", "msg", "event") if isinstance(data.get(key), str)), "")
    if message and str(data.get("level", "")).lower() in _WORSE:
        told.append(f"ERROR: {message}")
    return told


def failed_build(text: str) -> str:
    """Return the service whose image could not be built, empty where the text tells of none."""
    failed = next((match[1] for match in map(_STEP_FAILED.match, text.splitlines()) if match), None)
    names = (match for match in map(_STEP_NAME.match, text.splitlines()) if match)
    return next((match[2] for match in names if match[1] == failed), "")


def known_cause(text: str) -> str:
    """Return the line that names the cause, with where it is if that is told; empty where none is known to."""
    lines = lines_of(text)
    failed = [match for match in map(_STEP_FAILED.match, lines) if match]
    if failed:
        step = _of_step(lines, failed[0][1])
        return _known(step) or last_words("\n".join(step)) or _unsolved(failed[0][2])
    return _known(lines)


def _of_step(lines: Iterable[str], number: str) -> list[str]:
    return [match[2] for match in map(_STEP_LINE.match, lines) if match and match[1] == number]


def _unsolved(text: str) -> str:
    """Return what is telling of why BuildKit could not solve: the checksum's reference is not."""
    return re.sub(r"^.*failed to calculate checksum of ref \S+?: ", "COPY: ", text)


def _known(lines: Sequence[str]) -> str:
    """Return the first answer of those that know a kind of trouble."""
    finders = (_of_vite, _of_typescript, _of_packages, _of_traceback, _of_uv, _of_server, _of_command, _of_docker)
    return next((found for finder in finders if (found := finder(lines))), "")


def _first(lines: Iterable[str], pattern: str) -> str:
    """Return the group of the first line that matches."""
    return next((match[1] for match in (re.search(pattern, line) for line in lines) if match), "")


def _last(lines: Sequence[str], pattern: str) -> str:
    """Return the group of the last line that matches."""
    return _first(reversed(lines), pattern)


def _of_vite(lines: Sequence[str]) -> str:
    """Vite, Rollup, Rolldown: what follows "error during build:", with the place that is drawn below it."""
    begin = next((number for number, line in enumerate(lines) if line.strip() == "error during build:"), None)
    if begin is None:
        return ""
    said = [line for line in lines[begin + 1 :] if not _NOISE.match(line)]
    place = _first(lines[begin + 1 :], r"─\[ (\S+:\d+:\d+) \]")
    return f"{said[0].strip()} ({place})" if said and place else "".join(said[:1]).strip()


def _of_typescript(lines: Sequence[str]) -> str:
    """Return the first error, and how many more there are."""
    found = [line.strip() for line in lines if re.search(r"\berror TS\d+: ", line)]
    return "".join(found[:1]) + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def _of_uv(lines: Sequence[str]) -> str:
    """Return the error of uv, and what it gives as its causes."""
    begin = next((number for number, line in enumerate(lines) if _UV.match(line)), None)
    if begin is None:
        return ""
    causes = [_UV_CAUSE.sub("", line) for line in lines[begin + 1 :] if _UV_CAUSE.match(line)]
    return _join(_UV.sub("", lines[begin]), *causes)


def _of_packages(lines: Sequence[str]) -> str:
    """Package managers: pnpm, npm, pip."""
    return (
        _first(lines, r"^\s*(ERR_PNPM_\w+\s.+)$")
        or _first(lines, r"^npm (?:error|ERR!) (?!code |errno |syscall |path |dest )(\S.*)$")
        or _last(lines, r"^ERROR: ((?:No matching distribution|Could not|Cannot install|Invalid requirement).*)$")
    )


def _of_server(lines: Sequence[str]) -> str:
    """Servers that tell of themselves why they do not start."""
    return (
        _first(lines, r"\[emerg\] \d+#\d+: (.+)$")
        or _of_postgres(lines)
        or _of_redis(lines)
        or _first(lines, r"(Connection in use: .+|Address already in use.*)$")
        or _first(lines, r"^(Failed to (?:find attribute|parse) .+)$")
        or _first(lines, r"^ERROR: +(Error loading ASGI app\..+|Could not import module .+)$")
    )


def _of_postgres(lines: Sequence[str]) -> str:
    said = [line for line in lines if re.search(r"\b(?:FATAL|PANIC): ", line) and "system is starting up" not in line]
    return re.sub(r"^.*?\b(?=(?:FATAL|PANIC): )", "", said[-1]) if said else _first(lines, r"^(postgres: .+)$")


def _of_redis(lines: Sequence[str]) -> str:
    begin = next((number for number, line in enumerate(lines) if "FATAL CONFIG FILE ERROR" in line), None)
    if begin is not None:
        return " ".join(line.strip() for line in lines[begin + 1 : begin + 4])
    told = [match[1] for match in (re.match(r"\d+:[CMS] .*? # (.+)$", line) for line in lines) if match]
    # Redis warns of the kernel's settings in the same way
    return "; ".join(line for line in told if not line.startswith("WARNING"))


def _of_traceback(lines: Sequence[str]) -> str:
    """Return the exception that began it all, and the line of the application that it came from.

    Of one that was raised from another it is the other; of those that a failure brings with it, none.
    """
    found, place, indented, follows = "", "", False, False
    for number, line in enumerate(lines):
        if match := _PLACE.match(line):
            if not _NOT_OURS.match(match[1]):
                place = f" ({match[1]}, line {match[2]})"
            indented = True
        elif line.startswith("Traceback (most"):
            place = ""
        elif line == _DIRECT_CAUSE:
            follows = True
        elif indented and _EXCEPTION.match(line):
            if follows and not found.endswith(")"):
                found += place  # libraries alone had a part in what it came from
            elif not follows and not line.startswith(_CONSEQUENCES):
                found = _with_details(lines, number) + place
            follows = indented = False
        elif line and not line[0].isspace():
            indented = False
    return found


def _with_details(lines: Sequence[str], number: int) -> str:
    """Return an exception's line; where it only counts what is wrong, with the first that is."""
    line = lines[number].rstrip(":")
    below = [one.strip() for one in lines[number + 1 : number + 3]]
    if _VALIDATION.search(line) and len(below) == 2:
        return _join(line, *below)
    return line


def _of_command(lines: Sequence[str]) -> str:
    """Alembic, shells, disks."""
    return (
        _last(lines, r"^FAILED: (.+)$")
        or _first(lines, r"^(.*No space left on device.*)$")
        or _first(lines, r"^(.*Perhaps out of memory\?.*)$")
        or _first(lines, r"^(\S+: (?:line )?\d+: .*(?:not found|Permission denied|No such file.*))$")
    )


def _of_docker(lines: Sequence[str]) -> str:
    """The engine and Compose; that a container is unhealthy is no cause."""
    engine = _last(lines, r"Error response from daemon: (.+)$")
    if engine:
        return _ROUNDABOUT.sub("", engine)
    unsolved = [match[1] for match in map(_UNSOLVED.match, lines) if match]
    return (unsolved and _unsolved(unsolved[-1])) or _last(
        lines, r"^(Cannot connect to the Docker daemon.*|validating .+)$"
    )


def last_words(text: str) -> str:
    """Return the last line that tells of trouble, else the last that tells anything; empty where none does."""
    said = [line.strip() for line in lines_of(text) if not _NOISE.match(line)]
    troubled = [line for line in said if _TROUBLE.search(line)]
    return (troubled or said or [""])[-1]


def excerpt(text: str, count: int = LINES) -> str:
    """Return the lines that help: the failed step of a build alone; of a log those up to what names the cause."""
    raw = _ANSI.sub("", text).strip("\n").splitlines()
    failed = [match for match in map(_STEP_FAILED.match, raw) if match]
    if failed:
        raw = _of_step(raw, failed[0][1]) or [failed[0][2]]
    raw = [one_line(line, WIDTH) if len(line) > WIDTH else line for line in raw]
    found = known_cause(text)
    # What was put behind the line, such as the place, is not in it
    head = re.split(r" \(/|; ", found)[0]
    named = [
        number
        for number, line in enumerate(raw)
        if (len(line.strip()) >= TELLING and line.strip() in found) or (len(head) >= TELLING and head in line)
    ]
    end = min(len(raw), named[-1] + 1 + AFTER) if named else len(raw)
    return "\n".join(raw[max(0, end - count) : end])
