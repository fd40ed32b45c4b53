"""From parts to a project."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.project import model as compose_model
from ansible_collections.fullstack.docker.plugins.module_utils.project.model import ModelError

SETTINGS = {"project": "shop", "directory": "/opt/shop", "cpus": 2}
trees = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


def service(**keys: Any) -> dict[str, Any]:
    return {"image": "example:1", **keys}


def project(part: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return compose_model.build({"example": part}, {**SETTINGS, **settings})


@given(mappings)
def test_merging_nothing_changes_nothing(tree: dict[str, Any]) -> None:
    assert compose_model.merge(tree, {}) == tree
    assert compose_model.merge({}, tree) == tree
    assert compose_model.merge(tree, tree) == tree


@given(mappings, mappings)
def test_what_is_merged_over_wins(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged = compose_model.merge(base, over)
    assert merged.keys() == base.keys() | over.keys()
    assert all(merged[key] == value for key, value in over.items() if not isinstance(value, dict))


@given(mappings, mappings)
def test_merging_leaves_its_arguments_alone(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = repr((base, over))
    compose_model.merge(base, over)
    assert repr((base, over)) == before


def test_every_service_is_hardened() -> None:
    made = project({"services": {"web": service()}})["compose"]["services"]["web"]
    assert (made["read_only"], made["cap_drop"], made["security_opt"], made["restart"]) == (
        True,
        ["ALL"],
        ["no-new-privileges:true"],
        "unless-stopped",
    )


def test_a_service_may_say_otherwise() -> None:
    made = project({"services": {"web": service(read_only=False)}})["compose"]["services"]["web"]
    assert made["read_only"] is False


def limited(cpus: str) -> dict[str, Any]:
    return service(deploy={"resources": {"limits": {"cpus": cpus}, "reservations": {"cpus": "0.5", "memory": "8M"}}})


@pytest.mark.parametrize(("asked", "cpus", "given_"), [("2.0", 1, "1.0"), ("2.0", 2, "2.0"), ("2.0", None, "2.0")])
def test_a_cpu_limit_is_cut_to_the_host(asked: str, cpus: int | None, given_: str) -> None:
    made = project({"services": {"web": limited(asked)}}, cpus=cpus)
    assert made["compose"]["services"]["web"]["deploy"]["resources"]["limits"]["cpus"] == given_
    assert bool(made["notices"]) == (asked != given_)


def test_reserved_cpus_become_shares() -> None:
    made = project({"services": {"web": limited("1")}})["compose"]["services"]["web"]
    assert made["cpu_shares"] == 512
    assert made["deploy"]["resources"]["reservations"] == {"memory": "8M"}


def test_a_changed_config_file_changes_the_label_of_its_service_alone() -> None:
    def labels(content: str) -> list[str]:
        part = {
            "services": {"a": service(), "b": service()},
            "config_files": {"a": {"a.conf": content}, "b": {"b.conf": "same"}},
        }
        services = project(part)["compose"]["services"]
        return [services[name]["labels"][compose_model.CONFIG_LABEL] for name in "ab"]

    before, after = labels("old"), labels("new")
    assert before[0] != after[0]
    assert before[1] == after[1]


SECRET = {"services": {"a": service()}, "secrets": {"a": {"uid": 7, "gid": 8, "files": {"env/KEY": "value of it"}}}}


def test_a_secret_is_a_file_of_the_containers_user() -> None:
    assert project(SECRET)["secret_files"] == [
        {"path": "secrets/a/env/KEY", "content": "value of it", "mode": "0400", "owner": "7", "group": "8"}
    ]


def test_no_secret_is_in_the_compose_file() -> None:
    made = project(SECRET)["compose"]
    assert "value of it" not in repr(made)
    assert made["services"]["a"]["secrets"] == [{"source": "a_env_KEY", "target": "/run/secrets/env/KEY"}]
    assert made["secrets"] == {"a_env_KEY": {"file": "./secrets/a/env/KEY"}}


def test_a_volume_is_external_and_named_after_the_project() -> None:
    made = project({"services": {"a": service()}, "volumes": {"data": {}}})
    assert made["compose"]["volumes"] == {"data": {"name": "shop_data", "external": True}}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"one": {"environment": {"A": "two\nlines"}}}, "the value of A has a line break"),
        ({"one": {"environment": {"1A": ""}}}, "'1A' is not the name of an environment variable"),
    ],
)
def test_a_malformed_part_is_refused_by_name(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        compose_model.build(parts, SETTINGS)


@pytest.mark.parametrize("value", ["plain", "My App", "it's", 'say "hi"', "$HOME", "a'b\"c$d\\e", "", "#x", "a #b"])
def test_compose_reads_an_env_value_back_unchanged(value: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(compose_model.env_line("VALUE", value) + "\n")
    # A shell reads the three kinds of quoting as Compose does
    shown = subprocess.run(
        ["sh", "-c", '. ./.env; printf %s "$VALUE"'], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert shown.stdout == value


SOURCE = {
    "kind": "path",
    "name": "backend",
    "src": "/src",
    "ignore": ["**/*.md"],
    "keep": ["README.md"],
    "variable": "v",
}


def test_a_source_says_what_is_kept_whatever_is_ignored() -> None:
    (source,) = project({"builds": [{"service": "a", "source": SOURCE}]})["path_sources"]
    assert source == {
        "name": "backend",
        "src": "/src",
        "ignore": ["**/*.md"],
        "keep": ["README.md"],
        "variable": "v",
        "dest": "/opt/shop/backend",
    }


def test_the_files_of_image_commands_are_joined() -> None:
    parts = {name: {"services": {name: service()}, "image_commands": {name: f"{name}.env"}} for name in "ab"}
    assert compose_model.build(parts, SETTINGS)["image_commands"] == {"a": "a.env", "b": "b.env"}


@pytest.mark.parametrize("key", ["directories", "validate"])
def test_what_file_tree_is_told_is_joined(key: str) -> None:
    first, second = {"path": "spool/a"}, {"path": "spool/b"}
    made = compose_model.build({"a": {key: [first]}, "b": {key: [second]}}, SETTINGS)
    assert made[key] == [first, second]


@pytest.mark.parametrize("check", [{}, {"disable": True}, {"test": ["NONE"]}])
def test_what_is_replaced_under_traffic_needs_a_health_check(check: dict[str, Any]) -> None:
    part = {"services": {"backend": service(healthcheck=check)}, "rolling": {"backend": "backend", "proxy": "nginx"}}
    with pytest.raises(ModelError, match="the service backend has no health check"):
        project(part)
