"""What the tests of this scenario share is what those of `release` share."""

from __future__ import annotations

from release.conftest import application, stack

__all__ = ["application", "stack"]
