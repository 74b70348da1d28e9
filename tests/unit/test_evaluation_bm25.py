"""BM25: which words it counts, what it finds, and how it ranks a query's own document."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.evaluation.bm25 import Bm25Ranker
from studio.evaluation.words import words
from studio.records import StudioError

TEXTS = ["The cat sat on the mat", "A dog barked at the cat", "Taxes on income from rent"]


@pytest.fixture
def ranker() -> Bm25Ranker[str]:
    return Bm25Ranker(["cat", "dog", "tax"], TEXTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mach-2 wings, 3.5°", ["mach", "2", "wings", "3", "5"]),
        ("ＦＵＬＬ width", ["full", "width"]),
        ("naïve Straße", ["naïve", "straße"]),
        ("消费者权益", ["消费", "消费者", "权益"]),
        ("日本語のテキスト", ["日本", "本語", "のテ", "テキ", "キス", "スト"]),
        ("ภาษา", ["ภา", "าษ", "ษา"]),
        ("서울 시", ["서울", "시"]),
        ("iPhone维修", ["iphone", "维修"]),
        ("हिन्दी भाषा।", ["हिन्दी", "भाषा"]),
        ("", []),
        ("\x00\ud800 !?", []),
    ],
)
def test_text_is_cut_into_words_by_its_script(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_any_text_can_be_cut_and_no_word_is_empty(text: str) -> None:
    assert all(words(text))


def test_the_best_documents_come_first_and_strangers_are_left_out(ranker: Bm25Ranker[str]) -> None:
    (found,) = ranker.top_k(["a cat and a dog"], k=3)
    assert list(found) == ["dog", "cat"]
    assert found["dog"] > found["cat"] > 0


def test_a_query_of_unknown_words_finds_nothing(ranker: Bm25Ranker[str]) -> None:
    assert list(ranker.top_k(["zebra", "", "the"], k=2)) == [{}, {}, {}]


def test_the_rank_of_a_querys_own_document(ranker: Bm25Ranker[str]) -> None:
    assert ranker.rank_of([("cat on a mat", "cat"), ("cat on a mat", "dog"), ("zebra", "tax")]) == [
        1,
        2,
        3,
    ]


def test_a_copy_of_a_document_does_not_push_it_down() -> None:
    ranker = Bm25Ranker([1, 2], ["same words here", "same words here"])
    assert ranker.rank_of([("same words", 1), ("same words", 2)]) == [1, 1]


def test_chinese_questions_find_chinese_documents() -> None:
    ranker = Bm25Ranker(["a", "b"], ["商家拒绝退货怎么办", "交通事故的赔偿标准"], language="zh")
    assert ranker.rank_of([("网购退货被拒绝", "a"), ("车祸赔偿多少", "b")]) == [1, 1]


def test_a_corpus_without_a_word_is_refused_in_one_sentence() -> None:
    with pytest.raises(StudioError, match="None of the 2 documents holds a word"):
        Bm25Ranker(["a", "b"], ["", "...!"])
