"""A project whose corpus is cut into passages, and gold that names the documents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.jobs import comparing, evaluating, gold, learners
from studio.jobs.context import JobContext
from studio.jobs.datasets import bm25_ranker, counting_of, document_name, gold_set, read_corpus
from studio.jobs.filtering import _rank_of
from studio.jobs.params import FilterParams
from studio.jobs.searching import search
from studio.jobs.train_params import EvaluateParams
from studio.jobs.training_inputs import validation_set
from studio.project import Project
from studio.records import StudioError
from studio.runs import Model
from studio.store import Store
from tests.support import tiny_encoder
from tests.support.data import gold_query
from tests.support.project import cut_up, fill, gold_of_documents

LONG = {
    "tides": ["the moon pulls the sea", "the moon pulls twice a day", "ships wait for it"],
    "bread": ["yeast makes dough rise", "bake the dough for an hour", "the moon has no bread"],
    "letter": ["dear moon"],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    return Project.create(tmp_path / "project")


@pytest.fixture
def store(project: Project) -> Store:
    cut_up(project.store, LONG)
    return project.store


def called(store: Store, name: str) -> str:
    """What a long document is called in rankings."""
    return document_name(store.sources.named([name])[name][0])


def scored(store: Store, split: str = "test") -> dict[str, float]:
    found = gold_set(store, "test" if split == "test" else "validation")
    return found.scored(bm25_ranker(read_corpus(store), "en")).means


def test_the_right_document_first_is_all_that_can_be_reached(store: Store) -> None:
    gold_of_documents(store, {"q1": ("moon pulls", "tides"), "q2": ("dough", "bread")})
    means = scored(store)
    assert means == dict.fromkeys(means, 1.0)
    assert gold_set(store, "test").label == (
        "2 gold test queries (2 import); a rank counts documents, each by its best passage"
    )


def test_a_document_that_was_never_cut_competes_with_documents_not_with_passages(
    store: Store,
) -> None:
    gold_of_documents(store, {"q": ("dear moon pulls the sea twice a day", "letter")})
    # Both passages of the tides are nearer, and are one document.
    assert scored(store)["mrr@10"] == 0.5


def test_gold_of_passages_counts_passages(store: Store) -> None:
    rows = store.documents.ids_by_outside_id(["tides#2"])
    store.gold.add([gold_query("q", "moon pulls sea", "test", {rows["tides#2"]: 1})])
    assert not store.gold.names_documents()
    assert counting_of(store).documents is None
    assert scored(store)["mrr@10"] == 0.5
    assert "rank" not in gold_set(store, "test").label


def test_passages_that_come_later_belong_to_the_document_that_was_named(store: Store) -> None:
    gold_of_documents(store, {"q": ("moon pulls", "tides")})
    # The same long document, cut otherwise.
    cut_up(store, {"tides": ["\n\n".join(LONG["tides"][:2]), LONG["tides"][2]]})
    assert scored(store)["ndcg@10"] == 1.0


def test_a_passage_that_two_documents_share_makes_only_the_named_one_right(store: Store) -> None:
    cut_up(store, {"post": ["letters are stamped", "ships wait for it"]})
    gold_of_documents(store, {"q": ("letters stamped", "post")})
    [query] = gold_set(store, "test").queries
    assert len(query.relevant) == 2
    assert gold_set(store, "test").qrels() == {"q": {called(store, "post"): 1}}
    assert scored(store)["ndcg@10"] == 1.0


def test_an_import_names_what_its_file_names(project: Project, tmp_path: Path) -> None:
    from studio.jobs.importing import Report, import_gold

    cut_up(project.store, LONG)
    file = tmp_path / "gold.jsonl"
    file.write_text('{"query": "x", "relevant": ["tides", "bread#2", "letter"]}\n')
    import_gold(project.store, file, False, Report())
    [query] = project.store.gold.all()
    tides, _ = project.store.sources.named(["tides"])["tides"]
    assert query.named == dict.fromkeys((1, 2, 3), tides)
    assert len(query.judged) == 3


def test_validation_in_training_counts_as_the_evaluation_does(project: Project) -> None:
    cut_up(project.store, LONG)
    gold_of_documents(project.store, {"q": ("moon pulls", "tides")}, "validation")
    number = project.store.jobs.submit("train", {})
    assert project.store.jobs.claim(number, os.getpid())
    job = project.store.jobs.get(number)
    assert job is not None
    found = validation_set(JobContext(project, job), instructions=False)
    assert found is not None
    tides = called(project.store, "tides")
    assert found.relevant == {"q": {tides: 1}}
    assert found.counting.names("2") == (tides,)
    assert {"1", "2", "3"} <= found.sampled(3).documents.keys(), "all of the right document"


def test_the_validator_gives_a_document_one_place(tmp_path: Path) -> None:
    from studio.evaluation.counting import Counting
    from studio.training.encoders import load_encoder
    from studio.training.settings import ValidationSet
    from studio.training.validation import Validator

    model = load_encoder(str(tiny_encoder.static_encoder(tmp_path / "e")), "cpu", 32)
    texts = {"1": "the river", "2": "river the", "3": "river of the river", "4": "stone"}
    parts = Counting({"1": ("long",), "2": ("long",), "3": ("long",)})
    gold = ValidationSet({"q": "the river"}, texts, {"q": {"long": 1}}, parts)
    assert Validator(gold, bf16=False, fixed_documents=False)(model) == 1.0
    other = ValidationSet({"q": "the river"}, texts, {"q": {"4": 1}}, parts)
    second = Validator(other, bf16=False, fixed_documents=False)(model)
    assert second == pytest.approx(0.631, abs=1e-3)


def test_the_round_trip_finds_the_document_again(project: Project) -> None:
    cut_up(project.store, LONG)
    number = project.store.jobs.submit("filter", {})
    assert project.store.jobs.claim(number, os.getpid())
    context = JobContext(project, project.store.jobs.get(number))  # type: ignore[arg-type]
    asked = [("the moon pulls the sea", 2), ("the moon has risen dough", 3)]
    params = FilterParams(round_trip="bm25")
    assert _rank_of(context, params)(asked) == [2, 7], "by passages"
    gold_of_documents(project.store, {"q": ("moon pulls", "tides")})
    assert _rank_of(context, params)(asked) == [1, 3], "by documents"


def test_errors_of_a_round_are_missed_documents_and_their_negatives_are_of_others(
    store: Store,
) -> None:
    from studio.jobs.datasets import sources_of

    gold_of_documents(store, {"q": ("dough moon pulls sea", "bread")}, "validation")
    found = gold_set(store, "validation")
    ranked = found.ranked(bm25_ranker(read_corpus(store), "en"))
    assert list(learners._missed(1, found, ranked, 2, sources_of(store))) == []
    [error] = learners._missed(1, found, ranked, 1, sources_of(store))
    assert error.detail["rank"] == 2
    assert store.documents.get(error.detail["right"]).text in LONG["bread"]  # type: ignore[union-attr]
    others = store.documents.many(error.hard_negatives).values()
    assert {one.outside_id.partition("#")[0] for one in others} == {"tides", "letter"}


def test_no_passage_of_a_right_ones_document_is_a_hard_negative(store: Store) -> None:
    from studio.jobs.datasets import sources_of

    rows = store.documents.ids_by_outside_id(["tides#3"])
    store.gold.add(
        [gold_query("q", "moon pulls the sea, ships", "validation", {rows["tides#3"]: 1})]
    )
    found = gold_set(store, "validation")
    ranked = found.ranked(bm25_ranker(read_corpus(store), "en"))
    [error] = learners._missed(1, found, ranked, 1, sources_of(store))
    others = store.documents.many(error.hard_negatives).values()
    assert {one.outside_id for one in others} == {"bread#3", "letter"}


def test_search_shows_each_document_once(project: Project) -> None:
    cut_up(project.store, LONG)
    by_passages = search(project, "moon pulls", "bm25", 10)
    assert [hit["document"] for hit in by_passages][:2] == ["tides#1", "tides#2"]
    gold_of_documents(project.store, {"q": ("sea", "tides")})
    by_documents = search(project, "moon pulls", "bm25", 10)
    assert [hit["document"] for hit in by_documents] == ["tides#1", "letter", "bread#3"]


def test_a_mark_in_search_is_of_the_whole_document_where_documents_count(store: Store) -> None:
    gold_of_documents(store, {"q": ("sea", "tides")})
    query = gold.find(store, "sea")
    change = gold.mark(store, query, "sea", "test", 5, 1, "ada")
    assert change is not None
    [now] = store.gold.all()
    assert sorted(now.judged.values()) == [1, 1]
    assert set(now.relevant) == {1, 2, 3, 4, 5, 6}
    gold.undo(store, change)
    assert store.gold.all()[0].relevant == {1: 1, 2: 1, 3: 1}
    gold.mark(store, query, "sea", "test", 2, 0)
    assert set(store.gold.all()[0].judged.values()) == {0}


def test_a_mark_is_of_the_passage_where_passages_count(store: Store) -> None:
    gold.mark(store, None, "moon", "test", 2, 1)
    [query] = store.gold.all()
    assert query.relevant == {2: 1}
    assert not store.gold.names_documents()


# -- queries that are documents --


def debates(store: Store) -> None:
    fill(store, ["tolls for cars are fair", "tolls hurt the poor", "cars should pay tolls"])


def test_a_query_with_a_documents_id_and_words_is_not_found_by_it(project: Project) -> None:
    debates(project.store)
    store = project.store
    store.gold.add([gold_query("d1", "Tolls for cars are fair!", "test", {3: 1})])
    assert scored(store)["mrr@10"] == 1.0
    assert gold_set(store, "test").label.endswith("a rank counts no query by itself")
    hits = search(project, "tolls for cars are fair", "bm25", 10)
    assert [hit["document"] for hit in hits] == ["d3", "d2"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("d1", "are tolls for cars fair"), ("other", "tolls for cars are fair")],
    ids=["other words", "other id"],
)
def test_the_id_or_the_words_alone_leave_nothing_out(
    project: Project, name: str, text: str
) -> None:
    debates(project.store)
    project.store.gold.add([gold_query(name, text, "test", {3: 1})])
    assert scored(project.store)["mrr@10"] == 0.5


def test_a_document_that_was_judged_right_stays(project: Project) -> None:
    debates(project.store)
    project.store.gold.add([gold_query("d1", "tolls for cars are fair", "test", {1: 1})])
    assert scored(project.store)["mrr@10"] == 1.0


def test_a_query_that_is_a_long_document_is_not_found_by_its_passages(store: Store) -> None:
    whole = "\n\n".join(LONG["tides"])
    gold_of_documents(store, {"tides": (whole, "letter")})
    assert gold_set(store, "test").counting.left_out == {
        "tides": frozenset({called(store, "tides")})
    }
    assert scored(store)["mrr@10"] > 0.4


def test_the_id_that_the_other_split_has_too_is_still_the_documents(project: Project) -> None:
    debates(project.store)
    project.store.gold.add([gold_query("d1", "something else", "validation", {2: 1})])
    project.store.gold.add([gold_query("d1", "tolls for cars are fair", "test", {3: 1})])
    assert scored(project.store)["mrr@10"] == 1.0


# -- what was scored before --


def test_scores_by_passages_are_not_compared_with_scores_by_documents(
    project: Project, tmp_path: Path
) -> None:
    cut_up(project.store, LONG)
    base = str(tiny_encoder.static_encoder(tmp_path / "base"))
    for name in ("older", "newer"):
        tiny_encoder.static_encoder(project.models_dir / name)
        project.store.models.add(Model(name, f"models/{name}", base))
    gold_of_documents(project.store, {"q": ("moon pulls", "tides")})
    number = project.store.jobs.submit("evaluate", {})
    assert project.store.jobs.claim(number, os.getpid())
    context = JobContext(project, project.store.jobs.get(number))  # type: ignore[arg-type]
    for model in (1, 2):
        params = EvaluateParams(model_id=model)
        found = evaluating.measure(context, params, gold_set(project.store, "test"))
    assert found["ranks"] == "documents, each by its best passage"
    older, newer = (project.store.models.get(row) for row in (1, 2))
    assert older is not None
    assert newer is not None
    assert comparing.between(project.store, newer, older).new == "newer"
    # As an evaluation of an earlier version stands in the file.
    project.store.db.conn.execute(
        "UPDATE evaluations SET metrics = json_remove(metrics, '$.ranks') WHERE model_id = 1"
    )
    with pytest.raises(StudioError, match="every passage for itself for the other"):
        comparing.between(project.store, newer, older)


def test_the_table_says_what_a_rank_counts(project: Project) -> None:
    from rich.console import Console

    from studio.cli.tables import score_table

    cut_up(project.store, LONG)
    gold_of_documents(project.store, {"q": ("moon pulls", "tides")})
    number = project.store.jobs.submit("evaluate", {})
    assert project.store.jobs.claim(number, os.getpid())
    context = JobContext(project, project.store.jobs.get(number))  # type: ignore[arg-type]
    base = str(tiny_encoder.static_encoder(project.path / "base"))
    params = EvaluateParams(encoder=base)
    found = evaluating.measure(context, params, gold_set(project.store, "test"))
    console = Console(width=160)
    with console.capture() as shown:
        console.print(score_table(found))
    assert "a rank counts documents, each by its best passage" in " ".join(shown.get().split())
    assert found["scores"]["bm25"]["ndcg@10"] == 1.0


def test_the_search_process_counts_as_the_evaluation_does(project: Project) -> None:
    import io

    from studio.jobs.search_indexes import read_lexical
    from studio.jobs.search_process import Searching
    from studio.jobs.search_protocol import SearchQuery

    cut_up(project.store, LONG)
    store = project.store
    gold_of_documents(store, {"letter": ("Dear moon!", "tides")})
    lexical = read_lexical(store, "en", store.documents.last_id(), lambda words: None)
    searching = Searching(project.path, io.BytesIO())

    def found(text: str) -> list[str]:
        ranked = searching._ranked(store, SearchQuery(1, text, 10), lexical)
        return [store.documents.get(row).outside_id for row, _ in ranked]  # type: ignore[union-attr]

    assert found("moon pulls") == ["tides#1", "letter", "bread#3"]
    assert "letter" not in found("dear moon"), "the query itself"
