"""Reranking 200 candidates for each query: pairs a second beside a bare CrossEncoder, in one run.

    python tests/benchmarks/reranking_speed.py --queries 6 --base minilm-l6

Both read the same pairs in turn, several times; the best time of each counts.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from studio.evaluation.bm25 import Bm25Ranker
from studio.evaluation.reranking import RerankingRanker
from studio.training.reranker import load_reranker, train
from studio.training.reranker_settings import RerankerSettings
from studio.training.settings import TrainingPair

WORDS = "harbour lantern orchard copper willow saddle temple falcon glacier violin engine stone"


def best(times: int, deed: Callable[[], object]) -> float:
    """Seconds of the quickest of so many goes."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        deed()
        found.append(time.perf_counter() - began)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="minilm-l6")
    parser.add_argument("--queries", type=int, default=6)
    parser.add_argument("--depth", type=int, default=200)
    parser.add_argument("--words", type=int, default=60)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    drawn = random.Random(7)
    texts = [" ".join(drawn.choices(WORDS.split(), k=options.words)) for _ in range(400)]
    queries = [" ".join(drawn.sample(WORDS.split(), 3)) for _ in range(options.queries)]
    with tempfile.TemporaryDirectory() as scratch:
        pairs = [TrainingPair(text[:40], n, text) for n, text in enumerate(texts[:4])]
        settings = RerankerSettings(base=options.base, negatives=1, batch_size=2, max_steps=1)
        folder = train(pairs, settings, Path(scratch) / "reranker").path
        compare(str(folder), texts, queries, options)


def compare(folder: str, texts: list[str], queries: list[str], options: argparse.Namespace) -> None:
    """Print both speeds and their ratio."""
    from sentence_transformers import CrossEncoder

    ids = [str(n) for n in range(len(texts))]
    first: Bm25Ranker[str] = Bm25Ranker(ids, texts)
    ours = load_reranker(folder)
    bare = CrossEncoder(folder, max_length=ours.model.max_seq_length, local_files_only=True)
    found = [list(one) for one in first.top_k(queries, options.depth)]

    def plainly() -> None:
        for query, rows in zip(queries, found, strict=True):
            bare.predict([(query, texts[int(row)]) for row in rows], show_progress_bar=False)

    def by_studio() -> None:
        # A new one each time: it reads no pair twice.
        ranker = RerankingRanker(first, lambda row: texts[int(row)], ours.of_pairs, options.depth)
        list(ranker.top_k(queries, options.depth))

    read = sum(map(len, found))
    plainly()
    seconds: dict[str, float] = {"bare": float("inf"), "studio": float("inf")}
    for _ in range(options.times):
        seconds["bare"] = min(seconds["bare"], best(1, plainly))
        seconds["studio"] = min(seconds["studio"], best(1, by_studio))
    speeds = {name: read / taken for name, taken in seconds.items()}
    print(f"{read} pairs of {len(queries)} queries")
    print(f"bare CrossEncoder {speeds['bare']:.1f} pairs/s, studio {speeds['studio']:.1f} pairs/s")
    print(f"ratio {speeds['studio'] / speeds['bare']:.3f}")


if __name__ == "__main__":
    main()
