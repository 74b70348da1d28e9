"""Distillation: the student takes on what a teacher thinks of the documents."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from studio.records import StudioError
from studio.training import distillation
from studio.training.distillation import asked, divergence, graded_texts
from studio.training.encoders import encode, load_encoder
from studio.training.retriever import train
from studio.training.settings import RetrieverSettings
from tests.support import tiny_encoder, warm

CORPUS = tiny_encoder.corpus()


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.static_encoder(tmp_path_factory.mktemp("static")))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.bert_encoder(tmp_path_factory.mktemp("bert")))


def settings(base: str, **changes: Any) -> RetrieverSettings:
    plain = RetrieverSettings(
        base=base,
        batch_size=8,
        mini_batch=4,
        epochs=5,
        learning_rate=5e-2,
        corpus_negatives=100,
        distillation=1.0,
        device="cpu",
    )
    return dataclasses.replace(plain, **changes)


def test_the_divergence_is_that_of_a_hand_computed_example() -> None:
    import torch

    student = torch.log(torch.tensor([[0.5, 0.25, 0.25]]))
    teacher = torch.log(torch.tensor([[0.25, 0.5, 0.25]]))
    # ¼·ln(¼ / ½) + ½·ln(½ / ¼) + ¼·ln 1
    expected = 0.25 * np.log(2)
    assert divergence(student, teacher).item() == pytest.approx(expected, abs=1e-6)
    assert divergence(teacher, teacher).item() == pytest.approx(0.0, abs=1e-6)


def test_candidates_that_one_side_does_not_know_count_on_neither() -> None:
    import torch

    student = torch.log(torch.tensor([[0.5, 0.25, 0.25, 0.9]]))
    student[0, 2] = float("-inf")
    teacher = torch.log(torch.tensor([[0.25, 0.5, 0.25, 0.1]]))
    teacher[0, 3] = float("-inf")
    expected = (1 / 3) * np.log((1 / 3) / (2 / 3)) + (2 / 3) * np.log((2 / 3) / (1 / 3))
    assert divergence(student, teacher).item() == pytest.approx(expected, abs=1e-6)


def test_a_query_without_a_graded_candidate_gives_no_gradient_and_no_nan() -> None:
    import torch

    student = torch.zeros(1, 3, requires_grad=True)
    loss = divergence(student, torch.full((1, 3), float("-inf")))
    loss.backward()
    assert loss.item() == 0
    assert student.grad is not None
    assert student.grad.tolist() == [[0, 0, 0]]


def test_the_share_mixes_cross_entropy_and_divergence() -> None:
    import torch

    from studio.training.distillation import Lessons
    from studio.training.loss import ranking_loss

    torch.manual_seed(0)
    queries, documents = torch.randn(2, 8), torch.randn(2, 8)
    numbers = torch.tensor([[1], [0]])
    graded = torch.tensor([[4.0, 1.0], [0.0, 2.0]], dtype=torch.float16)
    column_of = torch.tensor([1, 0])

    def loss(weight: float) -> float:
        lesson = Lessons(graded, column_of, weight, 2.0).of(torch.tensor([1, 0]))
        return ranking_loss(queries, documents, numbers, None, 20, False, lesson).item()

    scores = 20 * torch.nn.functional.cosine_similarity(queries[:, None], documents[None], dim=2)
    # The first query of the batch is number 1; the batch's documents are texts 1 and 0.
    taught = torch.softmax(torch.tensor([[0.0, 2.0], [4.0, 1.0]]) / 2, dim=1)
    expected = torch.nn.functional.kl_div(
        torch.log_softmax(scores, dim=1), taught, reduction="batchmean"
    ).item()
    plain = ranking_loss(queries, documents, numbers, None, 20, False).item()
    assert loss(1.0) == pytest.approx(expected, rel=1e-4)
    assert loss(0.5) == pytest.approx((expected + plain) / 2, rel=1e-4)
    assert loss(0.0) == plain


@pytest.mark.parametrize(("kind", "side"), [("static", "both"), ("bert", "query")])
def test_a_teacher_that_prefers_another_document_pulls_the_student_there(
    static: str, bert: str, tmp_path: Path, kind: str, side: str
) -> None:
    def best_document(share: float) -> list[int]:
        chosen = settings(
            static if kind == "static" else bert,
            distillation=share,
            trained_side=side,
            learning_rate=0.3 if kind == "static" else 1e-2,
            epochs=8,
        )
        model = train_with(chosen, tmp_path / "model")
        queries = encode(model, [f"is ask{n}" for n in range(16)], "query")
        return [int(row) for row in (queries @ encode(model, list(CORPUS.values())).T).argmax(1)]

    own = [n == found for n, found in enumerate(best_document(0.0))]
    next_one = [(n + 1) % 16 == found for n, found in enumerate(best_document(1.0))]
    assert sum(own) > 10
    assert sum(next_one) > 10


def train_with(chosen: RetrieverSettings, out: Path) -> Any:
    train(tiny_encoder.pairs(), chosen, out, corpus=CORPUS, teacher=tiny_encoder.teacher)
    return load_encoder(str(out), "cpu")


def test_without_a_share_the_teacher_changes_nothing_and_is_not_asked(
    bert: str, tmp_path: Path
) -> None:
    def refusing(queries: Sequence[str]) -> Iterator[np.ndarray]:
        raise AssertionError

    plain = settings(bert, distillation=0.0, max_steps=4)
    train(tiny_encoder.pairs(), plain, tmp_path / "without", corpus=CORPUS)
    train(tiny_encoder.pairs(), plain, tmp_path / "with", corpus=CORPUS, teacher=refusing)
    without, given = (
        load_file(tmp_path / name / "model.safetensors") for name in ("without", "with")
    )
    assert all(without[name].equal(given[name]) for name in without)


def test_large_batches_in_mini_batches_learn_the_same(bert: str, tmp_path: Path) -> None:
    still = load_encoder(bert, "cpu")
    still[0].auto_model.config.hidden_dropout_prob = 0.0
    still[0].auto_model.config.attention_probs_dropout_prob = 0.0
    still.save_pretrained(str(tmp_path / "still"), create_model_card=False)
    for name, at_once in (("cached", 4), ("whole", 8)):
        plain = settings(str(tmp_path / "still"), mini_batch=at_once, max_steps=3)
        train_with(dataclasses.replace(plain, learning_rate=1e-3), tmp_path / name)
    cached, whole = (load_file(tmp_path / n / "model.safetensors") for n in ("cached", "whole"))
    assert all(cached[name].allclose(whole[name], atol=1e-4) for name in cached)


KILLED = """
import os, signal, sys
from pathlib import Path
from studio.training.retriever import train
from studio.training.settings import RetrieverSettings
from tests.support import tiny_encoder

def on_progress(point):
    if point.step >= 20:
        os.kill(os.getpid(), signal.SIGKILL)

train(tiny_encoder.pairs(), eval(sys.argv[2]), Path(sys.argv[1]), on_progress=on_progress,
      corpus=tiny_encoder.corpus(), teacher=tiny_encoder.teacher)
"""


def test_after_kill_9_the_weights_are_those_of_an_undisturbed_training(
    bert: str, tmp_path: Path
) -> None:
    chosen = settings(bert, learning_rate=1e-3, log_every=1, checkpoint_every=8, corpus_negatives=9)
    child = warm.script(KILLED, str(tmp_path / "resumed"), repr(chosen))
    assert child.returncode == -signal.SIGKILL, child.stderr

    def otherwise(queries: Sequence[str]) -> Iterator[np.ndarray]:
        raise AssertionError("the teacher has answered already")

    pairs = tiny_encoder.pairs()
    train(pairs, chosen, tmp_path / "resumed", corpus=CORPUS, teacher=otherwise, resume=True)
    train_with(chosen, tmp_path / "undisturbed")
    resumed, undisturbed = (
        load_file(tmp_path / name / "model.safetensors") for name in ("resumed", "undisturbed")
    )
    assert all(resumed[name].equal(undisturbed[name]) for name in resumed)
    assert not (tmp_path / "resumed.training").exists()


@pytest.mark.parametrize(
    ("changes", "corpus", "message"),
    [
        ({}, None, "needs a teacher and the corpus"),
        ({"distillation": 1.5}, CORPUS, "distillation is 1.5"),
        ({"corpus_negatives": 0}, CORPUS, "corpus_negatives is 0"),
        ({"teacher_temperature": 0.0}, CORPUS, "teacher_temperature must be greater than 0"),
    ],
)
def test_what_distillation_lacks_is_named(
    static: str,
    tmp_path: Path,
    changes: dict[str, float],
    corpus: Mapping[int | str, str] | None,
    message: str,
) -> None:
    with pytest.raises(StudioError, match=message):
        train(
            tiny_encoder.pairs(),
            settings(static, **changes),
            tmp_path / "model",
            corpus=corpus,
            teacher=tiny_encoder.teacher,
        )


def test_a_missing_teacher_is_named(static: str, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="needs a teacher"):
        train(tiny_encoder.pairs(), settings(static), tmp_path / "model", corpus=CORPUS)


def test_a_cancel_while_the_teacher_is_asked_leaves_no_model(static: str, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="before its first step"):
        train(
            tiny_encoder.pairs(),
            settings(static),
            tmp_path / "model",
            corpus=CORPUS,
            teacher=tiny_encoder.teacher,
            should_stop=lambda: True,
        )
    assert not (tmp_path / "model").exists()


def test_the_teacher_grades_what_the_memory_bears(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus: dict[int | str, str] = {n: f"text {n}" for n in range(100)} | {100: "text 5"}
    texts = [f"text {n}" for n in range(50)] + ["from elsewhere"]
    assert graded_texts(texts, corpus, 10, 13) == {f"text {n}": n for n in range(50)}
    monkeypatch.setattr(distillation, "TEACHER_BYTES", 2 * 10 * 30)
    monkeypatch.setattr(distillation, "FEWEST_COLUMNS", 4)
    assert len(graded_texts(texts, corpus, 10, 13)) == 30
    assert len(graded_texts(texts, corpus, 10_000, 13)) == 4


def test_the_teachers_scores_are_cut_to_the_documents_asked_for() -> None:
    def teacher(queries: Sequence[str]) -> Iterator[np.ndarray]:
        return (np.arange(5, dtype=np.float32) + len(query) for query in queries)

    scores = asked(teacher, ["a", "bcd"], [4, 1], lambda: None)
    assert scores.tolist() == [[5, 2], [7, 4]]
    assert scores.dtype == np.float16
    with pytest.raises(ValueError, match="shorter"):
        asked(lambda queries: iter([]), ["a"], [1], lambda: None)


def test_the_margins_of_a_teacher_are_met_and_unseen_documents_left_out() -> None:
    import torch

    from studio.training.distillation import Lesson, margin_error

    gone = float("-inf")
    teacher = torch.tensor([[3.0, 1.0, 5.0], [gone, 2.0, 1.0]])
    same = teacher + torch.tensor([[7.0], [-2.0]])
    assert margin_error(same, teacher) == 0
    # Of row 0 the own document is taught 2 above the second and, negative, 2 below the third.
    flat = torch.zeros(2, 3)
    assert margin_error(flat, teacher) == (2.0**2 + 2.0**2 + 1.0**2) / 3
    unseen = torch.tensor([[gone, 1.0, 5.0], [0.0, gone, 1.0]])
    assert margin_error(flat, unseen) == 0
    lesson = Lesson(teacher, torch.arange(3), 0.5, margins=True)
    assert lesson.mixed(torch.tensor(1.0), flat, torch.arange(3)) == 0.5 + 0.5 * 3
