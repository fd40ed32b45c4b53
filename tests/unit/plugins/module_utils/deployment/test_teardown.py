"""What goes with a project, and what has to be typed before it does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.deployment import teardown
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import FOLDER_LABEL


@pytest.mark.parametrize(
    ("typed", "volumes", "check_mode", "said"),
    [
        ("app", "", False, ""),
        ("app", "app", False, ""),
        ("", "", True, ""),
        ("", "app", True, ""),
        ("", "", False, "teardown_project: is not given"),
        ("", "app", False, "teardown_project: is not given"),
        ("shop", "", False, "teardown_project: is shop"),
        ("shop", "", True, "teardown_project: is shop"),
        ("App", "", False, "teardown_project: is App"),
        ("app", "shop", False, "teardown_volumes: is shop"),
        ("app", "yes", True, "teardown_volumes: is yes"),
    ],
)
def test_a_name_has_to_be_typed(typed: str, volumes: str, check_mode: bool, said: str) -> None:
    found = teardown.refusal("app", typed, volumes, check_mode=check_mode)
    assert found.startswith(said)
    assert bool(found) == bool(said)
    assert not found or "type -e teardown_" in found


@given(st.text(), st.text())
def test_nothing_but_the_name_confirms(typed: str, volumes: str) -> None:
    confirmed = not teardown.refusal("app", typed, volumes, check_mode=False)
    assert confirmed == (typed == "app" and volumes in ("", "app"))


def test_what_no_deployment_made_stays() -> None:
    names = ["app.dump", "backups", ".env", ".described.new", "compose.yml", "compose.override.yml", ".git"]
    assert teardown.own_entries(names) == (
        [".described.new", ".env", "compose.yml"],
        [".git", "app.dump", "backups", "compose.override.yml"],
    )


def test_images_of_others_stay() -> None:
    images = [
        ("1", "app-backend", "current"),
        ("2", "app-backend", "<none>"),
        ("3", "app-backend-backend", "current"),  # of project app-backend
        ("4", "shop-nginx", "current"),
        ("5", "python", "3.13"),
    ]
    assert teardown.images_of("app", images, ["6"]) == {"app-backend:current": "1", "6": "6"}


def test_volumes_of_others_stay() -> None:
    volumes = {
        "app_postgres_data": "",
        "app_redis_data": "shop",  # as somebody else composed it
        "app_uploads": "app",
        "app_other": "",
        "shop_postgres_data": "",
    }
    assert teardown.volumes_of("app", volumes) == ["app_postgres_data", "app_uploads"]


@pytest.mark.parametrize(
    ("folders", "found"), [([], []), (["/opt/app/", ""], []), (["/opt/app", "/srv/app"], ["/srv/app"])]
)
def test_containers_from_another_folder_are_found(folders: list[str], found: list[str]) -> None:
    containers = [{"Config": {"Labels": {FOLDER_LABEL: folder}}} for folder in folders]
    assert teardown.elsewhere(containers, "/opt/app") == found
