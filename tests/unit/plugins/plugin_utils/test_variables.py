"""check_variables: the pure part, and the action on a small collection of two roles."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.plugin_utils import variables as cv
from tests.unit.real_ansible import REPOSITORY, PlayRunner

SPECS: dict[str, dict[str, dict[str, Any]]] = {
    "postgres": {
        "postgres_memory": {"type": "str", "default": "512M", "description": ["Memory limit.", "Everything follows."]},
        "postgres_port": {"type": "int", "default": 0, "description": "Port on the host."},
        "postgres_config": {"type": "dict", "default": {}, "description": "Settings."},
        "postgres_password": {"type": "str", "required": True, "no_log": True, "description": "Superuser's password."},
        "postgres_users": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "description": "Further users.",
            "options": {
                "name": {"type": "str", "required": True, "description": "Name."},
                "password": {"type": "str", "no_log": True, "description": "Password."},
            },
        },
    },
    "redis": {
        "redis_appendonly": {"type": "bool", "default": True, "description": "Log every write."},
        "redis_policy": {
            "type": "str",
            "choices": ["noeviction", "allkeys-lru"],
            "default": "noeviction",
            "description": "What is evicted.",
        },
        "redis_password": {"type": "str", "required": True, "no_log": True, "description": "Password."},
    },
}
GOOD: dict[str, Any] = {"postgres_password": "correct-horse-42", "redis_password": "battery-staple-7"}
KNOWN = sorted(name for spec in SPECS.values() for name in spec)


def found(**values: Any) -> list[str]:
    """Return the problems of a play that sets these variables over good ones."""
    variables = GOOD | values
    return cv.problems(variables, {name: variables[name] for name in KNOWN if name in variables}, SPECS)


def test_good_variables_pass() -> None:
    assert found(postgres_port=5432, postgres_config={"jit": "off"}, redis_policy="allkeys-lru", my_own="x") == []


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"postgres_memroy": "1G"},
            "postgres_memroy: no such variable in role postgres; did you mean postgres_memory?",
        ),
        ({"redis_zzz": 1}, "redis_zzz: no such variable in role redis; the role's variables are in roles/redis/meta/"),
        ({"postgre_memory": "1G"}, "postgre_memory: no role has such a variable; did you mean postgres_memory?"),
        ({"postgres_port": "many"}, "postgres_port: 'many' cannot be converted to an int; wanted: int (Port"),
        ({"postgres_port": True}, "postgres_port: is true or false, not a number of type int; wanted: int (Port on"),
        ({"redis_password": ""}, "redis_password: empty; set it in the vault file (playbooks/secrets.yml"),
        ({"postgres_memory": None}, "postgres_memory: is empty; give it a value, or remove the line for the default"),
        ({"postgres_memory": ["1G"]}, "postgres_memory: is a list, not a str; wanted: str (Memory limit"),
        ({"postgres_config": "jit=off"}, "postgres_config: is a str, not a dict"),
        ({"redis_appendonly": "no"}, "redis_appendonly: is text; write true or false"),
        (
            {"redis_policy": "lru"},
            "redis_policy: value of redis_policy must be one of: noeviction, allkeys-lru, got: lru",
        ),
        (
            {"postgres_users": [{"name": "a", "passwrd": "x"}]},
            "postgres_users: there is no postgres_users.passwrd; known are name, password; wanted",
        ),
        ({"postgres_users": [{"password": "x"}]}, "postgres_users: missing required arguments: name found in"),
    ],
)
def test_each_mistake_is_one_line_that_names_the_variable(values: dict[str, Any], line: str) -> None:
    lines = found(**values)
    assert len(lines) == 1
    assert lines[0].startswith(line)
    assert "\n" not in lines[0]


def test_a_missing_secret_is_asked_for_in_the_vault() -> None:
    lines = cv.problems({}, {}, {"redis": SPECS["redis"]})
    assert len(lines) == 1
    assert lines[0].startswith("redis_password: not set; set it in the vault file (playbooks/secrets.yml")


@pytest.mark.parametrize("name", ["__postgres_x", "compose_project_parts", "my_postgres_memory", "ansible_user", "x"])
def test_names_that_are_not_ours_pass(name: str) -> None:
    assert found(**{name: 1}) == []


@given(name=st.sampled_from(KNOWN), data=st.data())
def test_two_swapped_letters_are_told_back(name: str, data: st.DataObject) -> None:
    # Behind the role's prefix: a spoilt prefix is judged by likeness alone
    place = data.draw(st.integers(name.index("_") + 1, len(name) - 2))
    typo = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    lines = cv.unknown_names([typo], SPECS)
    assert lines == [] if typo in KNOWN else f"{name}" in lines[0]


@given(secret=st.text("abcdefgh0123", min_size=8))
def test_no_line_has_a_secret(secret: str) -> None:
    lines = found(
        postgres_password={"key": secret},
        redis_password=[secret],
        postgres_users=[{"name": {}, "password": {"a": secret}, "other": 1}],
    )
    assert len(lines) >= 3
    assert not any(secret in line for line in lines)


def test_an_optional_value_that_is_not_known_yet_passes_and_a_required_one_does_not() -> None:
    unknown = cv.Unusable("'ansible_memtotal_mb' is undefined", undefined=True)
    assert found(postgres_memory=unknown) == []
    assert found(postgres_password=unknown) == ["postgres_password: 'ansible_memtotal_mb' is undefined"]


def test_a_value_whose_template_is_wrong_is_told() -> None:
    broken = cv.Unusable("unexpected '}'", undefined=False)
    assert found(postgres_memory=broken) == ["postgres_memory: unexpected '}'"]


@pytest.mark.parametrize("name", ["compose_project_parts", "compose_project_host", "__postgres_x", "__redis_part"])
def test_what_the_roles_keep_to_themselves_is_refused_by_name(name: str) -> None:
    (line,) = cv.internals([name, "postgres_port", "_mine", "__mine"], SPECS, "the inventory")
    assert line.startswith(f"{name}: set by the inventory")


def test_every_name_that_a_role_sets_is_known() -> None:
    """A variable from outside would beat it, and no check would tell."""
    set_names = set()
    for path in (REPOSITORY / "roles").glob("*/tasks/*.yml"):
        for task in yaml.safe_load(path.read_text()) or []:
            for part in (task, *task.get("block", []), *task.get("always", []), *task.get("rescue", [])):
                set_names |= {part["register"]} if "register" in part else set()
                set_names |= set(part.get("ansible.builtin.set_fact", {})) - {"cacheable"}
    own = tuple(f"__{path.name}_" for path in (REPOSITORY / "roles").iterdir())
    assert {name for name in set_names if not name.startswith(own)} == cv.FACTS


# The action, by Ansible, on the real plugins beside roles of its own.


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of collections with this one's plugins and the two roles above."""
    root = tmp_path_factory.mktemp("collections")
    collection = root / "ansible_collections/fullstack/docker"
    shutil.copytree(REPOSITORY / "plugins", collection / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    for role, options in SPECS.items():
        (collection / f"roles/{role}/meta").mkdir(parents=True)
        specs = {"argument_specs": {"main": {"short_description": role, "options": options}}}
        (collection / f"roles/{role}/meta/argument_specs.yml").write_text(yaml.safe_dump(specs, sort_keys=False))
    return root


CHECK: dict[str, Any] = {"fullstack.docker.check_variables": None}


def test_ansible_passes_good_variables(play: PlayRunner, collections: Path) -> None:
    derived = {
        "redis_policy": "{{ 'allkeys-' ~ 'lru' }}",
        "postgres_port": "{{ base | default(5000) + 432 }}",
        "postgres_memory": "{{ ansible_memtotal_mb // 4 }}M",
        "postgres_config": {"shared_buffers": "{{ ansible_facts['memtotal_mb'] }}MB"},
    }
    result = play(CHECK, variables=GOOD | derived, collections=collections, check=True).last
    assert (result["changed"], result.get("failed")) == (False, None)


def test_ansible_names_all_problems_at_once_and_no_secret(play: PlayRunner, collections: Path) -> None:
    wrong = {
        "postgres_memroy": "1G",
        "postgres_port": "{{ 'ma' ~ 'ny' }}",
        "postgres_memory": "{{ 1 | no_such_filter }}",
        "postgres_password": "{{ {'a': 'correct-horse'} | ansible.builtin.dict2items | int | no_such_filter }}",
        "redis_password": "{{ vault_redis_password }}",
        "redis_policy": "{{ 'broken' ",
    }
    run = play(CHECK, variables=wrong, collections=collections)
    head, *lines = run.last["msg"].splitlines()
    assert head == "6 problems with the variables; nothing was changed:"
    assert [line.partition(":")[0] for line in lines] == [
        "postgres_memroy",
        "postgres_memory",
        "postgres_port",
        "postgres_password",
        "redis_policy",
        "redis_password",
    ]
    assert "no_such_filter" in lines[1]
    assert "'vault_redis_password' is undefined" in lines[5]
    assert "correct-horse" not in run.output


def test_ansible_checks_the_roles_that_are_asked_for(play: PlayRunner, collections: Path) -> None:
    task = {"fullstack.docker.check_variables": {"roles": ["redis"]}}
    variables = {"redis_password": "battery-staple-7", "postgres_port": "many"}
    assert not play(task, variables=variables, collections=collections).last.get("failed")


@pytest.mark.parametrize("roles", [["redis"], []])
def test_ansible_refuses_what_only_roles_may_set(play: PlayRunner, collections: Path, roles: list[str]) -> None:
    given = ("--extra-vars", '{"compose_project_parts": {}, "__postgres_part": {"services": {}}, "mine": 1}')
    task = {"fullstack.docker.check_variables": {"roles": roles}}
    said = play(task, variables=GOOD, collections=collections, arguments=given).last["msg"]
    assert said.splitlines()[0] == "2 problems with the variables; nothing was changed:"
    assert "\ncompose_project_parts: set by the command line (-e), but it is the roles' own" in said


def test_ansible_does_not_mind_what_an_earlier_play_set(play: PlayRunner, collections: Path) -> None:
    earlier: dict[str, Any] = {"ansible.builtin.set_fact": {"compose_project_parts": {}, "__redis_part": {}}}
    named: dict[str, Any] = {"ansible.builtin.debug": None, "register": "compose_project_result"}
    assert not play(earlier, named, CHECK, variables=GOOD, collections=collections).last.get("failed")


@pytest.mark.parametrize(("environment", "failed"), [("production", True), ("development", None)])
def test_a_weak_secret_is_refused_in_production_only(
    play: PlayRunner, collections: Path, environment: str, failed: bool | None
) -> None:
    variables = GOOD | {"redis_password": "changeme", "compose_project_environment": environment}
    result = play(CHECK, variables=variables, collections=collections).last
    assert result.get("failed") is failed
    assert not failed or "redis_password: is a placeholder" in result["msg"]
