"""The application's own Dockerfile, from a folder on the controller; no migration, no frontend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenario.own_app import BANNER, COMMAND, OWN_DOCKERFILE
from tests.scenario.stack import eventually

if TYPE_CHECKING:
    from testinfra.host import Host

    from tests.scenario.own_app import Shop
    from tests.scenario.stack import Compose, Site


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site) -> None:
    """Go over from the image that the role builds."""
    site.apply(**OWN_DOCKERFILE)


def test_cmd_of_the_image_runs(shop: Shop) -> None:
    assert shop.about()["command"] == COMMAND


def test_entrypoint_of_the_image_ran_before_it(shop: Shop) -> None:
    assert shop.about()["banner"] == BANNER


def test_nothing_of_ours_is_left_in_the_environment(shop: Shop) -> None:
    assert shop.about()["exported"] == ["BANNER"]


def test_application_runs_in_the_folder_that_its_image_names(compose: Compose) -> None:
    assert compose.exec("backend", "pwd") == "/srv/service"


def test_its_own_dockerignore_counts(host: Host) -> None:
    assert not host.file("/opt/shop/backend/notes.txt").exists
    assert host.file("/opt/shop/backend/deploy/Dockerfile").exists


def test_data_is_still_there(shop: Shop) -> None:
    assert shop.get("/api/orders").json()[-1] == "tea"


def test_address_of_the_client_is_believed_from_nginx(shop: Shop) -> None:
    about = shop.about()
    assert (about["client"], about["url"]) == (shop.own_address(), "https://shop.test/api/about")


def test_there_is_no_page(shop: Shop) -> None:
    assert shop.get("/").status == 404


def test_another_run_finds_nothing_to_do(site: Site) -> None:
    run = site.apply("--check", "--diff", **OWN_DOCKERFILE)
    assert run.changed == 0, run.output


def test_compose_by_hand_leaves_it_as_it_is(compose: Compose) -> None:
    before = compose.ids()
    compose.output("docker compose -f compose.yml up -d")
    assert compose.ids() == before


def test_compose_by_hand_starts_it_with_the_command_of_its_image(compose: Compose, shop: Shop) -> None:
    compose.output("docker compose up -d --force-recreate --wait backend")
    eventually(lambda: shop.about()["command"] == COMMAND, 10)


def test_another_command_by_hand_gets_the_secrets_too(compose: Compose, secrets: dict[str, str]) -> None:
    said = compose.output("docker compose run --rm --no-deps -T backend printenv PAYMENT_TOKEN")
    assert said.strip() == secrets["env/PAYMENT_TOKEN"]
