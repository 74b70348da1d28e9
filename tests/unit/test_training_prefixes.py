"""The same text for base and trained model, in training, in scores, and for whoever loads it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio.evaluation.embeddings import Prefixes
from studio.records import StudioError
from studio.training.encoders import load_encoder, open_encoder
from studio.training.retriever import train
from studio.training.settings import RetrieverSettings
from tests.support import tiny_encoder

TEXTS = ["is ask3", "what is ask5 of the stone", "the river of the meadow " * 40]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.bert_encoder(tmp_path_factory.mktemp("bert")))


def saved(bert: str, out: Path, dtype: torch.dtype = torch.float32, **settings: Any) -> str:
    """The tiny encoder with settings of its own."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(bert, device="cpu", **settings).to(dtype)
    model.save_pretrained(str(out), create_model_card=False)
    return str(out)


def chosen(base: str, **changes: object) -> RetrieverSettings:
    plain = RetrieverSettings(base=base, batch_size=8, max_steps=2, evaluations=1, device="cpu")
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str | None]]:
    """What was put before queries and documents, by every call that cut texts into tokens."""
    from sentence_transformers.sentence_transformer.modules import Transformer

    seen: dict[str, set[str | None]] = {"query": set(), "document": set()}
    cut = Transformer.preprocess

    def noting(self: Any, inputs: list[str], prompt: str | None = None, **more: Any) -> Any:
        for text in inputs:
            if "ask" in text or text.startswith("the "):
                seen["query" if "ask" in text else "document"].add(prompt)
        return cut(self, inputs, prompt=prompt, **more)

    monkeypatch.setattr(Transformer, "preprocess", noting)
    return seen


@pytest.mark.parametrize("side", ["both", "query"])
def test_a_bases_own_prompts_are_put_before_what_it_is_trained_on(
    bert: str, tmp_path: Path, side: str, read: dict[str, set[str | None]]
) -> None:
    base = saved(bert, tmp_path / "base", prompts={"query": "what ", "passage": "of "})
    result = train(
        tiny_encoder.pairs(1),
        chosen(base, trained_side=side, corpus_negatives=4),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
        corpus=tiny_encoder.corpus(),
    )
    assert read == {"query": {"what "}, "document": {"of "}}
    assert result.prefixes == Prefixes("what ", "of ")


def test_prompts_that_are_asked_for_take_the_place_of_the_bases_own(
    bert: str, tmp_path: Path, read: dict[str, set[str | None]]
) -> None:
    base = saved(bert, tmp_path / "base", prompts={"query": "what ", "passage": "of "})
    train(tiny_encoder.pairs(1), chosen(base, document_prompt="stone "), tmp_path / "model")
    assert read == {"query": {"what "}, "document": {"stone "}}
    assert open_encoder(str(tmp_path / "model"), device="cpu").prefixes == Prefixes(
        "what ", "stone "
    )


@pytest.mark.parametrize("side", ["both", "query"])
def test_the_trained_folder_gives_anybody_the_vectors_that_were_scored(
    bert: str, tmp_path: Path, side: str
) -> None:
    from sentence_transformers import SentenceTransformer

    prefixes = {"query": "what is ", "passage": "of "}
    base = saved(bert, tmp_path / "base", prompts=prefixes, truncate_dim=8)
    train(
        tiny_encoder.pairs(1),
        chosen(base, trained_side=side, max_length=12, corpus_negatives=4),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
        corpus=tiny_encoder.corpus(),
    )
    ours = open_encoder(str(tmp_path / "model"), device="cpu", max_length=12)
    plain = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert (plain.truncate_dim, plain.max_seq_length) == (8, 12)
    theirs = {"query": plain.encode_query, "document": plain.encode_document}
    for role, encode in theirs.items():
        vectors = ours.encode(TEXTS, role)  # type: ignore[arg-type]
        assert vectors.shape == (3, 8)
        assert vectors == pytest.approx(encode(TEXTS, normalize_embeddings=True), abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("side", ["both", "query"])
def test_a_base_in_half_precision_is_trained_and_averaged_in_full(
    bert: str, tmp_path: Path, dtype: torch.dtype, side: str
) -> None:
    from sentence_transformers import SentenceTransformer

    base = saved(bert, tmp_path / "base", dtype)
    result = train(
        tiny_encoder.pairs(1),
        chosen(
            base, trained_side=side, anchor=base, interpolation="validation", corpus_negatives=4
        ),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
        corpus=tiny_encoder.corpus(),
    )
    assert result.steps == 2
    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu").encode_query(TEXTS)
    assert theirs.dtype == np.float32


def test_a_training_whose_end_fails_goes_on_from_its_last_step(
    bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.training import retriever

    steps: list[int] = []

    def go(**more: Any) -> Any:
        return train(
            tiny_encoder.pairs(1),
            chosen(bert, interpolation="validation"),
            tmp_path / "model",
            validation=tiny_encoder.validation(),
            on_progress=lambda point: steps.append(point.step),
            **more,
        )

    blend = retriever.blend_best
    monkeypatch.setattr(retriever, "blend_best", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        go()
    monkeypatch.setattr(retriever, "blend_best", blend)
    steps.clear()
    assert go(resume=True).steps == 2
    assert 1 not in steps
    assert load_encoder(str(tmp_path / "model"), "cpu")


@pytest.mark.parametrize("side", ["both", "query"])
def test_an_encoder_with_routes_is_trained_whatever_they_are_called(
    bert: str, tmp_path: Path, side: str
) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Router

    parts = {name: list(SentenceTransformer(bert, device="cpu")) for name in ("query", "passage")}
    router = Router(parts, default_route="passage")
    SentenceTransformer(modules=[router, Normalize()], device="cpu").save_pretrained(
        str(tmp_path / "base"), create_model_card=False
    )
    train(
        tiny_encoder.pairs(),
        chosen(str(tmp_path / "base"), trained_side=side, max_steps=4, learning_rate=5e-3),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
    )
    ours = open_encoder(str(tmp_path / "model"), device="cpu")
    before = open_encoder(str(tmp_path / "base"), device="cpu")
    assert (ours.encode(TEXTS, "query") != before.encode(TEXTS, "query")).any()
    same = (ours.encode(TEXTS, "document") == before.encode(TEXTS, "document")).all()
    assert same == (side == "query")
    plain = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert ours.encode(TEXTS, "document") == pytest.approx(plain.encode_document(TEXTS), abs=1e-6)


def test_what_a_small_model_learnt_from_is_read_in_full_precision(
    bert: str, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification

    from studio.training.encoders import load_pretrained

    half = saved(bert, tmp_path / "half", torch.float16)
    model = load_pretrained(AutoModelForSequenceClassification, half, num_labels=2)
    assert model.dtype == torch.float32


def test_vectors_that_are_no_numbers_are_never_given(bert: str) -> None:
    encoder = open_encoder(bert, device="cpu")
    with torch.no_grad():
        encoder.model[0].auto_model.embeddings.word_embeddings.weight.mul_(float("nan"))  # type: ignore[attr-defined]
    with pytest.raises(StudioError, match="vectors that are no numbers"):
        encoder.encode(["the river"], "document")
