"""The job that trains: its teacher, and a name that is nobody else's."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.evaluation.embeddings import Prefixes
from studio.jobs import datasets, evaluating, training, training_inputs
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.datasets import encoder_name, gold_set
from studio.jobs.project_systems import systems_of
from studio.jobs.recipes import numbers_for
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.project import Project
from studio.records import Example, StudioError
from studio.runs import Model
from tests.support import tiny_encoder
from tests.support.data import gold_query, query_for
from tests.support.project import fill


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.static_encoder(tmp_path_factory.mktemp("static")))


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobContext:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    project = Project.create(tmp_path / "project")
    fill(project.store, tiny_encoder.corpus().values())
    rows = [document.id for document in project.store.documents.all()]
    project.store.records.add(
        query_for(row, f"what is the {topic}")
        for row, topic in zip(rows, tiny_encoder.TOPICS, strict=True)
    )
    number = project.store.jobs.submit("train", {})
    assert project.store.jobs.claim(number, os.getpid())
    job = project.store.jobs.get(number)
    assert job is not None
    return JobContext(project, job)


def params(encoder: str, **changes: object) -> TrainParams:
    return TrainParams(encoder=encoder, steps=2, batch_size=4, **changes)  # type: ignore[arg-type]


def test_the_base_encoder_and_bm25_teach_as_much_as_is_asked_for(
    context: JobContext, encoder: str
) -> None:
    training.train_kept(context, params(encoder, distillation=0.75))
    (model,) = context.store.models.all()
    assert model.settings["distillation"] == 0.75
    assert model.settings["teacher"] == f"{encoder} and BM25"
    assert context.result["steps"] == 2


def test_the_teacher_knows_the_document_that_has_the_querys_words(
    context: JobContext, encoder: str
) -> None:
    corpus = training_inputs.corpus_texts(context)
    stage = training_inputs.TrainingStage("model", encoder, encoder)
    teacher = training_inputs.teacher_of(context, stage, corpus, params(encoder))
    queries = [f"what is the {topic}" for topic in tiny_encoder.TOPICS]
    best = [list(corpus)[int(scores.argmax())] for scores in teacher(queries)]
    assert best == [record.document_id for record in context.store.records.all()]


def test_another_encoder_than_the_base_can_teach(
    context: JobContext, encoder: str, tmp_path: Path
) -> None:
    other = str(tiny_encoder.bert_encoder(tmp_path / "other"))
    training.train_kept(context, params(encoder, distillation=0.5, teacher=other))
    (model,) = context.store.models.all()
    assert model.settings["teacher"] == f"{other} and BM25"
    assert model.base == encoder


def test_a_reranker_teaches_what_it_has_read_and_negative_margins_are_explained(
    context: JobContext, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.training import reranker
    from studio.training.reranker_settings import RerankerSettings
    from studio.training.settings import RetrieverSettings

    taught = params(encoder, taught_by="reranker", distillation=1.0, lesson="margins")
    with pytest.raises(StudioError, match=r"No reranker is trained yet.*studio rerank"):
        training.train_kept(context, taught)
    base = str(tiny_encoder.bert_encoder(tmp_path / "bert"))
    pairs = training_inputs.training_pairs(context, list(context.store.records.all()))
    folder = context.project.models_dir / "order"
    reranker.train(pairs, RerankerSettings(base=base, max_steps=1, negatives=1), folder)
    of = {"learner": "reranker", "max_length": 32}
    context.store.models.add(Model("order", "models/order", base, settings=of))
    training.train_kept(context, taught)
    model = context.store.models.latest()
    assert model is not None
    assert model.settings["teacher"] == "the reranker ./models/order"
    assert model.settings["margins"] is True
    assert RetrieverSettings().margins is False
    (note,) = context.result["notes"]
    assert "Nothing was swapped" in note
    corpus = training_inputs.corpus_texts(context)
    stage = training_inputs.TrainingStage("model", encoder, encoder)
    monkeypatch.setattr(training_inputs, "GRADED", 3)
    teacher = training_inputs.teacher_of(context, stage, corpus, taught, pairs)
    rows = list(teacher([pair.query for pair in pairs[:2]]))
    assert all(np.isfinite(row).sum() == 3 for row in rows)
    assert all(np.isfinite(row[place]) for place, row in enumerate(rows))


def test_a_teacher_reads_the_trained_documents_and_a_part_of_a_large_corpus(
    context: JobContext, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.training.settings import RetrieverSettings

    pairs = training_inputs.training_pairs(context, list(context.store.records.all()))[:3]
    monkeypatch.setattr(training_inputs, "BANK_LIMIT", 5)
    taught = training_inputs.corpus_for(context, pairs, RetrieverSettings(distillation=1.0))
    assert len(taught) == 5
    assert {pair.document_id for pair in pairs} <= taught.keys()
    assert len(training_inputs.corpus_for(context, pairs, RetrieverSettings())) == 16


def test_another_models_name_is_refused_before_anything_is_trained(
    context: JobContext, encoder: str
) -> None:
    context.store.models.add(Model(name="garden", path="models/garden", base=encoder))
    with pytest.raises(StudioError, match="a model named garden already"):
        training.train_kept(context, params(encoder, name="garden"))
    assert not (context.project.models_dir / "garden").exists()


@pytest.mark.parametrize("name", ["../garden", "a/b", "/tmp/garden", ".garden", ".."])
def test_a_name_that_leaves_the_folder_of_models_is_refused(
    context: JobContext, encoder: str, name: str
) -> None:
    with pytest.raises(StudioError, match="cannot be a folder's"):
        training.train_kept(context, params(encoder, name=name))


def test_the_words_of_gold_queries_are_never_training_data(
    context: JobContext, encoder: str
) -> None:
    texts = [record.text for record in context.store.records.all()]
    gold = [
        gold_query("v", f"  {texts[0].upper()}?", "validation", {1: 1}),
        gold_query("t", texts[1], "test", {2: 1}),
    ]
    context.store.gold.add(gold)
    training.train_kept(context, params(encoder))
    (model,) = context.store.models.all()
    assert model.snapshot_id is not None
    trained = context.store.snapshots.record_ids(model.snapshot_id)
    assert [context.store.records.get(row).text for row in trained] == texts[2:]
    assert context.result["pairs"] == 14
    assert context.result["left_out_gold"] == 2


def test_held_out_examples_that_stand_in_for_a_test_are_not_training_data_either(
    context: JobContext, encoder: str
) -> None:
    text = next(context.store.records.all()).text
    context.store.examples.add([Example("the river", text, document_id=1, enabled=False)])
    training.train_kept(context, params(encoder))
    assert context.result["left_out_gold"] == 1


def test_when_all_records_are_gold_nothing_is_trained(context: JobContext, encoder: str) -> None:
    context.store.gold.add(
        gold_query(f"g{record.id}", record.text, "test", {record.document_id: 1})
        for record in list(context.store.records.all())
    )
    with pytest.raises(StudioError, match="words of gold queries"):
        training.train_kept(context, params(encoder))


def test_the_round_trips_model_learns_no_gold_either(context: JobContext, encoder: str) -> None:
    text = next(context.store.records.all()).text
    context.store.gold.add([gold_query("t", text, "test", {1: 1})])
    stage = training_inputs.TrainingStage("round-trip-1", encoder, encoder, final=False)
    records = list(context.store.records.all())
    number, _ = training.train_stage(context, stage, records, params(encoder))
    model = context.store.models.get(number)
    assert model is not None
    assert model.snapshot_id is not None
    assert len(context.store.snapshots.record_ids(model.snapshot_id)) == 15


def test_epochs_and_batches_of_ones_own_decide_the_steps() -> None:
    chosen = TrainParams(epochs=3, batch_size=10)
    assert numbers_for(chosen, "minilm-l6", 100, 40).max_steps == 12
    assert numbers_for(TrainParams(steps=7, epochs=3), "minilm-l6", 100, 40).max_steps == 7
    assert numbers_for(TrainParams(), "minilm-l6", 100, 320).max_steps == 40
    published = TrainParams(recipe="published", epochs=1, batch_size=20)
    assert numbers_for(published, "minilm-l6", 100, 40).max_steps == 2


def test_a_model_of_the_project_can_be_trained_on(context: JobContext, encoder: str) -> None:
    training.train_kept(context, params(encoder, name="first"))
    folder = str(context.project.path / "models" / "first")
    training.train_kept(context, params(folder, name="second"))
    second, first = context.store.models.all()
    assert second.parent_id == first.id
    assert second.base == "./models/first"
    assert training.root_encoder(context.project, second.base) == encoder


def moved(context: JobContext, to: Path) -> JobContext:
    """The project in another folder, opened there."""
    context.project.close()
    context.project.path.rename(to)
    return JobContext(Project.open(to), context.job)


def test_a_project_is_moved_with_the_models_that_it_was_trained_on(
    context: JobContext, encoder: str, tmp_path: Path
) -> None:
    training.train_kept(context, params(encoder, name="first"))
    folder = str(context.project.path / "models" / "first")
    training.train_kept(context, params(folder, name="second"))
    context.store.gold.add([gold_query("t", "is ask0", "test", {1: 1})])
    there = moved(context, tmp_path / "elsewhere")
    second, first = there.store.models.all()
    assert str(tmp_path / "project") not in f"{second} {first}"
    found = {one.name: one for one in systems_of(there.project, second)}
    assert found["base"].source == str(there.project.path / "models" / "first")
    scored = evaluating.measure(there, EvaluateParams(), gold_set(there.store, "test"))
    assert scored["scores"].keys() == {"bm25", "base", "trained"}
    own = str(there.project.path / "models" / "second")
    training.train_kept(there, params(own, name="third"))
    third = there.store.models.all()[0]
    assert (third.base, third.parent_id) == ("./models/second", second.id)
    assert training.root_encoder(there.project, third.base) == encoder


def test_an_older_studios_whole_path_is_looked_for_among_the_projects_models(
    context: JobContext, encoder: str, tmp_path: Path
) -> None:
    training.train_kept(context, params(encoder, name="first"))
    gone = str(context.project.path / "models" / "first")
    context.store.models.add(Model(name="second", path="models/second", base=gone))
    there = moved(context, tmp_path / "elsewhere")
    now = str(there.project.path / "models" / "first")
    assert {one.name: one.source for one in systems_of(there.project)}["base"] == now
    assert encoder_name(there.project, gone) == now
    assert training.root_encoder(there.project, gone) == encoder
    # A training that was asked for before the move, and is resumed after it.
    training.train_kept(there, params(gone, name="third"))
    assert there.store.models.all()[0].base == "./models/first"


def test_a_training_goes_on_where_it_was_after_the_project_was_moved(
    context: JobContext, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.train_kept(context, params(encoder, name="first"))
    own = str(context.project.path / "models" / "first")
    asked = replace(params(own, name="second"), steps=6, distillation=0)
    report = training._report
    ended = Cancelled("after the third step")

    def fall_at_the_third(*told: object) -> None:
        if told[2].step >= 5:  # type: ignore[attr-defined]
            raise ended

    monkeypatch.setattr(training, "_report", fall_at_the_third)
    with pytest.raises(Cancelled):
        training.train_kept(context, asked)
    monkeypatch.setattr(training, "_report", report)
    there = moved(context, tmp_path / "elsewhere")
    training.train_kept(there, asked)
    assert there.result["steps"] == 6


def test_the_base_is_measured_and_taught_with_the_prompts_of_the_training(
    context: JobContext, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, list[object]] = {}
    for place in (datasets, training_inputs):
        opened = place.open_encoder

        def noting(name: str, opened: Any = opened, **more: Any) -> Any:
            asked.setdefault(name, []).append(more.get("prefixes"))
            return opened(name, **more)

        monkeypatch.setattr(place, "open_encoder", noting)
    told = params(encoder, query_prompt="what ", distillation=0.5, hard_negatives=1)
    training.train_kept(context, told)
    assert asked == {encoder: [Prefixes("what ", "")] * 2}
    (model,) = context.store.models.all()
    assert (model.settings["query_prompt"], model.settings["document_prompt"]) == ("what ", "")


def test_a_training_tells_its_pace_on_this_machine(context: JobContext, encoder: str) -> None:
    training.train_kept(context, replace(params(encoder), steps=15, distillation=0))
    (model,) = context.store.models.all()
    assert model.scores["pace"]["machine"] == platform.node()
    assert model.scores["pace"]["step_s"] > 0


def test_the_new_model_is_scored_when_that_is_asked_for(context: JobContext, encoder: str) -> None:
    context.store.gold.add([gold_query("t", "is ask0", "test", {1: 1})])
    asked = replace(context.job, params=params(encoder, evaluate=True).to_row())
    context.job = asked
    training.run(context)
    assert context.result["scores"].keys() == {"bm25", "base", "trained"}
    training.run(context)
    assert len(context.store.models.all()) == 1


def test_a_training_that_is_stopped_before_its_first_step_is_cancelled_not_failed(
    context: JobContext, encoder: str
) -> None:
    context.stop.set()
    with pytest.raises(Cancelled):
        training.train_kept(context, replace(params(encoder), distillation=0))
