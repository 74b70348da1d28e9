"""Exact round trip and evaluation over a million embeddings: seconds and peak memory.

python tests/benchmarks/search_scale.py [--documents 1000000] [--width 384] [--queries 2048]
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from numpy.typing import NDArray

from studio.evaluation.retrieval import evaluate
from studio.evaluation.search import source_ranks, top_k

Floats = NDArray[np.float32]


def unit_rows(count: int, width: int, seed: int) -> Floats:
    """Random rows of length 1, made in blocks so that making them takes no second copy."""
    rows = np.empty((count, width), dtype=np.float32)
    generator = np.random.default_rng(seed)
    for start in range(0, count, 10_000):
        block = rows[start : start + 10_000]
        generator.standard_normal(out=block, dtype=np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return rows


def main() -> None:
    """Make documents and noisy queries, rank every query's source, and score the search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--queries", type=int, default=2048)
    chosen = parser.parse_args()

    documents = unit_rows(chosen.documents, chosen.width, seed=0)
    sources = np.random.default_rng(1).integers(0, chosen.documents, chosen.queries)
    queries = documents[sources] + 3.6 * unit_rows(chosen.queries, chosen.width, seed=2)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)

    began = time.perf_counter()
    ranks = source_ranks(queries, documents, sources)
    ranked = time.perf_counter() - began

    began = time.perf_counter()
    rows, scores = top_k(queries, documents, 100)
    run = {
        f"q{n}": {f"d{row}": score for row, score in zip(found, values, strict=True)}
        for n, (found, values) in enumerate(zip(rows.tolist(), scores.tolist(), strict=True))
    }
    means = evaluate(run, {f"q{n}": {f"d{row}": 1} for n, row in enumerate(sources)}).means
    evaluated = time.perf_counter() - began

    found = [np.flatnonzero(row == source) for row, source in zip(rows, sources, strict=True)]
    agree = all(
        len(place) == 0 or place[0] + 1 == rank for place, rank in zip(found, ranks, strict=True)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"{chosen.documents:,} × {chosen.width} documents, {chosen.queries:,} queries")
    print(
        f"round trip: {ranked:.1f} s ({chosen.queries / ranked:.0f} queries/s), "
        f"kept at K=1: {(ranks == 1).mean():.1%}"
    )
    print(
        f"search and evaluation: {evaluated:.1f} s, nDCG@10 {means['ndcg@10']:.4f}, "
        f"Recall@100 {means['recall@100']:.4f}"
    )
    print(f"ranks and search agree: {agree}")
    print(f"peak memory: {peak:.2f} GiB")


if __name__ == "__main__":
    main()
