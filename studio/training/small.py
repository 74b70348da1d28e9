"""Small models for labelled tasks: training and loading, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from studio.llm.loading import named_in_errors
from studio.records import Datum, Label, StudioError
from studio.tasks import TASKS
from studio.training import fine_tuning, linear_head
from studio.training.settings import TrainingPoint
from studio.training.small_model import SmallModel, TrainedSmall, card_of
from studio.training.small_settings import SmallSettings, check_kind


def train(
    items: Sequence[Datum],
    labels: Sequence[Label],
    settings: SmallSettings,
    out: Path,
    *,
    validation: Sequence[Datum] = (),
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
        return linear_head.train(items, labels, settings, out, validation)
    return fine_tuning.train(
        items, labels, settings, out, validation, on_progress, should_stop, resume
    )


def check(items: Sequence[Datum], labels: Sequence[Label], settings: SmallSettings) -> None:
    """Refuse what cannot be trained."""
    if not items:
        raise StudioError("There is nothing to train on: no item is kept. Generate some first.")
    check_kind(settings.task, settings.kind)
    if not TASKS[settings.task].has_labels:
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


def load(path: Path, device: str | None = None) -> SmallModel:
    """A trained model.

    Raises:
        StudioError: the folder holds none, or one that is damaged.
    """
    card = card_of(path)
    with named_in_errors(f"The model {path.name}", "Train it again."):
        if card["settings"]["kind"] == "head":
            return linear_head.load(path, card, device)
        return fine_tuning.load(path, card, device)
