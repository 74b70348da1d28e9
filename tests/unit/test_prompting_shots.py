"""Shots: which examples a request shows, and how they are made to fit."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompting.shots import ShotSet, fit, pick, shot_pool
from studio.prompting.templates import parse
from studio.prompting.tokens import count_tokens
from studio.records import Example, StudioError

EXAMPLES = [Example(f"document number {i}", f"query {i}", revision_id=i) for i in range(20)]
TEMPLATE = parse(
    '+++\nname = "t"\nlanguage = "en"\ndocument_label = "D:"\nquery_label = "Q:"\n'
    "document_words = 64\nexample_words = 64\n[decoding]\nmax_tokens = 32\n+++\nWrite a query."
)


def test_the_pool_is_the_same_on_every_machine() -> None:
    first = shot_pool(EXAMPLES, 3, pool_size=3, seed=7)
    assert [s.revision_ids for s in first] == [(11, 8, 10), (16, 13, 6), (1, 17, 15)]


def test_the_order_of_the_examples_in_the_project_does_not_matter() -> None:
    assert shot_pool(EXAMPLES, 4, 6, 1) == shot_pool(EXAMPLES[::-1], 4, 6, 1)


@given(n=st.integers(1, 30), k=st.integers(1, 8), size=st.integers(1, 12), seed=st.integers(0, 99))
def test_sets_differ_have_k_members_and_use_examples_evenly(
    n: int, k: int, size: int, seed: int
) -> None:
    pool = shot_pool([Example(f"d{i}", f"q{i}", revision_id=i) for i in range(n)], k, size, seed)
    members = [frozenset(s.revision_ids) for s in pool]
    assert len(set(members)) == len(pool) <= size
    assert all(len(s) == min(k, n) for s in members)
    used = Counter(i for s in members for i in s)
    if len(pool) == size and k * size <= n:
        assert set(used.values()) == {1}


def test_disabled_and_repeated_examples_are_left_out() -> None:
    off = Example("document number 0", "query 0", enabled=False)
    twice = Example("document number 1", "query 1", revision_id=9)
    (only,) = shot_pool([off, twice, twice], 8, 4)
    assert only.examples == (twice,)


def test_no_examples_make_one_empty_set() -> None:
    assert shot_pool([], 8, 4) == (ShotSet(()),)


def test_a_draw_is_decided_by_prompt_document_draw_and_seed() -> None:
    pool = shot_pool(EXAMPLES, 4, 8)
    assert pick(pool, "sha", 12, 3, 0) == pick(pool, "sha", 12, 3, 0) == 0
    spread = Counter(pick(pool, "sha", document, 0, 0) for document in range(4000))
    assert len(spread) == 8
    assert max(spread.values()) < 1.25 * min(spread.values())


def long_example(words: int) -> Example:
    return Example("word " * words, "a query")


def test_a_request_that_fits_is_left_alone() -> None:
    fitted = fit(TEMPLATE, EXAMPLES[:8], "short", 2048, count_tokens)
    assert (fitted.note, fitted.shots, len(fitted.messages)) == ("", 8, 18)


def test_overlong_examples_are_truncated_first() -> None:
    fitted = fit(TEMPLATE, [long_example(60)] * 8, "short", 600, count_tokens)
    assert fitted.note == "8 of 8 examples cut to 32 words"


def test_then_fewer_are_shown() -> None:
    fitted = fit(TEMPLATE, [long_example(60)] * 8, "short", 300, count_tokens)
    assert fitted.note == "6 of 6 examples cut to 16 words; 6 of 8 examples shown"


def test_then_the_document_is_cut() -> None:
    fitted = fit(TEMPLATE, [long_example(60)] * 8, "word " * 100, 180, count_tokens)
    assert "2 of 8 examples shown" in fitted.note
    assert fitted.note.endswith("document cut to 32 of 100 words")


def test_a_hopeless_context_is_refused_with_what_it_needs() -> None:
    with pytest.raises(StudioError, match="context of 40 tokens is too small for the prompt “t”"):
        fit(TEMPLATE, EXAMPLES[:8], "word " * 100, 40, count_tokens)


@given(context=st.integers(120, 900), words=st.integers(0, 200), shots=st.integers(0, 8))
def test_whatever_is_fitted_fits(context: int, words: int, shots: int) -> None:
    fitted = fit(TEMPLATE, [long_example(50)] * shots, "word " * words, context, count_tokens)
    assert fitted.tokens + 32 <= context
