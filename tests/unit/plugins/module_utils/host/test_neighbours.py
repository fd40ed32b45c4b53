"""What else lives on a host where a project wants its folder and its units."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fullstack.docker.plugins.module_utils.host import neighbours
from ansible_collections.fullstack.docker.plugins.module_utils.host.neighbours import Neighbours, problems, read


def lay_out(folder: Path, name: str) -> None:
    """Put the files of a deployed project into a folder."""
    (folder / "infra").mkdir(parents=True)
    (folder / "infra" / "stack.json").write_text("{}")
    (folder / "compose.yml").write_text(f"# managed\nname: {name}\nservices: {{}}\n")


def test_projects_are_found_by_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "UNIT_FOLDERS", (str(tmp_path),))
    lay_out(tmp_path / "shop", "'2048'")
    lay_out(tmp_path / "blog", "blog")
    (tmp_path / "shop.service").write_text("[Service]\nExecStart=/usr/bin/shop\n")
    unit = "[Service]\nExecStart=python3 /opt/shop/infra/healer/healer.py --project shop --lock /opt/shop/.lock\n"
    (tmp_path / "shop-healer.service").write_text(unit)
    folders = {"blog": tmp_path / "blog", "foreign": tmp_path, "shop": tmp_path / "shop", "": Path()}
    rows = [{"project": name, "directory": str(folder)} for name, folder in folders.items()]
    assert read("shop", str(tmp_path / "shop"), rows) == {
        "units": [str(tmp_path / "shop.service")],
        "projects": {"blog": str(tmp_path / "blog")},
        "here": "2048",
    }


def test_a_name_may_be_that_of_a_unit_of_another_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "UNIT_FOLDERS", (str(tmp_path),))
    unit = tmp_path / "shop-healer.service"
    unit.write_text("ExecStart=python3 /opt/shop/infra/healer/healer.py --project shop --lock /opt/shop/.lock\n")
    assert read("shop", "/opt/shop", [])["units"] == []
    assert read("shop-healer", "/opt/shop-healer", [])["units"] == [str(unit)]


def test_a_bare_host_has_none(tmp_path: Path) -> None:
    assert read("shop", str(tmp_path / "shop"), []) == {"units": [], "projects": {}, "here": None}


@pytest.mark.parametrize(
    ("directory", "found", "said"),
    [
        (
            "/opt/shop",
            {"units": ["/lib/systemd/system/shop.service"]},
            "compose_project_name: shop would replace the unit",
        ),
        ("/opt/shop", {"here": "blog"}, "compose_project_directory: /opt/shop holds the project blog; choose another"),
        ("/opt/blog/shop", {}, "/opt/blog/shop lies in the folder of project blog"),
        ("/opt", {}, "/opt has project blog below it, in /opt/blog"),
        ("/opt/blog/", {}, "/opt/blog is the folder of project blog"),
        ("/opt/shop", {"here": "shop"}, None),
        ("/opt/blog2", {}, None),
        ("", {}, None),
    ],
)
def test_what_is_in_the_way_is_told(directory: str, found: dict[str, object], said: str | None) -> None:
    known: Neighbours = {"units": [], "projects": {"blog": "/opt/blog"}, "here": None, **found}  # type: ignore[typeddict-item]
    told = list(problems("shop", directory, known))
    assert len(told) == (said is not None)
    assert said is None or said in told[0]
