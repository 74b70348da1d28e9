"""Scoring and gap analysis of many rows: how long, and how much memory beside the model.

``python -m tests.benchmarks.scoring_scale [--rows 50000] [--words 20]`` prints, for a linear head,
a fine-tuned classifier and a reader of spans, the seconds that predicting so many rows takes and
what the process held at its peak more than right after its first batch; then the same for the gap
and the coverage of as many pairs, with a static encoder: it is the rows' memory that counts. Each
measurement has a process of its own; the peak is Linux's VmHWM.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from studio.records import Gold, Label
from tests.support.data import datum
from tests.support.tiny_encoder import TOPICS

GOAL_MIB = 2048
LABELS = [Label("one"), Label("two")]
WHAT = ("head", "finetune", "reader", "gap")


def texts(count: int, words: int, seed: int = 0) -> list[str]:
    """Texts of so many words; no two are alike, so that no cache helps."""
    drawn = random.Random(seed)
    filler = [*TOPICS, "the", "of", "was", "never", "again", "quite", "there", "after"]
    return [f"{seed}-{n} " + " ".join(drawn.choices(filler, k=words - 1)) for n in range(count)]


def items(task: str, count: int, words: int, seed: int = 0) -> list[Gold]:
    """Labelled texts, or questions about a passage that holds the answer."""
    found = []
    for n, text in enumerate(texts(count, words, seed)):
        if task == "qa":
            found.append(datum("what is there?", "", text, (text.split()[2],)))
        else:
            found.append(datum(text, LABELS[n % 2].name))
    return found


def scoring(kind: str, rows: int, words: int, folder: Path) -> Callable[[], object]:
    """What is measured: a small model that has predicted a batch predicts all rows."""
    from studio.training import small, small_settings

    task: str = "qa" if kind == "reader" else "classification"
    chosen = small_settings.defaults(task, "head" if kind == "head" else "finetune", "minilm-l6")
    few = items(task, 32, words, seed=1)
    settings = replace(chosen, epochs=1) if kind != "head" else chosen
    small.train(few, [] if task == "qa" else LABELS, settings, folder, validation=[])
    model = small.load(folder)
    model.predict(few)
    gold = items(task, rows, words)
    return lambda: model.predict(gold)


def gaps(rows: int, words: int) -> Callable[[], object]:
    """What is measured: the gap of so many pairs, and how much of as much gold they cover."""
    from studio.evaluation import gap
    from studio.evaluation.embeddings import embed
    from studio.training.encoders import open_encoder

    encoder = open_encoder("wordllama-256")

    def vectors(some: object) -> object:
        return embed(some, encoder, "query", cache=None)  # type: ignore[arg-type]

    vectors(texts(32, words, 3))
    pairs = list(zip(texts(rows, words, 1), texts(rows, words, 2), strict=True))

    def both() -> None:
        gap.measure(pairs, vectors)
        gap.coverage([one for one, _ in pairs], [other for _, other in pairs], vectors)

    return both


def held(*, anew: bool = False) -> float:
    """MiB at the peak since it was last asked ``anew``."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def one(what: str, rows: int, words: int) -> None:
    """Measure one thing in this process and print its line."""
    with tempfile.TemporaryDirectory() as name:
        work = (
            gaps(rows, words) if what == "gap" else scoring(what, rows, words, Path(name) / "model")
        )
        before, began = held(anew=True), time.monotonic()
        work()
        spent, more = time.monotonic() - began, held() - before
    verdict = "" if more < GOAL_MIB else f"   over the goal of {GOAL_MIB} MiB"
    print(
        f"{what:<10} {rows:>8,} {spent:>9.0f} s {rows / spent:>8.0f}/s "
        f"{before:>10.0f} MiB {more:>+8.0f} MiB{verdict}",
        flush=True,
    )


def main() -> int:
    """Measure each in a process of its own; 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--words", type=int, default=20)
    parser.add_argument("--what", choices=WHAT)
    options = parser.parse_args()
    if options.what:
        one(options.what, options.rows, options.words)
        return 0
    print(f"{'what':<10} {'rows':>8} {'time':>11} {'':>9} {'with model':>14} {'peak on top':>12}")
    shared = ["--rows", str(options.rows), "--words", str(options.words)]
    program = [sys.executable, "-m", "tests.benchmarks.scoring_scale", *shared, "--what"]
    return max(subprocess.run([*program, what], check=False).returncode for what in WHAT)


if __name__ == "__main__":
    raise SystemExit(main())
