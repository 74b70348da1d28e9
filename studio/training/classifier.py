"""A sequence classifier: any checkpoint with a new layer on top, for one text or a pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from studio.records import Datum, Prediction
from studio.tasks import TASKS
from studio.training.encoders import load_pretrained, longest
from studio.training.small_model import SmallModel, judged
from studio.training.small_settings import SmallSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREDICT_BATCH = 32


class Classifier:
    """The model, its tokenizer and its labels."""

    def __init__(self, settings: SmallSettings, labels: Sequence[str], source: str) -> None:
        """``source``: a base, or a folder that was trained before."""
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.settings = settings
        self.labels = list(labels)
        self.tokenizer = load_pretrained(AutoTokenizer, source)
        names = dict(enumerate(self.labels))
        self.model = load_pretrained(
            AutoModelForSequenceClassification,
            source,
            num_labels=len(self.labels),
            id2label=names,
            label2id={name: place for place, name in names.items()},
        )

    def dataset(self, items: Sequence[Datum]) -> Any:
        """Rows of token ids with the label's place."""
        from datasets import Dataset

        rows = self._tokens(items)
        rows = {name: column for name, column in rows.items() if name != "special_tokens_mask"}
        rows["labels"] = [self.labels.index(item.label) for item in items]
        return Dataset.from_dict(rows)

    def collator(self) -> Any:
        """Pads to the longest of a batch."""
        from transformers import DataCollatorWithPadding

        return DataCollatorWithPadding(self.tokenizer)

    def loss(self, items: Sequence[Datum]) -> Callable[..., Any] | None:
        """Cross-entropy weighed by the labels' inverse shares, where that is asked for."""
        if not self.settings.class_weights:
            return None
        import torch

        counts = Counter(item.label for item in items)
        shares = [
            len(items) / (len(counts) * counts[name]) if counts[name] else 0.0
            for name in self.labels
        ]
        weights = torch.tensor(shares, device=self.model.device)

        def weighed(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
            return torch.nn.functional.cross_entropy(
                outputs.logits, labels, weight=weights.to(outputs.logits.device)
            )

        return weighed

    def small_model(self) -> SmallModel:
        """Itself."""
        return self

    def predict(
        self,
        items: Sequence[Datum],
        *,
        on_progress: Callable[[int], None] = lambda done: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> list[Prediction]:
        """The likeliest label of each item with its probability; like lengths go together."""
        import torch

        found: dict[int, Prediction] = {}
        for places, logits in self._logits(items):
            confidence, best = torch.softmax(logits, dim=-1).max(dim=-1)
            for place, share, label in zip(places, confidence.tolist(), best.tolist(), strict=True):
                name = self.labels[label]
                found[place] = judged(self.settings.task, items[place], name, share)
            on_progress(len(found))
            if should_stop():
                break
        return [found[place] for place in range(len(items)) if place in found]

    def features(self, items: Sequence[Datum]) -> NDArray[np.float32]:
        """Items×dimensions: what goes into the last linear layer."""
        import numpy as np
        import torch

        *_, last = (one for one in self.model.modules() if isinstance(one, torch.nn.Linear))
        read: list[Any] = []
        hook = last.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
        try:
            order = [place for places, _ in self._logits(items) for place in places]
        finally:
            hook.remove()
        found = np.empty((len(items), last.in_features), dtype=np.float32)
        found[order] = torch.cat(read).float().cpu().numpy()
        return found

    def _logits(self, items: Sequence[Datum]) -> Iterator[tuple[list[int], Any]]:
        """Places and logits, batch by batch, the longest items first."""
        import torch

        self.model.eval()
        order = sorted(range(len(items)), key=lambda row: -_characters(items[row]))
        for start in range(0, len(order), PREDICT_BATCH):
            places = order[start : start + PREDICT_BATCH]
            with torch.no_grad():
                chunk = [items[place] for place in places]
                inputs = self.tokenizer.pad(self._tokens(chunk), return_tensors="pt")
                logits = self.model(**inputs.to(self.model.device)).logits.float()
            yield places, logits

    def _tokens(self, items: Sequence[Datum]) -> Any:
        texts = [item.text for item in items]
        if TASKS[self.settings.task].record.context:
            # A long premise is cut, never the hypothesis.
            contexts = [item.context for item in items]
            return self.tokenizer(
                contexts, texts, truncation="longest_first", max_length=self._length
            )
        return self.tokenizer(texts, truncation=True, max_length=self._length)

    @property
    def _length(self) -> int:
        return min(self.settings.max_length, longest(self.model, self.tokenizer))


def _characters(item: Datum) -> int:
    return len(item.context) + len(item.text)
