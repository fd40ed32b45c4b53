"""The line that names the cause, found in what real commands and containers wrote (samples/failures)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.docker.cli import DockerError, title
from ansible_collections.fullstack.docker.plugins.module_utils.report import cause, redact
from ansible_collections.fullstack.docker.plugins.module_utils.report.cause import StepError, Witness
from ansible_collections.fullstack.docker.plugins.module_utils.state.journal import ReleaseError

SAMPLES = {path.stem: path.read_text() for path in (Path(__file__).parent / "samples/failures").glob("*.txt")}
PLACE = "(/app/migrations/versions/9999_a.py, line 7)"
MAIN = "(/app/app/main.py, line 2)"
CAUSES = {
    # Python
    "gunicorn_import": f"ModuleNotFoundError: No module named 'nonexistent_module' {MAIN}",
    "gunicorn_syntax": "SyntaxError: invalid syntax (/app/app/main.py, line 7)",
    "gunicorn_settings": "ValidationError: 1 validation error for Settings: db_pool_size: Input should be",
    "gunicorn_attr": "Failed to find attribute 'nosuch' in 'app.main'.",
    "uvicorn_import": f"ModuleNotFoundError: No module named 'nonexistent_module' {MAIN}",
    "uvicorn_attr": 'Error loading ASGI app. Attribute "nosuch" not found in module "app.main".',
    "alembic_sql": f'asyncpg.exceptions.UndefinedTableError: relation "nosuchtable" does not exist {PLACE}',
    "alembic_lock": f"canceling statement due to lock timeout {PLACE}",
    "alembic_runtime": f"RuntimeError: this migration is bad {PLACE}",
    "alembic_parent": "KeyError: 'nosuchparent'",
    "alembic_heads": "Multiple head revisions are present for given argument 'head'",
    "alembic_locate": "Can't locate revision identified by 'nosuchrev'",
    "alembic_nodb": "socket.gaierror: [Errno -5] No address associated with hostname",
    "alembic_password": 'InvalidPasswordError: password authentication failed for user "app"',
    # Builds
    "tsc": "build of nginx: src/App.tsx(83,7): error TS2322: Type 'string' is not assignable to type 'number'.",
    "vite_package": 'build of nginx: Error: [vite]: Rolldown failed to resolve import "not-a-package"',
    "vite_syntax": "build of nginx: [builtin:vite-transform] Unexpected token (src/main.tsx:15:7)",
    "pnpm_lock": "build of nginx: ERR_PNPM_OUTDATED_LOCKFILE Cannot install",
    "no_lock": "build of nginx: the frontend has no pnpm-lock.yaml and no package-lock.json",
    "no_script": "build of nginx: ERR_PNPM_NO_SCRIPT Missing script: build",
    "npm_ci": "build of nginx: `npm ci` can only install packages when",
    "uv_missing": "build of backend: No solution found when resolving dependencies: Because no-such-package-of-ours",
    "uv_conflict": "Because there is no version of pydantic==99",
    "toml": "build of backend: Failed to parse: pyproject.toml: Invalid `pyproject.toml`: TOML parse error at line 1",
    "pip_missing": "build of backend: No matching distribution found for uv==0.0.0",
    "docker_copy": 'build of backend: COPY: "/nothing-of-this-name": not found',
    "docker_from": "build of backend: registry.lan:5000/fullstack/nosuch:3.13: not found",
    "docker_run": "build of backend: /bin/sh: 1: nosuchcommand: not found",
    "docker_syntax": "dockerfile parse error on line 2: unknown instruction: RUNN",
    "docker_python": "build of backend: ModuleNotFoundError: No module named 'nosuch'",
    "docker_full": "build of backend: dd: error writing '/dev/full': No space left on device",
    # Servers
    "exec_missing": "with-env: 23: exec: nosuchserver: not found",
    "exec_missing_engine": 'exec: "nosuchserver": executable file not found in $PATH',
    "nginx_bad": 'invalid number of arguments in "client_max_body_size" directive in /tmp/n.conf:1',
    "pg_bad": 'FATAL: unrecognized configuration parameter "nosuch_setting"',
    "pg_dir": "could not access the server configuration file",
    "redis_bad": ">>> 'nosuch 1'",
    "redis_config": "maxmemory-policy nosuch",
    # The engine and Compose
    "port_taken": "Bind for 0.0.0.0:8420 failed: port is already allocated",
    "network_missing": "network nosuchnet not found",
    "manifest_unknown": "manifest for registry.lan:5000/fullstack/nosuch:1 not found",
    "registry_gone": "dial tcp 10.213.0.129:5999: connect: connection refused",
    "no_image": "No such image: local-only:1",
    "name_taken": 'The container name "/app-db-1" is already in use',
    "secret_missing": "bind source path does not exist: /opt/lab3/nosuch",
    "no_engine": "Cannot connect to the Docker daemon",
    "cpus": "Range of CPUs is from 0.01 to 2.00",
    # Nothing better is told
    "unhealthy": "container lab3-a-1 is unhealthy",
    "restarts": "container lab3-a-1 is unhealthy",
    "never_healthy": "application not healthy after 8s",
    "exits": "container lab3-a-1 exited (3)",
}
NAME = "docker compose up"


def failed_command(text: str, *more: Witness) -> DockerError:
    """Return the failure of a command that wrote this."""
    return DockerError(f"{NAME} ended with 1", [Witness(NAME, text), *more])


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() | CAUSES.keys()))
def test_the_cause_is_found(name: str) -> None:
    text, wanted = SAMPLES[name], CAUSES[name]
    found = failed_command(text).within("images").cause()
    assert wanted in found
    assert found.startswith("images: ")
    assert "HaltServer" not in found


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_log_that_is_shown_has_the_line_and_is_short(name: str) -> None:
    shown = cause.excerpt(SAMPLES[name])
    assert len(shown.splitlines()) <= cause.LINES
    said = cause.known_cause(SAMPLES[name])
    words = [word for word in re.split(r" \(|: |; ", said) if len(word) >= cause.TELLING and "/app/" not in word]
    assert all(cause.one_line(word) in cause.one_line(shown, 10**6) for word in words[:1])


def test_of_a_long_log_the_lines_before_the_cause_are_shown() -> None:
    before = [f"frame {number}" for number in range(100)]
    text = "\n".join([*before, "[emerg] 7#7: this is the reason why", *(f"later {number}" for number in range(100))])
    shown = cause.excerpt(text).splitlines()
    assert "[emerg] 7#7: this is the reason why" in shown
    assert "frame 99" in shown
    assert "later 99" not in shown


def test_a_tail_without_its_beginning_is_enough() -> None:
    tail = "\n".join(SAMPLES["gunicorn_import"].splitlines()[-14:])
    assert cause.known_cause(tail) == f"ModuleNotFoundError: No module named 'nonexistent_module' {MAIN}"


class TestWitnesses:
    """Whose words count."""

    BACKEND = Witness("app-backend-1", SAMPLES["gunicorn_import"], 3)

    def test_a_container_says_more_than_compose(self) -> None:
        found = failed_command(SAMPLES["unhealthy"], self.BACKEND).cause()
        assert found == f"app-backend-1: ModuleNotFoundError: No module named 'nonexistent_module' {MAIN}"

    def test_the_engine_says_more_than_a_container_that_tells_nothing(self) -> None:
        found = failed_command(SAMPLES["port_taken"], Witness("app-db-1", "ready to accept connections")).cause()
        assert found == "Bind for 0.0.0.0:8420 failed: port is already allocated"

    def test_where_nobody_is_known_to_name_it_all_have_a_word(self) -> None:
        found = failed_command(SAMPLES["unhealthy"], Witness("lab3-a-1", "this release is broken\n", 3)).cause()
        assert found == "dependency failed to start: container lab3-a-1 is unhealthy: this release is broken"

    def test_what_a_release_found_comes_first(self) -> None:
        error = ReleaseError("GET http://172.20.0.5:8000/health/ready: 500", [self.BACKEND]).within("smoke")
        begin = "smoke: GET http://172.20.0.5:8000/health/ready: 500: app-backend-1: ModuleNotFoundError"
        assert error.cause().startswith(begin)

    def test_a_name_is_not_said_twice(self) -> None:
        error = ReleaseError("app-backend-1 is unhealthy (restarting)", [self.BACKEND])
        assert error.cause().startswith("app-backend-1 is unhealthy (restarting): ModuleNotFoundError")

    def test_memory_that_ran_out_is_the_cause_whatever_was_written(self) -> None:
        killed = Witness("app-backend-1", SAMPLES["gunicorn_import"], 137, out_of_memory=True)
        assert failed_command(SAMPLES["unhealthy"], killed).cause() == (
            "app-backend-1 ran out of memory: it was killed at its limit"
        )

    def test_a_kill_is_told_where_nothing_else_is(self) -> None:
        assert failed_command("", Witness("app-backend-1", "", 137)).cause() == "app-backend-1 was killed (137)"

    def test_the_last_probe_is_told_where_the_log_tells_nothing(self) -> None:
        probe = 'Traceback (most recent call last):\n  File "<string>", line 1\nurllib.error.HTTPError: HTTP Error 500'
        silent = Witness("app-backend-1", "INFO: started", 0, probe=probe)
        found = ReleaseError("waited 10 s for it to become healthy", [silent]).within("health").cause()
        assert found == (
            "health: waited 10 s for it to become healthy: health check of app-backend-1: "
            "urllib.error.HTTPError: HTTP Error 500"
        )

    def test_time_that_ran_out_is_the_cause(self) -> None:
        what = "docker compose run --rm migrate was not done within 30 s"
        error = DockerError(what, [Witness("docker compose run", "canceled")]).within("migration")
        assert error.cause() == f"migration: {what}"

    def test_of_steps_in_steps_the_inner_is_named(self) -> None:
        assert DockerError("bad").within("health").within("services").cause() == "health: bad"
        assert str(DockerError("bad").within("health").within("services")) == "services: health: bad"


def test_a_log_in_json_is_read() -> None:
    traceback = 'Traceback (most recent call last):\\n  File \\"/app/app/x.py\\", line 3, in f\\nValueError: bad'
    assert cause.known_cause(f'{{"level": "error", "message": "oops", "exception": "{traceback}"}}') == (
        "ValueError: bad (/app/app/x.py, line 3)"
    )
    assert cause.last_words('{"level": "error", "msg": "no such queue"}\n{"level": "info"}') == "ERROR: no such queue"


def test_the_ledger_keeps_the_cause_and_the_end_of_the_log() -> None:
    error = failed_command("\n".join(["[emerg] 1#1: why", *(f"line {number}" for number in range(500))]))
    kept = error.brief(200)
    assert kept.startswith("why\n")
    assert len(kept) <= 200


def test_a_command_is_told_without_its_options() -> None:
    options = ["--project-name", "app", "--project-directory", "/opt/app", "--env-file", "/opt/app/.env", "--file", "x"]
    assert title(["compose", *options, "--progress", "plain", "build", "nginx"]) == "docker compose build nginx"


# --- whatever is written ------------------------------------------------------------------------------

LINES = st.lists(
    st.sampled_from([line for text in SAMPLES.values() for line in text.splitlines()]) | st.text(max_size=60),
    max_size=30,
)
TEXTS = st.text() | LINES.map("\n".join)
WITNESSES = st.builds(
    Witness, st.sampled_from(["app-backend-1", NAME, ""]), TEXTS, st.none() | st.integers(0, 255), st.booleans(), TEXTS
)


@given(TEXTS, st.lists(WITNESSES, max_size=3), st.lists(st.text(min_size=1), max_size=2))
def test_it_is_always_one_line_and_never_empty(what: str, witnesses: list[Witness], steps: list[str]) -> None:
    found = StepError(what, witnesses, steps).cause()
    assert found.strip()
    assert len(found) <= cause.LENGTH
    assert len(found.splitlines()) == 1


@given(TEXTS)
def test_no_more_is_shown_than_was_written(text: str) -> None:
    assert len(cause.excerpt(text).splitlines()) <= len(text.splitlines()) + 1


@given(
    st.sampled_from(sorted(SAMPLES)),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*"), min_size=12, max_size=40),
    st.data(),
)
def test_no_secret_is_in_the_cause_nor_in_the_log(name: str, secret: str, data: st.DataObject) -> None:
    lines = SAMPLES[name].splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] += f" {secret}"
    error = failed_command("\n".join(lines), Witness("x", "", probe=secret))
    clean = error.rewritten(lambda text: redact.redact(text, [secret]))
    # Secrets that a sample has by chance would be gone from it as well
    assert secret not in clean.cause() + clean.log() + clean.brief(1000)
