"""Good releases under traffic: of the backend, of the page and of nginx, one after the other, and back and forth.

Clients that never retry see none of them. The load goes on over all of them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.scenario.load import Load, traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scenario.releases import Stack
    from tests.scenario.stack import Compose, Run, Web

pytestmark = pytest.mark.alone

GOING_AWAY = {1001, 1012}
# What each release changes, in this order, and the services that it may touch
KINDS = {"backend": {"backend"}, "page": {"nginx"}, "nginx": {"nginx"}}
SERIES = [*((1, kind) for kind in KINDS), (2, "backend")]
FURTHER = [(number, kind) for number in (3, 4) for kind in KINDS]
# Seconds that a release has to stay up which never served, and that one waits for which has
WATCHED, LONG = 5, 60
# A client without any pause takes a core from what builds and serves; the further releases have one
PAUSES = (0.005, 0.04, 0.3)
# Seconds without any answer: below 0.1 on a quiet machine, where two cores also build and send the load
LONGEST_GAP = 0.5


@dataclass
class Series:
    """What was released, and what clients saw meanwhile."""

    runs: dict[tuple[int, str], Run]
    touched: dict[tuple[int, str], set[str]]
    load: Load
    first_page: str
    repeated: Run
    rolled_back: Run
    forth: Run
    evidence: str


def change(stack: Stack, kind: str, number: int) -> None:
    """Make something to release."""
    if kind == "backend":
        health = stack.application.folder / "backend/app/routes/health.py"
        health.write_text(f"{health.read_text()}\n# release {number}\n")
    elif kind == "page":
        main = stack.application.folder / "frontend/src/main.tsx"
        main.write_text(f"{main.read_text()}\nconsole.info('release {number}')\n")
    else:
        stack.variables["nginx_frontend_headers"] = {"X-Configuration": str(number)}


@pytest.fixture(scope="module")
def series(stack: Stack, compose: Compose, web: Web) -> Iterator[Series]:
    """Make all releases of this file."""
    runs, touched = {}, {}
    first_page = web.get("/").text
    with traffic(web, pauses=PAUSES, slow=2.0) as load:
        for number, kind in SERIES:
            change(stack, kind, number)
            before = compose.ids()
            runs[number, kind] = stack.release(fastapi_backend_settle=WATCHED if (number, kind) == SERIES[0] else 1)
            after = compose.ids()
            touched[number, kind] = {service for service in after if after[service] != before.get(service)}
        repeated = stack.release()
        earlier = stack.ledger()[-1 - len(SERIES)]["release"]
        rolled_back = stack.site.run(playbook="playbooks/rollback.yml", release=earlier)
        forth = stack.release(fastapi_backend_settle=LONG)
    errors = compose.run("docker compose logs --no-log-prefix nginx backend | grep -E 'error|\"status\":5' | tail -20")
    yield Series(runs, touched, load, first_page, repeated, rolled_back, forth, str(errors.stdout))
    stack.variables.clear()


@pytest.mark.parametrize(("number", "kind"), SERIES)
def test_a_release_succeeds(series: Series, number: int, kind: str) -> None:
    assert series.runs[number, kind].code == 0, series.runs[number, kind].output[-3000:]


@pytest.mark.parametrize(("number", "kind"), SERIES)
def test_what_did_not_change_is_left_alone(series: Series, number: int, kind: str) -> None:
    assert series.touched[number, kind] == KINDS[kind]


def test_a_second_run_changes_nothing(series: Series) -> None:
    assert (series.repeated.code, series.repeated.changed) == (0, 0), series.repeated.output[-3000:]


def test_a_step_back_succeeds(series: Series) -> None:
    assert series.rolled_back.code == 0, series.rolled_back.output[-3000:]


def test_what_has_served_before_is_not_watched_again(series: Series) -> None:
    watched, again = (re.search(r"smoke: ([0-9.]+)", run.said) for run in (series.runs[1, "backend"], series.forth))
    assert watched
    assert float(watched[1]) >= WATCHED
    assert again, series.forth.output[-3000:]
    assert float(again[1]) < LONG


def test_no_request_fails(series: Series) -> None:
    assert series.load.failures == [], series.evidence


def test_there_was_traffic(series: Series) -> None:
    assert series.load.answered > 5000


def test_there_is_always_an_answer(series: Series) -> None:
    assert series.load.gap < LONGEST_GAP


def test_both_releases_of_the_backend_answered(series: Series) -> None:
    assert len(series.load.releases) >= 3


def test_every_row_that_was_acknowledged_is_there_once(series: Series, compose: Compose) -> None:
    (writer,) = {row.split()[0] for row in series.load.rows}
    written = Counter(compose.psql(f"SELECT text FROM notes WHERE text LIKE '{writer} %'").splitlines())
    assert set(series.load.rows) <= set(written)
    assert set(written.values()) == {1}


def test_websockets_are_told_to_come_back(series: Series) -> None:
    assert series.load.closed
    assert set(series.load.closed) <= GOING_AWAY


def test_an_earlier_page_still_gets_its_assets(series: Series, web: Web) -> None:
    assets = re.findall(r'"(/assets/[^"]+)"', series.first_page)
    assert assets
    assert web.get("/").text != series.first_page
    assert [web.get(path).status for path in assets] == [200] * len(assets)


def test_the_run_tells_its_steps_and_their_time(series: Series) -> None:
    said = series.runs[1, "backend"].said
    assert [step for step in ("pin", "start", "health", "smoke", "switch", "verify", "drain", "retire") if
            re.search(rf"{step}: [0-9.]+", said) is None] == []  # fmt: skip


def test_the_run_tells_its_step_while_it_is_in_it(series: Series) -> None:
    assert "... [fullstack-release] " in series.runs[1, "backend"].output


def test_compose_agrees_with_what_runs(series: Series, compose: Compose) -> None:
    before = compose.ids()
    compose.output("docker compose up --detach --wait --quiet-pull 2>&1")
    assert compose.ids() == before


def test_nginx_resolves_the_backend_itself_again(series: Series, compose: Compose) -> None:
    assert "server backend:8000 resolve" in compose.output("cat infra/nginx/upstream.nginx")


def test_the_ledger_has_them_all(series: Series, stack: Stack) -> None:
    newest = stack.ledger()[-len(SERIES) - 2 :]
    assert [entry["outcome"] for entry in newest] == [*["succeeded"] * len(SERIES), "rolled back", "succeeded"]


@pytest.mark.soak
def test_further_releases_are_noticed_as_little(series: Series, stack: Stack, compose: Compose, web: Web) -> None:
    with traffic(web) as load:
        for number, kind in FURTHER:
            change(stack, kind, number)
            before = compose.ids()
            run = stack.release()
            assert run.code == 0, run.output[-3000:]
            after = compose.ids()
            assert {service for service in after if after[service] != before.get(service)} == KINDS[kind]
    stack.variables.clear()
    assert load.failures == []
    assert load.gap < LONGEST_GAP
    assert set(load.closed) <= GOING_AWAY
