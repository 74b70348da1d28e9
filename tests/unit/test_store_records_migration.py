"""A file from before records had named fields comes forward; see also test_store_old_files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from studio.store import Store
from studio.store import db as database
from studio.store.migrations import migrations
from studio.store.review_shapes import View


def old_file(path: Path, task: str) -> sqlite3.Connection:
    """A file of schema 7, as the studio wrote it then, with one run of one round."""
    db = database.connect(path, create=True)
    with database.write(db) as conn:
        migrations().apply(database.for_migrations(db), stop_before="m008_records")
        conn.execute("PRAGMA user_version=7")
        conn.execute("INSERT INTO settings VALUES ('task', ?)", (f'"{task}"',))
        conn.execute("INSERT INTO runs(method, params, created) VALUES ('s3', '{}', 'then')")
        conn.execute("INSERT INTO runs(method, params, created) VALUES ('s3', '{}', 'later')")
        conn.execute("INSERT INTO rounds(run_id, number) VALUES (1, 0)")
    return db.conn


def record(conn: sqlite3.Connection, round_: int, text: str, **columns: object) -> None:
    names = ("text", "created", "run_id", "round", "place", *columns)
    values = (text, "then", 1, round_, 0, *columns.values())
    marks = ", ".join("?" * len(values))
    conn.execute(f"INSERT INTO records({', '.join(names)}) VALUES ({marks})", values)


@pytest.mark.parametrize(
    ("task", "columns", "fields"),
    [
        ("classification", {"label": "neg"}, {"text": "a", "label": "neg"}),
        (
            "nli",
            {"label": "no", "context_id": 1},
            {"hypothesis": "a", "label": "no", "premise": "“A” passage.\n押金"},
        ),
        (
            "qa",
            {"answer": "押金", "context_id": 1},
            {"question": "a", "answer": "押金", "context": "“A” passage.\n押金"},
        ),
        ("retrieval", {}, {"query": "a"}),
    ],
)
def test_what_was_columns_is_fields(
    tmp_path: Path, task: str, columns: dict[str, object], fields: dict[str, str]
) -> None:
    conn = old_file(tmp_path / "studio.db", task)
    conn.execute("INSERT INTO contents(sha, text) VALUES ('x', '“A” passage.\n押金')")
    record(conn, 0, "a", **columns)
    record(conn, 2, "b", **columns)
    conn.close()
    store = Store.create(tmp_path / "studio.db")
    seed, added = store.records.all()
    assert seed.fields == fields
    assert (seed.run_id, seed.stage, seed.batch) == (1, "seed", 0)
    assert (added.text, added.stage, added.batch) == ("b", "extrapolation", 1)
    assert [*store.review.open(View()).ids()] == [1, 2]


def test_rationales_are_notes_of_their_run(tmp_path: Path) -> None:
    conn = old_file(tmp_path / "studio.db", "classification")
    for run, text in ((1, "warm"), (2, "cold"), (1, "kind 感动")):
        sql = "INSERT INTO rationales(run_id, label, text) VALUES (?, 'pos', ?)"
        conn.execute(sql, (run, text))
    record(conn, 0, "a text", label="pos")
    conn.close()
    store = Store.create(tmp_path / "studio.db")
    notes = [*store.records.of_stage(1, "rationales")]
    assert [(note.text, note.label, note.place) for note in notes] == [
        ("warm", "pos", 0),
        ("kind 感动", "pos", 1),
    ]
    assert store.records.count() == 1
    assert [run.finished_stages for run in store.runs.all()] == [(), ("rationales", "seed")]
    assert store.records.places(2, "rationales", 0) == {0}


def test_errors_point_at_their_gold_where_rows_of_both_tables_are_alike(tmp_path: Path) -> None:
    conn = old_file(tmp_path / "studio.db", "classification")
    conn.execute("INSERT INTO gold_queries(outside_id, text, split) VALUES ('g-1', 'q', 'test')")
    for number in (1, 2):
        conn.execute(
            "INSERT INTO gold_items(outside_id, split, text, label, sha)"
            " VALUES (?, 'validation', ?, 'pos', ?)",
            (f"g-{number}", f"text {number}", f"sha {number}"),
        )
    for gold in (1, 2, 99):
        sql = "INSERT INTO errors(round_id, gold_id, said, confidence) VALUES (1, ?, 'neg', 0.5)"
        conn.execute(sql, (gold,))
    conn.close()
    store = Store.create(tmp_path / "studio.db")
    assert [row.text for row in store.runs.error_rows(1)] == ["text 1", "text 2", ""]
    assert [row.predicted for row in store.runs.error_rows(1)] == ["neg"] * 3
    assert {gold.outside_id for gold in store.gold.all("validation")} == {"g-1~3", "g-2"}
    assert [gold.text for gold in store.gold.all("test")] == ["q"]
    assert store.db.conn.execute("PRAGMA foreign_key_check").fetchall() == []
    assert store.db.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_what_a_person_had_edited_can_be_taken_back(tmp_path: Path) -> None:
    conn = old_file(tmp_path / "studio.db", "classification")
    record(conn, 0, "after", label="pos", edited=1)
    conn.execute(
        "INSERT INTO deeds(reviewer, kind, state, words, count, asked, record_id, stamp, process,"
        " created) VALUES ('Ada', 'edit', 'done', 'Edited', 1, 1, 1, 1, 'p', 'then')"
    )
    conn.execute(
        "INSERT INTO record_edits(record_id, deed_id, before, after, created)"
        " VALUES (1, 1, 'before', 'after', 'then')"
    )
    conn.close()
    store = Store.create(tmp_path / "studio.db")
    store.review.edit(1, "neg", "Ada", "label")
    for text, label in (("after", "pos"), ("before", "pos")):
        store.review.undo("Ada")
        found = store.records.get(1)
        assert found is not None
        assert (found.text, found.label) == (text, label)
    assert not store.review.open(View()).at(0, 1)[0].edited
