"""Prompts, gold, drafts, snapshots and models; and from each thing back to what made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.calls import Answer
from studio.records import Example, Gold, Split, Verdict
from studio.runs import Model
from studio.store import Store
from studio.store.models import Evaluation
from tests.support.data import gold_query
from tests.support.project import call, fill, queries


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "studio.db")
    fill(store, ["a document", "another"])
    return store


def test_prompts_are_versions_and_equal_text_is_the_same_one(store: Store) -> None:
    first = store.prompts.save("generic", "text", note="first")
    second = store.prompts.save("generic", "text, changed")
    assert (first.version, second.version) == (1, 2)
    assert store.prompts.save("generic", "text") == first
    assert store.prompts.latest() == second
    assert store.prompts.all() == [second, first]
    assert store.prompts.by_version(1) == store.prompts.get(first.id) == first


def test_a_version_on_the_side_is_listed_and_the_newest_only_once_it_is_chosen(
    store: Store,
) -> None:
    aside = store.prompts.save("alpaca", "of a method", "bundled", aside=True)
    assert (aside.version, aside.aside, store.prompts.latest()) == (1, True, None)
    first = store.prompts.save("generic", "text")
    assert store.prompts.save("alpaca", "of a method", aside=True) == aside
    assert store.prompts.all() == [first, aside]
    assert store.prompts.latest() == first
    assert store.prompts.own() == [first]
    chosen = store.prompts.save("alpaca", "of a method")
    assert (chosen.id, chosen.version, chosen.aside) == (aside.id, 1, False)
    assert store.prompts.own() == [chosen, first]
    later = store.prompts.save("generic", "text, changed")
    assert store.prompts.save("alpaca", "of a method", aside=True) == chosen
    assert store.prompts.latest() == later


def test_a_draft_is_kept_until_it_is_discarded(store: Store) -> None:
    assert store.drafts.get("prompt") is None
    store.drafts.set("prompt", "half a sent\0")
    store.drafts.set("prompt", "half a sentence")
    assert Store(store.path).drafts.get("prompt") == "half a sentence"
    store.drafts.discard("prompt")
    assert store.drafts.get("prompt") is None


def test_facts_are_any_json(store: Store) -> None:
    store.values.set("title", "消费者 \ud83d")
    store.values.set("numbers", {"a": [1, 2.5, None, True]})
    assert store.values.get("title") == "消费者 \ud83d"
    assert store.values.get("numbers") == {"a": [1, 2.5, None, True]}
    assert store.values.get("nothing", 3) == 3


def gold(name: str, text: str, split: Split = "test", origin: str = "import") -> Gold:
    return gold_query(name, text, split, {1: 2, 2: 1}, origin=origin)


def test_gold_comes_back_by_split_with_its_grades(store: Store) -> None:
    assert store.gold.add([gold("q1", "one"), gold("q2", "two", "validation", "search")]) == []
    [query] = store.gold.all("test")
    assert (query.text, query.relevant) == ("one", {1: 2, 2: 1})
    assert store.gold.judged_counts() == {"test": 1, "validation": 1}
    assert store.gold.origins("validation") == {"search": 1}


def test_gold_that_comes_again_is_replaced(store: Store) -> None:
    store.gold.add([gold("q1", "with a tpyo"), gold("q1", "without")])
    assert [query.text for query in store.gold.all("test")] == ["without"]


def test_splits_that_number_their_queries_alike_do_not_overwrite_each_other(store: Store) -> None:
    store.gold.add([gold("1", "for validation", "validation")])
    store.gold.add([gold("1", "for test", "test")])
    store.gold.add([gold("1", "for test", "test")])
    assert [query.text for query in store.gold.all("validation")] == ["for validation"]
    assert [query.text for query in store.gold.all("test")] == ["for test"]


def test_a_query_that_changes_its_split_leaves_the_other(store: Store) -> None:
    store.gold.add([gold("q1", "the same", "validation")])
    store.gold.add([gold("q1", "the same", "test")])
    assert store.gold.judged_counts() == {"test": 1}


def test_gold_that_became_an_example_is_removed(store: Store) -> None:
    store.gold.add([gold("q1", "one"), gold("q2", "two")])
    assert store.gold.remove(["q1", "q9"]) == 1
    assert [query.outside_id for query in store.gold.all("test")] == ["q2"]


def test_an_equal_snapshot_is_stored_once_in_any_order(store: Store) -> None:
    first, second, third = queries(store, 3)
    taken = store.snapshots.take([first, second])
    assert store.snapshots.take([second, first]) == taken
    assert store.snapshots.take([first, third]) != taken
    assert store.snapshots.record_ids(taken) == [first, second]


def made(store: Store) -> tuple[int, int]:
    """A record with everything behind it; returns its row and that of a model trained on it."""
    prompt = store.prompts.save("generic", "a template")
    store.examples.add([Example("shown", "asked")])
    [example] = store.examples.all()
    shots = store.shot_sets.save([example.revision_id])
    job = store.jobs.submit("generate", {})
    answer = Answer("a query", endpoint="local")
    one_call = call(answer=answer, prompt_id=prompt.id, shot_set_id=shots, draw=3)
    store.generations.save([one_call], job)
    [record] = store.records.all()
    store.verdicts.add([Verdict(record.id, "round-trip", True, score=1)])
    snapshot = store.snapshots.take([record.id])
    parent = store.models.add(Model("stage 1", "models/1", "minilm-l6", snapshot_id=snapshot))
    settings = {"epochs": 2}
    model = Model(
        "stage 2", "models/2", "minilm-l6", parent_id=parent, snapshot_id=snapshot,
        job_id=job, settings=settings,
    )  # fmt: skip
    return record.id, store.models.add(model)


def test_a_record_leads_back_to_all_that_made_it(store: Store) -> None:
    record, _ = made(store)
    found = store.lineage.of_record(record)
    assert found is not None
    assert (found["fields"], found["document"], found["job"]) == ({"query": "a query"}, "d1", 1)
    assert (found["prompt"], found["prompt_version"]) == ("generic", 1)
    assert (found["model"], found["endpoint"], found["draw"]) == ("a-model", "local", 3)
    assert [shot["query"] for shot in found["shots"]] == ["asked"]
    assert [(v["filter"], v["score"]) for v in found["verdicts"]] == [("round-trip", 1)]


def test_a_record_from_outside_has_a_short_lineage(store: Store) -> None:
    [record] = queries(store, 1)
    found = store.lineage.of_record(record)
    assert found is not None
    assert (found["generation"], found["shots"]) == (None, [])
    assert store.lineage.of_record(99) is None


def test_a_model_leads_back_to_its_records_and_parent(store: Store) -> None:
    _, model = made(store)
    found = store.lineage.of_model(model)
    assert found is not None
    assert (found["records"], found["examples"], found["parent"]["name"]) == (1, [1], "stage 1")
    [maker] = found["made_by"]
    assert (maker["records"], maker["prompt"], maker["model"]) == (1, "generic", "a-model")
    assert store.lineage.of_model(99) is None


def test_a_model_comes_back_with_its_settings_and_scores(store: Store) -> None:
    _, number = made(store)
    store.models.set_scores(number, {"ndcg@10": 0.5})
    model = store.models.get(number)
    assert model is not None
    assert (model.settings, model.scores) == ({"epochs": 2}, {"ndcg@10": 0.5})
    assert store.models.latest() == model
    assert store.models.of_job(1) == [model]
    assert [m.name for m in store.models.all()] == ["stage 2", "stage 1"]


def test_an_evaluation_comes_back_by_job_and_model(store: Store) -> None:
    _, model = made(store)
    scores = {"q1": {"ndcg@10": 1.0}}
    evaluation = Evaluation("trained", "test", "24 gold", {"ndcg@10": 0.5}, scores, model, 1)
    store.evaluations.add(evaluation)
    [found] = store.evaluations.of_model(model)
    assert (found.metrics, found.per_query) == ({"ndcg@10": 0.5}, scores)
    assert store.evaluations.of_job(1) == [found]


def test_an_export_row_has_the_whole_provenance(store: Store) -> None:
    made(store)
    [row] = store.records.with_provenance()
    assert (row["fields"], row["document_id"], row["prompt_version"]) == (
        {"query": "a query"},
        "d1",
        1,
    )
    assert (row["shots"], row["scores"]) == ((1,), {"round-trip": 1})


def test_export_rows_leave_out_what_was_dropped_unless_asked(store: Store) -> None:
    first, _ = queries(store, 2)
    store.verdicts.add([Verdict(first, "copy", False, reason="copied")])
    assert len(list(store.records.with_provenance())) == 1
    assert len(list(store.records.with_provenance(kept=False))) == 1
    assert len(list(store.records.with_provenance(kept=None))) == 2
