"""Numbers stand with the right form of their nouns."""

from __future__ import annotations

import pytest

from studio.plurals import so_many
from studio.records import RECORD_TYPES, RecordType


@pytest.mark.parametrize(
    ("number", "nouns", "said"),
    [
        (0, "queries", "0 queries"),
        (1, "queries", "1 query"),
        (1, "evolved instructions", "1 evolved instruction"),
        (1, "texts after helpful ones", "1 text after helpful ones"),
        (3_120, "tokens", "3,120 tokens"),
    ],
)
def test_one_is_singular(number: int, nouns: str, said: str) -> None:
    assert so_many(number, nouns) == said


@pytest.mark.parametrize("kind", RECORD_TYPES.values(), ids=str)
def test_every_record_type_agrees(kind: RecordType) -> None:
    assert so_many(1, kind.nouns) == f"1 {kind.noun}"
