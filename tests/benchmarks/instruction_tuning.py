"""Are the rows that IFD likes worth more than random ones? Real data, equal steps, no LLM asked.

    python -m tests.benchmarks.instruction_tuning [DATA] [--pool 600] [--rows 200] [--steps 50]
        [--seeds 3] [--test 100] [--base smollm2-135m] [--device cuda]

IFD (Li et al. 2024, arXiv:2308.12032) is how hard an answer is with its instruction, divided by
how hard it is without, here the base's own mean losses; rows at 1 or more are left out, as there.
Out of a random pool of Alpaca's rows the ones with the highest IFD stand against random ones. Each
selection tunes the base for as many steps of as many rows; test is Self-Instruct's user-oriented
tasks with their first instance. Each seed draws its own random rows, and the order of both.

Defaults are for two cores (most of an hour). A GPU does the size of the paper's:
``--pool 52002 --rows 2000 --steps 500 --test 252 --device cuda``.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from studio.evaluation import generation
from studio.evaluation.generation import GenerationScores
from studio.evaluation.significance import bootstrap_mean, paired_test
from studio.formats.instructions import prompt_text, read_instructions
from studio.formats.rows import RawInstruction
from studio.llm.causal import CausalModel, Prompted
from studio.training.instruction_model import train
from studio.training.instruction_settings import InstructionSettings

TEST_FILE = "self_instruct/self_instruct_user_oriented_252.jsonl"
SHORTEST = 8
"""Tokens of an answer to train on: the IFD of a word or two says little."""
DRAW = 7
"""The seed of the pool and of the test items: all trainings are compared on the same ones."""


def instructions(path: Path) -> Iterator[Prompted]:
    """What a file holds, as a user says it."""
    for row in read_instructions(path):
        if isinstance(row, RawInstruction) and row.fields["output"].strip():
            fields = row.fields
            prompt = prompt_text(fields["instruction"], fields["input"])
            yield Prompted(prompt, fields["output"].strip())


def fitting(model: CausalModel, rows: Sequence[Prompted], count: int, least: int) -> list[Prompted]:
    """The first rows that need not be cut and whose answer has so many tokens."""
    return list(islice((row for row in rows if _fits(model, row, least)), count))


def _fits(model: CausalModel, row: Prompted, least: int) -> bool:
    read = model.tokens(row)
    return len(read.ids) < model.max_length and read.end - read.start >= least


def by_ifd(model: CausalModel, pool: Sequence[Prompted]) -> list[tuple[float, Prompted]]:
    """IFD and row, the highest first; without those that their instruction makes no easier."""
    after = model.losses(pool)
    alone = model.losses(pool, without_prompt=True)
    scored = [
        ((one.mean or 0) / (other.mean or math.inf), row)
        for one, other, row in zip(after, alone, pool, strict=True)
    ]
    return sorted((one for one in scored if one[0] < 1), key=lambda one: -one[0])


def scored(model: CausalModel, test: Sequence[Prompted], max_new_tokens: int) -> GenerationScores:
    """Loss on the right answers, and the model's own beside them."""
    return generation.scores(
        model.losses(test),
        model.answers([one.prompt for one in test], max_new_tokens=max_new_tokens),
        [one.answer for one in test],
    )


def line(name: str, found: GenerationScores, told: str = "") -> None:
    """One row of the table."""
    rouge = bootstrap_mean(found.rouges)
    print(
        f"{name:<22} {found.loss:6.3f} {found.perplexity:10.2f}    "
        f"{rouge.mean:.3f} [{rouge.low:.3f}, {rouge.high:.3f}]  {told}",
        flush=True,
    )


def against(name: str, new: Sequence[GenerationScores], old: Sequence[GenerationScores]) -> None:
    """Paired tests over the test items, each item by its mean over the seeds."""
    for metric in ("rouges", "losses"):
        sides = [
            [
                statistics.fmean(item)
                for item in zip(*(getattr(o, metric) for o in side), strict=True)
            ]
            for side in (new, old)
        ]
        found = paired_test(*sides)
        change = found.difference
        print(
            f"{name}, {'ROUGE-L' if metric == 'rouges' else 'loss'}: {change.mean:+.4f} "
            f"[{change.low:+.4f}, {change.high:+.4f}], p = {found.p_value:.3f}"
        )


def _means(several: Sequence[GenerationScores], metric: str) -> list[float]:
    items = zip(*(getattr(one, metric) for one in several), strict=True)
    return [statistics.fmean(item) for item in items]


def main() -> None:
    """Print the table."""
    options = _options()
    if not options.data.is_dir():
        sys.exit(f"There is no {options.data}: the real data lies beside the project.")
    began = time.monotonic()
    base = CausalModel.open(options.base, options.device)
    base.max_length = options.max_length
    drawn = random.Random(DRAW)
    rows = list(instructions(options.data / "alpaca_en/data.jsonl.gz"))
    drawn.shuffle(rows)
    pool = fitting(base, rows, options.pool, SHORTEST)
    test = list(instructions(options.data / TEST_FILE))
    drawn.shuffle(test)
    test = fitting(base, test, options.test, 1)
    ranked = by_ifd(base, pool)
    best = [row for _, row in ranked[: options.rows]]
    print(
        f"{len(pool):,} rows of {len(rows):,}; IFD of the best {len(best)}: "
        f"{ranked[len(best) - 1][0]:.3f} and more; median {ranked[len(ranked) // 2][0]:.3f}; "
        f"{len(pool) - len(ranked)} at 1 or more; {time.monotonic() - began:,.0f} s\n"
    )
    print(f"{'trained on':<22} {'loss':>6} {'perplexity':>10}    ROUGE-L [95%], {len(test)} tasks")
    plain = scored(base, test, options.new_tokens)
    line("nothing (base)", plain)
    results: dict[str, list[GenerationScores]] = {"random": [], "best by IFD": []}
    for seed in range(1, options.seeds + 1):
        chosen = {"random": random.Random(seed).sample(pool, options.rows), "best by IFD": best}
        for name, data in chosen.items():
            found, told = trained(options, data, seed, test)
            results[name].append(found)
            line(f"{name}, seed {seed}", found, told)
    print()
    for name, several in results.items():
        against(f"{name} − base", several, [plain] * len(several))
    against("best by IFD − random", results["best by IFD"], results["random"])
    print(f"\n{time.monotonic() - began:,.0f} s in all")


def trained(
    options: argparse.Namespace, data: Sequence[Prompted], seed: int, test: Sequence[Prompted]
) -> tuple[GenerationScores, str]:
    """What a base tuned on this reaches, and what it was tuned on."""
    settings = InstructionSettings(
        base=options.base,
        max_steps=options.steps,
        max_length=options.max_length,
        learning_rate=options.rate,
        device=options.device,
        evaluations=1,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        made = train(data, settings, Path(folder) / "model")
        model = CausalModel.open(str(made.path), options.device)
        found = scored(model, test, options.new_tokens)
    tokens = statistics.fmean(len(model.tokenizer(one.answer)["input_ids"]) for one in data)
    return found, f"{tokens:.0f} tokens an answer, {made.seconds:.0f} s"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data/instructions"))
    parser.add_argument("--pool", type=int, default=600, help="rows that IFD chooses from")
    parser.add_argument("--rows", type=int, default=200, help="rows of each selection")
    parser.add_argument("--steps", type=int, default=50, help="batches of 4 rows")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--test", type=int, default=100, help="tasks that are answered")
    parser.add_argument("--new-tokens", type=int, default=96, help="the longest answer")
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--device", default=None)
    return parser.parse_args()


if __name__ == "__main__":
    main()
