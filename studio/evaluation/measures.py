"""What the measures of tables are called, and in words what needs no table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from studio.evaluation.systems import in_order, label_of, of_pair_key
from studio.plurals import so_many

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


def likeness_lines(found: Mapping[str, Any] | None, labels: Mapping[str, str]) -> Iterator[str]:
    """How well cosines order the scored pairs as people do; nothing where none are scored."""
    if not found:
        return
    each = (
        f"{label_of(name, labels)} {one['value']:.3f} ({one['low']:.3f} … {one['high']:.3f})"
        for name, one in found["spearman"].items()
    )
    yield f"Spearman on {found['pairs']:,} scored pairs: {', '.join(each)}"
    for key, one in found["difference"].items():
        new, old = (label_of(name, labels) for name in of_pair_key(key))
        bounds = f"95% {one['low']:+.3f} … {one['high']:+.3f}"
        yield f"{new} − {old}: {one['value']:+.3f} Spearman ({bounds}), p = {one['p_value']:.4f}"


def gain_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What the query types of a set brought, a line for each model that was trained on some."""
    for row in rows:
        types = row["types"]
        counted = ", ".join(f"{count:,} {name}" for name, count in types.items())
        mean, low, high = row["difference"]
        alone = " alone" if len(types) == 1 else ""
        yield (
            f"Trained on {counted}{alone} ({row['model']}): {mean:+.3f} nDCG@10 over the base "
            f"(95% {low:+.3f} … {high:+.3f}), p = {row['p_value']:.4f}"
        )


def speed_lines(
    seconds: Mapping[str, float],
    reading: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """How fast each system answers, and how much a reranker reads for it; nothing without one.

    seconds: system → seconds a query. reading: reranker → documents a query, pairs a second.
    """
    if not reading:
        return
    each = (f"{label_of(name, labels)} {1000 * seconds[name]:,.0f}" for name in in_order(seconds))
    yield f"Milliseconds a query: {', '.join(each)}."
    for name, one in reading.items():
        documents = so_many(int(one["depth"]), "documents")
        yield (
            f"{label_of(name, labels)} reads the first {documents} of each query, "
            f"{one['pairs_s']:,.0f} a second."
        )
