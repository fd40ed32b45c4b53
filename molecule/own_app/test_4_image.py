"""The application as an image from a registry; a new certificate in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenario.certificates import NAMES, Issued, issue
from tests.scenario.own_app import BANNER, COMMAND, OWN_DOCKERFILE

if TYPE_CHECKING:
    from pathlib import Path

    from testinfra.host import Host

    from tests.scenario.own_app import Shop
    from tests.scenario.stack import Compose, Site

IMAGE = "registry.lan:5000/own-app/shop:1"


@pytest.fixture(scope="module")
def renewed(team: Path) -> Issued:
    """Return a new certificate, for the same key, in the place of the old one."""
    old = Issued.read(team, "certificate")
    certificate = issue(NAMES[0], Issued.read(team, "authority"), old.key)
    certificate.write(team, "certificate")
    return certificate


@pytest.fixture(scope="module", autouse=True)
def before(host: Host, compose: Compose, site: Site, renewed: Issued) -> dict[str, str]:
    """Push the image that runs, forget it, deploy it from the registry; return the containers of before."""
    ids = compose.ids()
    host.check_output(f"docker tag shop-backend:current {IMAGE} && docker push -q {IMAGE} && docker rmi {IMAGE}")
    image = {"fastapi_backend_source": "image", "fastapi_backend_image": IMAGE, "fastapi_backend_dockerfile": ""}
    site.apply(**OWN_DOCKERFILE | image)
    return ids


def test_image_of_the_registry_runs(compose: Compose) -> None:
    assert compose.container("backend").inspect["Config"]["Image"] == IMAGE


def test_its_entrypoint_and_cmd_run(shop: Shop) -> None:
    about = shop.about()
    assert (about["banner"], about["command"]) == (BANNER, COMMAND)


def test_new_certificate_is_served(shop: Shop, renewed: Issued) -> None:
    assert shop.serial() == renewed.certificate.serial_number


def test_nginx_was_not_restarted_for_it(compose: Compose, before: dict[str, str]) -> None:
    assert compose.ids()["nginx"] == before["nginx"]
    assert compose.container("nginx").inspect["RestartCount"] == 0
