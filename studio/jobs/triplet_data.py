"""Triplets as training pairs, and gold triplets as a search: what belongs together is the corpus.

A project for embeddings needs no documents. Its gold is scored as a search among all texts that
gold of the split names, positives and negatives alike, once each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from studio.records import Datum, Gold, Record, Split, content_sha
from studio.store import Store
from studio.training.settings import TrainingPair

TOGETHER: Final = 0.8
"""The share of the highest score from which on a scored pair belongs together."""


def pairs_of(
    records: Sequence[Record], *, instructions: bool, written_negatives: bool
) -> list[TrainingPair]:
    """The triplets to train on; those of one query are its several positives.

    instructions: whether the tasks in words stand before the queries. written_negatives: whether
    the triplets' own negatives are taken.
    """
    return [
        TrainingPair(
            query=record.text,
            document_id=content_sha(positive),
            document_text=positive,
            negatives=_negatives(record) if written_negatives else (),
            instruction=record["instruction"] if instructions else "",
            group=record["group"],
        )
        for record in records
        if (positive := told(record, "positive"))
    ]


def told(triplet: Datum, name: str) -> str:
    """A positive or negative with what stands before it."""
    text, before = triplet[name].strip(), triplet["positive_instruction"].strip()
    return f"{before} {text}" if before and text else text


def _negatives(record: Record) -> tuple[str, ...]:
    negative = told(record, "negative")
    return (negative,) if negative else ()


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """Two texts and how near they are, as people have it."""

    query: Gold
    row: int
    """Of the other text, among all of them."""
    score: float


def searches(store: Store, split: Split) -> tuple[list[Gold], list[str], list[ScoredPair]]:
    """Each gold triplet as a query with its right texts, by their rows among all of
    them, which come next and are counted from 1.

    Pairs whose score is below :data:`TOGETHER` of the highest are no queries. Last come all pairs
    that have a score.
    """
    gold = store.gold.all(split)
    highest = max((float(one["score"]) for one in gold if one["score"]), default=0.0)
    rows: dict[str, int] = {}

    def row_of(text: str) -> int:
        return rows.setdefault(text, len(rows) + 1)

    queries, scored = [], []
    for one in gold:
        right = [row_of(text) for text in (told(one, "positive"), *one.other_answers)]
        if negative := told(one, "negative"):
            row_of(negative)
        if one["score"]:
            scored.append(ScoredPair(one, right[0], float(one["score"])))
        if not one["score"] or float(one["score"]) >= TOGETHER * highest:
            queries.append(replace(one, relevant=dict.fromkeys(right, 1)))
    return queries, list(rows), scored
