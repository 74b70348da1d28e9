"""Exact nearest neighbours over N×d embeddings in blocks, so that memory stays bounded.

A block of scores holds at most ``QUERY_BLOCK`` × ``DOCUMENT_BLOCK`` float32 numbers (32 MiB),
however many documents there are. Runs on the GPU when torch is loaded and sees one, else on
numpy's BLAS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.floating[Any]]

QUERY_BLOCK = 512
"""Queries scored at once on a CPU."""
GPU_QUERY_BLOCK = 8192
"""Queries scored at once on a GPU, to which every block of queries sends all documents anew."""
DOCUMENT_BLOCK = 16_384
"""Documents scored at once."""
TIE = 1e-6
"""Cosines this near are equal: float32 sums of some hundred products differ by about 1e-7."""

Progress = Callable[[int], None]
"""Called with the number of queries done so far."""


def top_k(
    queries: Matrix,
    documents: Matrix,
    k: int,
    *,
    on_progress: Progress | None = None,
    device: str | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k best documents of every query by inner product, exact.

    Args:
        queries: Q×d, normalised for cosine.
        documents: N×d, float32 or float16.
        k: how many; cut to N.
        on_progress: told after each block of queries.
        device: ``cpu``, ``cuda`` …; None takes a GPU if there is one.

    Returns:
        Rows (Q×k, best first) and their scores (Q×k).
    """
    import numpy as np

    k = min(k, len(documents))
    rows = np.zeros((len(queries), k), dtype=np.int64)
    scores = np.zeros((len(queries), k), dtype=np.float32)
    search = _block_search(device)
    for span in _spans(len(queries), _query_block(device)):
        rows[span], scores[span] = search(queries[span], documents, k)
        if on_progress is not None:
            on_progress(span.stop)
    return rows, scores


def source_ranks(
    queries: Matrix,
    documents: Matrix,
    sources: NDArray[np.integer[Any]],
    *,
    on_progress: Progress | None = None,
    device: str | None = None,
) -> NDArray[np.int64]:
    """The exact rank, from 1, of every query's own document among all N.

    Args:
        queries: Q×d, normalised.
        documents: N×d.
        sources: Q rows of ``documents``: where each query came from.
        on_progress: told after each block of queries.
        device: as for :func:`top_k`.

    Returns:
        Q ranks: 1 + the number of documents that score higher by more than ``TIE``, so that an
        exact copy of the source never pushes it down.
    """
    import numpy as np

    ranks = np.zeros(len(queries), dtype=np.int64)
    count = _block_count(device)
    for span in _spans(len(queries), _query_block(device)):
        block = np.ascontiguousarray(queries[span], dtype=np.float32)
        own = np.einsum("qd,qd->q", block, documents[sources[span]], dtype=np.float32)
        ranks[span] = 1 + count(block, documents, own + np.float32(TIE))
        if on_progress is not None:
            on_progress(span.stop)
    return ranks


def _spans(length: int, size: int) -> Iterator[slice]:
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def _accelerator(device: str | None) -> str | None:
    """The torch device to use, or None for numpy. Never the reason that torch is imported."""
    if device is not None:
        return device
    torch = sys.modules.get("torch")
    return "cuda" if torch is not None and torch.cuda.is_available() else None


def _query_block(device: str | None) -> int:
    return GPU_QUERY_BLOCK if (_accelerator(device) or "cpu") != "cpu" else QUERY_BLOCK


def _block_search(device: str | None) -> Callable[[Matrix, Matrix, int], tuple[Any, Any]]:
    accelerator = _accelerator(device)
    if accelerator is None:
        return _numpy_top_k
    return lambda queries, documents, k: _torch_top_k(queries, documents, k, accelerator)


def _block_count(device: str | None) -> Callable[[Matrix, Matrix, NDArray[np.float32]], Any]:
    accelerator = _accelerator(device)
    if accelerator is None:
        return _numpy_count_above
    return lambda queries, documents, floor: _torch_count_above(
        queries, documents, floor, accelerator
    )


def _numpy_count_above(
    queries: Matrix, documents: Matrix, floor: NDArray[np.float32]
) -> NDArray[np.int64]:
    import numpy as np

    counts = np.zeros(len(queries), dtype=np.int64)
    for _, scores in _numpy_scores(queries, documents):
        counts += np.count_nonzero(scores > floor[:, None], axis=1)
    return counts


def _numpy_top_k(queries: Matrix, documents: Matrix, k: int) -> tuple[Any, Any]:
    import numpy as np

    best_scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    best_rows = np.zeros((len(queries), k), dtype=np.int64)
    for start, scores in _numpy_scores(queries, documents):
        for query, row_scores in enumerate(scores):
            _merge(best_scores[query], best_rows[query], row_scores, start)
    order = np.lexsort((best_rows, -best_scores), axis=1)
    return np.take_along_axis(best_rows, order, 1), np.take_along_axis(best_scores, order, 1)


def _merge(
    best: NDArray[np.float32], rows: NDArray[np.int64], scores: NDArray[np.float32], start: int
) -> None:
    """Let a block's scores into the k best of one query, in place; earlier rows win ties."""
    import numpy as np

    k = len(best)
    better = np.flatnonzero(scores > best.min())
    if not len(better):
        return
    pool = np.concatenate([best, scores[better]])
    ids = np.concatenate([rows, better + start])
    chosen = np.argpartition(-pool, k - 1)[:k] if len(pool) > k else np.arange(k)
    best[:], rows[:] = pool[chosen], ids[chosen]


def _numpy_scores(queries: Matrix, documents: Matrix) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(first document row, Q×block scores) for each block; the array is reused by the next one."""
    import numpy as np

    block = np.ascontiguousarray(queries, dtype=np.float32)
    buffer = np.empty(len(block) * min(DOCUMENT_BLOCK, len(documents)), dtype=np.float32)
    for span in _spans(len(documents), DOCUMENT_BLOCK):
        part = documents[span].astype(np.float32, copy=False)
        scores = buffer[: len(block) * len(part)].reshape(len(block), len(part))
        yield span.start, np.matmul(block, part.T, out=scores)


def _torch_count_above(
    queries: Matrix, documents: Matrix, floor: NDArray[np.float32], device: str
) -> NDArray[np.int64]:
    import torch

    limits = torch.from_numpy(floor).to(device)[:, None]
    counts = torch.zeros(len(queries), dtype=torch.int64, device=device)
    for _, scores in _torch_scores(queries, documents, device):
        counts += (scores > limits).sum(dim=1)
    result: NDArray[np.int64] = counts.cpu().numpy()
    return result


def _torch_top_k(queries: Matrix, documents: Matrix, k: int, device: str) -> tuple[Any, Any]:
    import torch

    best = torch.full((len(queries), 0), 0.0, device=device)
    rows = torch.zeros((len(queries), 0), dtype=torch.int64, device=device)
    for start, scores in _torch_scores(queries, documents, device):
        part, where = scores.topk(min(k, scores.shape[1]), dim=1)
        pool = torch.cat([best, part], dim=1)
        ids = torch.cat([rows, where + start], dim=1)
        best, chosen = pool.topk(min(k, pool.shape[1]), dim=1)
        rows = ids.gather(1, chosen)
    return rows.cpu().numpy(), best.cpu().numpy()


def _torch_scores(queries: Matrix, documents: Matrix, device: str) -> Iterator[tuple[int, Any]]:
    import numpy as np
    import torch

    block = torch.from_numpy(np.ascontiguousarray(queries, dtype=np.float32)).to(device)
    for span in _spans(len(documents), DOCUMENT_BLOCK):
        part = torch.from_numpy(np.ascontiguousarray(documents[span])).to(device)
        yield span.start, block @ part.float().T
