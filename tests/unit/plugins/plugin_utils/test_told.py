"""A module's message is printed once, by ansible-core of either kind."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fullstack.docker.plugins.plugin_utils import told

FAILED: dict[str, Any] = {"failed": True, "msg": "why", "where": "in the step: health", "actions": []}


def test_what_is_printed_above_the_result_is_not_in_it() -> None:
    assert told.once({**FAILED, "exception": object()})["msg"] == "in the step: health"


@pytest.mark.parametrize("more", [{}, {"exception": "a traceback, at -vvv"}])
def test_where_the_result_alone_is_printed_it_has_all(more: dict[str, str]) -> None:
    assert told.once({**FAILED, **more})["msg"] == "why\nin the step: health"


@pytest.mark.parametrize("result", [{"changed": True}, {"failed": True, "msg": "refused"}])
def test_any_other_result_is_left_alone(result: dict[str, Any]) -> None:
    assert told.once(result) == result
