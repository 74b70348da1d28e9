"""Filters: a verdict with a score and a reason for each record; thresholds can be moved later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import filters
from studio.filters.base import FilterContext, FilterRow
from studio.filters.copy import copied_share
from studio.records import StudioError

DOCUMENT = "A late return costs ten percent of the tax that is due, and at least fifty euros."
CONTEXT = FilterContext(language="en", query_words=(4, 12))


def rows(*queries: str, documents: list[int] | None = None) -> list[FilterRow]:
    places = documents or [1] * len(queries)
    return [
        FilterRow(number, query, place, DOCUMENT)
        for number, (query, place) in enumerate(zip(queries, places, strict=True), start=1)
    ]


def task(instruction: str, given: str = "", output: str = "fine") -> dict[str, str]:
    return {"instruction": instruction, "input": given, "output": output}


def verdicts(
    name: str, given_rows: list[FilterRow], context: FilterContext = CONTEXT, **settings: object
) -> list[tuple[bool, float | None, str]]:
    judged = list(filters.make(name, **settings).judge(given_rows, context))
    assert [j.record_id for j in judged] == [row.record_id for row in given_rows]
    return [(j.kept, j.score, j.reason) for j in judged]


def test_every_filter_is_found_by_its_file_cheap_ones_first() -> None:
    assert list(filters.available()) == [
        "length", "field-lengths", "blacklist", "starts", "repeated-input", "copy", "language",
        "lexical-diversity", "conflicts", "duplicates", "near-duplicates", "novelty", "per-task",
        "round-trip", "perplexity", "ifd", "sample",
    ]  # fmt: skip


def test_every_filter_says_in_one_line_what_it_does() -> None:
    for name in filters.available():
        label = filters.make(name).label
        assert label
        assert "\n" not in label


def test_unknown_filters_and_settings_are_refused_with_the_nearest() -> None:
    with pytest.raises(StudioError, match="round-trip"):
        filters.make("roundtrip")
    with pytest.raises(StudioError, match="most_copied"):
        filters.make("copy", most_copies=0.5)
    with pytest.raises(StudioError, match="no mode “bm52”"):
        filters.make("round-trip", mode="bm52")
    with pytest.raises(StudioError, match="k is 0"):
        filters.make("round-trip", k=0)
    with pytest.raises(StudioError, match="threshold is 7"):
        filters.make("duplicates", near=7)


def test_length_allows_half_and_one_and_a_half_times_the_prompts_norm() -> None:
    words = ["w " * 1, "w " * 2, "w " * 18, "w " * 19]
    assert verdicts("length", rows(*words)) == [
        (False, 1, "too-short"),
        (True, 2, ""),
        (True, 18, ""),
        (False, 19, "too-long"),
    ]


def test_length_takes_bounds_of_its_own() -> None:
    judged = verdicts("length", rows("a b", "a b c d"), fewest=1, most=3)
    assert [kept for kept, *_ in judged] == [True, False]


@pytest.mark.parametrize(
    ("query", "share"),
    [
        ("what happens if i miss the deadline", 0),
        ("late return costs ten percent", 1),
        ("why late return costs ten percent of the tax", 8 / 9),
        ("late return costs ten euros of the tax that is", 9 / 10),
        ("percent ten costs return late", 0),
        ("late return", 0),
    ],
)
def test_copied_share_counts_the_words_in_stretches_of_the_document(
    query: str, share: float
) -> None:
    assert copied_share(query, DOCUMENT) == pytest.approx(share)


def test_copy_drops_from_four_fifths() -> None:
    judged = verdicts(
        "copy", rows("late return costs ten percent", "is there a fine for late returns")
    )
    assert judged[0] == (False, 1.0, "copied")
    assert judged[1][0]


def test_chinese_copies_are_found_by_characters() -> None:
    document = "逾期申报的，按应缴税款的百分之十罚款。"
    assert copied_share("按应缴税款的百分之十罚款吗", document) == pytest.approx(12 / 13)
    assert copied_share("应缴税款", document) == 0
    assert copied_share("报税晚了要交百分之十吗", document) == 0


def test_language_follows_the_project_unless_told_otherwise() -> None:
    mixed = rows(
        "what if i file my return late", "逾期申报怎么办", "wie hoch ist die Strafe für das"
    )
    assert [kept for kept, *_ in verdicts("language", mixed)] == [True, False, False]
    assert [kept for kept, *_ in verdicts("language", mixed, language="zh")] == [False, True, False]


def test_duplicates_are_exact_anywhere_and_near_within_a_document() -> None:
    judged = verdicts(
        "duplicates",
        rows(
            "what is the fine for a late return",
            "What is the fine for a late return?",
            "what is the fine for a late tax return",
            "what is the fine for a late tax return",
            "how long may i wait",
            documents=[1, 2, 1, 3, 1],
        ),
    )
    assert [(kept, reason) for kept, _, reason in judged] == [
        (True, ""),
        (False, "duplicate"),
        (False, "near-duplicate"),
        (True, ""),
        (True, ""),
    ]
    assert judged[2][1] == pytest.approx(2 * 8 / 17)


def test_queries_that_differ_in_a_sign_that_means_something_are_no_duplicates() -> None:
    asked = rows("how to read a file in C++", "How to read a file in C#?", documents=[1, 2])
    assert [kept for kept, *_ in verdicts("duplicates", asked)] == [True, True]


def test_texts_without_a_word_are_the_same_when_their_signs_are() -> None:
    for name in ("duplicates", "near-duplicates", "novelty"):
        judged = verdicts(name, rows("👍", "👎", "👍"))
        assert [kept for kept, *_ in judged] == [True, True, False], name


def test_a_dropped_query_does_not_drop_others() -> None:
    chain = ["a b c d e f g h i j", "a b c d e f g h x y", "a b c d e f w v x y"]
    assert [kept for kept, *_ in verdicts("duplicates", rows(*chain))] == [True, False, True]


def test_near_duplicates_look_across_documents() -> None:
    first = "what is the fine for a late return of the yearly tax"
    judged = verdicts(
        "near-duplicates",
        rows(first, first + " form", "how long may i wait", documents=[1, 2, 3]),
    )
    assert judged[0] == (True, None, "")
    assert judged[1] == (False, pytest.approx(24 / 25), "near-duplicate")
    assert judged[2] == (True, None, "")


def ranks(pairs: list[tuple[str, int]]) -> list[int]:
    return [int(query.split()[-1]) for query, _ in pairs]


RANKED = FilterContext(rank_of=ranks, batch=2)


def test_the_round_trip_keeps_what_finds_its_own_document() -> None:
    judged = verdicts("round-trip", rows("rank 1", "rank 2", "rank 0", "rank 9"), RANKED)
    assert judged == [
        (True, 1, ""),
        (False, 2, "round-trip"),
        (False, 0, "round-trip"),
        (False, 9, "round-trip"),
    ]
    assert verdicts("round-trip", rows("rank 2"), RANKED, k=2) == [(True, 2, "")]


def test_the_round_trip_asks_in_batches_and_streams() -> None:
    asked: list[int] = []

    def rank_of(pairs: list[tuple[str, int]]) -> list[int]:
        asked.append(len(pairs))
        return [1] * len(pairs)

    def endless() -> Iterator[FilterRow]:
        while True:
            yield FilterRow(1, "query", 1)

    judged = filters.make("round-trip").judge(endless(), FilterContext(rank_of=rank_of, batch=3))
    assert [next(judged).kept for _ in range(4)] == [True] * 4
    assert asked == [3, 3]


def test_the_round_trip_without_a_retriever_is_refused() -> None:
    with pytest.raises(StudioError, match="needs a retriever"):
        verdicts("round-trip", rows("x"))


def test_the_round_trip_says_which_retriever_judged() -> None:
    labels = [filters.make("round-trip", mode=mode).label for mode in ("trained", "base", "bm25")]
    assert "as published" in labels[0]
    assert all("stand-in" in label for label in labels[1:])


def test_a_threshold_can_be_moved_over_stored_scores() -> None:
    scores = [score for _, score, _ in verdicts("round-trip", rows("a 1", "a 2", "a 5"), RANKED)]
    looser = filters.make("round-trip", k=3)
    assert [looser.keeps(score, CONTEXT) for score in scores] == [True, True, False]


@given(
    st.lists(
        st.tuples(st.text(max_size=40) | st.just("what is the rate of tax"), st.integers(1, 3)),
        max_size=12,
    ),
    st.sampled_from(sorted({*filters.available()} - {"round-trip", "perplexity", "ifd"})),
)
def test_any_text_gets_one_verdict_that_agrees_with_its_score(
    pairs: list[tuple[str, int]], name: str
) -> None:
    given_rows = [
        FilterRow(i, query, place, DOCUMENT, fields=task(query, output=query[::-1]))
        for i, (query, place) in enumerate(pairs)
    ]
    judge = filters.make(name)
    judged = list(judge.judge(given_rows, CONTEXT))
    assert [j.record_id for j in judged] == [row.record_id for row in given_rows]
    for judgement in judged:
        assert judgement.kept is (judgement.reason == "")
        if judgement.reason != "duplicate":
            assert judge.keeps(judgement.score, CONTEXT) is judgement.kept


def test_hypotheses_are_the_same_only_of_one_premise() -> None:
    premises = ["A man sings.", "A man sings.", "A dog runs."]
    given_rows = [FilterRow(n, "he is loud", None, "", text) for n, text in enumerate(premises)]
    assert [kept for kept, *_ in verdicts("duplicates", given_rows)] == [True, False, True]


def test_hypotheses_that_differ_in_a_word_are_both_kept() -> None:
    said = ["the tall man is now singing", "the tall man is not singing"]
    given_rows = [FilterRow(n, text, 1, "", "A man sings.") for n, text in enumerate(said)]
    assert [kept for kept, *_ in verdicts("duplicates", given_rows)] == [True, True]


def test_a_round_trip_is_nothing_for_a_record_without_a_document() -> None:
    context = FilterContext(rank_of=lambda pairs: [1] * len(pairs))
    with pytest.raises(StudioError, match="Record 1 is about no document"):
        list(filters.make("round-trip").judge([FilterRow(1, "he is loud", None)], context))
