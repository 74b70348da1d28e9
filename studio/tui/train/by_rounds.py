"""A model that rounds have trained, beside the one that the first data alone had made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from studio.evaluation.measures import measure_name
from studio.evaluation.significance import PairedTest, paired_test
from studio.runs import Model, Round
from studio.safe_text import one_line, padded
from studio.tui.rounds.words import METRICS
from studio.tui.train import words as train_words

OF_LABELS: Final = ("precision", "recall", "f1", "items")


def gained(rounds: Sequence[Round], model: Model) -> PairedTest | None:
    """The model against the first round's on the same gold test items; None where it is the first
    round's, or there is no test gold."""
    first, own = rounds[0].test, _own(rounds, model).test
    values = "f1s" if own.get("f1s") else "right"
    new, old = own.get(values), first.get(values)
    if own is first or not new or not old or len(new) != len(old):
        return None
    return paired_test(new, old)


def _own(rounds: Sequence[Round], model: Model) -> Round:
    return next((one for one in rounds if one.model_path == model.path), rounds[-1])


def before_after(rounds: Sequence[Round], model: Model, test: PairedTest | None) -> str:
    """Score by round, the gain with its test, and the scores of each label."""
    measure = next((name for name in METRICS if name in rounds[0].validation), METRICS[0])
    own = _own(rounds, model)
    parts = ["\n".join(_table(rounds, own, measure))]
    if test is not None:
        line = train_words.test_line(test, measure_name(measure))
        parts.append(
            f"round {own.number} − round 0 on gold test  {line}\n"
            f"{train_words.verdict(test, 'the model', 'the one before any round', 'items')}"
        )
    if labels := (own.test or own.validation).get("labels"):
        parts.append("\n".join(_by_label(labels, "test" if own.test else "validation")))
    return "\n\n".join(parts)


def _table(rounds: Sequence[Round], own: Round, measure: str) -> Iterator[str]:
    yield f"{measure_name(measure):<12}records  validation  test"
    for one in rounds:
        if not one.validation:
            continue
        cells = [train_words.short(table.get(measure)) for table in (one.validation, one.test)]
        mark = "  this model" if one is own else "  before any round" if not one.number else ""
        yield f"round {one.number:<6}{one.records:>7,}  {cells[0]:>10}  {cells[1]:>4}{mark}"


def _by_label(labels: Mapping[str, Mapping[str, Any]], split: str) -> Iterator[str]:
    yield padded(f"on {split}", 14) + "".join(f"{name:>10}" for name in OF_LABELS)
    for label, scores in labels.items():
        cells = [train_words.short(scores.get(name)) for name in OF_LABELS[:-1]]
        cells.append(f"{scores.get('items', 0):,}")
        yield padded(one_line(label, 13), 14) + "".join(f"{cell:>10}" for cell in cells)
