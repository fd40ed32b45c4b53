"""The rules of .dockerignore, compared with what BuildKit itself takes into a context."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.project import dockerignore
from ansible_collections.fullstack.docker.plugins.module_utils.project.source_tree import walk
from tests.ground import ground

FILES = (
    ".docker/config.json",
    ".env",
    ".env.example",
    "README.md",
    "app/.env",
    "app/__pycache__/main.pyc",
    "app/docs/a/guide.md",
    "app/main.py",
    "app/node_modules/left/index.js",
    "docs/a/b/deep.txt",
    "docs/guide.md",
    "docs/keep/this.txt",
    "node_modules/.bin/vite",
    "node_modules/left/index.js",
    "pyproject.toml",
    "src/[x]/page.tsx",
    "src/a+b.ts",
    "tests/test_main.py",
    "tests_data/x",
)
CASES = {
    "nothing": "",
    "comments and blank lines": "# all\n\n   \n#*.md\n",
    "a name at the root only": "node_modules\n.env\n",
    "a name anywhere": "**/node_modules\n**/.env\n",
    "slashes around": "/docs/\n./tests\n",
    "dots within": "docs/../tests\ndocs/./guide.md\n",
    "star stops at a slash": "*.md\n*/*.md\n",
    "star in the middle": "docs/*/b\n",
    "question mark": "test?\ntests?data\n",
    "double star in the middle": "docs/**/deep.txt\napp/**/*.md\n",
    "double star at the end": "docs/**\n",
    "double star alone": "**\n!app/main.py\n",
    "class of characters": "[nt]*\n",
    "negated class": "[^a-s]*\n",
    "escaped bracket": "src/\\[x\\]\n",
    "exception for a file": "*.md\n!README.md\n",
    "exception before its rule is lost": "!README.md\n*.md\n",
    "exception below an excluded folder": "docs\n!docs/keep\n",
    "exception deep below": "*\n!docs/a/b\n",
    "everything but": "*\n!app\n!pyproject.toml\n",
    "everything but, less some": "*\n!app\napp/docs\n**/__pycache__\n",
    "exclude again after an exception": "docs\n!docs/**\ndocs/a\n",
    "exception like a folder's beginning": "**/.docker\n**/node_modules\n!.dockerignore\n!node_modules_kept\n",
    "exception for a folder's name elsewhere": "**/docs\n!app/docs\n",
    "spaces around": "  docs  \n ! docs/keep \n",
    "byte order mark": "\ufeffdocs\n",
    "no newline at the end": "docs\ntests",
}


# Engines before 23 did these two otherwise; the hosts have 25 or later.
LATER = {
    "src/a+b.ts\n": sorted(set(FILES) - {"src/a+b.ts"}),
    "docs\n!**/*.txt\n": sorted(set(FILES) - {"docs/guide.md"}),
}


@pytest.fixture(scope="module")
def docker() -> list[str]:
    """Return a Docker client that builds by BuildKit."""
    client = ground.find_client()
    if not client:
        pytest.skip("no Docker Engine runs yet: make test brings it up with the ground")
    return client


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all the files."""
    root = tmp_path_factory.mktemp("source")
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def taken_by_us(source: Path, text: str) -> list[str]:
    rules = dockerignore.parse(dockerignore.read_patterns(text))
    return [path for path in walk(str(source), rules) if path != ".dockerignore"]


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
def test_we_take_what_buildkit_takes(docker: list[str], source: Path, tmp_path: Path, text: str) -> None:
    (source / ".dockerignore").write_text(text)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /taken/\n")
    out = tmp_path / "out"
    arguments = ["build", "--quiet", "--file", str(tmp_path / "Dockerfile"), "--output", f"type=local,dest={out}"]
    ground.run([*docker, *arguments, str(source)], environment={"DOCKER_BUILDKIT": "1"})
    taken = {str(path.relative_to(out / "taken")) for path in (out / "taken").rglob("*") if path.is_file()}
    assert taken_by_us(source, text) == sorted(taken - {".dockerignore"})


@pytest.mark.parametrize(("text", "taken"), LATER.items())
def test_we_take_what_later_buildkits_take(source: Path, text: str, taken: list[str]) -> None:
    assert taken_by_us(source, text) == taken


PARTS = st.text("ab*?.", min_size=1, max_size=4)
PATTERNS = st.lists(st.tuples(st.sampled_from(["", "!"]), st.lists(PARTS, min_size=1, max_size=3).map("/".join)))


@given(patterns=PATTERNS, path=st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join))
def test_what_stands_below_shares_its_folders_fate_unless_named(patterns: list[tuple[str, str]], path: str) -> None:
    rules = dockerignore.parse("".join(pair) for pair in patterns)
    if dockerignore.excluded(path, rules) and not dockerignore.may_hold_exception(path, rules):
        assert dockerignore.excluded(f"{path}/anything/at/all", rules)


@given(patterns=st.lists(PARTS), path=PARTS)
def test_a_final_exception_for_everything_takes_everything(patterns: list[str], path: str) -> None:
    assert not dockerignore.excluded(path, dockerignore.parse([*patterns, "!**"]))


@pytest.mark.parametrize(
    ("pattern", "reason"), [("!", "excepts nothing"), ("[a", "without its ']'"), ("[b-a]", "not a")]
)
def test_a_broken_pattern_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(dockerignore.PatternError, match=reason):
        dockerignore.parse(["ok", pattern])
