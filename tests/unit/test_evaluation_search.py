"""Exact search in blocks: the same answers as one big matrix product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.evaluation import search
from studio.evaluation.search import source_ranks, top_k

Floats = NDArray[np.float32]


def unit(rows: int, width: int, seed: int) -> Floats:
    matrix = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@pytest.fixture(params=[None, "cpu"], ids=["numpy", "torch"])
def device(request: pytest.FixtureRequest) -> str | None:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "QUERY_BLOCK", 7)
    monkeypatch.setattr(search, "DOCUMENT_BLOCK", 16)


def test_top_k_equals_sorting_every_score(device: str | None) -> None:
    queries, documents = unit(20, 8, 0), unit(101, 8, 1)
    rows, scores = top_k(queries, documents, 5, device=device)
    everything = queries @ documents.T
    assert (rows == np.argsort(-everything, axis=1)[:, :5]).all()
    assert scores == pytest.approx(-np.sort(-everything, axis=1)[:, :5], abs=1e-6)


def test_more_asked_than_there_are(device: str | None) -> None:
    rows, _ = top_k(unit(3, 4, 0), unit(2, 4, 1), 10, device=device)
    assert sorted(rows[0].tolist()) == [0, 1]


def test_ranks_equal_counting_every_better_document(device: str | None) -> None:
    queries, documents = unit(40, 8, 2), unit(90, 8, 3)
    sources = np.arange(40) * 2
    everything = queries @ documents.T
    own = everything[np.arange(40), sources]
    expected = 1 + (everything > own[:, None] + search.TIE).sum(axis=1)
    assert source_ranks(queries, documents, sources, device=device).tolist() == expected.tolist()


def test_an_exact_copy_of_the_source_does_not_push_it_down(device: str | None) -> None:
    documents = np.concatenate([unit(50, 8, 4)] * 3)
    ranks = source_ranks(documents[:50], documents, np.arange(50) + 50, device=device)
    assert ranks.tolist() == [1] * 50


def test_half_precision_documents_are_searched_too(device: str | None) -> None:
    documents = unit(30, 8, 5)
    rows, _ = top_k(documents, documents.astype(np.float16), 1, device=device)
    assert rows[:, 0].tolist() == list(range(30))


def test_progress_counts_queries() -> None:
    seen: list[int] = []
    top_k(unit(16, 4, 0), unit(5, 4, 1), 1, on_progress=seen.append)
    assert seen == [7, 14, 16]


def test_documents_on_disk_need_not_fit_in_memory(tmp_path: Path) -> None:
    documents = unit(60, 8, 6)
    np.save(tmp_path / "vectors.npy", documents)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    assert source_ranks(documents, mapped, np.arange(60)).tolist() == [1] * 60
