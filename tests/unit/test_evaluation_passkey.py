"""Pass keys in long texts: the set, its lengths, and a job that asks real encoders."""

from __future__ import annotations

import re

import pytest

from studio.evaluation.passkey import passkey_set


def count(text: str) -> int:
    return len(text.split())


def test_each_candidate_tells_one_persons_key_in_a_text_of_the_length() -> None:
    found = passkey_set(256, count, candidates=100, queries=50, seed=1)
    assert len({*found.candidates}) == 100
    assert len({*found.right}) == 50
    assert all(230 <= count(text) <= 256 for text in found.candidates)
    for query, place in zip(found.queries, found.right, strict=True):
        name = query.removeprefix("What is the pass key of ").removesuffix("?")
        told = [n for n, text in enumerate(found.candidates) if f"pass key of {name} is" in text]
        assert told == [place]


def test_keys_stand_anywhere_and_the_seed_decides() -> None:
    first = passkey_set(256, count, candidates=40, queries=10, seed=1)
    assert first == passkey_set(256, count, candidates=40, queries=10, seed=1)
    assert first != passkey_set(256, count, candidates=40, queries=10, seed=2)
    places = [re.search("The pass key", text).start() for text in first.candidates]  # type: ignore[union-attr]
    assert min(places) < 300 < 900 < max(places)


def test_the_score_is_the_share_that_came_first() -> None:
    found = passkey_set(256, count, candidates=4, queries=4, seed=1)
    assert found.hits(found.right) == 1.0
    assert found.hits([*found.right[:3], found.right[0]]) == 0.75


def test_more_people_than_there_are_names_are_refused() -> None:
    with pytest.raises(ValueError, match="names"):
        passkey_set(256, count, candidates=401, queries=1, seed=1)
