"""What a deployment writes down of the stack is read back, by versions that know its form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.state import stack

SAID = {"rolling": {"proxy": "nginx"}, "timeout": 180}


@pytest.mark.parametrize("written", [SAID, {"version": stack.VERSION, **SAID}], ids=["at first", "now"])
def test_it_is_read_back(tmp_path: Path, written: dict[str, object]) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / stack.FILE).write_text(json.dumps(written))
    assert stack.read(tmp_path) == SAID


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "it is no object"),
        ('{"version": 9}', "it has version 9, and this collection knows version 1"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / stack.FILE).write_text(text)
    with pytest.raises(stack.StackError) as error:
        stack.read(tmp_path)
    assert words in str(error.value)
    assert "nothing was touched. Run site.yml once" in str(error.value)


def test_one_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(stack.StackError, match="cannot be read"):
        stack.read(tmp_path)
