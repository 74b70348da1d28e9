"""Training a reranker: what it learns, what it keeps, stopping and going on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from studio.records import StudioError
from studio.training.reranker import (
    RerankingGold,
    TrainedReranker,
    load_reranker,
    train,
)
from studio.training.reranker_settings import RerankerSettings, published
from studio.training.settings import TrainingPair, TrainingPoint
from tests.support import tiny_encoder

QUICK = RerankerSettings(
    negatives=3, batch_size=8, learning_rate=5e-3, max_steps=12, log_every=2, evaluations=2
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.bert_encoder(tmp_path_factory.mktemp("base") / "tiny"))


def pairs() -> list[TrainingPair]:
    """Each query repeats its document's word; three others stand against it."""
    texts = [f"the {topic}" for topic in tiny_encoder.TOPICS]
    return [
        TrainingPair(f"what is {topic}", n, texts[n], tuple(texts[n - k] for k in (1, 2, 3)))
        for n, topic in enumerate(tiny_encoder.TOPICS)
    ]


def gold() -> RerankingGold:
    """The retriever has the right one last."""
    taught = pairs()[:6]
    return RerankingGold(
        queries={pair.query: pair.query for pair in taught},
        found={
            pair.query: {text: text for text in (*pair.negatives, pair.document_text)}
            for pair in taught
        },
        relevant={pair.query: {pair.document_text: 1} for pair in taught},
    )


@pytest.fixture(scope="module")
def trained(base: str, tmp_path_factory: pytest.TempPathFactory) -> TrainedReranker:
    out, told = tmp_path_factory.mktemp("models") / "reranker", list[tuple[int, int]]()
    made = train(
        pairs(), replace(QUICK, base=base), out, validation=gold(),
        on_check=lambda *read: told.append(read),
    )  # fmt: skip
    assert told == [(16, 24), (24, 24)] * QUICK.evaluations
    return made


def test_it_puts_the_right_document_further_up(trained: TrainedReranker) -> None:
    assert trained.steps == 12
    assert trained.base_score == pytest.approx(0.4307, abs=1e-3)
    assert trained.best_score is not None
    assert trained.base_score is not None
    assert trained.best_score > trained.base_score
    assert trained.pairs_s
    assert not trained.path.with_name("reranker.training").exists()


def test_the_saved_folder_is_a_plain_cross_encoder(trained: TrainedReranker) -> None:
    from sentence_transformers import CrossEncoder

    ours = load_reranker(str(trained.path), "cpu")
    asked = [("what is river", "the river" + " of stone" * (n % 7)) for n in range(40)]
    told: list[int] = []
    plain = CrossEncoder(str(trained.path), device="cpu", local_files_only=True)
    theirs = plain.predict(asked, activation_fn=lambda scores: scores)
    assert np.allclose(ours.of_pairs(asked, told.append), theirs, atol=1e-5)
    assert told == [16, 32, 40]
    assert np.allclose(ours.scores("what is river", [text for _, text in asked]), theirs, atol=1e-5)


@pytest.fixture
def asked_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short a step is, it is asked after it whether to stop."""
    monkeypatch.setattr("studio.training.stopping._POLL_S", 0.0)


@pytest.mark.usefixtures("asked_at_each_step")
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    base: str, tmp_path: Path, trained: TrainedReranker
) -> None:
    from safetensors.numpy import load_file

    chosen, steps = replace(QUICK, base=base), [0]

    def seen(point: TrainingPoint) -> None:
        steps[0] = point.step

    half = train(
        pairs(), chosen, tmp_path / "reranker", validation=gold(), on_progress=seen,
        should_stop=lambda: steps[0] >= 6,
    )  # fmt: skip
    assert half.cancelled
    assert half.steps < 12
    whole = train(pairs(), chosen, tmp_path / "reranker", validation=gold(), resume=True)
    assert whole.steps == 12
    ours, theirs = (
        load_file(folder / "model.safetensors") for folder in (whole.path, trained.path)
    )
    assert all(np.allclose(ours[name], theirs[name], atol=1e-5) for name in theirs)


@pytest.mark.usefixtures("asked_at_each_step")
def test_other_pairs_are_not_gone_on_with(base: str, tmp_path: Path) -> None:
    steps = [0]
    chosen, out = replace(QUICK, base=base), tmp_path / "r"

    def seen(point: TrainingPoint) -> None:
        steps[0] = point.step

    train(pairs(), chosen, out, on_progress=seen, should_stop=lambda: steps[0] >= 2)
    with pytest.raises(StudioError, match="made with other pairs or settings"):
        train(pairs()[1:], chosen, out, resume=True)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda base: train(pairs()[:1], replace(QUICK, base=base), Path("x")), "at least two"),
        (lambda base: load_reranker(base), "no cross-encoder with one score"),
        (lambda base: load_reranker(f"{base}/none"), "no .*folder"),
    ],
)
def test_what_cannot_be_is_told(base: str, made: Callable[[str], object], sentence: str) -> None:
    with pytest.raises(StudioError, match=sentence) as caught:
        made(base)
    assert "\n" not in str(caught.value)


def test_promptagators_numbers_are_the_papers() -> None:
    small, large = published(5_000), published(600_000)
    assert (small.negatives, small.depth, small.batch_size, small.max_steps) == (31, 200, 64, 5_000)
    assert large.max_steps == 20_000
