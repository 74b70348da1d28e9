"""Texts whose tokens are kept give the vectors that encoding them anew gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.records import StudioError
from studio.training.encoders import encode, load_encoder
from studio.training.tokenized import TokenizedTexts
from tests.support import tiny_encoder

TEXTS = ["the river", "", "of the stone of the apple", "unknown words alone", "violin " * 90] * 9


@pytest.fixture(params=["bert", "static"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    make = {"bert": tiny_encoder.bert_encoder, "static": tiny_encoder.static_encoder}
    return load_encoder(str(make[request.param](tmp_path)), "cpu", 64)


@pytest.mark.parametrize("role", ["query", "document"])
@pytest.mark.parametrize("bf16", [False, True])
def test_vectors_are_those_of_encoding(model: Any, role: Any, bf16: bool) -> None:
    kept = TokenizedTexts(model, TEXTS, role)
    for _ in range(2):
        found = kept.vectors(model, bf16=bf16)
        assert found.dtype == np.float32
        # A batch's neighbours decide its padding, and that the last bits.
        assert np.abs(found - encode(model, TEXTS, role, bf16=bf16)).max() < (
            0.02 if bf16 else 1e-5
        )


def test_what_the_weights_have_become_is_seen(model: Any) -> None:
    kept = TokenizedTexts(model, TEXTS, "document")
    before = kept.vectors(model, bf16=False)
    for weights in model.parameters():
        weights.data.mul_(-0.5).add_(0.1)
    after = kept.vectors(model, bf16=False)
    assert np.abs(after - before).max() > 1e-3
    assert np.abs(after - encode(model, TEXTS)).max() < 1e-5


def test_a_model_in_training_is_left_in_training(model: Any) -> None:
    model.train()
    kept = TokenizedTexts(model, TEXTS, "document")
    assert (kept.vectors(model, bf16=False) == kept.vectors(model, bf16=False)).all()
    assert model.training


def test_numbers_that_are_none_are_refused(model: Any) -> None:
    kept = TokenizedTexts(model, TEXTS, "document")
    for weights in model.parameters():
        weights.data.fill_(float("nan"))
    with pytest.raises(StudioError, match="no numbers"):
        kept.vectors(model, bf16=False)
