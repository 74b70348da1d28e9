"""What the measures of tables are called, and what a pairwise judge has said, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

OF_RANKINGS: Final = {"ndcg@10": "nDCG@10", "mrr@10": "MRR@10", "recall@100": "Recall@100"}
OF_ANSWERS: Final = {"rouge_l": "ROUGE-L", "loss": "loss", "perplexity": "perplexity"}
"""The first one decides who won."""
OF_LABELS: Final = {"accuracy": "accuracy", "f1": "F1"}
"""And of questions."""


def measure_name(measure: str) -> str:
    """A measure as the field spells it."""
    return {**OF_RANKINGS, **OF_ANSWERS, **OF_LABELS}.get(measure, measure)


def judged_line(found: Mapping[str, Any]) -> str:
    """Such as ``judged by gpt, each pair in both orders: 30 won, 20 lost, 10 tied, sign test p =
    .2``; the judge's name is text from outside."""
    unread = f", {found['unread']} not judged" if found["unread"] else ""
    return (
        f"judged by {found['by']}, each pair in both orders: {found['won']} won, "
        f"{found['lost']} lost, {found['tied']} tied{unread}, sign test p = {found['p_value']:.4f}"
    )
