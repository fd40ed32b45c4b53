"""Tags of images, and their commands."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.docker import images
from ansible_collections.fullstack.docker.plugins.module_utils.project.model import ModelError


@pytest.mark.parametrize(
    "other",
    [
        (["another Dockerfile"], "source", ["base"]),
        (["Dockerfile"], "another source", ["base"]),
        (["Dockerfile"], "source", ["another base"]),
    ],
)
def test_the_tag_follows_from_all_that_decides_the_image(other: tuple[list[str], str, list[str]]) -> None:
    tag = images.tag(["Dockerfile"], "source", ["base"])
    assert tag == images.tag(["Dockerfile"], "source", ["base"])
    assert tag != images.tag(*other)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="`")), min_size=1),
    st.integers(0, 3),
)
def test_the_entrypoint_reads_an_images_command_back_unchanged(argv: list[str], entrypoint: int) -> None:
    line = images.image_command("shop:1", {"Entrypoint": argv[:entrypoint] or None, "Cmd": argv[entrypoint:] or None})
    # A shell reads the line as Compose does, but for backquotes, which Compose knows nothing of
    script = line + 'eval "set -- $FULLSTACK_COMMAND"; for word; do printf "%s\\0" "$word"; done'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.split("\0")[:-1] == argv


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"Entrypoint": None, "Cmd": []}, "shop:1 has neither ENTRYPOINT nor CMD; set fastapi_backend_command"),
        ({"Cmd": ["sh", "-c", "a\nb"]}, "shop:1: a line break in its ENTRYPOINT or CMD; set fastapi_backend_command"),
    ],
)
def test_an_image_without_a_usable_command_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        images.image_command("shop:1", config)
