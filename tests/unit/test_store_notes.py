"""Notes on records: written, replaced, undone, found, and carried wherever a record goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.records import StudioError
from studio.store import Store
from studio.store import db as database
from studio.store.migrations import migrations
from studio.store.review_shapes import View
from tests.support.reviewing import check, reviewed, stand


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return reviewed(tmp_path)


def note_of(store: Store, record: int) -> str:
    found = store.records.get(record)
    assert found is not None
    return found.note


def noted(store: Store, **view: object) -> list[int]:
    return [*store.review.open(View(verdict="noted", **view)).ids()]  # type: ignore[arg-type]


def test_a_note_takes_the_place_of_the_one_before_and_both_are_history(store: Store) -> None:
    before = stand(store)
    assert store.review.note(1, "ask Bob 吗?\nfirst", "Ada").words == "Wrote a note on record 1"
    store.review.note(1, "Bob says yes", "Bob")
    assert note_of(store, 1) == "Bob says yes"
    found = store.review.provenance(1)
    assert [(one.reviewer, one.note) for one in found.notes] == [
        ("Ada", "ask Bob 吗?\nfirst"),
        ("Bob", "Bob says yes"),
    ]
    assert stand(store) == before, "a note is no edit and no decision"
    check(store)


def test_each_person_undoes_and_redoes_their_own_note(store: Store) -> None:
    store.review.note(1, "one", "Ada")
    store.review.note(1, "two", "Bob")
    store.review.undo("Ada")
    assert note_of(store, 1) == "two"
    store.review.undo("Bob")
    assert note_of(store, 1) == ""
    store.review.redo("Ada")
    assert note_of(store, 1) == "one"
    assert [one.undone for one in store.review.provenance(1).notes] == [False, True]


def test_a_blank_note_takes_it_off_and_the_same_note_again_is_nothing(store: Store) -> None:
    store.review.note(1, "one", "Ada")
    assert store.review.note(1, "one", "Ada").count == 0
    assert store.review.note(1, " \n", "Ada").words == "Took the note off record 1"
    assert (note_of(store, 1), noted(store)) == ("", [])
    store.review.undo("Ada")
    assert note_of(store, 1) == "one"


def test_records_with_a_note_are_found_with_any_other_condition(store: Store) -> None:
    for record in (7, 3, 1):
        store.review.note(record, "look again", "Ada")
    assert noted(store) == [1, 3, 7]
    assert noted(store, sort="-id") == [7, 3, 1]
    assert noted(store, search="lake") == [1]
    assert noted(store, search="水") == [3]
    assert noted(store, document_id=1) == [1, 3, 7]
    assert noted(store, reason="round-trip") == [3, 7]
    assert noted(store, filter="round-trip", score_from=2, sort="score") == [3, 7]
    rows = store.review.open(View()).at(0, 8)
    assert [row.id for row in rows if row.noted] == [1, 3, 7]


def test_a_note_is_in_the_lineage(store: Store) -> None:
    store.review.note(1, "look again", "Ada")
    found = store.lineage.of_record(1)
    assert found is not None
    assert found["reviewer_note"] == "look again"


def test_a_note_on_no_record_is_said_in_one_sentence(store: Store) -> None:
    with pytest.raises(StudioError, match="There is no record 77"):
        store.review.note(77, "text", "Ada")


def test_records_of_an_older_file_take_notes(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    db = database.connect(path, create=True)
    with database.write(db) as conn:
        migrations().apply(database.for_migrations(db), stop_before="m011_record_notes")
        conn.execute("PRAGMA user_version=10")
        conn.execute("INSERT INTO records(text, created) VALUES ('a query', '')")
    db.close()
    store = Store(path)
    assert note_of(store, 1) == ""
    store.review.note(1, "from before", "Ada")
    assert noted(store) == [1]
