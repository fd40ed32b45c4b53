"""The database with every connection in use that its settings allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.scenario.stack import SERVICES, Compose, Container, Web, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

# 20 connections a replica, twice while a release replaces it, 3 replicas
BUDGET = 20 * 2 * 3


@pytest.fixture(scope="module")
def before(compose: Compose) -> Container:
    return compose.container("db")


@pytest.fixture(scope="module")
def occupied(before: Container, compose: Compose, web: Web) -> Iterator[dict[str, Any]]:
    """Stop the application, so that its connections are free, and occupy all there are."""
    compose.output("docker compose stop backend")
    found: dict[str, Any] = compose.one_off_script("backend", "occupy")
    yield found
    compose.output("docker compose start backend")
    eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), 60)


def test_as_many_are_busy_at_once_as_the_application_may_have(occupied: dict[str, Any]) -> None:
    assert occupied["at_once"] >= BUDGET


def test_every_one_got_its_answer(occupied: dict[str, Any]) -> None:
    assert occupied["answers"] == occupied["at_once"]


def test_the_rest_is_kept_for_people(occupied: dict[str, Any], compose: Compose) -> None:
    assert "reserved for roles with the SUPERUSER attribute" in occupied["refusal"]


def test_nothing_was_killed_for_memory(occupied: dict[str, Any], compose: Compose) -> None:
    assert compose.container("db").limits["oom_kills"] == 0


def test_database_ran_on(occupied: dict[str, Any], before: Container, compose: Compose) -> None:
    assert compose.container("db").pid == before.pid
