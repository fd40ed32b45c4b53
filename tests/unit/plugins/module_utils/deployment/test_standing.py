"""What is said to serve is what runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.deployment import standing
from ansible_collections.fullstack.docker.plugins.module_utils.docker.containers import Container
from ansible_collections.fullstack.docker.plugins.module_utils.state import ledger
from ansible_collections.fullstack.docker.plugins.module_utils.state.ledger import Entry, Image

NEEDED = ("front_door", "nginx", "backend")


def container(service: str, image: str = "1", **changed: object) -> Container:
    """Return a container that serves."""
    health = None if service == "front_door" else "healthy"
    one = Container(f"{service}-{image}", f"app-{service}-1", service, "", f"{service}:{image}", "running", health)
    return replace(one, **changed)  # type: ignore[arg-type]


def entry(release: str, image: str, outcome: str = ledger.SUCCEEDED, target: str = "") -> Entry:
    """Return an entry of the ledger."""
    images = {service: Image(service, f"{service}:{image}") for service in ("backend", "nginx")}
    return Entry(release, outcome, "now", "me", images, target=target)


A, B = entry("20261127-000001", "1"), entry("20261127-000002", "2", ledger.FAILED)
OLD = [container(service) for service in NEEDED]


def said(
    containers: list[Container], entries: list[Entry], before: list[Container] | None = None, trouble: str = ""
) -> str:
    """Return what is said of these containers."""
    return standing.sentence(NEEDED, containers, entries, before, [trouble] if trouble else [])


def test_the_old_release_is_named() -> None:
    assert said(OLD, [A, B], OLD) == "The old release 20261127-000001 still serves."


def test_a_deployment_that_did_not_come_far_left_the_old_one() -> None:
    assert said(OLD, [A, B]) == "The old release 20261127-000001 still serves."


def test_of_a_rollback_the_release_gone_back_to_is_named() -> None:
    back = entry("20261127-000003", "1", ledger.ROLLED_BACK, A.release)
    assert "20261127-000001 still serves" in said(OLD, [A, entry("20261127-000002", "2"), back], OLD)


def test_what_came_in_between_is_not_called_old() -> None:
    new = [*OLD[:2], container("backend", "2")]
    assert (
        said(new, [A, replace(B, outcome=ledger.SUCCEEDED)], OLD)
        == "What serves now is what no release of the ledger has."
    )


def test_another_release_that_serves_now_is_not_called_old() -> None:
    new = [container(service, "2" if service != "front_door" else "1") for service in NEEDED]
    assert said(new, [A, replace(B, outcome=ledger.SUCCEEDED)], OLD) == "What serves now is release 20261127-000002."


def test_what_had_to_be_brought_back_serves_again() -> None:
    renewed = [replace(OLD[0], id="another"), replace(OLD[1], id="another nginx"), OLD[2]]
    assert said(renewed, [A, B], OLD) == "The old release 20261127-000001 serves again."


def test_a_release_that_failed_after_it_was_decided_for_is_called_so() -> None:
    new = [OLD[0], container("nginx", "2"), container("backend", "2")]
    assert said(new, [A, B], OLD) == "What serves now is the failed release 20261127-000002."


def test_what_no_release_has_is_not_called_one() -> None:
    assert said(OLD, [], OLD) == "What served before still serves: what no release of the ledger has."


@pytest.mark.parametrize(
    ("containers", "missing"),
    [
        ([], "backend is not there, front_door is not there, nginx is not there"),
        ([*OLD[:2], container("backend", health="unhealthy")], "backend is unhealthy"),
        ([*OLD[:2], container("backend", status="restarting")], "backend is restarting"),
        (OLD[1:], "front_door is not there"),
    ],
)
def test_nothing_serves_where_one_link_is_missing(containers: list[Container], missing: str) -> None:
    assert said(containers, [A, B], OLD) == f"Nothing serves: {missing}."
    assert said(containers, [B], []) == "Nothing serves yet."


def test_one_replica_that_serves_is_enough() -> None:
    assert "still serves" in said([*OLD, container("backend", "3", status="exited")], [A], OLD)


def test_containers_that_run_and_do_not_answer_do_not_serve() -> None:
    text = said(OLD, [A, B], OLD, "GET http://127.0.0.1:8420/: 502")
    assert "serves" not in text
    assert "The containers run of release 20261127-000001, but do not answer as they should: GET http://" in text
    assert "127.0.0.1:8420/: 502" in text


class TestLeftovers:
    """What a first deployment leaves in vain."""

    LOOP = container("backend", status="restarting")
    DB = container("db")

    def names(self, entries: list[Entry], *, served: bool = False) -> list[str]:
        found = standing.leftovers(set(NEEDED), [OLD[0], self.LOOP, self.DB], entries, served=served)
        return [one.service for one in found]

    def test_the_application_goes_and_the_database_stays(self) -> None:
        assert self.names([B]) == ["front_door", "backend"]
        assert self.names([]) == ["front_door", "backend"]

    def test_nothing_goes_of_a_stack_that_has_served(self) -> None:
        assert self.names([A, B]) == []
        assert self.names([entry("20261127-000001", "0", ledger.UNMANAGED), B]) == []
        assert self.names([B], served=True) == []
