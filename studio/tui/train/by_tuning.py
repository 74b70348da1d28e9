"""A tuned LLM beside its base: loss, perplexity and ROUGE-L on gold, and whether it gained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp
from typing import Any, Final

from studio.evaluation import systems
from studio.evaluation.measures import OF_ANSWERS, judged_line
from studio.jobs.comparing import SPLITS, Duel
from studio.runs import Model
from studio.safe_text import one_line, padded
from studio.tui.train import words as train_words

WIDE: Final = 12
"""Cells of a column."""
KEY: Final = systems.pair_key(systems.TRAINED, systems.BASE)


def scored(model: Model) -> tuple[str, dict[str, Any]]:
    """The split that says most of what the model was scored on, and what was found there."""
    for split in SPLITS:
        found = model.scores.get(split)
        if isinstance(found, dict) and "tests" in found:
            return split, found
    return "", {}


def before_after(model: Model, duel: Duel | None, lists_key: str) -> str:
    """The table, then what the test says; empty while it is not scored."""
    split, found = scored(model)
    if not found:
        return ""
    parts = ["\n".join(_table(split, found)), f"on {found['gold']}"]
    if judged := found.get("judged"):
        parts.append(one_line(judged_line(judged)))
    if duel is not None:
        said = train_words.verdict(duel.test, "the tuned model", "its base", "instructions")
        parts.append(
            f"By ROUGE-L: {said}\nInstructions: {train_words.tally(duel)}; {lists_key} lists them."
        )
    return "\n\n".join(parts)


def _table(split: str, found: Mapping[str, Any]) -> Iterator[str]:
    yield _line(split, "base", "tuned", "difference", "p")
    for measure, label in OF_ANSWERS.items():
        pair = [found["scores"][name][measure] for name in systems.BEFORE_AFTER]
        bounds = [found["intervals"][name][measure] for name in systems.BEFORE_AFTER]
        apart, between, p_value = _difference(found["tests"][KEY], measure)
        told = _whole if measure == "perplexity" else train_words.short
        yield _line(label, *map(told, pair), apart, train_words.chance(p_value))
        yield _line("95%", *("–".join(map(told, one)) for one in bounds), between)


def _difference(tests: Mapping[str, Any], measure: str) -> tuple[str, str, float]:
    """The difference, its interval and p; of perplexities, whose logarithm is the loss, a ratio."""
    found = tests["loss" if measure == "perplexity" else measure]
    mean, low, high = found["difference"]
    if measure == "perplexity":
        low, mean, high = (exp(x) for x in (low, mean, high))
        between = f"{train_words.short(low)}…{train_words.short(high)}"
        return f"× {train_words.short(mean)}", between, found["p_value"]
    signed = [train_words.short(x, signed=True) for x in (low, mean, high)]
    return signed[1], f"{signed[0]}…{signed[2]}", found["p_value"]


def _whole(perplexity: float) -> str:
    return f"{perplexity:,.1f}"


def _line(label: str, *cells: str) -> str:
    return f"{padded(label, 11)}" + "".join(padded(cell, WIDE + 1) for cell in cells).rstrip()
