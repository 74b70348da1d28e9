"""Novelty decides as the published scorer would over all pairs, and tells instances from copies."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from studio import filters
from studio.filters.base import FilterContext, FilterRow

WORDS = ("list", "three", "ways", "to", "save", "water", "at", "home", "name", "the", "best")
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


def plain_rouge_l(left: str, right: str) -> float:
    """ROUGE-L's F1 by the textbook's table, with the arithmetic of rouge_score."""
    a, b = left.split(), right.split()
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, word in enumerate(a):
        for j, other in enumerate(b):
            longer = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if word == other else longer
    common = table[-1][-1]
    if not common:
        return 0.0
    precision, recall = common / len(b), common / len(a)
    return 2 * precision * recall / (precision + recall)


def kept_by_brute_force(texts: Sequence[str], near: float, examples: Sequence[str]) -> list[bool]:
    pool, found = list(examples), []
    for text in texts:
        is_new = all(plain_rouge_l(text, other) <= near and text != other for other in pool)
        found.append(is_new)
        pool += [text] if is_new else []
    return found


def judged(
    *texts: str | tuple[str, str], examples: Sequence[str] = (), **told: float
) -> list[tuple[bool, float | None, str]]:
    """Kept, score and reason of each text, or text and what it is about."""
    pairs = [(text, "") if isinstance(text, str) else text for text in texts]
    rows = [FilterRow(n, text, None, context=about) for n, (text, about) in enumerate(pairs)]
    context = FilterContext(examples=tuple(examples))
    found = list(filters.make("novelty", **told).judge(rows, context))
    assert [one.record_id for one in found] == list(range(len(texts)))
    return [(one.kept, one.score, one.reason) for one in found]


@settings(max_examples=150)
@given(
    st.lists(TEXTS, max_size=25),
    st.lists(TEXTS, max_size=4),
    st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]),
    st.sampled_from([0.1, 0.5, 1.0]),
)
def test_decisions_are_those_of_brute_force(
    texts: list[str], examples: list[str], near: float, scores_from: float
) -> None:
    found = judged(*texts, examples=examples, near=near, scores_from=scores_from)
    assert [kept for kept, *_ in found] == kept_by_brute_force(texts, near, examples)


def test_decisions_are_those_of_the_published_scorer() -> None:
    import random

    from rouge_score.rouge_scorer import RougeScorer

    score = RougeScorer(["rougeL"], use_stemmer=False).score
    lots = random.Random(5)
    texts = [" ".join(lots.choices(WORDS, k=lots.randint(3, 10))) for _ in range(120)]
    texts += [texts[n] + " now" for n in range(0, 120, 7)]
    pool: list[str] = []
    expected = []
    for text in texts:
        is_new = all(score(text, other)["rougeL"].fmeasure <= 0.7 for other in pool)
        expected.append(is_new)
        pool += [text] if is_new else []
    assert [kept for kept, *_ in judged(*texts)] == expected
    assert 0 < sum(expected) < len(texts)


def test_at_the_threshold_itself_a_text_is_new() -> None:
    [_, (kept, score, reason)] = judged("a b c d e f g x y z", "a b c d e f g p q r")
    assert (kept, score, reason) == (True, 0.7, "")


def test_scores_are_told_from_a_likeness_on_so_that_the_threshold_can_be_lowered() -> None:
    texts = "a b c d e f", "a b c d x y", "a u v w x z", "a b c d e f g"
    found = judged(*texts)
    assert [kept for kept, *_ in found] == [True, True, True, False]
    assert found[1][1] == 4 / 6
    assert found[2][1] is None
    assert [filters.make("novelty", near=0.6).keeps(score, FilterContext())
            for _, score, _ in found] == [True, False, True, False]  # fmt: skip


def test_what_an_example_says_is_not_new() -> None:
    found = judged("Save water at home.", "Sing a song", examples=["save water at home"])
    assert [(kept, reason) for kept, _, reason in found] == [(False, "duplicate"), (True, "")]


def test_a_task_with_another_input_is_an_instance_of_it() -> None:
    found = judged(
        ("Sort these words", "b a"),
        ("Sort these words.", "d c"),
        ("sort these words", "b a"),
        ("Please sort these words", "f e"),
    )
    assert [reason for *_, reason in found] == ["", "", "duplicate", "near-duplicate"]


def test_an_instance_of_a_task_that_is_not_new_goes_with_it() -> None:
    found = judged(("List the best ways", "x"), ("List all the best ways", "y"),
                   ("List all the best ways", "z"))  # fmt: skip
    assert [kept for kept, *_ in found] == [True, False, False]


def test_chinese_texts_are_compared_by_their_characters() -> None:
    found = judged("列出三种节约用水的方法", "列出五种节约用水的方法", "写一首关于秋天的诗")
    assert [kept for kept, *_ in found] == [True, False, True]


def test_an_example_without_words_is_told_by_its_signs() -> None:
    assert [kept for kept, *_ in judged("👎", "👍", examples=["👍"])] == [True, False]
