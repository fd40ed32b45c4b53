"""What compose_stack decides to do."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils import scram, stack_plan
from ansible_collections.fullstack.docker.plugins.module_utils.compose_model import ModelError
from ansible_collections.fullstack.docker.plugins.module_utils.stack_plan import Container, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

WANTED = Wanted("backend", "hash", "sha256:image", None)


def container(**changed: Any) -> Container:
    facts = {
        "id": "1",
        "name": "app-backend-1",
        "service": "backend",
        "config_hash": "hash",
        "image_id": "sha256:image",
        "status": "running",
        "health": "healthy",
    }
    return Container(**{**facts, **changed})


@pytest.mark.parametrize(
    ("wanted", "containers", "expected"),
    [
        (WANTED, [container()], None),
        (WANTED, [container(health=None)], None),
        (WANTED, [container(health="starting")], None),
        (WANTED, [container(), container(id="2")], None),
        (WANTED, [], "create"),
        (WANTED, [container(service="db")], "create"),
        (WANTED, [container(config_hash="other")], "recreate: its definition, configuration or secrets changed"),
        (WANTED, [container(image_id="sha256:old")], "recreate: its image changed"),
        (Wanted("backend", "hash", None, None), [container()], "recreate: its image changed"),
        (WANTED, [container(status="exited")], "start"),
        (WANTED, [container(status="restarting")], "start"),
        (WANTED, [container(health="unhealthy")], "wait for it: it is unhealthy"),
        (Wanted("backend", "hash", "sha256:image", 3), [container()], "scale from 1 to 3"),
    ],
)
def test_a_service_gets_what_it_lacks(wanted: Wanted, containers: list[Container], expected: str | None) -> None:
    assert stack_plan.change(wanted, containers) == expected


def test_a_stack_as_described_is_left_alone() -> None:
    assert stack_plan.changes([WANTED], [container()]) == {}


def test_a_scale_set_by_hand_counts() -> None:
    assert stack_plan.replicas_now("backend", [container(), container(id="2"), container(service="db")]) == 2


def test_there_is_one_replica_at_first() -> None:
    assert stack_plan.replicas_now("backend", []) == 1


def test_only_services_without_a_number_or_a_shared_network_are_scaled_by_hand() -> None:
    services: dict[str, Any] = {
        "backend": {},
        "db": {"deploy": {"replicas": 1}},
        "nginx": {"network_mode": "service:front_door"},
        "migrate": {"profiles": ["migrate"]},
    }
    assert stack_plan.scalable({"services": services}) == ["backend"]


def test_the_databases_come_first() -> None:
    services: dict[str, Any] = {
        "db": {},
        "front_door": {},
        "backend": {"depends_on": {"db": {"condition": "service_healthy"}}},
        "nginx": {
            "depends_on": {
                "backend": {"condition": "service_healthy"},
                "front_door": {"condition": "service_started"},
            }
        },
    }
    assert stack_plan.foundations({"services": services}) == ["db"]


@pytest.mark.parametrize(
    "other",
    [
        (["another Dockerfile"], "source", ["base"]),
        (["Dockerfile"], "another source", ["base"]),
        (["Dockerfile"], "source", ["another base"]),
    ],
)
def test_the_tag_follows_from_all_that_decides_the_image(other: tuple[list[str], str, list[str]]) -> None:
    tag = stack_plan.tag(["Dockerfile"], "source", ["base"])
    assert tag == stack_plan.tag(["Dockerfile"], "source", ["base"])
    assert tag != stack_plan.tag(*other)


DATABASE = {"name": "shop", "owner": "app", "superuser": "postgres"}
PASSWORDS = {"postgres": "super secret", "app": "it's \\ quoted"}


def known(role: str, **changed: Any) -> dict[str, Any]:
    superuser = role == "postgres"
    return {"verifier": scram.verifier(PASSWORDS[role]), "login": True, "superuser": superuser, **changed}


def test_roles_as_described_need_nothing() -> None:
    state = {"roles": {role: known(role) for role in PASSWORDS}, "owner": "app"}
    assert stack_plan.role_statements(DATABASE, PASSWORDS, state) == []


@pytest.mark.parametrize(
    ("roles", "owner", "expected"),
    [
        ({"postgres": known("postgres")}, "app", ["create role app"]),
        ({"postgres": known("postgres"), "app": known("app", verifier=None)}, "app", ["set the password of role app"]),
        ({"postgres": known("postgres"), "app": known("app", login=False)}, "app", ["let role app log in"]),
        ({"postgres": known("postgres"), "app": known("app", superuser=True)}, "app", ["take superuser from role app"]),
        (
            {"postgres": known("postgres"), "app": known("app")},
            "postgres",
            ["give database shop to role app"],
        ),
    ],
)
def test_roles_get_what_they_lack(roles: dict[str, Any], owner: str, expected: list[str]) -> None:
    statements = stack_plan.role_statements(DATABASE, PASSWORDS, {"roles": roles, "owner": owner})
    assert [description for description, _sql in statements] == expected


def test_no_password_travels_to_the_server() -> None:
    statements = stack_plan.role_statements(DATABASE, PASSWORDS, {"roles": {}, "owner": "postgres"})
    assert all(password not in sql for _description, sql in statements for password in PASSWORDS.values())


def test_earlier_passwords_come_back_and_new_roles_have_none() -> None:
    state = {"roles": {"postgres": known("postgres", verifier="SCRAM-SHA-256$x")}, "owner": "app"}
    assert stack_plan.earlier_passwords(PASSWORDS, state) == (
        """ALTER ROLE "postgres" PASSWORD 'SCRAM-SHA-256$x';ALTER ROLE "app" PASSWORD NULL;"""
    )


@given(st.text(min_size=1), st.text(min_size=1, alphabet="ab'\"\\;-"))
def test_quoted_names_and_texts_end_where_they_should(name: str, text: str) -> None:
    assert stack_plan.quote_name(name)[1:-1].replace('""', "").count('"') == 0
    body = stack_plan.quote_text(text).removeprefix(" E")[1:-1]
    assert body.replace("\\\\", "").replace("''", "").count("'") == 0


@given(st.lists(st.text(alphabet="abc1", min_size=4), min_size=1), st.text(alphabet="abc1 \n"))
def test_no_secret_is_left_in_a_text(secrets: list[str], text: str) -> None:
    redacted = stack_plan.redact(" ".join([text, *secrets]), secrets)
    assert not any(secret in redacted for secret in secrets)


@pytest.mark.parametrize(
    "write",
    [str, repr, json.dumps, quote, quote_plus, lambda text: "\n".join(f"app-1 | {line}" for line in text.splitlines())],
    ids=["as it is", "Python", "JSON", "URL", "form", "line by line"],
)
def test_no_secret_is_left_however_it_is_written(write: Callable[[str], str]) -> None:
    secret = "first 'line' / of \"it\" + \\ %40\nsecond line: $HOME é\n"
    redacted = stack_plan.redact(f"it is {write(secret)}", [secret])
    assert not any(part in redacted for part in ("first", "second"))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="`")), min_size=1),
    st.integers(0, 3),
)
def test_the_entrypoint_reads_an_images_command_back_unchanged(argv: list[str], entrypoint: int) -> None:
    line = stack_plan.image_command(
        "shop:1", {"Entrypoint": argv[:entrypoint] or None, "Cmd": argv[entrypoint:] or None}
    )
    # A shell reads the line as Compose does, but for backquotes, which Compose knows nothing of
    script = line + 'eval "set -- $FULLSTACK_COMMAND"; for word; do printf "%s\\0" "$word"; done'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.split("\0")[:-1] == argv


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"Entrypoint": None, "Cmd": []}, "shop:1 has neither ENTRYPOINT nor CMD; set fastapi_backend_command"),
        ({"Cmd": ["sh", "-c", "a\nb"]}, "shop:1: a line break in its ENTRYPOINT or CMD; set fastapi_backend_command"),
    ],
)
def test_an_image_without_a_usable_command_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        stack_plan.image_command("shop:1", config)


def test_hashes_are_those_of_services_with_their_files_read_and_their_namespaces_joined() -> None:
    services: dict[str, Any] = {
        "web": {"network_mode": "service:door", "environment": None},
        "api": {"environment": {"A": "$$1"}},
        "alone": {"network_mode": "service:gone"},
        "host": {"network_mode": "host"},
    }
    assert stack_plan.hash_override(services, {"door": "4f"}) == (
        '{"services": {"web": {"env_file": !reset [], "network_mode": "container:4f"}, '
        '"api": {"env_file": !reset [], "environment": {"A": "$$1"}}, '
        '"alone": {"env_file": !reset []}, "host": {"env_file": !reset []}}}'
    )
