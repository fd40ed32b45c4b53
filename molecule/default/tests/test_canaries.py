"""Secrets that are recognised wherever they get to, through deployments that say all they can and that fail."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.scenario.stack import SCRIPTS, Run, Site, run_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

SECRETS = "/opt/app/secrets"
COMMAND_LINES = "/run/canaries-command-lines"
WATCH = "canaries-watch"
EXPORTED = {"postgres_app_password", "redis_password", "fastapi_backend_jwt_secret_key", "PAYMENT_KEY", "MAIL_PASSWORD"}
"""Canaries that the application's own process may have in its environment."""

# What an application does that nobody should write: it prints every secret, in each form that it may take
TELLTALE = """
import json, os, pathlib, sys, urllib.parse
files = [path for path in pathlib.Path("/run/secrets").rglob("*") if path.is_file()]
for text in (path.read_text().strip() for path in files):
    print(text, repr(text), json.dumps({"is": text}), urllib.parse.quote(text))
    print(*(f"line: {line}" for line in text.splitlines()), sep="\\n")
print("environment:", dict(os.environ), file=sys.stderr)
sys.exit(f"{len(files)} secrets were told")
"""


@pytest.fixture(scope="module")
def canaries() -> dict[str, str]:
    """Return what each secret is recognised by: letters and digits, the same however they are quoted."""
    names = [
        "postgres_password",
        "postgres_app_password",
        "redis_password",
        "fastapi_backend_jwt_secret_key",
        "fastapi_backend_git_key",
        "PAYMENT_KEY",
        "MAIL_PASSWORD",
        "account.json",
        "token",
    ]
    return {name: f"canary{uuid4().hex}" for name in names}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory, canaries: dict[str, str]) -> Path:
    """Return a certificate with its key beside it, the tenth canary."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "certificate.pem", folder / "key.pem"
    subject = ["-subj", "/CN=canary", "-addext", "subjectAltName=DNS:localhost"]
    request = [
        "openssl",
        "req",
        "-x509",
        "-nodes",
        "-newkey",
        "rsa:2048",
        *subject,
        "-out",
        str(made),
        "-keyout",
        str(key),
    ]
    subprocess.run(request, check=True, capture_output=True)
    canaries["nginx_frontend_tls_key"] = key.read_text().splitlines()[5]
    return made


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory, canaries: dict[str, str], certificate: Path) -> Path:
    """Return an inventory with a vault that puts a canary in the place of each secret."""
    folder = tmp_path_factory.mktemp("inventory")
    (folder / "hosts.yml").write_text("fullstack: {}\n")
    vault = folder / "group_vars/fullstack/vault.yml"
    vault.parent.mkdir(parents=True)
    # Whatever has to be quoted, somewhere
    awkward = "/+%40 '\"\\$HOME `:@?#"
    plain = {name: f"{value}{awkward}" for name, value in canaries.items()}
    secrets = {
        "postgres_password": plain["postgres_password"],
        "postgres_app_password": plain["postgres_app_password"],
        "redis_password": plain["redis_password"],
        "fastapi_backend_jwt_secret_key": plain["fastapi_backend_jwt_secret_key"],
        "fastapi_backend_git_key": f"-----BEGIN PRIVATE KEY-----\n{canaries['fastapi_backend_git_key']}\n",
        "fastapi_backend_secret_environment": {key: plain[key] for key in ("PAYMENT_KEY", "MAIL_PASSWORD")},
        "fastapi_backend_secret_files": {
            "account.json": json.dumps({"type": "account", "private_key": canaries["account.json"]}, indent=2),
            "token": f"{plain['token']}\n",
        },
        "nginx_frontend_tls_key": certificate.with_name("key.pem").read_text(),
    }
    encrypt = [str(Path(sys.executable).parent / "ansible-vault"), "encrypt", "--output", str(vault)]
    subprocess.run(encrypt, input=json.dumps(secrets), text=True, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let Ansible keep facts in files, as large sites do."""
    folder = tmp_path_factory.mktemp("facts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSIBLE_CACHE_PLUGIN", "jsonfile")
        patch.setenv("ANSIBLE_CACHE_PLUGIN_CONNECTION", str(folder))
        yield folder


@pytest.fixture(scope="module")
def command_lines(host: Host) -> Iterator[None]:
    """Write down every command line on the host meanwhile."""
    script = (SCRIPTS / "note_processes.py").read_text()
    host.check_output(f"systemd-run --unit={WATCH} --nice=10 python3 -c %s {COMMAND_LINES}", script)
    yield
    host.check_output(f"systemctl stop {WATCH} && rm {COMMAND_LINES}")


@pytest.fixture(scope="module")
def began(host: Host) -> float:
    """Return the host's time before the first of these runs."""
    return float(host.check_output("date +%s"))


@pytest.fixture(scope="module")
def deploy_as_before(site: Site) -> Callable[[], Run]:
    """Return a function that ends the time of the canaries, once."""
    return cache(site.apply)


@pytest.fixture(scope="module")
def runs(
    began: float,
    command_lines: None,
    facts: Path,
    inventory: Path,
    certificate: Path,
    site: Site,
    deploy_as_before: Callable[[], Run],
) -> Iterator[dict[str, Run]]:
    """Check, deploy, and fail in two ways with the canaries; in the end everything is as it was."""
    arguments = ("-vvvv", "--diff", f"--inventory={inventory}")
    settings: dict[str, Any] = {
        "fastapi_backend_export_urls": True,
        "nginx_frontend_tls": "files",
        "nginx_frontend_tls_certificate_file": str(certificate),
        "nginx_frontend_tls_trust_file": str(certificate),
    }
    # A key to a repository is needed there alone, and check mode asks no repository
    checkout: dict[str, Any] = {
        "fastapi_backend_source": "git",
        "fastapi_backend_git_url": "ssh://git@localhost/application.git",
        "fastapi_backend_git_known_hosts": ["localhost ssh-ed25519 AAAA"],
    }
    build: dict[str, Any] = {"fastapi_backend_image_base": "registry.lan:5000/fullstack/busybox:1"}
    # Another release, so that there is something to migrate for
    migration: dict[str, Any] = {
        "fastapi_backend_health_path": "/health/ready",
        "fastapi_backend_migrate_command": ["python3", "-c", TELLTALE],
    }
    yield {
        "check": site.apply("--check", *arguments, **settings, **checkout),
        "deployment": site.apply(*arguments, **settings),
        "failed build": site.run(*arguments, **settings, **build),
        "failed migration": site.run(*arguments, **settings, **migration),
    }
    deploy_as_before()


@pytest.fixture(scope="module")
def places(
    runs: dict[str, Run], facts: Path, host: Host, canaries: dict[str, str], began: float
) -> dict[str, dict[str, Any]]:
    """Return where each canary is."""
    sought = json.dumps(canaries).encode().hex()
    found: dict[str, dict[str, Any]] = run_script(host, "hunt", str(began), sought, SECRETS)
    return found


FAILURES = {"failed build": r"python3.*not found", "failed migration": r"\d+ secrets were told"}


@pytest.mark.parametrize(("name", "reason"), FAILURES.items())
def test_run_failed_and_says_why(runs: dict[str, Run], name: str, reason: str) -> None:
    assert runs[name].code != 0
    assert re.search(reason, runs[name].said)


@pytest.mark.parametrize("name", ["check", "deployment", *FAILURES])
def test_output_holds_no_canary(runs: dict[str, Run], canaries: dict[str, str], name: str) -> None:
    assert [canary for canary, value in canaries.items() if value in runs[name].output] == []


def test_facts_cache_holds_no_canary(runs: dict[str, Run], facts: Path, canaries: dict[str, str]) -> None:
    kept = "".join(path.read_text() for path in facts.rglob("*") if path.is_file())
    assert [canary for canary, value in canaries.items() if value in kept] == []


class TestHost:
    """After all those runs, as the last one left it."""

    PLACES = (
        "files of the host",
        "docker inspect of the containers",
        "docker inspect of the images",
        "history of the images",
        "logs of the containers",
        "journal of the host",
        "process list",
    )

    @pytest.mark.parametrize("place", PLACES)
    def test_place_was_read(self, places: dict[str, dict[str, Any]], place: str) -> None:
        assert places[place]["read"] > 0

    @pytest.mark.parametrize("place", PLACES)
    def test_place_holds_no_canary(self, places: dict[str, dict[str, Any]], place: str) -> None:
        assert places[place]["hits"] == []

    def test_command_lines_were_written_down(self, runs: dict[str, Run], host: Host) -> None:
        assert "docker compose" in host.file(COMMAND_LINES).content_string

    def test_application_alone_has_them_in_its_environment(self, places: dict[str, dict[str, Any]]) -> None:
        assert {tuple(hit) for hit in places["environments"]["hits"]} == {(name, "backend") for name in EXPORTED}

    def test_every_canary_is_where_it_belongs(self, runs: dict[str, Run], canaries: dict[str, str], host: Host) -> None:
        kept = host.check_output(f"find {SECRETS} -type f -exec cat {{}} +")
        # Nothing is checked out, so there is no key for it either
        assert [canary for canary, value in canaries.items() if value not in kept] == ["fastapi_backend_git_key"]

    def test_files_there_are_closed_to_others(self, runs: dict[str, Run], host: Host) -> None:
        assert set(host.check_output(f"find {SECRETS} -type f -printf '%m\n'").splitlines()) == {"400"}

    def test_nothing_is_left_of_the_runs_themselves(self, runs: dict[str, Run], host: Host) -> None:
        assert host.check_output("find /root/.ansible/tmp -mindepth 1 -newermt '-1 hour' 2>/dev/null || true") == ""


def test_secrets_that_are_wanted_no_more_are_removed(
    runs: dict[str, Run], deploy_as_before: Callable[[], Run], canaries: dict[str, str], host: Host
) -> None:
    deploy_as_before()
    kept = host.check_output(f"find {SECRETS} -type f -exec cat {{}} +")
    assert [canary for canary, value in canaries.items() if value in kept] == []
