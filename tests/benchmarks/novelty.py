"""Novelty by ROUGE-L on 52,002 real instructions, beside the published scorer, in one run.

    python -m tests.benchmarks.novelty ../shared/data/instructions/alpaca_en

The whole file goes through the filter; 300 instructions are held against 5,000 and against 20,000.
The published scorer (``rouge_score``) has its texts tokenised beforehand, as Alpaca's code has; it
says the same or the run fails. Alpaca's file is deduplicated already, so half of the 300 are texts
of the pool with some words changed, around the threshold. All times are of the processor.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from studio import filters
from studio.filters.base import FilterContext, FilterRow
from studio.filters.similarity import NearTexts, Vocabulary, best_of

NEAR = 0.7
ASKED, POOL, LARGE_POOL = 300, 5_000, 20_000
REFERENCE_ASKED = 5
"""How many the published scorer is timed on against the large pool: a second each."""
MOST_MINUTES, MOST_MS = 3.0, 1.0
T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    what: str
    ours: float
    """Seconds."""
    reference: float | None = None


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What came of it, and its processor seconds."""
    started = time.process_time()
    found = work()
    return found, time.process_time() - started


def instructions_in(folder: Path) -> list[str]:
    """The instructions of an Alpaca file."""
    with gzip.open(folder / "data.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line)["instruction"] for line in file]


def changed(text: str, lots: random.Random) -> str:
    """A text with up to half of its words left out, put elsewhere or replaced."""
    said = text.split()
    for _ in range(lots.randint(0, max(1, len(said) // 2))):
        place = lots.randrange(len(said))
        said[place] = lots.choice(["", "really", said[lots.randrange(len(said))]])
    return " ".join(word for word in said if word) or text


def reference_best(asked: Sequence[str], pool: Sequence[str]) -> list[float]:
    """The highest ROUGE-L of each text with the pool, by the published scorer."""
    from rouge_score import rouge_scorer
    from rouge_score.tokenizers import DefaultTokenizer

    cut: Any = DefaultTokenizer(use_stemmer=False).tokenize
    known = [cut(text) for text in pool]
    score = rouge_scorer._score_lcs
    return [max(score(one, other).fmeasure for other in known) for one in map(cut, asked)]


def deduplicated(texts: Sequence[str]) -> int:
    """How many of the texts the filter keeps, with its own settings."""
    rows = (FilterRow(number, text, None) for number, text in enumerate(texts))
    return sum(one.kept for one in filters.make("novelty").judge(rows, FilterContext()))


def against(asked: Sequence[str], pool: Sequence[str]) -> tuple[list[float], list[float], float]:
    """Each text's likeness to the nearest one over the threshold; to any; seconds for the first."""
    vocabulary = Vocabulary()
    known = [vocabulary.encode(text) for text in pool]
    told = [vocabulary.encode(text) for text in asked]
    near = NearTexts(NEAR, known)
    for text in known:
        near.add(text)
    found, seconds = timed(lambda: [near.nearest(text) for text in told])
    return found, [best_of(text, known) for text in told], seconds


def main() -> int:
    """Measure, print the table; 1 when a decision differs or a bound is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    options = parser.parse_args()
    part = 10 if options.quick else 1
    texts = instructions_in(options.folder)[::part]
    kept, whole = timed(lambda: deduplicated(texts))

    lots = random.Random(13)
    mixed = [text for text in lots.sample(texts, len(texts)) if text.isascii() and text.split()]
    pool, large = mixed[: POOL // part], mixed[: LARGE_POOL // part]
    half = ASKED // part // 2
    asked = [*mixed[-half:], *(changed(text, lots) for text in pool[:half])]
    nearest, best, seconds = against(asked, pool)
    expected, slow = timed(lambda: reference_best(asked, pool))
    _, large_best, large_seconds = against(asked, large)
    large_expected, large_slow = timed(lambda: reference_best(asked[-REFERENCE_ASKED:], large))

    wrong = sum((a > 0) is not (b > NEAR) for a, b in zip(nearest, expected, strict=True))
    other = sum(a != b for a, b in zip(best, expected, strict=True))
    other += sum(a != b for a, b in zip(large_best[-REFERENCE_ASKED:], large_expected, strict=True))
    each, large_each = seconds / len(asked), large_seconds / len(asked)
    show(
        Line(f"one text against {len(pool):,}", each, slow / len(asked)),
        Line(f"one text against {len(large):,}", large_each, large_slow / REFERENCE_ASKED),
        Line(f"{len(texts):,} texts among themselves", whole),
    )
    print(f"\nkept {kept:,} of {len(texts):,}")
    print(
        f"{len(asked)} × {len(pool):,}: {sum(one > NEAR for one in expected)} are near; "
        f"{wrong} decisions and {other} scores differ from rouge_score"
    )
    return int(bool(wrong or other) or whole > 60 * MOST_MINUTES or large_each * 1000 > MOST_MS)


def show(*lines: Line) -> None:
    """The table."""
    print(f"{'processor time':<34} {'studio':>12} {'rouge_score':>12} {'times':>8}")
    for line in lines:
        if line.reference is None:
            print(f"{line.what:<34} {line.ours:>10.1f} s {'–':>12} {'–':>8}")
        else:
            ours, theirs = line.ours * 1000, line.reference * 1000
            print(f"{line.what:<34} {ours:>9.3f} ms {theirs:>9.1f} ms {theirs / ours:>8,.0f}")


if __name__ == "__main__":
    raise SystemExit(main())
