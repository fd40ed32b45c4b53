"""A role that lies outside the collection adds a service to the stack (docs/add-a-service.md), and takes it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.stack import PROJECT, Run, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

    from tests.scenario.stack import Compose, Site

PASSWORD = "a password that is long enough"
VARIABLES: dict[str, Any] = {
    "compose_project_roles": ["mailcatcher"],
    "mailcatcher_image": "registry.lan:5000/fullstack/python:3.13",
    "mailcatcher_password": PASSWORD,
}
SEND = "import smtplib; smtplib.SMTP('mailcatcher', 1025).sendmail('a@shop.test', ['b@shop.test'], 'Subject: hello')"
READ = "import urllib.request as r; print(r.urlopen('http://mailcatcher:8025/?password=' + '{}').read().decode())"


@pytest.fixture(scope="module", autouse=True)
def roles_path() -> Iterator[None]:
    """Let Ansible find the role, as roles_path of ansible.cfg does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSIBLE_ROLES_PATH", str(PROJECT / "docs/examples/roles"))
        yield


@pytest.fixture(scope="module")
def before(site: Site, compose: Compose) -> dict[str, str]:
    """Return the containers without the service, as site.yml makes them."""
    site.apply()
    return compose.ids()


@pytest.fixture(scope="module")
def looked(before: dict[str, str], site: Site) -> Run:
    """Look at what would be done."""
    return site.apply("--check", "--diff", **VARIABLES)


@pytest.fixture(scope="module")
def added(looked: Run, site: Site) -> Run:
    """Add the service."""
    return site.apply(**VARIABLES)


def ask(compose: Compose, program: str) -> str:
    """Run Python in the backend's container."""
    return compose.exec("backend", "python3", "-c", program)


def test_a_look_tells_of_it(looked: Run) -> None:
    assert "mailcatcher: create" in looked.said
    assert PASSWORD not in looked.output


def test_it_is_healthy_and_nothing_else_has_changed(added: Run, compose: Compose, before: dict[str, str]) -> None:
    assert compose.health("mailcatcher") == "healthy"
    assert {service: name for service, name in compose.ids().items() if service != "mailcatcher"} == before


def test_it_is_hardened_as_all_are(added: Run, compose: Compose) -> None:
    configured = compose.container("mailcatcher").inspect["HostConfig"]
    assert configured["CapDrop"] == ["ALL"]
    assert configured["ReadonlyRootfs"] is True
    assert configured["SecurityOpt"] == ["no-new-privileges:true"]
    assert configured["Memory"] == 64 * 2**20


def test_its_secret_is_its_own(added: Run, host: Host) -> None:
    file = host.file("/opt/app/secrets/mailcatcher/password")
    assert (file.uid, file.mode, file.content_string) == (10001, 0o400, PASSWORD)


def test_it_catches_what_the_application_sends(added: Run, compose: Compose) -> None:
    ask(compose, SEND)
    assert "Subject: hello" in ask(compose, READ.format(PASSWORD.replace(" ", "+")))


def test_it_has_a_row_in_the_status(added: Run, site: Site) -> None:
    status = site.apply(playbook="playbooks/status.yml")
    assert "mailcatcher" in status.said
    assert "all is well" in status.said


def test_a_second_run_changes_nothing(added: Run, site: Site) -> None:
    assert site.apply(**VARIABLES).changed == 0


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"mailcatcher_memry": "1G"}, "mailcatcher_memry: no such variable in role mailcatcher; did you mean"),
        ({"mailcatcher_uid": "nobody"}, "mailcatcher_uid: "),
        ({"mailcatcher_password": ""}, "mailcatcher_password: "),
        ({"compose_project_roles": ["mail_catcher"]}, "compose_project_roles: there is no role mail_catcher"),
    ],
)
def test_its_variables_are_checked_like_ours(site: Site, variables: dict[str, Any], message: str) -> None:
    run = site.run(**{**VARIABLES, **variables})
    assert run.code != 0
    assert message in run.said
    assert run.changed == 0


def test_losing_it_is_refused(added: Run, site: Site, compose: Compose) -> None:
    run = site.run()
    assert run.code != 0
    assert "an earlier deployment made mailcatcher" in run.said
    assert compose.health("mailcatcher") == "healthy"


def test_it_goes_where_that_is_said(added: Run, site: Site, compose: Compose, host: Host) -> None:
    site.apply(compose_project_removed_services=["mailcatcher"])
    eventually(lambda: "mailcatcher" not in compose.ids(), 10)
    assert not host.file("/opt/app/secrets/mailcatcher").exists
