"""Labelled tasks in the store: gold, runs, rounds, errors, and records without a document."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.records import Label, Record, RecordType, StudioError, Verdict
from studio.runs import RoundError
from studio.store import Store
from studio.store import migrations as schema
from studio.store.choices import Choice
from studio.store.review_shapes import View
from tests.support.data import gold_query, gold_question, gold_text, labelled, note, pair, question
from tests.support.project import fill


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "studio.db")


def synthetic(run: int, place: int, text: str = "a fine film", **values: Any) -> Record:
    return labelled(text, "good", run_id=run, stage="seed", place=place, **values)


def test_labels_keep_their_order(store: Store) -> None:
    store.labels.set([Label("neg", "bad"), Label("pos")])
    assert [(label.name, label.words, label.position) for label in store.labels.all()] == [
        ("neg", "bad", 0),
        ("pos", "pos", 1),
    ]


def test_one_text_stands_in_one_split_only(store: Store) -> None:
    first = gold_text("A  fine film", "good", "validation", "v1")
    same = gold_text("A fine film", "bad", "test", "t1")
    assert store.gold.add([first, same]) == [same]
    assert store.gold.same(same).split == "validation"  # type: ignore[union-attr]


def test_the_same_question_of_another_passage_is_another_item(store: Store) -> None:
    one = gold_question("Who?", ("Ada",), "Ada wrote it.", "validation", "1")
    two = gold_question("Who?", ("Bob", "Robert"), "Bob wrote it.", "test", "2")
    assert store.gold.add([one, two]) == []
    assert store.gold.all("test")[0].answers == ("Bob", "Robert")


def test_records_of_a_stage_come_by_batch_place_and_part(store: Store) -> None:
    run = store.runs.add("s3", {"seed": 1})
    later = replace(synthetic(run, 0, "later"), batch=1)
    second = synthetic(run, 0, "second", part=1)
    added = store.records.add([later, synthetic(run, 1), second, synthetic(run, 0, "first")])
    assert added == [1, 2, 3, 4]
    found = [record.text for record in store.records.of_stage(run, "seed")]
    assert found == ["first", "second", "a fine film", "later"]
    earlier = store.records.of_stage(run, "seed", before=1)
    assert [record.text for record in earlier] == ["first", "second", "a fine film"]


def test_stages_longer_than_a_page_come_whole(store: Store) -> None:
    run = store.runs.add("s3", {})
    store.records.add(synthetic(run, n // 2, f"text {n}", part=n % 2) for n in range(2_100))
    found = [record.text for record in store.records.of_stage(run, "seed")]
    assert found == [f"text {n}" for n in range(2_100)]


def test_a_place_is_taken_once(store: Store) -> None:
    run = store.runs.add("s3", {})
    assert store.records.add([synthetic(run, 0)]) == [1]
    assert store.records.add([synthetic(run, 0, "again"), synthetic(run, 2)]) == [None, 2]
    assert store.records.places(run, "seed", 0) == {0, 2}
    assert store.records.next_place(run, "seed", 0) == 3
    assert store.records.next_place(run, "seed", 1) == 0


def test_a_dropped_record_has_its_reason_and_a_person_may_bring_it_back(store: Store) -> None:
    run = store.runs.add("s3", {})
    store.records.add([synthetic(run, 0, reason="copied")])
    dropped = next(store.records.of_stage(run, "seed", kept=None))
    assert (dropped.kept, dropped.reason) == (False, "copied")
    store.verdicts.add([Verdict(dropped.id, "person", True)])
    assert next(store.records.of_stage(run, "seed")).id == dropped.id


def test_a_run_is_counted_by_stage_and_batch(store: Store) -> None:
    run = store.runs.add("s3", {})
    dropped = synthetic(run, 1, reason="copied")
    more = [replace(synthetic(run, n), stage="extrapolation", batch=2) for n in range(2)]
    reason = note("great actors", "good", run_id=run, stage="rationales")
    store.records.add([synthetic(run, 0), dropped, *more, reason])
    assert store.records.run_counts(run) == {
        ("extrapolation", 2): (2, 0),
        ("rationales", 0): (1, 0),
        ("seed", 0): (1, 1),
    }
    assert store.records.run_reasons(run, "seed", 0) == {"copied": 1}
    assert [record.id for record in store.records.newest_of_run(run, 2)] == [4, 3]


def test_notes_are_no_records_unless_they_are_asked_for(store: Store) -> None:
    store.values.set("task", "classification")
    run, job = store.runs.add("s3", {}), store.jobs.submit("s3", {})
    reason = note("great actors", "good", run_id=run, stage="rationales")
    store.records.add([synthetic(run, 0), reason], job)
    records = store.records
    assert (records.count(), records.counts().total, records.count_of_job(job)) == (1, 1, 1)
    assert [record.type.name for record in records.all()] == ["text"]
    assert [row["record_id"] for row in records.with_provenance()] == [1]
    assert [*store.review.open(View()).ids()] == [1]
    assert [*store.review.open(View(type="note")).ids()] == [2]
    assert [record.label for record in records.all(type="note")] == ["good"]


def test_records_of_a_type_that_the_program_does_not_know_stay_readable(store: Store) -> None:
    haiku = RecordType("haiku", ("first", "second", "third"), "haiku", "haikus", context="third")
    store.records.add([Record(haiku, {"first": "old pond", "second": "a frog jumps in"})])
    found = Store(store.path).records.get(1)
    assert found is not None
    assert (found.type, found.text, found["second"], found["third"]) == (
        haiku,
        "old pond",
        "a frog jumps in",
        "",
    )
    with pytest.raises(KeyError, match="no field 'fourth'"):
        store.records.add([Record(haiku, {"fourth": "splash"})])


def test_a_question_comes_back_with_its_answer_and_passage(store: Store) -> None:
    run = store.runs.add("s3", {})
    asked = [
        question(f"q{n} 学习", "passage", "The “passage”.\0", run_id=run, stage="seed", place=n)
        for n in range(3)
    ]
    store.records.add(asked)
    found = [*store.records.of_stage(run, "seed")]
    assert [record.fields for record in found] == [record.fields for record in asked]
    assert (found[0].context, found[0].answers) == ("The “passage”.\0", ("passage",))


def test_errors_of_a_round_are_set_at_one_stroke(store: Store) -> None:
    run = store.runs.add("s3", {})
    begun = store.runs.begin_round(run, 0)
    assert store.runs.begin_round(run, 0).id == begun.id
    store.gold.add(gold_text(f"text {n}", "good", "validation", f"v{n}") for n in range(8))
    errors = [RoundError(begun.id, gold, "bad", 0.9, {"rank": 3}) for gold in (4, 7)]
    store.runs.set_errors(begun.id, errors)
    assert store.runs.set_errors(begun.id, errors[:1]) == 1
    assert [error.gold_id for error in store.runs.errors(begun.id)] == [4]
    assert store.runs.rounds(run)[0].errors == 1


def test_an_error_outlives_its_gold(store: Store) -> None:
    begun = store.runs.begin_round(store.runs.add("s3", {}), 0)
    store.gold.add([gold_text("a fine film", "good", "validation", "v1")])
    store.runs.set_errors(begun.id, [RoundError(begun.id, 1, "bad", 0.9)])
    store.gold.remove(["v1"])
    [row] = store.runs.error_rows(begun.id)
    assert (row.gold_id, row.predicted, row.text, row.gold) == (0, "bad", "", "")
    assert store.runs.errors(begun.id)[0].gold_id == 0


def test_gold_that_is_imported_again_keeps_the_errors_on_it(store: Store) -> None:
    fill(store, ["a document", "another"])
    begun = store.runs.begin_round(store.runs.add("s3", {}), 0)
    store.gold.add([gold_query("q1", "wht", "validation", {1: 1})])
    store.runs.set_errors(begun.id, [RoundError(begun.id, 1, "2", 0.9)])
    store.gold.add([gold_query("q1", "what", "validation", {1: 1})])
    [row] = store.runs.error_rows(begun.id)
    assert (row.gold_id, row.predicted, row.text, row.gold) == (1, "d2", "what", "d1")


def test_a_round_remembers_what_was_measured(store: Store) -> None:
    begun = store.runs.begin_round(store.runs.add("s3", {}), 0)
    store.runs.update_round(begun.id, stage="scored", validation={"accuracy": 0.5}, records=9)
    found = store.runs.round(begun.id)
    assert found is not None
    assert (found.stage, found.validation, found.records) == ("scored", {"accuracy": 0.5}, 9)


def test_a_stage_is_finished_once(store: Store) -> None:
    run = store.runs.add("s3", {})
    for stage in ("rationales", "seed", "rationales"):
        store.runs.finish_stage(run, stage)
    found = store.runs.get(run)
    assert found is not None
    assert found.finished_stages == ("rationales", "seed")


def test_an_older_file_keeps_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    before = [name for name, _ in schema.STEPS].index("m007_rounds")
    from studio.store import db

    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", schema.STEPS[:before])
        old = db.connect(path, create=True)
        db.migrate(old, path, target=before)
        old.conn.execute("INSERT INTO documents VALUES (1, 'd', '', 'text', 's', NULL, 0, NULL)")
        old.conn.execute("INSERT INTO records(document_id, text, created) VALUES (1, 'q', 'x')")
        old.close()
    store = Store.create(path)
    assert store.records.page()[0].text == "q"
    store.records.add([synthetic(store.runs.add("s3", {}), 0)])
    assert store.records.count() == 1
    assert store.records.count(type="text") == 1
    assert store.db.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert store.db.conn.execute("PRAGMA foreign_key_check").fetchall() == []


# -- records without a document --


@pytest.fixture
def sentence(store: Store) -> int:
    """A hypothesis of a premise, about no document; its row."""
    store.values.set("task", "nli")
    run = store.runs.add("s3", {})
    item = pair("someone sings", "entailment", "A woman sings.", run_id=run, stage="seed")
    [row] = store.records.add([item])
    assert row is not None
    return row


def test_a_record_has_its_label_and_its_context(store: Store, sentence: int) -> None:
    record = store.records.get(sentence)
    assert record is not None
    assert (record.document_id, record.label) == (None, "entailment")
    assert (record.context, record.answers) == ("A woman sings.", ())
    assert list(store.records.all()) == store.records.many([sentence]) == [record]
    assert list(store.choices.records(Choice())) == [record]
    with pytest.raises(StudioError, match="about no document"):
        record.needed_document()


def test_lineage_and_exports_leave_out_no_record(store: Store, sentence: int) -> None:
    fields = {"hypothesis": "someone sings", "label": "entailment", "premise": "A woman sings."}
    found = store.lineage.of_record(sentence)
    assert found is not None
    assert (found["fields"], found["document"]) == (fields, None)
    assert (found["type"], found["stage"], found["batch"]) == ("pair", "seed", 0)
    [row] = store.records.with_provenance()
    assert (row["fields"], row["document_id"]) == (fields, "")


def test_what_a_job_made_last_has_its_labels(store: Store) -> None:
    run = store.runs.add("s3", {})
    job = store.jobs.submit("s3", {})
    store.records.add([synthetic(run, 0)], job)
    [newest] = store.records.newest_of_job(job)
    assert (newest.text, newest.label, newest.document) == ("a fine film", "good", "")


def test_a_record_without_a_document_has_no_siblings(store: Store, sentence: int) -> None:
    found = store.review.provenance(sentence)
    assert (found.siblings, found.document.id) == ((), 0)
    assert found.record.label == "entailment"
