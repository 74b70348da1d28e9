"""Small models for labelled tasks: settings with the paper's numbers, training, loading, scores.

S3 (Wang, Zhou and Sachan 2023, "Let's Synthesize Step by Step") fine-tunes DistilBERT; its numbers
for each task are the defaults here. A second kind, a linear head on a frozen encoder, takes seconds
on a processor: every table names the kind that made it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from studio.evaluation import classification, reading
from studio.labelled import Item, Label, LabelledTask, Prediction
from studio.records import StudioError
from studio.training.settings import TrainingPoint

Kind = Literal["finetune", "head"]
CARD = "small.json"
"""In a model's folder: what it is and how it was made."""
PAPER_BASE = "distilbert/distilbert-base-uncased"
"""The paper's; taken where the machine has it already."""
EMBEDDED_BASE = "minilm-l6"
METRIC: Final[dict[LabelledTask, str]] = {
    "classification": "accuracy",
    "nli": "accuracy",
    "qa": "f1",
}
"""Task → the number that decides which checkpoint is kept."""


@dataclass(frozen=True, slots=True)
class SmallSettings:
    """How a small model is trained."""

    task: LabelledTask = "classification"
    kind: Kind = "finetune"
    """``finetune`` trains all weights; ``head`` only a linear layer on a frozen encoder."""
    base: str = EMBEDDED_BASE
    """The checkpoint to start from: a catalogue name, a folder or a hub name."""
    batch_size: int = 8
    learning_rate: float = 5e-6
    """AdamW's peak; it falls linearly to 0."""
    weight_decay: float = 2e-8
    epochs: float = 6.0
    """Passes over the items, unless ``max_steps`` is given."""
    max_steps: int | None = None
    warmup_steps: int = 100
    """Steps in which the rate rises; at most a tenth of all."""
    max_length: int = 512
    """Tokens read of an item."""
    stride: int = 170
    """Tokens that two windows of a long context share; for qa only."""
    class_weights: bool = False
    """Weigh rare labels up, by their inverse share."""
    evaluations: int = 0
    """How often validation is scored; 0 is once an epoch."""
    patience: int = 0
    """Stop after so many evaluations without a better score; 0 never stops early."""
    regularisation: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)
    """Inverse strengths that a head tries; validation chooses. For heads only."""
    bf16: bool | None = None
    """Half precision inside the network. None: on a GPU that has it, not on a CPU."""
    device: str | None = None
    """``cpu``, ``cuda`` …; None takes the best there is."""
    log_every: int = 5
    """Steps between two points of the loss curve."""
    seed: int = 13
    """Decides the new layer's weights, the order and dropout."""

    def as_row(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> SmallSettings:
        """The settings of a row; what an older studio did not write has its default."""
        known = {field.name for field in fields(cls)}
        kept = {name: value for name, value in row.items() if name in known}
        if "regularisation" in kept:
            kept["regularisation"] = tuple(kept["regularisation"])
        return cls(**kept)


PAPER: Final[dict[LabelledTask, SmallSettings]] = {
    "classification": SmallSettings(),
    "nli": SmallSettings(
        task="nli", batch_size=16, learning_rate=1e-5, weight_decay=1e-2, epochs=20
    ),
    "qa": SmallSettings(
        task="qa", batch_size=8, learning_rate=1e-5, weight_decay=1e-2, epochs=10, warmup_steps=0
    ),
}
"""Task → what the paper trains IMDb, RTE and Adversarial QA with."""
EMBEDDED_RATE = 5e-5
"""For the embedded encoder: six thin layers need larger steps than DistilBERT's."""
EMBEDDED_LENGTH = 256


def defaults(task: LabelledTask, kind: Kind = "finetune", base: str = "") -> SmallSettings:
    """The paper's numbers for its own checkpoint; for the embedded encoder, what trains it well."""
    chosen = replace(PAPER[task], kind=kind, base=base or default_base(kind))
    if kind == "head" or chosen.base != EMBEDDED_BASE:
        return chosen
    return replace(chosen, learning_rate=EMBEDDED_RATE, max_length=EMBEDDED_LENGTH, stride=85)


def default_base(kind: Kind = "finetune") -> str:
    """DistilBERT where the hub's cache of this machine has it, else the embedded encoder."""
    from huggingface_hub import try_to_load_from_cache

    here = try_to_load_from_cache(PAPER_BASE, "model.safetensors")
    return PAPER_BASE if kind == "finetune" and isinstance(here, str) else EMBEDDED_BASE


@dataclass(frozen=True, slots=True)
class TrainedSmall:
    """What came of a training."""

    path: Path
    steps: int
    best_step: int
    """The step whose weights were kept."""
    validation: dict[str, Any]
    """Metric → value of the saved model; empty without validation items."""
    seconds: float
    cancelled: bool = False
    """Stopped by a person; it can be resumed."""


class SmallModel(Protocol):
    """A loaded small model."""

    def predict(
        self,
        items: Sequence[Item],
        *,
        on_progress: Callable[[int], None] = lambda done: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> list[Prediction]:
        """What it says of each item, in order; in batches, so that memory stays flat."""


def train(
    items: Sequence[Item],
    labels: Sequence[Label],
    settings: SmallSettings,
    out: Path,
    *,
    validation: Sequence[Item] = (),
    on_progress: Callable[[TrainingPoint], None] = lambda point: None,
    should_stop: Callable[[], bool] = lambda: False,
    resume: bool = False,
) -> TrainedSmall:
    """Train from the base and save the checkpoint that validation likes best.

    Args:
        items: what to learn from.
        labels: all labels of the task; empty for qa.
        settings: how.
        out: where the model will lie; it appears there whole or not at all.
        validation: decides which checkpoint is kept; without it the last one is.
        on_progress: told of every point of the curves.
        should_stop: asked about twice a second.
        resume: go on from the last checkpoint of the same training, if there is one.

    Raises:
        StudioError: nothing to learn from, one label only, a head for qa, a base that is not there
            or has no safetensors, too little memory or disk, or a stop before the first step.
    """
    check(items, labels, settings)
    if settings.kind == "head":
        from studio.training import linear_head

        return linear_head.train(items, labels, settings, out, validation)
    from studio.training import fine_tuning

    return fine_tuning.train(
        items, labels, settings, out, validation, on_progress, should_stop, resume
    )


def check(items: Sequence[Item], labels: Sequence[Label], settings: SmallSettings) -> None:
    """Refuse what cannot be trained."""
    if not items:
        raise StudioError("There is nothing to train on: no item is kept. Generate some first.")
    check_kind(settings.task, settings.kind)
    if settings.task == "qa":
        return
    known = {label.name for label in labels}
    seen = {item.label for item in items}
    if strangers := sorted(seen - known):
        raise StudioError(
            f"An item to train on has the label {strangers[0]!r}, which the project does not know; "
            f"its labels are {', '.join(sorted(known))}."
        )
    if len(seen) < 2:
        raise StudioError(
            f"All {len(items):,} items to train on have the label {next(iter(seen))!r}, and a "
            "classifier learns by telling labels apart; generate items for the others too."
        )


def check_kind(task: LabelledTask, kind: Kind) -> None:
    """Refuse a kind that cannot learn the task, before anything is paid for."""
    if task == "qa" and kind == "head":
        raise StudioError(
            "A linear head cannot point at spans of a text; train questions with kind finetune."
        )


def load(path: Path, device: str | None = None) -> SmallModel:
    """A trained model.

    Raises:
        StudioError: the folder holds none.
    """
    card = card_of(path)
    if card["settings"]["kind"] == "head":
        from studio.training import linear_head

        return linear_head.load(path, card, device)
    from studio.training import fine_tuning

    return fine_tuning.load(path, card, device)


def card_of(path: Path) -> dict[str, Any]:
    """What a model's folder says of itself."""
    try:
        card = json.loads((path / CARD).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StudioError(f"{path} holds no small model of the studio; train it again.") from error
    return dict(card)


def judged(task: LabelledTask, item: Item, predicted: str, confidence: float) -> Prediction:
    """A prediction with whether it is right."""
    if task == "qa":
        score = reading.token_f1(predicted, item.answers)
        return Prediction(predicted, confidence, reading.exact(predicted, item.answers), score)
    right = predicted == item.label
    return Prediction(predicted, confidence, right, float(right))


def scores(
    task: LabelledTask, items: Sequence[Item], predictions: Sequence[Prediction]
) -> dict[str, Any]:
    """Accuracy and macro F1, or exact match and F1, of predictions in the items' order."""
    predicted = [one.predicted for one in predictions]
    if task == "qa":
        return dict(reading.scores(predicted, [item.answers for item in items]))
    return classification.scores([item.label for item in items], predicted)
