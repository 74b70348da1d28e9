"""A linear head on a frozen encoder: embeddings once, then a logistic regression in seconds.

For pairs the features are [u, v, |u−v|, u·v] of premise and hypothesis, as in InferSent (Conneau et
al. 2017). Embeddings come from the cache that evaluation uses too: the texts of earlier rounds are
not encoded again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.evaluation.embeddings import embed, open_cache
from studio.records import Datum, Label, Prediction
from studio.tasks import TASKS
from studio.training.checkpoints import put_in_place
from studio.training.encoders import open_encoder
from studio.training.small_model import CARD, METRIC, TrainedSmall, judged, scores
from studio.training.small_settings import EMBEDDED_LENGTH, SmallSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.evaluation.embeddings import TextEncoder

CHUNK = 2_048
"""Items whose features are in memory at once in a prediction."""
MAX_ITERATIONS = 500
WEIGHTS = "head.safetensors"


class LinearHead:
    """An encoder's name, and a matrix."""

    def __init__(
        self,
        task: str,
        labels: Sequence[str],
        encoder: TextEncoder,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
    ) -> None:
        """``weights`` is labels×features, ``bias`` one number a label."""
        self._task = task
        self._labels = list(labels)
        self._encoder = encoder
        self._weights, self._bias = weights, bias

    def predict(
        self,
        items: Sequence[Datum],
        *,
        on_progress: Callable[[int], None] = lambda done: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> list[Prediction]:
        """The likeliest label of each item with its probability."""
        found: list[Prediction] = []
        for start in range(0, len(items), CHUNK):
            if should_stop():
                break
            chunk = items[start : start + CHUNK]
            inputs = features(chunk, self._task, self._encoder)
            found += self._said(chunk, inputs @ self._weights.T + self._bias)
            on_progress(len(found))
        return found

    def features(self, items: Sequence[Datum]) -> NDArray[np.float32]:
        """Items×dimensions: what the head reads."""
        return features(items, self._task, self._encoder)

    def _said(self, items: Sequence[Datum], logits: NDArray[np.float32]) -> list[Prediction]:
        import numpy as np

        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        best = shares.argmax(axis=1)
        return [
            judged(self._task, item, self._labels[place], float(row[place]))
            for item, row, place in zip(items, shares, best, strict=True)
        ]


def train(
    items: Sequence[Datum],
    labels: Sequence[Label],
    settings: SmallSettings,
    out: Path,
    validation: Sequence[Datum],
) -> TrainedSmall:
    """Fit a regression for each strength, and save the one that validation likes best."""
    began = time.monotonic()
    encoder = open_encoder(
        settings.base, device=settings.device, max_length=min(settings.max_length, EMBEDDED_LENGTH)
    )
    inputs = features(items, settings.task, encoder)
    names = [label.name for label in labels]
    best: tuple[float, LinearHead, float] | None = None
    strengths = settings.regularisation if validation else settings.regularisation[-2:-1] or (1.0,)
    for strength in strengths:
        head = _fitted(inputs, items, names, encoder, settings, strength)
        score = _score(head, settings.task, validation)
        if best is None or score > best[0]:
            best = (score, head, strength)
    assert best is not None
    head = best[1]
    _save(head, names, settings, best[2], out)
    predicted = head.predict(validation) if validation else []
    return TrainedSmall(
        path=out,
        steps=len(strengths),
        best_step=strengths.index(best[2]) + 1,
        validation=scores(settings.task, validation, predicted) if validation else {},
        seconds=time.monotonic() - began,
    )


def load(path: Path, card: dict[str, Any], device: str | None) -> LinearHead:
    """A saved head with its encoder."""
    from safetensors.numpy import load_file

    settings = SmallSettings.from_row(card["settings"])
    # A base among the project's own models moves with the project.
    base = Path(settings.base)
    beside = path.parent / base.name
    moved = base.is_absolute() and not base.exists() and beside.is_dir()
    encoder = open_encoder(
        str(beside) if moved else settings.base,
        device=device,
        max_length=min(settings.max_length, EMBEDDED_LENGTH),
    )
    saved = load_file(path / WEIGHTS)
    return LinearHead(settings.task, card["labels"], encoder, saved["weights"], saved["bias"])


def features(items: Sequence[Datum], task: str, encoder: TextEncoder) -> NDArray[np.float32]:
    """Items×features: the text's embedding, or the four parts of a pair's."""
    import numpy as np

    cache = open_cache()
    second = embed([item.text for item in items], encoder, cache=cache)
    if not TASKS[task].record.context:
        return second
    first = embed([item.context for item in items], encoder, cache=cache)
    return np.concatenate([first, second, np.abs(first - second), first * second], axis=1)


def _fitted(
    inputs: NDArray[np.float32],
    items: Sequence[Datum],
    names: Sequence[str],
    encoder: TextEncoder,
    settings: SmallSettings,
    strength: float,
) -> LinearHead:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(
        C=strength,
        class_weight="balanced" if settings.class_weights else None,
        max_iter=MAX_ITERATIONS,
        random_state=settings.seed,
    )
    regression.fit(inputs, [item.label for item in items])
    found = [str(name) for name in regression.classes_]
    weights, bias = regression.coef_, regression.intercept_
    if len(found) == 2:
        # Two classes are one direction: its sign says which.
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    full = np.zeros((len(names), inputs.shape[1]), dtype=np.float32)
    # A label without items is never said.
    shift = np.full(len(names), -1e9, dtype=np.float32)
    for place, name in enumerate(names):
        if name in found:
            full[place], shift[place] = weights[found.index(name)], bias[found.index(name)]
    return LinearHead(settings.task, names, encoder, full, shift)


def _score(head: LinearHead, task: str, validation: Sequence[Datum]) -> float:
    if not validation:
        return 0.0
    return float(scores(task, validation, head.predict(validation))[METRIC[TASKS[task].gold]])


def _save(
    head: LinearHead, names: Sequence[str], settings: SmallSettings, strength: float, out: Path
) -> None:
    from safetensors.numpy import save_file

    card = {"settings": settings.as_row(), "labels": list(names), "strength": strength}
    with put_in_place(out) as folder:
        folder.mkdir(parents=True)
        save_file({"weights": head._weights, "bias": head._bias}, folder / WEIGHTS)
        (folder / CARD).write_text(json.dumps(card, indent=1), "utf-8")
