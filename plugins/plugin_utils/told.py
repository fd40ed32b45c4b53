# Copyright: the fullstack.docker maintainers
# Apache License 2.0 (see LICENSE)
"""Let Ansible print the message of a failed module once."""

from __future__ import annotations

from typing import Any


def once(result: dict[str, Any]) -> dict[str, Any]:
    """Return a module's result with ``msg``, the reason, and ``where`` made one, so that neither is printed twice.

    From 2.19 on ansible-core prints a module's own message above the result, in plain lines; earlier ones print the
    result alone.
    """
    if not result.get("failed") or "where" not in result:
        return result
    rest = {key: value for key, value in result.items() if key != "where"}
    printed = not isinstance(result.get("exception", ""), str)
    return {**rest, "msg": result["where"] if printed else f"{result['msg']}\n{result['where']}"}
