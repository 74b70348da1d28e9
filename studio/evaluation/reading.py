"""Exact match and token F1 of answers, as SQuAD's own script computes them (Rajpurkar et al. 2016).

Strings are compared without case, punctuation and English articles. Scripts that put no spaces
between words are compared character by character, as the multilingual successors do (MLQA, CMRC).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import regex

_ARTICLES = regex.compile(r"\b(a|an|the)\b")
_UNSPACED = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}]"
)


def normal(answer: str) -> str:
    """The answer without case, punctuation, English articles and double spaces."""
    kept = "".join(c for c in answer.lower() if not unicodedata.category(c).startswith(("P", "S")))
    return " ".join(_ARTICLES.sub(" ", kept).split())


def tokens(answer: str) -> list[str]:
    """What the F1 counts: words, or single characters of scripts without spaces."""
    return _UNSPACED.sub(r" \g<0> ", normal(answer)).split()


def exact(predicted: str, answers: Iterable[str]) -> bool:
    """Whether it equals any of the answers."""
    return any(normal(predicted) == normal(answer) for answer in answers)


def token_f1(predicted: str, answers: Iterable[str]) -> float:
    """The best F1 against any of the answers, 0 to 1."""
    return max((_f1(tokens(predicted), tokens(answer)) for answer in answers), default=0.0)


def _f1(predicted: Sequence[str], answer: Sequence[str]) -> float:
    if not predicted or not answer:
        return float(predicted == answer)
    shared = sum((Counter(predicted) & Counter(answer)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(answer)
    return 2 * precision * recall / (precision + recall)


def scores(predicted: Sequence[str], answers: Sequence[Sequence[str]]) -> dict[str, float]:
    """Means over the questions: ``em`` and ``f1``, 0 to 1.

    Raises:
        ValueError: the two differ in length, or are empty.
    """
    if len(predicted) != len(answers) or not predicted:
        raise ValueError(f"{len(predicted)} predictions for {len(answers)} questions")
    pairs = list(zip(predicted, answers, strict=True))
    return {
        "em": sum(exact(one, gold) for one, gold in pairs) / len(pairs),
        "f1": sum(token_f1(one, gold) for one, gold in pairs) / len(pairs),
    }
