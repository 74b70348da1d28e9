"""What every small model for labelled tasks can do, what its folder says, and how it is scored."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from studio.evaluation import classification, reading
from studio.records import Datum, Prediction, StudioError
from studio.tasks import TASKS, GoldShape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CARD = "small.json"
"""In a model's folder: what it is and how it was made."""
METRIC: Final[dict[GoldShape, str]] = {"label": "accuracy", "answers": "f1"}
"""What gold tells → the number that decides which checkpoint is kept."""


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
        items: Sequence[Datum],
        *,
        on_progress: Callable[[int], None] = lambda done: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> list[Prediction]:
        """What it says of each item, in order; in batches, so that memory stays flat."""


@runtime_checkable
class FeatureModel(SmallModel, Protocol):
    """A small model that tells labels apart by one last linear layer."""

    def features(self, items: Sequence[Datum]) -> NDArray[np.float32]:
        """Items×dimensions: what goes into that layer."""


def card_of(path: Path) -> dict[str, Any]:
    """What a model's folder says of itself."""
    try:
        card = json.loads((path / CARD).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StudioError(f"{path} holds no small model of the studio; train it again.") from error
    return dict(card)


def judged(task: str, item: Datum, predicted: str, confidence: float) -> Prediction:
    """A prediction with whether it is right."""
    if TASKS[task].gold == "answers":
        score = reading.token_f1(predicted, item.answers)
        return Prediction(predicted, confidence, reading.exact(predicted, item.answers), score)
    right = predicted == item.label
    return Prediction(predicted, confidence, right, float(right))


def scores(task: str, items: Sequence[Datum], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Accuracy and macro F1, or exact match and F1, of predictions in the items' order."""
    predicted = [one.predicted for one in predictions]
    if TASKS[task].gold == "answers":
        return dict(reading.scores(predicted, [item.answers for item in items]))
    return classification.scores([item.label for item in items], predicted)
