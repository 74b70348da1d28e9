"""Training a reranker as a job, and the system that it is from then on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from studio.cli.tables import score_table
from studio.evaluation.bm25 import Bm25Ranker
from studio.evaluation.reranking import RerankingRanker
from studio.evaluation.systems import System
from studio.jobs import evaluating, kinds, reranking
from studio.jobs.base_encoders import base_encoders
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.datasets import gold_set
from studio.jobs.evaluating import rerankers_scored
from studio.jobs.project_systems import depth_here, model_by_number, systems_of
from studio.jobs.rerank_params import RerankParams
from studio.jobs.scoring_plans import plan_of_system, scoring_plan
from studio.jobs.search_systems import LoadedSystem, Reading, Reranked
from studio.jobs.searching import search
from studio.jobs.train_params import EvaluateParams
from studio.project import Project
from studio.records import StudioError, WrongTask
from studio.runs import RERANKER, Model
from studio.tui.train.words import model_cells, short
from tests.support import tiny_encoder
from tests.support.data import gold_query, query_for
from tests.support.project import fill


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.bert_encoder(tmp_path_factory.mktemp("bert")))


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobContext:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    project = Project.create(tmp_path / "project")
    fill(project.store, tiny_encoder.corpus().values())
    rows = [document.id for document in project.store.documents.all()]
    topics = list(zip(rows, tiny_encoder.TOPICS, strict=True))
    project.store.records.add(query_for(row, f"what is the {topic}") for row, topic in topics)
    for split in ("validation", "test"):
        project.store.gold.add(
            gold_query(f"{split}-{row}", f"{split} of {topic}", split, {row: 1})
            for row, topic in topics[:4]
        )
    base = str(tiny_encoder.static_encoder(project.models_dir / "retriever-1"))
    project.store.models.add(Model("retriever-1", "models/retriever-1", base))
    number = project.store.jobs.submit("rerank", {})
    assert project.store.jobs.claim(number, os.getpid())
    job = project.store.jobs.get(number)
    assert job is not None
    return JobContext(project, job)


def quick(bert: str, **more: object) -> RerankParams:
    return RerankParams(base=bert, steps=2, batch_size=4, evaluations=1, **more)  # type: ignore[arg-type]


def test_a_reranker_has_its_lineage_its_curves_its_card_and_its_scores(
    context: JobContext, bert: str
) -> None:
    store = context.store
    told = quick(bert, name="order", evaluate=True).to_row()
    context = replace(context, job=replace(context.job, params=told))
    reranking.run(context)
    model, retriever = store.models.all()
    assert (model.name, model.learner, model.parent_id) == ("order", RERANKER, retriever.id)
    assert context.result["pairs"] == len(tiny_encoder.TOPICS)
    assert set(store.jobs.points(context.job.id)) == {
        "order loss", "order validation ndcg@10",
    }  # fmt: skip
    assert context.result["validation"]["base"] is not None
    found = context.result
    assert list(found["scores"]) == ["bm25", "base", "trained", "reranked"]
    assert {"reranked_vs_trained", "reranked_vs_bm25"} <= set(found["p_value"])
    console = Console(width=200)
    with console.capture() as told_table:
        console.print(score_table(found))
    assert "trained + reranker" in told_table.get()
    assert "Milliseconds a query: BM25" in told_table.get()
    scored = store.models.get(model.id)
    assert scored is not None
    *_, validation, test, chance, _ = model_cells(scored, 16, "")
    assert found["validation"]["base"] is not None
    assert validation.count("→") == test.count("→") == 1
    assert test.startswith(short(found["scores"]["trained"]["ndcg@10"]))
    assert chance != "—"
    card = (context.project.path / model.path / "README.md").read_text()
    assert "CrossEncoder(" in card
    assert "(retriever-1)" in card
    assert "pipeline_tag: text-ranking" in card
    assert "| trained + reranker |" in card


@pytest.fixture
def with_reranker(context: JobContext, bert: str) -> JobContext:
    reranking.train_reranker(context, quick(bert))
    return context


def test_a_reranker_is_a_system_and_no_retriever(with_reranker: JobContext) -> None:
    project = with_reranker.project
    there = {one.name: one for one in systems_of(project)}
    assert there["reranked"].label == "trained + reranker"
    assert there["reranked"].over == (there["trained"],)
    assert there["trained"].detail == "retriever-1"
    assert there["model-2"].kind == "reranker"
    newest = model_by_number(project, None)
    assert newest is not None
    assert newest.name == "retriever-1"
    assert not [one for one in base_encoders(project) if "reranker" in one.label]
    hits = search(project, "the river", "reranked", 5)
    assert len(hits) == 5
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


def test_search_finds_with_it_what_the_command_line_finds(with_reranker: JobContext) -> None:
    project = with_reranker.project
    there = {one.name: one for one in systems_of(project)}

    def read(system: System) -> LoadedSystem:
        newest = max(document.id for document in project.store.documents.all())
        told: list[str] = []
        record = project.task.record
        return Reading(project.store, "en", record, newest, told.append, True, read).read(system)

    loaded = read(there["reranked"])
    assert isinstance(loaded, Reranked)
    assert len(loaded) == len(tiny_encoder.TOPICS)
    found = project.store.documents.many([row for row, _ in loaded.find("the river", 5)])
    hits = search(project, "the river", "reranked", 5)
    assert {one.outside_id for one in found.values()} == {hit["document"] for hit in hits}


def test_how_many_documents_are_read_can_be_told(with_reranker: JobContext) -> None:
    context = with_reranker
    gold = gold_set(context.store, "test")
    plain, touched = (
        evaluating.measure(context, EvaluateParams(systems="reranked", rerank=depth), gold)
        for depth in (1, 16)
    )
    assert plain["scores"]["reranked"] == plain["scores"]["trained"]
    assert touched["scores"]["trained"] == plain["scores"]["trained"]
    assert touched["systems"]["reranked"] == "trained + reranker"


def test_scoring_says_how_far_it_is_and_heeds_a_cancel(
    with_reranker: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, told = with_reranker, list[str]()
    monkeypatch.setattr(JobContext, "progress", lambda _, done, total, said: told.append(said))
    gold = gold_set(context.store, "test")
    found = evaluating.measure(context, EvaluateParams(systems="reranked"), gold)
    assert found["reading"]["reranked"]["depth"] == depth_here()
    counted = [said for said in told if "reranker," in said]
    assert counted[0].endswith("0 of 4 queries")
    assert counted[-1].endswith("4 of 4 queries")
    assert len(set(counted)) > 2

    def cancelled(_context: JobContext, _done: int, _total: int, said: str) -> None:
        if "1 of 4" in said:
            context.stop.set()
        assert "2 of 4" not in said

    monkeypatch.setattr(JobContext, "progress", cancelled)
    with pytest.raises(Cancelled):
        evaluating.measure(context, EvaluateParams(systems="reranked"), gold)


def test_what_it_will_read_is_told_by_what_was_measured(with_reranker: JobContext) -> None:
    context = with_reranker
    [one, _] = context.store.models.all()
    guess = scoring_plan(context.store, "test", "another", 64)
    assert (guess.queries, guess.pairs) == (4, 4 * len(tiny_encoder.TOPICS))
    assert "a guess" in guess.source
    speed = one.scores["reading"]["pairs_s"]
    [system] = rerankers_scored(context.project, EvaluateParams(model_id=one.id, rerank=3))
    plan = plan_of_system(context.project, system, "test")
    assert plan.time.seconds == pytest.approx(12 / speed)
    assert plan.words("test").startswith("4 test queries × 3 documents = 12 pairs, about")
    assert plan.time.measured_on == one.name


def test_no_pair_is_read_twice() -> None:
    first: Bm25Ranker[str] = Bm25Ranker(["a", "b"], ["red apple", "green apple tree"])
    read: list[tuple[str, str]] = []

    def score(
        pairs: Sequence[tuple[str, str]], on_batch: Callable[[int], None]
    ) -> NDArray[np.float32]:
        read.extend(pairs)
        return np.array([len(text) for _, text in pairs], dtype=np.float32)

    ranker = RerankingRanker(first, {"a": "red", "b": "green"}.__getitem__, score, 2)
    queries = ["apple", "red apple", "apple"]
    once, deeper = list(ranker.top_k(queries, 1)), list(ranker.top_k(queries, 4))
    assert [list(one) for one in once] == [["b"], ["b"], ["b"]]
    assert [list(one) for one in deeper] == [["b", "a"]] * 3
    assert (len(read), ranker.read) == (4, 4)


def test_without_a_trained_retriever_it_stands_over_the_base(
    context: JobContext, bert: str
) -> None:
    store = context.store
    base = store.models.all()[0].base
    store.values.set("encoder", base)
    reranking.train_reranker(context, quick(bert, retriever="base"))
    assert store.models.all()[0].parent_id is None
    assert context.result["retriever"].startswith("base")


def test_the_papers_schedule_takes_every_document_as_a_negative(bert: str) -> None:
    chosen = reranking.settings_of(RerankParams(recipe="published"), bert, 1_000)
    assert (chosen.negatives, chosen.batch_size, chosen.max_steps) == (31, 64, 5_000)
    told = reranking.settings_of(RerankParams(recipe="published", epochs=2.0), bert, 1_000)
    assert (told.max_steps, told.epochs) == (None, 2.0)


def test_a_stop_ends_the_training(context: JobContext, bert: str) -> None:
    context.stop.set()
    with pytest.raises(Cancelled):
        reranking.train_reranker(context, quick(bert))
    assert not (context.project.models_dir / f"reranker-{context.job.id}").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"retriever": "retriever-9"}, "There is no system 'retriever-9'"),
        ({"base": "nowhere/at/all"}, "no encoder folder at nowhere/at/all"),
        ({"name": "retriever-1"}, "a model named retriever-1 already"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    context: JobContext, bert: str, more: dict[str, str], sentence: str
) -> None:
    with pytest.raises(StudioError, match=sentence) as caught:
        reranking.train_reranker(context, replace(quick(bert), **more))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_it_is_nothing_for_tasks_that_search_nothing(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "labels", task="classification")
    number = project.store.jobs.submit("rerank", {})
    job = project.store.jobs.get(number)
    assert job is not None
    with pytest.raises(WrongTask, match="nothing for the task classification"):
        kinds.run_kind(JobContext(project, job))
