"""The studio's training against a bare sentence-transformers script with the same settings.

    python tests/benchmarks/training_speed.py [--encoder minilm-l6] [--steps 12] [--rounds 3]

The two take turns in one process, so that both see the same load. The clock runs from the first
logged step to the last one: loading and saving are left out on both sides. Seconds of the process's
own processor time stand beside those of the wall, for machines that do other work meanwhile.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from studio.training.encoders import load_encoder
from studio.training.retriever import train
from studio.training.settings import RetrieverSettings, TrainingPair, TrainingPoint

WORDS = [f"{a}{b}" for a in ("ba", "ko", "li", "mu", "ne") for b in ("ran", "tel", "sor", "vim")]


def pairs(count: int, seed: int = 0) -> list[TrainingPair]:
    """Random words: queries of 5 to 15, documents of 20 to 120."""
    drawn = random.Random(seed)

    def text(low: int, high: int) -> str:
        return " ".join(drawn.choices(WORDS, k=drawn.randint(low, high)))

    return [TrainingPair(f"{n} {text(5, 15)}", n, f"{n} {text(20, 120)}") for n in range(count)]


Seconds = tuple[float, float]
"""On the wall's clock and on the processor's."""


def now() -> Seconds:
    """Both clocks."""
    return time.perf_counter(), time.process_time()


def between(stamps: list[Seconds]) -> Seconds:
    """From the first stamp to the last."""
    return stamps[-1][0] - stamps[0][0], stamps[-1][1] - stamps[0][1]


def ours(data: list[TrainingPair], settings: RetrieverSettings, folder: Path) -> Seconds:
    """Seconds between the first and the last logged step."""
    stamps: list[Seconds] = []

    def on_progress(point: TrainingPoint) -> None:
        stamps.append(now())

    train(data, settings, folder / "ours", on_progress=on_progress)
    return between(stamps)


def bare(data: list[TrainingPair], settings: RetrieverSettings, folder: Path) -> Seconds:
    """The same with nothing but sentence-transformers."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.base.sampler import BatchSamplers
    from sentence_transformers.sentence_transformer import losses
    from transformers import TrainerCallback

    stamps: list[Seconds] = []

    class Clock(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any, **_: Any) -> None:
            if "loss" in logs:
                stamps.append(now())

    model = load_encoder(settings.base, settings.device, settings.max_length)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder / "bare"),
        per_device_train_batch_size=settings.batch_size,
        max_steps=settings.max_steps or 1,
        learning_rate=settings.learning_rate or 3e-5,
        warmup_steps=round((settings.max_steps or 1) * settings.warmup),
        bf16=bool(settings.bf16),
        seed=settings.seed,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        logging_steps=settings.log_every,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=model.device.type == "cpu",
    )
    columns = {"query": [p.query for p in data], "document": [p.document_text for p in data]}
    SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict(columns),
        loss=losses.CachedMultipleNegativesRankingLoss(
            model, mini_batch_size=settings.mini_batch or 32
        ),
        callbacks=[Clock()],
    ).train()
    return between(stamps)


def main() -> None:
    """Print the seconds of each round and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="minilm-l6")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--mini-batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bf16", action="store_true")
    chosen = parser.parse_args()
    settings = RetrieverSettings(
        base=chosen.encoder,
        batch_size=chosen.batch,
        mini_batch=chosen.mini_batch,
        max_steps=chosen.steps,
        log_every=1,
        checkpoint_every=10**9,
        bf16=chosen.bf16,
    )
    data = pairs(chosen.batch * chosen.steps)
    seconds: dict[str, list[Seconds]] = {"ours": [], "bare": []}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(chosen.rounds):
            # The order changes, so that neither always meets a warmer machine.
            for side in (ours, bare) if number % 2 == 0 else (bare, ours):
                seconds[side.__name__].append(side(data, settings, Path(scratch)))
    trained = chosen.batch * (chosen.steps - 1)
    for place, clock in enumerate(("wall", "processor")):
        medians = {
            name: statistics.median(value[place] for value in values)
            for name, values in seconds.items()
        }
        speeds = ", ".join(f"{name} {trained / value:.1f}" for name, value in medians.items())
        ratio = medians["ours"] / medians["bare"]
        print(f"{clock}: {speeds} pairs/s; ours takes {ratio:.3f} of the time of bare")


if __name__ == "__main__":
    main()
