"""A file from before Review comes forward with every verdict and every last word it had."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from studio.store import Store
from studio.store import db as database
from studio.store.migrations import migrations
from studio.store.review_shapes import View
from tests.support.reviewing import check, stand

VERDICTS = [
    # record, filter, kept, score, reason, undone
    (1, "round-trip", 0, 2.0, "round-trip", 1),
    (1, "round-trip", 1, 2.0, "", 0),
    (2, "round-trip", 0, 5.0, "round-trip", 0),
    (2, "person", 1, None, "", 0),
    (3, "round-trip", 1, 1.0, "", 0),
    (3, "person", 0, None, "person", 1),
    (4, "copy", 0, 0.9, "copied", 0),
    (4, "copy", 1, 0.1, "", 0),
    (5, "person", 1, None, "", 0),
    (5, "person", 0, None, "person", 0),
]
LAST = {1: (1, ""), 2: (1, ""), 3: (1, ""), 4: (1, ""), 5: (0, "person"), 6: (1, "")}


def old_file(path: Path) -> None:
    """A file of schema 3, as the studio wrote it then."""
    db = database.connect(path, create=True)
    with database.write(db) as conn:
        migrations().apply(database.for_migrations(db), stop_before="m004_review")
        conn.execute("PRAGMA user_version=3")
        conn.execute("INSERT INTO documents(outside_id, text, sha) VALUES ('d', 'a text', 'x')")
        conn.executemany(
            "INSERT INTO records(id, document_id, text, kept, reason, created)"
            " VALUES (?, 1, ?, ?, ?, '')",
            [(number, f"query {number} 学习", *last) for number, last in LAST.items()],
        )
        conn.executemany(
            "INSERT INTO verdicts(record_id, filter, kept, score, reason, undone, created)"
            " VALUES (?, ?, ?, ?, ?, ?, '')",
            VERDICTS,
        )
    db.close()


def test_an_old_file_keeps_its_verdicts_and_its_last_words(tmp_path: Path) -> None:
    old_file(tmp_path / "studio.db")
    store = Store.create(tmp_path / "studio.db")
    check(store)
    assert {row[0]: (row[2], row[3]) for row in stand(store)} == LAST
    sql = "SELECT record_id, filter, kept, score, reason, undone FROM verdicts ORDER BY id"
    assert [tuple(row) for row in database.rows(store.db, sql)] == VERDICTS


def test_what_a_person_said_in_an_old_file_is_decided_in_review(tmp_path: Path) -> None:
    old_file(tmp_path / "studio.db")
    store = Store.create(tmp_path / "studio.db")
    window = store.review.open(View())
    assert [row.word for row in window.at(0, 6)] == ["", "accepted", "", "", "rejected", ""]
    assert store.review.tally("Ada").left == 4
    assert store.review.scores()[0].threshold is not None


def test_an_edited_record_of_an_old_file_is_found_by_its_new_words(tmp_path: Path) -> None:
    old_file(tmp_path / "studio.db")
    store = Store.create(tmp_path / "studio.db")
    store.review.edit(1, "another 湖泊", "Ada")
    assert list(store.review.open(View(search="湖泊")).ids()) == [1]
    assert list(store.review.open(View(search="query")).ids()) == [2, 3, 4, 5, 6]
    check(store)


def test_the_copy_before_the_migration_is_of_the_old_schema(tmp_path: Path) -> None:
    old_file(tmp_path / "studio.db")
    Store.create(tmp_path / "studio.db").close()
    [copy] = tmp_path.glob("studio.backup-3-*")
    with closing(sqlite3.connect(copy)) as conn, conn:
        assert conn.execute("SELECT count(*) FROM verdicts").fetchone() == (len(VERDICTS),)
