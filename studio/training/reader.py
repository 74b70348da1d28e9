"""An extractive reader: where in the passage the answer begins and ends (Devlin et al. 2019, §4.2).

A passage longer than the window is read in windows that overlap by ``stride`` tokens; the best span
of all windows is the answer. Everything is scored as strings, by SQuAD's own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from studio.records import Datum, Prediction
from studio.training.encoders import load_pretrained, longest
from studio.training.small_model import SmallModel, judged
from studio.training.small_settings import SmallSettings

WINDOW_BATCH = 32
"""Windows at once in the network."""
ITEMS_AT_ONCE = 256
"""Items whose windows are in memory at once."""
LONGEST_ANSWER = 30
"""Tokens of an answer."""
BEST_ENDS = 20
"""Candidates at each end."""


@dataclass(frozen=True, slots=True)
class Span:
    """A candidate."""

    text: str
    score: float
    """Sum of both ends' logits: comparable over the windows of one passage."""
    confidence: float
    """Product of both ends' probabilities in their window."""


class Reader:
    """The model and its tokenizer."""

    def __init__(self, settings: SmallSettings, source: str) -> None:
        """``source``: a base, or a folder that was trained before."""
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        self.settings = settings
        self.tokenizer = load_pretrained(AutoTokenizer, source)
        self.model = load_pretrained(AutoModelForQuestionAnswering, source)

    def dataset(self, items: Sequence[Datum]) -> Any:
        """A row for each window: token ids, and the answer's two ends (0 if outside)."""
        from datasets import Dataset

        encoded = self._windows(items)
        owners = encoded["overflow_to_sample_mapping"]
        rows: dict[str, list[Any]] = {
            name: encoded[name]
            for name in ("input_ids", "attention_mask", "token_type_ids")
            if name in encoded
        }
        ends = [_token_span(encoded, window, items[owner]) for window, owner in enumerate(owners)]
        rows["start_positions"] = [start for start, _ in ends]
        rows["end_positions"] = [end for _, end in ends]
        return Dataset.from_dict(rows)

    def collator(self) -> Any:
        """Pads to the longest of a batch."""
        from transformers import DataCollatorWithPadding

        return DataCollatorWithPadding(self.tokenizer)

    def loss(self, items: Sequence[Datum]) -> Callable[..., Any] | None:
        """The model's own: cross-entropy of both ends."""
        return None

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
        """The best span of each item's passage."""
        self.model.eval()
        found: list[Prediction] = []
        for start in range(0, len(items), ITEMS_AT_ONCE):
            if should_stop():
                break
            chunk = items[start : start + ITEMS_AT_ONCE]
            best = self._best_spans(chunk)
            for item, span in zip(chunk, best, strict=True):
                found.append(judged(self.settings.task, item, span.text, span.confidence))
            on_progress(len(found))
        return found

    def _best_spans(self, items: Sequence[Datum]) -> list[Span]:
        import torch

        encoded = self._windows(items)
        owners = encoded["overflow_to_sample_mapping"]
        best = [Span("", float("-inf"), 0.0)] * len(items)
        names = [n for n in ("input_ids", "attention_mask", "token_type_ids") if n in encoded]
        for start in range(0, len(owners), WINDOW_BATCH):
            windows = range(start, min(start + WINDOW_BATCH, len(owners)))
            batch = {name: [encoded[name][window] for window in windows] for name in names}
            with torch.no_grad():
                padded = self.tokenizer.pad(batch, return_tensors="pt").to(self.model.device)
                said = self.model(**padded)
            pairs = zip(windows, said.start_logits.float(), said.end_logits.float(), strict=True)
            for window, starts, ends in pairs:
                owner = owners[window]
                span = _best_span(encoded, window, items[owner].context, starts, ends)
                if span.score > best[owner].score:
                    best[owner] = span
        return best

    def _windows(self, items: Sequence[Datum]) -> Any:
        length = min(self.settings.max_length, longest(self.model, self.tokenizer))
        return self.tokenizer(
            [item.text.strip() for item in items],
            [item.context for item in items],
            # The passage is cut into windows, the question never.
            truncation="only_second",
            max_length=length,
            stride=min(self.settings.stride, length // 3),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )


def _passage(encoded: Any, window: int) -> range:
    """The places of a window's tokens that are of the passage."""
    sides = encoded.sequence_ids(window)
    first = sides.index(1) if 1 in sides else 0
    return range(first, first + sides.count(1))


def _token_span(encoded: Any, window: int, item: Datum) -> tuple[int, int]:
    """First and last token of the answer in a window; (0, 0) where it is not whole."""
    begin = item.context.find(item.answers[0]) if item.answers else -1
    end = begin + len(item.answers[0]) if item.answers else -1
    offsets, places = encoded["offset_mapping"][window], _passage(encoded, window)
    inside = [place for place in places if offsets[place][0] < end and offsets[place][1] > begin]
    whole = (
        begin >= 0 and inside and offsets[inside[0]][0] <= begin and offsets[inside[-1]][1] >= end
    )
    return (inside[0], inside[-1]) if whole else (0, 0)


def _best_span(encoded: Any, window: int, context: str, starts: Any, ends: Any) -> Span:
    import torch

    places = _passage(encoded, window)
    if not places:
        return Span("", float("-inf"), 0.0)
    offsets = encoded["offset_mapping"][window]
    begin, stop = places.start, places.stop
    first, last = starts[begin:stop], ends[begin:stop]
    some = min(BEST_ENDS, len(places))
    tops, bottoms = first.topk(some), last.topk(some)
    # Every pair of good ends at once; those in the wrong order or too far apart cannot win.
    table = tops.values[:, None] + bottoms.values[None, :]
    width = bottoms.indices[None, :] - tops.indices[:, None]
    table = table.masked_fill((width < 0) | (width >= LONGEST_ANSWER), float("-inf"))
    place = int(table.argmax())
    row, column = divmod(place, some)
    if float(table[row, column]) == float("-inf"):
        return Span("", float("-inf"), 0.0)
    one, other = int(tops.indices[row]), int(bottoms.indices[column])
    shares = torch.softmax(first, 0)[one] * torch.softmax(last, 0)[other]
    text = context[offsets[begin + one][0] : offsets[begin + other][1]]
    return Span(text, float(table[row, column]), float(shares))
