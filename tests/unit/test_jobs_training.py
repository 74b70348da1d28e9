"""The job that trains: its teacher, and a name that is nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.jobs import training
from studio.jobs.context import JobContext
from studio.jobs.params import TrainParams
from studio.project import Project
from studio.records import Model, Record, StudioError
from tests.support import tiny_encoder
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
        Record(row, f"what is the {topic}")
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
    corpus = training.corpus_texts(context)
    stage = training.Stage("model", encoder, encoder)
    teacher = training._teacher(context, stage, corpus, params(encoder))
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


def test_a_teacher_reads_the_trained_documents_and_a_part_of_a_large_corpus(
    context: JobContext, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.training.settings import RetrieverSettings

    pairs = training.training_pairs(context, list(context.store.records.all()))[:3]
    monkeypatch.setattr(training, "BANK_LIMIT", 5)
    taught = training._corpus_for(context, pairs, RetrieverSettings(distillation=1.0))
    assert len(taught) == 5
    assert {pair.document_id for pair in pairs} <= taught.keys()
    assert len(training._corpus_for(context, pairs, RetrieverSettings())) == 16


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
