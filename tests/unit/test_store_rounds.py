"""Labelled tasks in the store: gold, runs, rounds, errors, and records without a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.labelled import GoldItem, Item, Label, Rationale, RoundError, SyntheticItem
from studio.records import StudioError, Verdict
from studio.store import Store
from studio.store import migrations as schema
from studio.store.choices import Choice


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "studio.db")


def synthetic(run: int, place: int, text: str = "a fine film", **values: object) -> SyntheticItem:
    return SyntheticItem(Item(text, "good"), run, 0, place, **values)  # type: ignore[arg-type]


def test_labels_keep_their_order(store: Store) -> None:
    store.labels.set([Label("neg", "bad"), Label("pos")])
    assert [(label.name, label.words, label.position) for label in store.labels.all()] == [
        ("neg", "bad", 0),
        ("pos", "pos", 1),
    ]


def test_one_text_stands_in_one_split_only(store: Store) -> None:
    first = GoldItem(Item("A  fine film", "good"), "validation", "v1")
    same = GoldItem(Item("A fine film", "bad"), "test", "t1")
    assert store.gold_items.add([first, same]) == [same]
    assert store.gold_items.by_text(same.item).split == "validation"  # type: ignore[union-attr]


def test_the_same_question_of_another_passage_is_another_item(store: Store) -> None:
    one = GoldItem(Item("Who?", "", "Ada wrote it.", ("Ada",)), "validation", "1")
    two = GoldItem(Item("Who?", "", "Bob wrote it.", ("Bob",)), "test", "2")
    assert store.gold_items.add([one, two]) == []
    assert store.gold_items.all("test")[0].item.answers == ("Bob",)


def test_items_of_a_run_come_by_round_and_place(store: Store) -> None:
    run = store.runs.add("s3", {"seed": 1})
    later = SyntheticItem(Item("later", "good"), run, 1, 0)
    assert store.items.add([later, synthetic(run, 1), synthetic(run, 0, "first")]) == 3
    assert [found.item.text for found in store.items.of_run(run)] == [
        "first",
        "a fine film",
        "later",
    ]


def test_a_place_is_taken_once(store: Store) -> None:
    run = store.runs.add("s3", {})
    assert store.items.add([synthetic(run, 0)]) == 1
    assert store.items.add([synthetic(run, 0, "again")]) == 0
    assert store.items.places(run, 0) == {0}
    assert store.items.next_place(run, 0) == 1


def test_a_dropped_item_has_its_reason_and_a_person_may_bring_it_back(store: Store) -> None:
    run = store.runs.add("s3", {})
    store.items.add([synthetic(run, 0, reason="copied")])
    dropped = next(store.items.of_run(run, kept=None))
    assert (dropped.kept, dropped.reason) == (False, "copied")
    store.verdicts.add([Verdict(dropped.id, "person", True)])
    assert next(store.items.of_run(run)).id == dropped.id


def test_a_context_is_stored_once(store: Store) -> None:
    run = store.runs.add("s3", {})
    store.items.add(
        SyntheticItem(Item(f"q{n}", "", "The passage.", ("passage",)), run, 0, n) for n in range(3)
    )
    assert store.db.conn.execute("SELECT count(*) FROM contents").fetchone()[0] == 1
    assert {found.item.context for found in store.items.of_run(run)} == {"The passage."}


def test_errors_of_a_round_are_set_at_one_stroke(store: Store) -> None:
    run = store.runs.add("s3", {})
    begun = store.runs.begin_round(run, 0)
    assert store.runs.begin_round(run, 0).id == begun.id
    errors = [RoundError(begun.id, gold, "bad", 0.9, {"rank": 3}) for gold in (4, 7)]
    store.runs.set_errors(begun.id, errors)
    assert store.runs.set_errors(begun.id, errors[:1]) == 1
    assert [error.gold_id for error in store.runs.errors(begun.id)] == [4]
    assert store.runs.rounds(run)[0].errors == 1


def test_a_round_remembers_what_was_measured(store: Store) -> None:
    begun = store.runs.begin_round(store.runs.add("s3", {}), 0)
    store.runs.update_round(begun.id, stage="scored", validation={"accuracy": 0.5}, records=9)
    found = store.runs.round(begun.id)
    assert found is not None
    assert (found.stage, found.validation, found.records) == ("scored", {"accuracy": 0.5}, 9)


def test_a_rationale_counts_once(store: Store) -> None:
    run = store.runs.add("s3", {})
    said = [Rationale("good", "great actors"), Rationale("good", "great actors")]
    assert store.runs.add_rationales(run, said) == 1
    assert store.runs.add_rationales(run, said) == 0


def test_an_older_file_keeps_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    before = [name for name, _ in schema.STEPS].index("m007_rounds")
    from studio.store import db

    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", schema.STEPS[:before])
        old = db.connect(path)
        db.migrate(old, path, target=before)
        old.conn.execute("INSERT INTO documents VALUES (1, 'd', '', 'text', 's', NULL, 0, NULL)")
        old.conn.execute("INSERT INTO records(document_id, text, created) VALUES (1, 'q', 'x')")
        old.close()
    store = Store(path)
    assert store.records.page()[0].text == "q"
    store.items.add([synthetic(store.runs.add("s3", {}), 0)])
    assert store.records.count() == 2
    assert store.db.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert store.db.conn.execute("PRAGMA foreign_key_check").fetchall() == []


# -- records without a document --


@pytest.fixture
def pair(store: Store) -> int:
    """A hypothesis of a premise, about no document; its row."""
    run = store.runs.add("s3", {})
    item = Item("someone sings", "entailment", "A woman sings.", ("sings",))
    store.items.add([SyntheticItem(item, run, 0, 0)])
    [found] = store.items.of_run(run)
    return found.id


def test_a_record_has_its_label_its_context_and_its_answer(store: Store, pair: int) -> None:
    record = store.records.get(pair)
    assert record is not None
    assert (record.document_id, record.label) == (None, "entailment")
    assert (record.context, record.answer) == ("A woman sings.", "sings")
    assert list(store.records.all()) == store.records.many([pair]) == [record]
    assert list(store.choices.records(Choice())) == [record]
    with pytest.raises(StudioError, match="about no document"):
        record.needed_document()


def test_lineage_and_exports_leave_out_no_record(store: Store, pair: int) -> None:
    found = store.lineage.of_record(pair)
    assert found is not None
    assert (found["text"], found["label"]) == ("someone sings", "entailment")
    assert (found["context"], found["document"], found["round"]) == ("A woman sings.", None, 0)
    [row] = store.records.with_provenance()
    assert (row["query"], row["label"], row["document_id"]) == ("someone sings", "entailment", "")
    assert (row["context"], row["answer"]) == ("A woman sings.", "sings")


def test_what_a_job_made_last_has_its_labels(store: Store) -> None:
    run = store.runs.add("s3", {})
    job = store.jobs.submit("s3", {})
    store.items.add([synthetic(run, 0)], job)
    [newest] = store.records.newest_of_job(job)
    assert (newest.text, newest.label, newest.document) == ("a fine film", "good", "")


def test_a_record_without_a_document_has_no_siblings(store: Store, pair: int) -> None:
    found = store.review.provenance(pair)
    assert (found.siblings, found.document.id) == ((), 0)
    assert found.record.label == "entailment"
