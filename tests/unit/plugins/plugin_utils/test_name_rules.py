"""Names, folders and addresses that are refused on the controller."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.plugin_utils import name_rules

GOOD_NAMES = ["app", "shop", "a", "9", "1a", "a-b", "a--b", "a_b", "a__b", "a-", "a" * 54]
BAD_NAMES = {
    "My_App": "use my_app",
    "Shop": "use shop",
    "shop.v2": "use shop-v2",
    "": "use another",
    "-a": "use a",
    "_a": "use a",
    "läden": "use l-den",
    "my app\n": "use my-app",
    "a_": "use a",
    "a_-b": "use a-b",
    "a-_b": "use a-b",
    "a___b": "use a-b",
    "a" * 55: "54 are the most",
    "docker": "is a unit of the host's own",
    "systemd-journald": "is a unit of the host's own",
}


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_good_project_name_passes(name: str) -> None:
    assert name_rules.project_name(name) is None


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_project_name_is_refused_with_the_remedy(name: str) -> None:
    assert BAD_NAMES[name] in (name_rules.project_name(name) or "")


@given(
    st.text() | st.from_regex(r"[A-Za-z0-9._-]{1,70}", fullmatch=True) | st.from_regex(r"[a_-]{1,8}", fullmatch=True)
)
def test_a_name_that_is_proposed_is_good(name: str) -> None:
    said = name_rules.project_name(name) or ""
    proposed = re.search(r"; use (\S+)$", said)
    if proposed and proposed[1] != "another":
        assert name_rules.project_name(proposed[1]) is None or len(proposed[1]) > name_rules.PROJECT_LENGTH


@pytest.mark.parametrize("path", ["/opt/shop", "/srv/a/b.c_d-e", "/home/ada/shop", "/opt/shop/", "/root/shop"])
def test_a_good_folder_passes(path: str) -> None:
    assert name_rules.project_directory(path, development=False) is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("opt/shop", "is not an absolute path"),
        ("", "is not an absolute path"),
        ("./shop", "is not an absolute path"),
        ("~/shop", "is not an absolute path"),
        ("/", "is not the project's alone"),
        ("/opt", "such as /opt/shop"),
        ("/opt/", "such as /opt/shop"),
        ("/home/ada", "is not the project's alone"),
        ("/var/lib/docker", "is not the project's alone"),
        ("/opt/a/../b", "write /opt/b"),
        ("//opt/shop", "write /opt/shop"),
        ("/opt/my shop", "has a character"),
        ("/opt/50%", "has a character"),
        ("/opt/$HOME", "has a character"),
        ("/opt/a:b", "has a character"),
        ("/opt/a\nb", "has a character"),
        ("/tmp/shop", "is emptied by a reboot"),  # noqa: S108  (refused)
        ("/run/shop", "is emptied by a reboot"),
    ],
)
def test_a_bad_folder_is_refused(path: str, said: str) -> None:
    assert said in (name_rules.project_directory(path, development=False) or "")


def test_a_developers_own_folder_may_be_called_as_they_like() -> None:
    assert name_rules.project_directory("/home/ada/My Shop/.fullstack", development=True) is None
    assert name_rules.project_directory("shop", development=True)


@pytest.mark.parametrize("value", ["0.0.0.0", "127.0.0.1", "10.0.0.5"])
def test_a_good_address_passes(value: str) -> None:
    assert name_rules.address(value) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("::", "IPv6"),
        ("[::]", "IPv6"),
        ("::1", "IPv6"),
        ("[::1]", "IPv6"),
        ("fe80::1%eth0", "IPv6"),
        ("::ffff:127.0.0.1", "IPv6"),
        ("localhost", "is not an IP address"),
        ("", "is not an IP address"),
        ("127.1", "is not an IP address"),
        ("010.0.0.1", "is not an IP address"),
        ("[10.0.0.1]", "is not written as"),
        ("0.0.0.0/0", "is not an IP address"),
        ("10.0.0.5 ", "is not an IP address"),
    ],
)
def test_a_bad_address_is_refused_with_the_remedy(value: str, said: str) -> None:
    problem = name_rules.address(value) or ""
    assert said in problem
    assert "use 0.0.0.0 for all" in problem


@pytest.mark.parametrize("name", ["app", "shop-app.v2", 'O\'Neil "x"', "Läden", "x" * 63, "9"])
def test_a_name_that_postgresql_keeps_passes(name: str) -> None:
    assert name_rules.role(name) is None
    assert name_rules.database(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty"),
        (" app", "white space"),
        ("a\nb", "cannot be printed"),
        ("x" * 64, "has 64 bytes"),
        ("ä" * 32, "has 64 bytes"),
        ("a=b", "connection parameters"),
        ("postgres://x", "connection parameters"),
        ("$HOME", "Compose files"),
        ("a\\b", "Compose files"),
    ],
)
def test_a_name_that_something_takes_for_something_else_is_refused(name: str, said: str) -> None:
    assert said in (name_rules.role(name) or "")
    assert said in (name_rules.database(name) or "")


@pytest.mark.parametrize("name", ["pg_app", "pg_", "public", "none", "current_user"])
def test_a_reserved_role_is_refused(name: str) -> None:
    assert "is kept by PostgreSQL" in (name_rules.role(name) or "")


@pytest.mark.parametrize("name", ["template0", "template1"])
def test_a_template_is_no_database_for_an_application(name: str) -> None:
    assert "copies new databases from" in (name_rules.database(name) or "")


@pytest.mark.parametrize("name", ["app.main:app", "main", "main:create_app()", "main:create('x')", "my-app.main:app"])
def test_a_good_module_passes(name: str) -> None:
    assert name_rules.module(name) is None


@pytest.mark.parametrize("name", ["app/main:app", "main.py:app", "main: app", 'main:create("x")', "$x:app", ""])
def test_a_bad_module_is_refused(name: str) -> None:
    assert "write it as app.main:app" in (name_rules.module(name) or "")


def test_each_line_begins_with_its_variable() -> None:
    values: dict[str, object] = {
        "compose_project_name": "Shop",
        "compose_project_directory": "shop",
        "nginx_frontend_address": "::",
        "postgres_address": "::1",
        "redis_address": "[::]",
        "fastapi_backend_development_address": "::",
        "nginx_frontend_development_address": "::",
        "postgres_user": "pg_x",
        "postgres_app_user": "",
        "postgres_database": "template1",
        "fastapi_backend_module": "main.py",
        "compose_project_title": "Any: thing % $",
    }
    said = list(name_rules.problems(values, development=False))
    assert {line.split(":")[0] for line in said} == values.keys() - {"compose_project_title"}


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ({"postgres_app_user": "postgres"}, 1),
        ({"postgres_user": "app"}, 1),
        ({"postgres_user": "x", "postgres_app_user": "x"}, 1),
        ({"postgres_user": "app", "postgres_app_user": "postgres"}, 0),
        ({"compose_project_name": 2048}, 0),
        ({"compose_project_name": True, "postgres_address": None}, 0),
    ],
)
def test_roles_are_two_and_numbers_are_names(values: dict[str, object], count: int) -> None:
    assert len(list(name_rules.problems(values, development=False))) == count
