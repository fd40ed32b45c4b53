"""What a module makes is read by services as other users, whatever the umask of the login that it runs in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.fullstack.docker.plugins.action import source_tree as action
from ansible_collections.fullstack.docker.plugins.module_utils.project import source_tree as tree
from ansible_collections.fullstack.docker.plugins.modules import file_tree, source_tree, stack_lock
from tests.unit.real_ansible import run_module

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=[0o027, 0o077], ids=["027", "077"], autouse=True)
def umask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Log in with a strict umask."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def unreadable(root: Path) -> list[str]:
    """Return what other users cannot read, or not go through."""
    return sorted(
        str(path.relative_to(root))
        for path in [root, *root.rglob("*")]
        if path.stat().st_mode & (0o005 if path.is_dir() else 0o004) != (0o005 if path.is_dir() else 0o004)
    )


def test_project_and_its_lock(tmp_path: Path) -> None:
    run_module(stack_lock.main, directory=str(tmp_path / "opt" / "shop"), run="1")
    assert unreadable(tmp_path / "opt") == []


def test_files_and_the_folders_above_them(tmp_path: Path) -> None:
    files = [{"path": "infra/nginx/nginx.conf", "content": "x"}]
    run_module(file_tree.main, root=str(tmp_path / "opt" / "shop"), files=files)
    assert unreadable(tmp_path / "opt") == []


def test_sources(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "main.py").write_text("x")
    dest = tmp_path / "opt" / "shop" / "backend"
    sources: list[dict[str, Any]] = [{"name": "backend", "src": str(private), "dest": str(dest)}]
    source = action.read_source({**sources[0], "ignore": [], "keep": [], "required": [], "variable": ""}, str(private))
    archive = tmp_path / "sources.tar.gz"
    action.pack([source], str(archive))
    answer = run_module(source_tree.main, sources=[{**sources[0], "_hash": source.hash}], _archive=str(archive))
    assert answer["changed"]
    assert unreadable(tmp_path / "opt") == []


class TestCheckout:
    """What git left of a strict umask."""

    def test_what_others_cannot_read_is_found(self, tmp_path: Path) -> None:
        (tmp_path / ".git").mkdir()
        (tmp_path / ".git" / "config").write_text("")
        (tmp_path / "app").mkdir()
        for name, mode in {"app/main.py": 0o600, "app/run": 0o700, "app/open": 0o644}.items():
            (tmp_path / name).write_text("")
            (tmp_path / name).chmod(mode)
        (tmp_path / "app" / "link").symlink_to("nowhere")
        found = tree.closed(str(tmp_path))
        for path, mode in found.items():
            Path(path).chmod(mode)
        modes = {"app": 0o755, "app/main.py": 0o644, "app/run": 0o755}
        assert {path.name: found[str(path)] & 0o55 for path in (tmp_path / name for name in modes)} == {
            Path(name).name: mode & 0o55 for name, mode in modes.items()
        }
        assert str(tmp_path / ".git") not in found
        assert tree.closed(str(tmp_path)) == {}

    def test_an_open_one_is_left_alone(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        assert tree.closed(str(tmp_path)) == {}
