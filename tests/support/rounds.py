"""A run of rounds as a worker leaves it in the store: nothing is trained, nothing is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.project import Project
from studio.records import Label, Record
from studio.runs import RoundError
from tests.support.data import gold_text, labelled, note

LABELS = [Label("pos", "a positive opinion"), Label("neg", "a negative opinion")]
TEXTS = (
    ("a warm film that never begs for tears", "pos"),
    ("两个小时像一个下午那样过去了，我还想再看", "pos"),
    ("the soup 🍜 was cold and nobody cared", "neg"),
    ("not a bad word to say about the service", "pos"),
    ("great, another sequel nobody asked for", "neg"),
    ("剧情拖沓，演员倒是认真", "neg"),
)
WRITTEN = (
    ("a gentle film that never asks for pity", ""),
    ("一整个晚上像一刻钟那样过去了", ""),
    ("the coffee ☕ was cold and nobody noticed", ""),
    ("not a bad word to say about the service", "copied"),
    ("wonderful, one more remake nobody wanted", ""),
)


def project(folder: Path, task: str = "classification") -> Project:
    """A project with two labels and gold in three scripts."""
    made = Project.create(folder, title="Opinions 影评 🎬", task=task)
    made.store.labels.set(LABELS)
    gold = [
        gold_text(text, label, "validation", f"v-{n}", origin=f"gold.csv:{n + 2}")
        for n, (text, label) in enumerate(TEXTS)
    ]
    test = [
        gold_text(f"test text {n}", "neg" if n % 2 else "pos", "test", f"t-{n}") for n in range(4)
    ]
    made.store.gold.add([*gold, *test])
    return made


def params(**more: Any) -> dict[str, Any]:
    """Of a run that rests for a person."""
    return {"method": "s3", "kind": "head", "rounds": 2, "approve": "person", **more}


def scored(
    made: Project, run: int, number: int, wrong: Sequence[int], *, records: int, stage: str
) -> list[int]:
    """A round whose model gets these validation items wrong; the errors' rows."""
    store = made.store
    round_ = store.runs.begin_round(run, number)
    gold = store.gold.all("validation")
    errors = [
        RoundError(
            round_.id,
            gold[n].id,
            "neg" if gold[n].label == "pos" else "pos",
            0.93 - 0.11 * place,
            {"score": 0.0},
        )
        for place, n in enumerate(wrong)
    ]
    store.runs.set_errors(round_.id, errors)
    share = 1 - len(wrong) / len(gold)
    store.runs.update_round(
        round_.id,
        stage=stage,
        records=records,
        validation={"accuracy": share},
        test={"accuracy": share - 0.03, "right": [1, 0]},
        seconds={"train": 2.4, "score": 0.3},
        model_path=f"models/s3-{run}-round-{number}",
    )
    return [error.id for error in store.runs.errors(round_.id)]


def written(
    made: Project, run: int, number: int, errors: Sequence[int], texts: Sequence[tuple[str, str]]
) -> None:
    """What an LLM wrote from the errors of a round."""
    records = []
    for place, (error, (text, reason)) in enumerate(zip(errors, texts, strict=False)):
        row = made.store.runs.error(error)
        gold = made.store.gold.get(row.gold_id) if row else None
        label = gold.label if gold else ""
        records.append(extrapolated(text, label, run, number, place, error, reason))
    made.store.records.add(records)


def extrapolated(
    text: str, label: str, run: int, number: int, place: int, error: int, reason: str = ""
) -> Record:
    """What was written from an error of a round."""
    return labelled(
        text, label, run_id=run, stage="extrapolation", batch=number, place=place, error_id=error,
        reason=reason,
    )  # fmt: skip


def seeded(made: Project, run: int, count: int = 12) -> None:
    """Seed texts."""
    made.store.records.add(
        labelled(f"seed text {n}", LABELS[n % 2].name, run_id=run, stage="seed", place=n)
        for n in range(count)
    )


def beginning(made: Project, **more: Any) -> int:
    """A run that has its reasons, and no text yet."""
    run = made.store.runs.add("s3", params(**more))
    reasons = [("pos", "it moved me 感动 🎬"), ("neg", "two hours that felt like four")]
    made.store.records.add(
        note(text, label, run_id=run, stage="rationales", place=n)
        for n, (label, text) in enumerate(reasons)
    )
    return run


def resting(made: Project, **more: Any) -> int:
    """A run that rests after its first extrapolation: five errors, one of them without any."""
    run = made.store.runs.add("s3", params(**more))
    seeded(made, run)
    errors = scored(made, run, 0, (0, 1, 2, 3, 4), records=12, stage="extrapolated")
    written(made, run, 0, errors, WRITTEN[:4])
    return run


def two_rounds(made: Project) -> int:
    """A run that is done: two rounds with errors, and one without a following."""
    run = made.store.runs.add("s3", params(approve="all", rounds=2))
    seeded(made, run)
    first = scored(made, run, 0, (0, 1, 2, 3), records=12, stage="extrapolated")
    written(made, run, 0, first, WRITTEN)
    second = scored(made, run, 1, (1, 4), records=15, stage="extrapolated")
    written(made, run, 1, second, WRITTEN[1:])
    scored(made, run, 2, (4,), records=17, stage="scored")
    return run
