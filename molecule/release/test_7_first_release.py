"""The first deployment of a stack fails: it ends tidy and is told truly, and the next one needs no hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.releases import RELEASE
from tests.scenario.stack import Compose

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host

    from tests.scenario.stack import Run, Site

PORT = 8431
# A second stack on the host, of the image that the first one has built already
SECOND: dict[str, Any] = {
    "compose_project_name": "second",
    "nginx_frontend_port": PORT,
    "nginx_frontend_source": "none",
    "fastapi_backend_source": "image",
    "fastapi_backend_image": "app-backend:current",
}
BROKEN = {"fastapi_backend_command": ["sh", "-c", "echo this release is broken; exit 3"]}
IMAGE = "registry.lan:5000/fullstack/busybox:1"
OVERRIDE = f"services: {{helper: {{image: '{IMAGE}', command: [sleep, infinity]}}}}"


@pytest.fixture(scope="module")
def second(host: Host) -> Compose:
    """Return the second stack."""
    return Compose(host, project="second")


@dataclass(frozen=True)
class Outcome:
    """What a deployment said, and the services that there were afterwards, with their state."""

    run: Run
    services: dict[str, bool]
    volumes: str


@pytest.fixture(scope="module")
def deploy(site: Site, second: Compose) -> Callable[..., Outcome]:
    """Return a function that deploys the second stack."""

    def run(**variables: Any) -> Outcome:
        done = site.run(playbook=RELEASE, **SECOND, **variables)
        services = {one.service: one.serving for one in second.containers()}
        return Outcome(done, services, second.output("docker volume ls --quiet --filter name=second_"))

    return run


@pytest.fixture(scope="module")
def failed(deploy: Callable[..., Outcome]) -> Outcome:
    """Deploy what does not start."""
    return deploy(**BROKEN)


def test_it_says_why_and_that_nothing_serves(failed: Outcome) -> None:
    assert failed.run.code != 0
    told = failed.run.output.partition("[ERROR]: ")[2].splitlines()
    why = "services: dependency failed to start: container second-backend-1 is unhealthy: this release is broken"
    assert told[0].endswith(why)
    assert told[1] == "Nothing serves yet."


def test_only_what_holds_data_is_left(failed: Outcome) -> None:
    assert failed.services == {"db": True, "redis": True}


def test_no_port_promises_an_answer(failed: Outcome, host: Host) -> None:
    assert not host.socket(f"tcp://0.0.0.0:{PORT}").is_listening


@pytest.fixture(scope="module")
def mended(deploy: Callable[..., Outcome], failed: Outcome, second: Compose) -> Outcome:
    """Deploy it again without the fault, beside two containers that somebody has made by hand."""
    second.output(f'printf %s "{OVERRIDE}" >compose.override.yml && docker compose up --detach helper')
    second.output(f"docker run --detach --name byhand --label com.docker.compose.project=second {IMAGE} sleep infinity")
    return deploy()


def test_the_next_one_needs_no_hand(mended: Outcome, host: Host) -> None:
    assert mended.run.code == 0, mended.run.output[-3000:]
    assert "interrupted" not in mended.run.said
    # From the host itself: the ports that others may ask are site.yml's
    ask = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{PORT}/api/health/ready').status)"
    assert host.check_output("python3 -c %s", ask).strip() == "200"


def test_the_data_is_that_of_before(mended: Outcome, failed: Outcome) -> None:
    assert mended.volumes == failed.volumes != ""


@pytest.mark.parametrize(
    "words",
    [
        f"helper: container second-helper-1 of image {IMAGE}, made by /opt/second/compose.yml,/opt/second/compose.ov",
        f"byhand: container byhand of image {IMAGE}, made without a Compose file",
        "/opt/second/compose.override.yml: docker compose by hand reads it, deployments do not",
    ],
)
def test_what_somebody_made_is_told_of(mended: Outcome, words: str) -> None:
    assert words in mended.run.said


def test_what_somebody_made_runs_on(mended: Outcome, host: Host) -> None:
    assert mended.services["helper"]
    assert host.docker("byhand").is_running


@pytest.mark.soak
def test_what_somebody_made_is_removed_where_it_is_named_and_check_mode_says_so(
    mended: Outcome, site: Site, second: Compose, host: Host
) -> None:
    named: dict[str, Any] = {"compose_project_removed_services": ["helper", "byhand"]}
    looked = site.run("--check", playbook=RELEASE, **SECOND, **named)
    assert "remove byhand: container byhand of image" in looked.said
    assert "remove helper: container second-helper-1 of image" in looked.said
    assert host.docker("byhand").is_running
    assert site.run(playbook=RELEASE, **SECOND, **named).code == 0
    assert "helper" not in second.ids()
    assert not host.run("docker inspect byhand").succeeded
    assert second.serving(5)
