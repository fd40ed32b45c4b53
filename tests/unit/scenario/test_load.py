"""Clients that measure how long nobody was answered."""

from __future__ import annotations

import pytest

from tests.scenario.load import Load, Span
from tests.scenario.stack import Web


@pytest.mark.parametrize(
    ("gap", "stalls", "left"),
    [
        (Span(1, 4), [], 3),
        (Span(1, 4), [Span(0, 1), Span(4, 9)], 3),
        (Span(1, 4), [Span(0, 2), Span(3, 3.5)], 1.5),
        (Span(1, 4), [Span(0, 9)], 0),
    ],
)
def test_a_gap_is_measured_without_the_times_at_which_the_clients_could_not_ask(
    gap: Span, stalls: list[Span], left: float
) -> None:
    assert gap.less(stalls) == left


def test_the_longest_gap_counts() -> None:
    load = Load(Web("nowhere", "127.0.0.1"))
    assert load.gap == 0
    load._gaps += [Span(0, 1), Span(2, 5)]
    load._stalls.append(Span(2, 4.5))
    assert load.gap == 1
