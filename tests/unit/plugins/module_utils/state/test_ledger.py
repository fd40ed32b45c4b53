"""The ledger: what is read back, what is dropped, and which release a rollback goes to."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fullstack.docker.plugins.module_utils.state import ledger
from ansible_collections.fullstack.docker.plugins.module_utils.state.ledger import Entry, Image, LedgerError

BEGIN = datetime(2026, 11, 24, 15, 0, 0, tzinfo=timezone.utc)


def entry(number: int, image: str = "", outcome: str = ledger.SUCCEEDED, target: str = "") -> Entry:
    """Return the release that was made in the given minute."""
    images = {"backend": Image(f"app-backend:{image or number}", f"sha256:{image or number}")}
    release = ledger.next_id([], BEGIN + timedelta(minutes=number))
    return Entry(release, outcome, ledger.moment(BEGIN), "alice@laptop", images, {"backend": "c0ffee"}, target=target)


def back(number: int, to: Entry) -> Entry:
    """Return a rollback."""
    return replace(entry(number, outcome=ledger.ROLLED_BACK), images=to.images, target=to.release)


A, B, C = entry(1, "a"), entry(2, "b"), entry(3, "c")

texts = st.text(st.characters(codec="utf-8"))
images = st.dictionaries(st.sampled_from(["backend", "nginx"]), st.builds(Image, texts, texts))
whole_entries = st.builds(
    Entry,
    release=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(lambda at: ledger.next_id([], at)),
    outcome=st.sampled_from(ledger.OUTCOMES),
    when=texts,
    who=texts,
    images=images,
    sources=st.dictionaries(texts, texts),
    schema=st.none() | texts,
    cause=texts,
    target=texts,
    configuration=st.dictionaries(texts, texts),
)
whole_ledgers = st.lists(whole_entries, max_size=5, unique_by=lambda one: one.release).map(
    lambda found: sorted(found, key=lambda one: one.release)
)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """What runs of the play can have written: releases, failures, what was found, rollbacks to what served."""
    found: list[Entry] = []
    for number in range(draw(st.integers(0, 15))):
        outcome = draw(st.sampled_from(ledger.OUTCOMES))
        served = [one for one in found if one.served and not one.target]
        if outcome == ledger.ROLLED_BACK and served:
            found.append(back(number, draw(st.sampled_from(served))))
        else:
            outcome = ledger.SUCCEEDED if outcome == ledger.ROLLED_BACK else outcome
            found.append(entry(number, draw(st.sampled_from("abcdef")), outcome))
    return found


class TestFile:
    """What is written is read back, and nothing else is taken for a ledger."""

    @given(whole_ledgers)
    def test_what_is_written_is_read_back(self, entries: list[Entry]) -> None:
        assert ledger.parse(ledger.serialise(entries)) == entries

    def test_no_file_is_an_empty_ledger(self, tmp_path: Path) -> None:
        assert ledger.LedgerFile(tmp_path).read() == []

    def test_a_file_is_replaced_whole(self, tmp_path: Path) -> None:
        file = ledger.LedgerFile(tmp_path)
        file.write([A])
        file.write([A, B])
        assert file.read() == [A, B]
        assert [path.name for path in tmp_path.iterdir()] == ["releases.json"]

    @given(st.binary())
    def test_bytes_that_are_no_ledger_are_refused_and_kept(
        self, tmp_path_factory: pytest.TempPathFactory, content: bytes
    ) -> None:
        file = ledger.LedgerFile(tmp_path_factory.mktemp("project"))
        file.path.write_bytes(content)
        with pytest.raises(LedgerError, match="cannot be read"):
            file.read()
        assert file.path.read_bytes() == content

    @given(st.data())
    def test_a_ledger_that_lost_its_end_is_refused(self, data: st.DataObject) -> None:
        text = ledger.serialise([A, B]).rstrip()
        with pytest.raises(LedgerError):
            ledger.parse(text[: data.draw(st.integers(1, len(text) - 1))])

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"version": 2}, "version 2"),
            ({"releases": [{}]}, "no ledger"),
            ({"releases": {}}, None),
            ({"releases": "text"}, "no ledger"),
        ],
    )
    def test_json_of_another_kind_is_refused(self, change: dict[str, object], said: str | None) -> None:
        text = json.dumps({"version": 1, "releases": []} | change)
        if said is None:
            assert ledger.parse(text) == []
            return
        with pytest.raises(LedgerError, match=said):
            ledger.parse(text)

    def test_entries_out_of_order_are_refused(self) -> None:
        with pytest.raises(LedgerError, match="order"):
            ledger.parse(ledger.serialise([B, A]))

    def test_the_message_names_file_and_remedy(self, tmp_path: Path) -> None:
        file = ledger.LedgerFile(tmp_path)
        file.path.write_text("{")
        with pytest.raises(LedgerError, match=rf"{file.path}.*Nothing was touched.*backup"):
            file.read()


class TestIds:
    """Ids sort as the releases came."""

    @given(st.lists(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)), max_size=10))
    def test_each_is_later_than_all_before_whatever_the_clock_says(self, clock: list[datetime]) -> None:
        entries: list[Entry] = []
        for at in clock:
            entries.append(replace(A, release=ledger.next_id(entries, at.replace(tzinfo=timezone.utc))))
        ids = [one.release for one in entries]
        assert ids == sorted(set(ids))

    def test_an_id_says_when_in_utc(self) -> None:
        assert ledger.next_id([], BEGIN) == "20261124-150000"


class TestPruning:
    """The ledger does not grow for ever, and never forgets what a rollback can go to."""

    @given(histories(), st.integers(0, 3), st.integers(1, 4))
    def test_what_a_rollback_can_go_to_stays(self, entries: list[Entry], keep: int, length: int) -> None:
        held: list[Entry] = []
        for one in entries:
            whole = [*held, one]
            held = ledger.append(held, one, keep, length)
            assert held[-1] == one
            assert ledger.restorable(held, keep) == ledger.restorable(whole, keep)
            assert len(held) <= max(length, 2 * (keep + 1) + 1)

    @given(histories(), st.integers(0, 3))
    def test_images_of_the_release_in_use_are_always_needed(self, entries: list[Entry], keep: int) -> None:
        now = ledger.current(entries)
        assert now is None or set(now.ids.values()) <= ledger.needed(entries, keep)

    def test_images_of_the_last_releases_are_needed_each_counted_once(self) -> None:
        again = replace(C, release="20261124-160000")
        assert ledger.needed([A, B, C, again], keep=1) == {"sha256:b", "sha256:c"}

    def test_failed_releases_need_no_image(self) -> None:
        assert ledger.needed([A, entry(2, "bad", ledger.FAILED)], keep=5) == {"sha256:a"}


class TestSelection:
    """Which release a rollback goes to."""

    @pytest.mark.parametrize(
        ("entries", "wanted"),
        [
            pytest.param([A, B], A, id="the one before"),
            pytest.param([A, entry(2, "bad", ledger.FAILED), C], A, id="not one that failed"),
            pytest.param([A, entry(2, "hand", ledger.UNMANAGED), C], A, id="not what was started by hand"),
            pytest.param([A, B, replace(B, release="20261124-160000")], A, id="not one of the same images"),
            pytest.param([A, B, C, back(4, B)], A, id="after a rollback one further back"),
            pytest.param([A, B, C, back(4, A), entry(5, "e")], A, id="what was gone back to, once a newer one is bad"),
        ],
    )
    def test_without_a_name_it_is_the_release_before(self, entries: list[Entry], wanted: Entry) -> None:
        now = ledger.current(entries)
        assert now is not None
        assert ledger.select(entries, "", now.ids) == wanted

    def test_in_place_of_something_started_by_hand_it_is_the_last_release(self) -> None:
        assert ledger.select([A, B], "", {"backend": "sha256:hand"}) == B

    def test_a_name_is_followed(self) -> None:
        assert ledger.select([A, B, C], A.release, C.ids) == A

    def test_what_was_started_by_hand_can_be_named(self) -> None:
        hand = entry(2, "hand", ledger.UNMANAGED)
        assert ledger.select([A, hand, C], hand.release, C.ids) == hand

    @pytest.mark.parametrize(
        ("entries", "name", "said"),
        [
            pytest.param([], "", "no release", id="empty ledger"),
            pytest.param([A], "", "no other release before", id="beyond the ledger"),
            pytest.param(
                [A, B], "20200101-000000", rf"none of this id; there are: {B.release}, {A.release}", id="unknown"
            ),
            pytest.param([entry(1, "x", ledger.FAILED)], entry(1).release, "failed and never served", id="failed"),
        ],
    )
    def test_what_cannot_be_gone_back_to_is_refused(self, entries: list[Entry], name: str, said: str) -> None:
        now = ledger.current(entries)
        with pytest.raises(LedgerError, match=said):
            ledger.select(entries, name, now.ids if now else {})

    @given(histories())
    def test_what_is_chosen_has_served_and_is_another(self, entries: list[Entry]) -> None:
        now = ledger.current(entries)
        try:
            chosen = ledger.select(entries, "", now.ids if now else {})
        except LedgerError:
            return
        assert chosen.served
        assert now is None or chosen.ids != now.ids


class TestName:
    """What people know the running images by."""

    def test_it_is_the_release_that_put_them_into_service(self) -> None:
        assert ledger.told([A, B, back(4, A)], A.ids) == f"release {A.release}"

    def test_a_release_that_failed_is_called_so(self) -> None:
        failed = entry(4, outcome=ledger.FAILED)
        assert ledger.told([A, B, failed], failed.ids) == f"the failed release {failed.release}"

    def test_images_that_no_entry_has_are_of_none(self) -> None:
        assert ledger.told([A], {"backend": "sha256:other"}) == "what no release of the ledger has"
        assert ledger.told([A], {}) == "nothing that runs"


class TestTable:
    """What people read."""

    def test_newest_is_first_and_marked(self) -> None:
        lines = ledger.rows([A, B], B.images)
        assert [line[0] for line in lines] == ["RELEASE", B.release, A.release]
        assert [line[-1] for line in lines[1:]] == ["succeeded, in use", "succeeded"]

    def test_what_runs_without_an_entry_is_shown(self) -> None:
        lines = ledger.rows([A], {"backend": Image("", "sha256:0123456789abcdef")})
        assert lines[1][1] == "backend 0123456789ab"
        assert lines[1][-1] == ledger.UNMANAGED

    def test_a_failure_tells_its_cause(self) -> None:
        failed = replace(entry(2, outcome=ledger.FAILED), cause="migration: lock timeout\nand more")
        assert ledger.rows([failed], {})[1][-1] == "failed: migration: lock timeout"

    def test_the_whole_line_is_shown_up_to_a_length_that_fits(self) -> None:
        failed = replace(entry(2, outcome=ledger.FAILED), cause=f"{'x' * 190}\nand more")
        assert ledger.rows([failed], {})[1][-1] == f"failed: {'x' * 190}"
        longer = replace(failed, cause="x" * 300)
        assert ledger.rows([longer], {})[1][-1] == f"failed: {'x' * (ledger.TOLD - 1)}…"

    def test_a_commit_is_short_and_says_that_it_was_changed(self) -> None:
        changed = replace(A, sources={"backend": "0123456789abcdef0123-dirty"})
        assert ledger.rows([changed], {})[1][2] == "0123456789ab-dirty"


HASHES = {"backend": "aa", "nginx": "bb"}


@pytest.mark.parametrize(
    ("written", "configuration", "served"),
    [
        (replace(A, configuration=HASHES), HASHES, True),
        (replace(back(4, A), configuration=HASHES), HASHES, True),
        (replace(A, configuration=HASHES), {**HASHES, "backend": "cc"}, False),
        (replace(A, configuration=HASHES, outcome=ledger.FAILED), HASHES, False),
        (replace(A, configuration=HASHES, outcome=ledger.UNMANAGED), HASHES, False),
        (replace(B, configuration=HASHES), HASHES, False),
        (A, HASHES, False),
        (A, {}, False),
    ],
)
def test_only_the_same_images_in_the_same_configuration_have_served(
    written: Entry, configuration: dict[str, str], served: bool
) -> None:
    assert ledger.has_served([C, written], A.images, configuration) is served


def test_an_entry_of_an_older_version_says_nothing_of_its_configuration() -> None:
    document = json.loads(ledger.serialise([A]))
    del document["releases"][0]["configuration"]
    assert ledger.parse(json.dumps(document)) == [A]
