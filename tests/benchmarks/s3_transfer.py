"""Do error extrapolations help on another data set's seed? Real data, no LLM.

    python -m tests.benchmarks.s3_transfer [DATA] [--quick] [--task imdb|rte] [--seeds 3]

The seed is SuperGen's zero-shot data (a stand-in for ZeroGen's), the additions are what the authors
of S3 had their LLM write from their own models' errors, round 1 and round 2: the experiment of the
paper's Table 5. Test is gold: the IMDb sample, RTE's dev set. Each seed draws its own rows. The
last line is a control: as many rows as with both rounds, but all of them the seed's.

Without ``--quick``: MiniLM fine-tuned on 1,200 + 600 + 600 rows at 128 tokens, about 55 minutes on
two cores. With it: a linear head on frozen MiniLM, 2,000 + 1,000 + 1,000 rows, within ten minutes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.evaluation.significance import paired_test
from studio.records import Gold, Label
from studio.training import small, small_model, small_settings
from studio.training.small_settings import SmallSettings
from tests.support.data import datum

PAPER = {
    "imdb": "paper, DistilBERT: ZeroGen 84.28; + S3's additions 87.50 (Table 5); S3 itself 89.00",
    "rte": "paper, DistilBERT: ZeroGen 59.93; S3 itself 73.29 (RTE is not in Table 5)",
}
LABELS = [Label("0"), Label("1")]


@dataclass(frozen=True)
class Data:
    """One task's sets."""

    task: str
    seed: list[Gold]
    rounds: list[list[Gold]]
    validation: list[Gold]
    test: list[Gold]


def rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a gzipped JSONL file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def label(value: object) -> str:
    """RTE's names and numbers as one."""
    return {"entailment": "0", "not_entailment": "1"}.get(str(value), str(value))


def texts(path: Path) -> list[Gold]:
    """Single texts."""
    return [datum(row["text"], label(row["label"])) for row in rows(path)]


def pairs(path: Path) -> list[Gold]:
    """Premise and hypothesis."""
    return [
        datum(
            row.get("hypothesis") or row["text2"],
            label(row["label"]),
            row.get("premise") or row["text1"],
        )
        for row in rows(path)
    ]


def imdb(root: Path) -> Data:
    """Film reviews."""
    gold, made = root / "classification" / "imdb", root / "synthetic"
    return Data(
        "classification",
        texts(made / "synth_supergen_sst2" / "train.jsonl.gz"),
        [texts(made / "synth_s3_imdb" / f"additional_{n}.jsonl.gz") for n in (1, 2)],
        texts(gold / "train.jsonl.gz"),
        texts(gold / "test.jsonl.gz"),
    )


def rte(root: Path) -> Data:
    """Sentence pairs; additions whose premise is in the test set are dropped."""
    gold, made = root / "nli" / "rte", root / "synthetic"
    test = pairs(gold / "dev.jsonl.gz")
    premises = {item.context for item in test}
    additions = [pairs(made / "synth_s3_rte" / f"additional_{n}.jsonl.gz") for n in (1, 2)]
    clean = [[item for item in part if item.context not in premises] for part in additions]
    dropped = [len(part) - len(kept) for part, kept in zip(additions, clean, strict=True)]
    print(f"RTE: {dropped[0]} and {dropped[1]} additions share a premise with test: dropped")
    return Data(
        "nli",
        pairs(made / "synth_supergen_rte" / "train.jsonl.gz"),
        clean,
        pairs(gold / "train.jsonl.gz"),
        test,
    )


def drawn(items: list[Gold], count: int, seed: int) -> list[Gold]:
    """So many of them, as many of each label as there are."""
    order = random.Random(seed).sample(items, len(items))
    half = count // 2
    chosen = [i for i in order if i.label == "0"][:half] + [i for i in order if i.label == "1"][
        :half
    ]
    return random.Random(seed).sample(chosen, len(chosen))


def settings(task: str, quick: bool, seed: int) -> SmallSettings:
    """The fast kind, or a fine-tuning that two cores can do."""
    if quick:
        return replace(
            small_settings.defaults(task, "head", "minilm-l6"), max_length=128, seed=seed
        )
    chosen = small_settings.defaults(task, "finetune", "minilm-l6")
    return replace(chosen, max_length=128, epochs=2, batch_size=16, seed=seed)


def measure(data: Data, quick: bool, seeds: int, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Config → one result a seed."""
    sizes = (2_000, 1_000, 1_000, 300, 1_000) if quick else (1_200, 600, 600, 200, 1_000)
    found: dict[str, list[dict[str, Any]]] = {}
    for seed in range(1, seeds + 1):
        base = drawn(data.seed, sizes[0], seed)
        one, two = (
            drawn(part, size, seed) for part, size in zip(data.rounds, sizes[1:3], strict=True)
        )
        validation = drawn(data.validation, sizes[3], seed)
        test = data.test if len(data.test) <= sizes[4] else drawn(data.test, sizes[4], 0)
        mixes = {"seed": base, "+ round 1": [*base, *one], "+ rounds 1, 2": [*base, *one, *two]}
        # More rows help by themselves: as many as the last mix has, of the seed's kind alone.
        mixes["seed, as many"] = drawn(data.seed, len(mixes["+ rounds 1, 2"]), seed)
        for name, items in mixes.items():
            began = time.monotonic()
            small.train(
                items, LABELS, settings(data.task, quick, seed), folder, validation=validation
            )
            predictions = small.load(folder).predict(test)
            shutil.rmtree(folder)
            result = {
                "records": len(items),
                "accuracy": small_model.scores(data.task, test, predictions)["accuracy"],
                "right": [p.right for p in predictions],
                "seconds": time.monotonic() - began,
            }
            found.setdefault(name, []).append(result)
            print(
                f"  seed {seed}, {name}: {result['accuracy']:.3f}, {result['seconds']:.0f} s",
                flush=True,
            )
    return found


def per_item(results: list[dict[str, Any]]) -> list[float]:
    """How often each test item is right over the seeds: all seeds answer the same items, so that
    an item counts once."""
    return [statistics.fmean(one) for one in zip(*(r["right"] for r in results), strict=True)]


def show(task: str, found: dict[str, list[dict[str, Any]]], kind: str) -> None:
    """The table."""
    print(f"\n{task}, kind {kind}, base minilm-l6, {len(found['seed'])} seeds")
    against = "gain on the seed alone: 95% interval and paired randomisation over test items"
    print(f"{'trained on':<16} {'records':>8} {'test accuracy':>16}   {against}")
    before = per_item(found["seed"])
    for name, results in found.items():
        accuracies = [result["accuracy"] for result in results]
        sd = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
        line = (
            f"{name:<16} {results[0]['records']:>8} {statistics.fmean(accuracies):>9.3f} ± {sd:.3f}"
        )
        if name != "seed":
            test = paired_test(per_item(results), before)
            gain = test.difference
            line += (
                f"   {gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}], p = {test.p_value:.2g}"
            )
        print(line)
    print(PAPER[task], flush=True)


def main() -> int:
    """Measure and print; 2 where the data are not there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--task", choices=("imdb", "rte"), action="append")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if not (options.data / "synthetic").is_dir():
        print(f"There are no data sets in {options.data}; name their folder.", file=sys.stderr)
        return 2
    kind = "head" if options.quick else "finetune"
    with tempfile.TemporaryDirectory() as name:
        for task in options.task or ("imdb", "rte"):
            data = (imdb if task == "imdb" else rte)(options.data)
            show(task, measure(data, options.quick, options.seeds, Path(name) / "model"), kind)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
