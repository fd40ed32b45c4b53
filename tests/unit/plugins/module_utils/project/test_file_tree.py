"""The module file_tree: its pure parts, and what it does to a real directory through real Ansible."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.project import file_tree as ft
from ansible_collections.fullstack.docker.plugins.modules import file_tree
from tests.unit.real_ansible import PlayRunner, run_module

SECRET = "correct-horse-battery"
NAMES = st.text("abc.-_", min_size=1, max_size=6).filter(lambda name: name not in {".", ".."})
RELATIVE = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(mode=st.integers(0o100, 0o7777))
def test_an_octal_string_is_its_number(mode: int) -> None:
    assert ft.parse_mode(f"{mode:04o}", "mode") == mode


@pytest.mark.parametrize("mode", [420, 644, "rw-r--r--", "888", "", "64", None, True, "u=rw"])
def test_anything_but_an_octal_string_is_refused(mode: object) -> None:
    with pytest.raises(ft.FileTreeError, match=r"^files\[a\]\.mode: .* quoted octal number"):
        ft.parse_mode(mode, "files[a].mode")


@given(path=RELATIVE)
def test_a_relative_path_stays_below_the_root(path: str) -> None:
    assert ft.is_below("/srv/app", ft.locate("/srv/app", path))


@given(ups=st.integers(1, 4), path=RELATIVE)
def test_a_relative_path_that_leaves_the_root_is_refused(ups: int, path: str) -> None:
    with pytest.raises(ft.FileTreeError, match="leaves /srv/app"):
        ft.locate("/srv/app", "../" * ups + path)


@given(path=RELATIVE)
def test_an_absolute_path_is_itself(path: str) -> None:
    assert ft.locate("/srv/app", f"/{path}") == f"/{path}"


def test_parents_come_outermost_first() -> None:
    assert ft.parents("/srv/app/infra/nginx.conf") == ["/srv", "/srv/app", "/srv/app/infra"]


@given(st.lists(NAMES))
def test_duplicates_are_what_a_set_loses(names: list[str]) -> None:
    assert len(set(ft.duplicates(names))) == len({name for name in names if names.count(name) > 1})


WANTED = ft.Wanted("a", "/srv/a", b"x", 0o644, 0, 0)
FOUND = ft.Found("file", b"x", 0o644, 0, 0)


@given(
    content=st.sampled_from([b"x", b"y"]),
    mode=st.sampled_from([0o644, 0o600]),
    uid=st.sampled_from([0, 70]),
    gid=st.sampled_from([0, 70]),
)
def test_differences_name_exactly_what_differs(content: bytes, mode: int, uid: int, gid: int) -> None:
    expected = {"content": content != b"x", "mode": mode != 0o644, "owner": uid != 0, "group": gid != 0}
    words = ft.differences(WANTED, ft.Found("file", content, mode, uid, gid))
    assert words == [word for word, differs in expected.items() if differs]


@given(old=st.binary(max_size=30), new=st.binary(max_size=30))
def test_the_diff_of_a_secret_is_the_same_whatever_its_content(old: bytes, new: bytes) -> None:
    def diff(before: bytes, after: bytes) -> dict[str, str]:
        secret = ft.Wanted("s", "/srv/secret", after, 0o400, 70, 0, secret=True)
        return ft.diff_of(ft.Change(secret, ft.Found("file", before, 0o400, 0, 0), ("content",)))

    assert diff(old, new) == diff(b"", b"other")


@pytest.mark.parametrize(
    ("when_changed", "changed", "due"),
    [(None, [], False), (None, ["a"], True), (["a"], ["b"], False), (["a"], ["a", "b"], True), ([], ["a"], False)],
)
def test_a_validation_is_due_when_its_files_change(
    when_changed: list[str] | None, changed: list[str], due: bool
) -> None:
    assert ft.due(when_changed, changed) is due


# The module itself, on a real directory. What depends on Ansible (results, diffs, secrets) runs through it.


Content = dict[str, tuple[int, bytes | str]]


def snapshot(root: Path) -> Content:
    """Return mode and content of all that is below a directory."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else "",
        )
        for path in sorted(root.rglob("*"))
    }


def tree(root: Path, **options: Any) -> dict[str, Any]:
    """Return the module's options for a tree of three files."""
    files = [
        {"path": "compose.yml", "content": "services: {}\n"},
        {"path": "infra/nginx/prod.nginx", "content": "listen 80;\n", "mode": "0640"},
        {"path": "secrets/password", "secret_content": SECRET, "mode": "0400"},
    ]
    directories = [{"path": "secrets", "mode": "0711"}]
    return {"root": str(root), "files": files, "directories": directories, **options}


def write(root: Path, *, check: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
    """Run the module for the tree of three files."""
    return run_module(file_tree.main, check=check, diff=diff, **tree(root, **options))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "opt" / "app"


@pytest.fixture
def written(root: Path) -> Path:
    """Return a root into which the tree was written."""
    assert write(root)["changed"]
    return root


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.lstat().st_mode):04o}"


def test_first_run_writes_everything(written: Path) -> None:
    assert {str(path.relative_to(written)): mode(path) for path in written.rglob("*")} == {
        "compose.yml": "0644",
        "infra": "0755",
        "infra/nginx": "0755",
        "infra/nginx/prod.nginx": "0640",
        "secrets": "0711",
        "secrets/password": "0400",
    }
    assert (written / "secrets/password").read_text() == SECRET
    assert mode(written) == "0755"


def test_modes_do_not_depend_on_the_umask(root: Path) -> None:
    umask = os.umask(0o077)
    try:
        write(root)
    finally:
        os.umask(umask)
    assert [mode(root / name) for name in ("", "infra", "compose.yml", "secrets")] == ["0755", "0755", "0644", "0711"]


def test_ansible_writes_once_and_shows_no_secret(root: Path, play: PlayRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREE_VALUE", SECRET)
    options = tree(root)
    options["files"][2]["secret_content"] = "{{ lookup('ansible.builtin.env', 'TREE_VALUE') }}"
    task = {"fullstack.docker.file_tree": options}
    announced = play(task, check=True, diff=True).last
    assert not root.exists()
    run = play(task, task, diff=True, arguments=("-vvv",))
    first, second = run.results
    assert first["changed_paths"] == ["secrets", "compose.yml", "infra/nginx/prod.nginx", "secrets/password"]
    assert (announced["changed_paths"], announced["diff"]) == (first["changed_paths"], first["diff"])
    assert (second["changed"], second["changed_paths"]) == (False, [])
    assert {entry["after"] for entry in first["diff"]} >= {"services: {}\n", "listen 80;\n"}
    assert (root / "secrets/password").read_text() == SECRET
    assert SECRET not in run.output


def test_ansible_shows_a_refusal_without_the_secret(root: Path, play: PlayRunner) -> None:
    # The secret is in the play here; what the task prints of it is what counts.
    options = tree(root, validate=[{"argv": ["cat", "secrets/password", "missing"]}])
    result = play({"fullstack.docker.file_tree": options}, diff=True).last
    assert result["msg"].startswith("cat secrets/password missing refuses the new compose.yml,")
    assert SECRET not in str(result)


@pytest.mark.parametrize("task_option", [{"diff": False}, {"no_log": True}])
def test_no_diff_where_the_task_wants_none(root: Path, play: PlayRunner, task_option: dict[str, bool]) -> None:
    assert not play({"fullstack.docker.file_tree": tree(root), **task_option}, diff=True).last.get("diff")


def test_an_unchanged_tree_is_not_touched(written: Path) -> None:
    before = {path: (path.stat().st_ino, path.stat().st_ctime_ns) for path in written.rglob("*")}
    assert not write(written)["changed"]
    assert before == {path: (path.stat().st_ino, path.stat().st_ctime_ns) for path in written.rglob("*")}


def test_drift_of_content_mode_and_kind_is_repaired(written: Path) -> None:
    wanted = snapshot(written)
    (written / "compose.yml").write_text("services: {x: {}}\n")
    (written / "infra/nginx/prod.nginx").chmod(0o666)
    (written / "secrets").chmod(0o777)
    (written / "secrets/password").unlink()
    (written / "secrets/password").symlink_to("/etc/hostname")
    hostname = Path("/etc/hostname").read_bytes()
    changed = write(written)["changed_paths"]
    assert set(changed) == {"compose.yml", "infra/nginx/prod.nginx", "secrets", "secrets/password"}
    assert snapshot(written) == wanted
    assert Path("/etc/hostname").read_bytes() == hostname


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("path", ["a", "d"])
def test_drift_of_owner_is_repaired(root: Path, path: str) -> None:
    owner = {"owner": "70", "group": "daemon"}
    options: dict[str, Any] = {
        "files": [{"path": "a", "content": "a", **owner}],
        "directories": [{"path": "d", **owner}],
    }
    assert write(root, **options)["changed"]
    assert ((root / path).stat().st_uid, (root / path).group()) == (70, "daemon")
    os.chown(root / path, 0, 0)
    assert write(root, **options)["changed_paths"] == [path]
    assert ((root / path).stat().st_uid, (root / path).group()) == (70, "daemon")


def test_an_unknown_owner_is_refused_by_name_and_awaited_in_check_mode(root: Path) -> None:
    files = [{"path": "a", "content": "a", "owner": "nobody-knows"}]
    assert "files[a].owner: the host knows no 'nobody-knows'" in write(root, files=files)["msg"]
    assert write(root, files=files, check=True)["changed"]
    assert not root.exists()


def test_the_empty_directory_of_a_missing_bind_mount_gives_way(root: Path) -> None:
    (root / "compose.yml").mkdir(parents=True)
    assert write(root)["changed"]
    assert (root / "compose.yml").read_text() == "services: {}\n"


def test_absent_removes_files_links_and_empty_directories(written: Path) -> None:
    wanted = snapshot(written)
    (written / "old").write_text("x")
    (written / "link").symlink_to("compose.yml")
    (written / "empty").mkdir()
    absent = ["old", "link", "empty", "never"]
    assert write(written, absent=absent)["changed_paths"] == ["old", "link", "empty"]
    assert snapshot(written) == wanted
    assert not write(written, absent=absent)["changed"]


def test_the_diff_shows_text_and_attributes(written: Path) -> None:
    (written / "compose.yml").write_text("services: {x: {}}\n")
    (written / "secrets").chmod(0o700)
    secrets, compose = write(written, check=True, diff=True)["diff"]
    assert (compose["before"], compose["after"]) == ("services: {x: {}}\n", "services: {}\n")
    assert secrets["after_header"] == str(written / "secrets")
    assert ("mode=0700" in secrets["before"], "mode=0711" in secrets["after"]) == (True, True)


def test_a_validation_sees_all_files_before_any_is_in_place(root: Path) -> None:
    argv = ["sh", "-c", f"grep -q 'listen 80' infra/nginx/prod.nginx && ! test -e {root}"]
    assert write(root, validate=[{"argv": argv, "when_changed": ["compose.yml"]}])["changed"]


def test_a_validation_sees_an_absolute_path_without_its_slash(root: Path, tmp_path: Path) -> None:
    outside = f"{tmp_path}/etc/daemon.json"
    files = [{"path": outside, "content": "{}"}]
    assert write(root, files=files, validate=[{"argv": ["cat", outside.lstrip("/")]}])["changed"]
    assert Path(outside).read_text() == "{}"


@pytest.mark.parametrize("check", [False, True])
def test_a_refused_content_leaves_everything_untouched(written: Path, check: bool) -> None:
    (written / "old").write_text("x")
    before = snapshot(written)
    result = write(
        written,
        check=check,
        files=[{"path": "compose.yml", "content": "broken\n"}, {"path": "new/file", "content": ""}],
        absent=["old"],
        validate=[{"argv": ["grep", "services", "compose.yml", "/nowhere"], "when_changed": ["compose.yml"]}],
    )
    assert result["failed"]
    assert result["msg"].startswith("grep services compose.yml /nowhere refuses the new compose.yml; nothing was")
    assert "/nowhere: No such file" in result["msg"]
    assert snapshot(written) == before


def test_a_validation_rests_while_its_files_rest(written: Path) -> None:
    (written / "infra/nginx/prod.nginx").write_text("drifted\n")
    validate = [{"argv": ["false"], "when_changed": ["compose.yml"]}]
    assert write(written, validate=validate)["changed_paths"] == ["infra/nginx/prod.nginx"]


def test_a_missing_validator_fails_the_run_and_warns_in_check_mode(root: Path, play: PlayRunner) -> None:
    validate = [{"argv": ["no-such-tool", "compose.yml"]}]
    assert write(root, validate=validate)["msg"] == "no-such-tool is needed to validate and is not on the host"
    result = play({"fullstack.docker.file_tree": tree(root, validate=validate)}, check=True).last
    assert result["changed"]
    assert "no-such-tool is not on the host yet" in str(result["warnings"])
    assert not root.exists()


def test_no_staging_or_temporary_file_is_left(written: Path) -> None:
    write(written, files=[{"path": "compose.yml", "content": "y\n"}], validate=[{"argv": ["true"]}])
    assert sorted(path.name for path in written.iterdir()) == ["compose.yml", "infra", "secrets"]


def put_obstacles(root: Path) -> None:
    """Put what may not be written over where the tree wants to be."""
    (root / "compose.yml").mkdir(parents=True)
    (root / "compose.yml/data").write_text("x")
    (root / "secrets").write_text("x")
    (root / "elsewhere").mkdir()
    (root / "infra").symlink_to("elsewhere")


def empty(path: str, **options: Any) -> dict[str, Any]:
    return {"path": path, "content": "", **options}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directories": []}, "compose.yml is a directory with content where a file belongs"),
        ({"files": []}, "secrets is a file where a directory belongs"),
        ({"files": [empty("infra/x")], "directories": []}, "infra is not a directory but must hold"),
        ({"files": [], "directories": [], "absent": ["compose.yml"]}, "is not empty or not a file"),
        ({"files": [empty("../x")]}, "../x leaves"),
        ({"files": [empty("x", mode=420)]}, "files[x].mode: 420 is not a file mode"),
        ({"files": [empty("x"), empty("./x")]}, "named twice"),
        ({"files": [empty("secrets")]}, "named twice"),
        ({"files": [empty("x"), empty("x/y")], "directories": []}, "cannot be a file and the directory of"),
        ({"absent": ["./compose.yml"]}, "named twice"),
        ({"validate": [{"argv": ["true"], "when_changed": ["compose.yaml"]}]}, "names compose.yaml, which is not"),
    ],
)
def test_bad_input_and_obstacles_are_refused_untouched(root: Path, options: dict[str, Any], message: str) -> None:
    put_obstacles(root)
    before = snapshot(root)
    result = write(root, **options)
    assert result["failed"]
    assert message in result["msg"]
    assert snapshot(root) == before


def test_a_socket_in_the_way_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.mkdir(parents=True)
    monkeypatch.chdir(root)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("compose.yml")
        assert "device, socket or pipe" in write(root)["msg"]
