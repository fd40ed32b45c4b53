"""Source trees: manifests, the archive, and the action through real Ansible."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.action import source_tree as action
from ansible_collections.fullstack.docker.plugins.module_utils.project import source_tree as st_util
from ansible_collections.fullstack.docker.plugins.modules import source_tree
from tests.unit.real_ansible import PlayRunner, run_module

NAMES = st.sampled_from(["a", "b", "a/c", "a/d", "e"])
MANIFESTS = st.dictionaries(NAMES, st.sampled_from(["file:0644:1", "file:0755:1", "link:a"]))


@given(wanted=MANIFESTS, found=MANIFESTS)
def test_a_comparison_says_exactly_what_turns_one_into_the_other(wanted: dict[str, str], found: dict[str, str]) -> None:
    changes = st_util.compare(wanted, found)
    result = {path: line for path, line in found.items() if path not in changes["removed"]}
    result |= {path: wanted[path] for path in changes["added"] + changes["modified"]}
    assert result == wanted
    assert (st_util.digest(wanted) == st_util.digest(found)) == (not any(changes.values()))


@given(manifest=MANIFESTS)
def test_the_order_of_entries_is_of_no_matter_to_the_hash(manifest: dict[str, str]) -> None:
    assert st_util.digest(dict(reversed(manifest.items()))) == st_util.digest(manifest)


@pytest.mark.parametrize(
    ("path", "target", "out"),
    [
        ("a/link", "file", False),
        ("a/link", "../file", False),
        ("a/link", "../../file", True),
        ("link", "..", True),
        ("link", "/etc/passwd", True),
        ("a/b/link", "../../c/./d", False),
        ("a/link", "b/../../../x", True),
    ],
)
def test_a_link_leaves_when_it_points_above_the_root(path: str, target: str, out: bool) -> None:
    assert st_util.leaves(path, target) is out


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a small source with what a real one has: code, a script, a link, caches, secrets."""
    root = tmp_path / "clone" / "backend"
    for name, content in {
        ".dockerignore": "**/__pycache__\n.env*\n!.env.example\n",
        ".env": "SECRET=1\n",
        ".env.example": "SECRET=\n",
        "app/__pycache__/main.pyc": "x",
        "app/main.py": "app = 1\n",
        "pyproject.toml": "[project]\n",
        "run": "#!/bin/sh\n",
        "größe.txt": "x",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    (root / "run").chmod(0o775)
    (root / "app/main.py").chmod(0o600)
    (root / "app/latest").symlink_to("main.py")
    (root / "empty").mkdir()
    return root


SENT = {
    ".": "directory",
    ".dockerignore": "0644",
    ".env.example": "0644",
    "app": "directory",
    "app/latest": "main.py",
    "app/main.py": "0644",
    "größe.txt": "0644",
    "pyproject.toml": "0644",
    "run": "0755",
}


def seen(root: Path) -> dict[str, str]:
    """Return what stands in a directory: mode of a file, target of a link."""
    paths = [root, *root.rglob("*")] if root.exists() else []
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else "directory"
        if path.is_dir()
        else f"{path.stat().st_mode & 0o7777:04o}"
        for path in paths
    }


def task(source: Path, dest: Path, state: str = "present", **options: Any) -> dict[str, Any]:
    """Return a task that brings one source to the host."""
    item = {"name": "backend", "src": str(source), "dest": str(dest), "variable": "fastapi_backend_path", **options}
    return {"fullstack.docker.source_tree": {"sources": [item], "state": state}}


def read(source: Path, **options: Any) -> action.Source:
    defaults: dict[str, Any] = {"ignore": [], "keep": [], "required": [], "variable": "fastapi_backend_path"}
    return action.read_source({"name": "backend", "dest": "/opt", **defaults, **options}, str(source))


def test_a_source_is_brought_once_then_left_alone_then_repaired(source: Path, tmp_path: Path, play: PlayRunner) -> None:
    dest = tmp_path / "opt" / "app" / "backend"
    announced = play(task(source, dest), check=True, diff=True).last
    assert not dest.parent.exists()
    drift: list[dict[str, Any]] = [
        {"ansible.builtin.shell": f"cd {dest} && echo x >> app/main.py && chmod 700 run && touch new && mkdir -p d"},
        {"ansible.builtin.shell": f"cd {dest} && rm pyproject.toml && ln -sf /etc/passwd app/latest && chmod 700 app"},
    ]
    first, second, _shell, _shell, third = play(
        task(source, dest), task(source, dest), *drift, task(source, dest), diff=True
    ).results
    assert announced["sources"] == first["sources"]
    assert first["sources"]["backend"]["added"] == [path for path in SENT if SENT[path] != "directory"]
    assert second["changed"] is False
    assert second["sources"]["backend"]["hash"] == first["sources"]["backend"]["hash"]
    assert third["sources"]["backend"]["modified"] == ["app/", "app/latest", "app/main.py", "run"]
    assert third["sources"]["backend"]["removed"] == ["d/", "new"]
    assert third["sources"]["backend"]["added"] == ["pyproject.toml"]
    assert f"- {dest}/new\n" in third["diff"][0]["prepared"]
    assert seen(dest) == SENT
    assert sorted(path.name for path in dest.parent.iterdir()) == ["backend"]


def test_nothing_to_do_is_one_remote_call(source: Path, tmp_path: Path, play: PlayRunner) -> None:
    dest = tmp_path / "backend"
    play(task(source, dest))
    run = play(task(source, dest), arguments=("-vvv",))
    assert run.output.count(" EXEC ") == 1


def test_two_sources_travel_together(source: Path, tmp_path: Path, play: PlayRunner) -> None:
    other = tmp_path / "frontend"
    other.mkdir()
    (other / "package.json").write_text("{}")
    both = task(source, tmp_path / "opt/backend")
    both["fullstack.docker.source_tree"]["sources"].append(
        {"name": "frontend", "src": str(other), "dest": str(tmp_path / "opt/frontend")}
    )
    first, second = play(both, {**both}).results
    assert (first["changed"], second["changed"]) == (True, False)
    assert seen(tmp_path / "opt/frontend") == {".": "directory", "package.json": "0644"}
    (source / "app/main.py").write_text("app = 2\n")
    third = play(both).last["sources"]
    assert {name: third[name]["changed"] for name in third} == {"backend": True, "frontend": False}
    assert third["backend"]["modified"] == ["app/main.py"]


def test_described_reads_only(source: Path, tmp_path: Path, play: PlayRunner) -> None:
    result = play(task(source, tmp_path / "opt", state="described")).last
    assert result["sources"]["backend"] == {"hash": read(source).hash, "files": 7}
    assert not (tmp_path / "opt").exists()


def test_all_bad_sources_are_named_at_once_and_nothing_is_touched(
    source: Path, tmp_path: Path, play: PlayRunner
) -> None:
    bad = task(tmp_path / "nowhere", tmp_path / "opt/backend")
    bad["fullstack.docker.source_tree"]["sources"].append(
        {
            "name": "frontend",
            "src": str(source),
            "dest": str(tmp_path / "opt/frontend"),
            "required": ["package.json"],
            "variable": "nginx_frontend_path",
        }
    )
    message = play(bad).last["msg"]
    assert f"fastapi_backend_path: {tmp_path}/nowhere does not exist" in message
    assert f"nginx_frontend_path: {source} has no package.json" in message
    assert not (tmp_path / "opt").exists()


# Reading a source.


def test_ignore_comes_before_the_sources_own_patterns_and_keep_overrides_both(source: Path) -> None:
    manifest = read(source, ignore=["**/.env*", "**/*.toml", "**/app"], keep=["pyproject.toml", "app/main.py"]).manifest
    assert {path for path in manifest if not path.endswith("/")} == {
        ".dockerignore",
        ".env.example",
        "app/main.py",
        "größe.txt",
        "pyproject.toml",
        "run",
    }


def test_the_hash_is_the_same_in_another_place_and_order(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other"
    for path in sorted((path for path in source.rglob("*") if not path.is_dir()), reverse=True):
        target = copy / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            target.symlink_to(path.readlink())
        else:
            target.write_bytes(path.read_bytes())
            target.chmod(0o700 if path.name == "run" else 0o640)
    assert read(copy).hash == read(source).hash


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda root: (root / "app/main.py").write_text("app = 2\n"), True),
        (lambda root: (root / "run").chmod(0o644), True),
        (lambda root: (root / "run").chmod(0o700), False),
        (lambda root: (root / "app/main.py").rename(root / "app/other.py"), True),
        (lambda root: (root / ".env").write_text("SECRET=2\n"), False),
        (lambda root: (root / "another").mkdir(), False),
        (lambda root: os.utime(root / "run", (0, 0)), False),
        (lambda root: (root / ".dockerignore").write_text("x"), True),
        (lambda root: os.mkfifo(root / "pipe"), False),
    ],
)
def test_the_hash_follows_what_is_sent(source: Path, change: Any, differs: bool) -> None:
    before = read(source).hash
    change(source)
    assert (read(source).hash != before) is differs


def test_the_archive_of_a_source_is_always_the_same(source: Path, tmp_path: Path) -> None:
    sums = set()
    for name in ("1.tar.gz", "2.tar.gz"):
        action.pack([read(source)], str(tmp_path / name))
        sums.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        os.utime(source / "run", (1, 1))
    assert len(sums) == 1


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../other"])
def test_a_link_out_of_the_source_is_refused(source: Path, target: str) -> None:
    (source / "app/out").symlink_to(target)
    with pytest.raises(st_util.SourceTreeError, match=f"app/out is a symbolic link to {target}, which is outside"):
        read(source)


def test_a_link_out_of_the_source_that_is_ignored_does_no_harm(source: Path) -> None:
    (source / ".venv").mkdir()
    (source / ".venv/python").symlink_to("/usr/bin/python3")
    assert ".venv/python" not in read(source, ignore=["**/.venv"]).manifest


def test_links_to_folders_are_not_followed(source: Path) -> None:
    (source / "again").symlink_to(".")
    manifest = read(source).manifest
    assert manifest["again"] == "link:."
    assert not any(path.startswith("again/") for path in manifest)


def make_unreadable(root: Path) -> None:
    (root / ".dockerignore").write_bytes(b"\xff\xfe")


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda _root: None, {"required": ["uv.lock"]}, "has no uv.lock; set fastapi_backend_path to the folder"),
        (lambda _root: None, {"required": [".env"]}, "is left out by .dockerignore; take it up by '!.env'"),
        (lambda _root: None, {"ignore": ["!"]}, "'!' alone excepts nothing"),
        (lambda root: (root / ".dockerignore").write_text("*\n"), {}, "nothing of .* is left to send"),
        (make_unreadable, {}, "cannot read"),
    ],
)
def test_a_source_that_cannot_serve_is_refused_by_its_variable(
    source: Path, change: Any, options: dict[str, Any], message: str
) -> None:
    change(source)
    with pytest.raises(st_util.SourceTreeError, match=f"^fastapi_backend_path: .*{message}"):
        read(source, **options)


def test_a_name_that_is_not_utf8_is_refused(source: Path) -> None:
    Path(os.fsdecode(os.fsencode(source) + b"/\xff")).write_text("x")
    with pytest.raises(st_util.SourceTreeError, match="not a UTF-8 file name"):
        read(source)


def test_a_file_in_place_of_a_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(st_util.SourceTreeError, match="is not a directory"):
        read(tmp_path / "file")


# The host's half.


def member(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, linkname, 0o755
    return info


@pytest.mark.parametrize(
    "members",
    [
        [member("other/file")],
        [member("backend/../../file")],
        [member("backend", tarfile.DIRTYPE), member("backend/device", tarfile.CHRTYPE)],
        [member("backend", tarfile.DIRTYPE), member("backend/hard", tarfile.LNKTYPE, "/etc/passwd")],
    ],
)
def test_an_archive_with_anything_else_is_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for info in members:
            tar.addfile(info)
    with pytest.raises(st_util.SourceTreeError, match="the archive holds"):
        source_tree.unpack(str(archive), {"backend": str(tmp_path / "new")})


def test_a_source_that_changed_while_it_was_read_leaves_the_old_tree(source: Path, tmp_path: Path) -> None:
    dest, archive = tmp_path / "opt", tmp_path / "a.tar.gz"
    dest.mkdir()
    (dest / "old").write_text("old")
    before = read(source)
    (source / "app/main.py").write_text("app = 2\n")
    action.pack([before], str(archive))
    sources = [{"name": "backend", "src": "/", "dest": str(dest), "_hash": before.hash}]
    result = run_module(source_tree.main, sources=sources, _archive=str(archive))
    assert "changed on the controller while it was read" in result["msg"]
    assert seen(dest) == {".": "directory", "old": "0644"}
    assert sorted(path.name for path in tmp_path.glob(".opt*")) == []


def test_what_a_killed_run_left_is_cleared(source: Path, tmp_path: Path) -> None:
    dest, archive = tmp_path / "opt", tmp_path / "a.tar.gz"
    for word in ("new", "old"):
        (tmp_path / f".opt.{word}").mkdir()
        (tmp_path / f".opt.{word}" / "x").write_text("x")
    wanted = read(source)
    action.pack([wanted], str(archive))
    sources = [{"name": "backend", "src": "/", "dest": str(dest), "_hash": wanted.hash}]
    assert run_module(source_tree.main, sources=sources, _archive=str(archive))["changed"]
    assert sorted(path.name for path in tmp_path.glob(".opt*")) == []
    again = run_module(source_tree.main, sources=sources)
    assert (again["changed"], again["found"]) == (False, {})


def test_a_destination_that_is_a_link_is_replaced_and_its_target_spared(source: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/precious").write_text("x")
    dest, archive = tmp_path / "opt", tmp_path / "a.tar.gz"
    dest.symlink_to("elsewhere")
    wanted = read(source)
    action.pack([wanted], str(archive))
    sources = [{"name": "backend", "src": "/", "dest": str(dest), "_hash": wanted.hash}]
    assert run_module(source_tree.main, sources=sources, _archive=str(archive))["changed"]
    assert (dest.is_symlink(), seen(dest)) == (False, SENT)
    assert (tmp_path / "elsewhere/precious").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_owner_other_than_ours_is_a_difference(source: Path) -> None:
    manifest = st_util.observe(str(source))
    os.chown(source / "run", 70, 0)
    assert st_util.compare(manifest, st_util.observe(str(source)))["modified"] == ["run"]
