"""The filters of instruction data, each by a table of what it keeps and what it drops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio import filters
from studio.filters.base import FilterContext, FilterRow
from studio.filters.choosing import usual
from studio.filters.field_lengths import bounds_in
from studio.filters.lexical_diversity import mtld
from studio.filters.repeated_input import repeats
from studio.filters.starts import begins_badly
from studio.prompting.words import words_found
from studio.records import INSTRUCTION, StudioError

CONTEXT = FilterContext(
    "en", lists={"blacklist": ("picture", "go to", "图片"), "starts": ("write a program",)}
)
Task = tuple[str, str, str]
"""Instruction, input, output."""


def rows(*tasks: Task) -> list[FilterRow]:
    return [
        FilterRow(
            number,
            instruction,
            None,
            context=given,
            fields={"instruction": instruction, "input": given, "output": output},
        )
        for number, (instruction, given, output) in enumerate(tasks, 1)
    ]


def judged(
    name: str, *tasks: Task, context: FilterContext = CONTEXT, **settings: Any
) -> list[tuple[float | None, str]]:
    """(score, reason) of each."""
    found = list(filters.make(name, **settings).judge(rows(*tasks), context))
    assert [one.record_id for one in found] == list(range(1, len(tasks) + 1))
    assert all(one.kept is (not one.reason) for one in found)
    return [(one.score, one.reason) for one in found]


def many(count: int) -> str:
    return " ".join(f"w{number}" for number in range(count))


@pytest.mark.parametrize(
    ("instruction", "output", "expected"),
    [
        ("Name a colour", "Red", (0, "")),
        ("Name one", "Red", (-1, "too-short")),
        (many(150), many(350), (0, "")),
        (many(152), "Red", (2, "too-long")),
        ("Name a colour", many(360), (10, "too-long")),
        ("Name a colour", "", (-1, "too-short")),
        ("Which sign adds numbers?", "+", (0, "")),
        ("Hi", many(357), (7, "too-long")),
        ("写诗", "好", (-1, "too-short")),
        ("写一首诗", "好", (0, "")),
    ],
)
def test_each_field_has_bounds_of_its_own(
    instruction: str, output: str, expected: tuple[float, str]
) -> None:
    assert judged("field-lengths", (instruction, "", output)) == [expected]


def test_any_field_can_have_bounds() -> None:
    told = {"words": "input: 0-2, output:2-3"}
    found = judged("field-lengths", ("Go", "a b c", "d e"), ("Go", "", "d"), **told)
    assert found == [(1, "too-long"), (-1, "too-short")]
    assert "input 0–2, output 2–3" in filters.make("field-lengths", **told).label


@pytest.mark.parametrize("typed", ["", "output", "output:", "output:5", "output:9-5", "output:a-b"])
def test_bounds_that_cannot_be_read_are_refused(typed: str) -> None:
    with pytest.raises(StudioError, match="such as output:1-350"):
        filters.make("field-lengths", words=typed)


def test_bounds_for_a_field_that_is_not_there_are_refused() -> None:
    row = FilterRow(1, "why", None, fields={"question": "why", "answer": "so"})
    with pytest.raises(StudioError, match="fields are question, answer"):
        list(filters.make("field-lengths").judge([row], CONTEXT))


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,9}", fullmatch=True),
        st.tuples(st.integers(0, 99), st.integers(99, 999)),
        min_size=1,
    )
)
def test_bounds_are_read_as_they_are_written(bounds: dict[str, tuple[int, int]]) -> None:
    typed = ",".join(f"{name}:{low}-{high}" for name, (low, high) in bounds.items())
    assert bounds_in(typed) == bounds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Describe the picture.", ["picture"]),
        ("PICTURE this", ["picture"]),
        ("Describe the pictured man", []),
        ("Go to the shop", ["go to"]),
        ("Let it go. To be free", ["go to"]),
        ("Ego tone", []),
        ("描述这张图片", ["图片"]),
        ("看图写一片短文", []),
        ("", []),
    ],
)
def test_listed_words_are_found_whole(text: str, found: list[str]) -> None:
    assert words_found(text, CONTEXT.lists["blacklist"]) == found
    [(score, reason)] = judged("blacklist", (text, "", "x"))
    assert (score, reason) == (len(found), "blacklist" if found else "")


def test_a_list_of_ones_own_takes_the_place_of_the_templates() -> None:
    tasks = ("Describe the picture", "", "x"), ("Open the file, please", "", "x")
    told = {"words": "file, map"}
    assert [reason for _, reason in judged("blacklist", *tasks, **told)] == ["", "blacklist"]
    told = {"words": "open"}
    assert [reason for _, reason in judged("starts", *tasks, **told)] == ["", "start"]


def test_without_a_template_nothing_is_listed() -> None:
    bare = FilterContext("en")
    assert judged("blacklist", ("Draw a picture", "", "x"), context=bare) == [(0, "")]


@pytest.mark.parametrize(
    ("text", "is_bad"),
    [
        ("Write a program that counts", True),
        ("write  a Program.", True),
        ("Write a programme", False),
        ("Write a poem", False),
        ("- Write a poem", True),
        ("“Write” is a verb. Why?", False),
        ("¿Qué hora es?", False),
        ("3 plus 4", False),
        ("写一首诗", False),
        ("Ändere den Satz", False),
        ("…", True),
        ("", False),
    ],
)
def test_how_a_text_begins(text: str, is_bad: bool) -> None:
    assert begins_badly(text, CONTEXT.lists["starts"]) is is_bad
    [(score, reason)] = judged("starts", (text, "", "x"))
    assert (score, reason) == (float(is_bad), "start" if is_bad else "")


@pytest.mark.parametrize(
    ("instruction", "given", "output", "repeated"),
    [
        ("Translate", "Hello", "Bonjour", False),
        ("Translate", "Hello there", "Hello  there\n", True),
        ("Add the missing capitals", "in may", "In May", False),
        ("Say why the sky is blue", "", "Say why the sky is blue.", True),
        ("Say it", "", "", False),
        ("What is 2+2?", "", "2+2", False),
    ],
)
def test_an_output_says_something_of_its_own(
    instruction: str, given: str, output: str, repeated: bool
) -> None:
    [(score, reason)] = judged("repeated-input", (instruction, given, output))
    assert (score, reason) == (float(repeated), "copied" if repeated else "")
    fields = {"instruction": instruction, "input": given, "output": output}
    assert repeats(fields) is repeated


@pytest.mark.parametrize(
    ("tasks", "scores"),
    [
        ([("Sort", "b a", "a b"), ("Sort", "d c", "c d")], [1, 1]),
        ([("Sort", "b a", "a b"), ("Sort", "b a", "b a"), ("Sort", "d c", "c d")], [2, 2, 2]),
        ([("Sort", "b a", "a b"), ("Order", "b a", "b a")], [1, 1]),
        ([("Write a poem", "", "Roses"), ("Write a poem", "", "Violets")], [1, 1]),
        ([("Label", "fine", "Positive."), ("Label", "fine", "positive")], [1, 1]),
        ([("Add", "3 + 4", "7"), ("Add", "3 - 4", "-1")], [1, 1]),
        ([("Add", "3 - 4", "1"), ("Add", "3 - 4", "-1")], [2, 2]),
        ([("L", "x", "a"), ("L", "x", "b"), ("L", " x ", "c")], [3, 3, 3]),
    ],
)
def test_one_input_has_one_answer_or_the_task_goes(tasks: list[Task], scores: list[int]) -> None:
    expected = [(score, "conflict" if score > 1 else "") for score in scores]
    assert judged("conflicts", *tasks) == expected


@pytest.mark.parametrize("name", usual(INSTRUCTION))
def test_a_type_without_an_input_is_judged_as_if_it_were_empty(name: str) -> None:
    task = "Name a colour of the sky", "The sky is blue on a clear day."
    row = FilterRow(
        1, task[0], None, fields=dict(zip(("instruction", "output"), task, strict=True))
    )
    [found] = filters.make(name).judge([row], CONTEXT)
    assert found.kept


@given(st.lists(st.tuples(*[st.sampled_from("ab")] * 3), max_size=12), st.randoms())
def test_conflicts_do_not_depend_on_the_order(tasks: list[Task], lots: Any) -> None:
    mixed = list(tasks)
    lots.shuffle(mixed)
    dropped = {t for t, (_, reason) in zip(tasks, judged("conflicts", *tasks), strict=True)
               if reason}  # fmt: skip
    assert dropped == {
        t for t, (_, reason) in zip(mixed, judged("conflicts", *mixed), strict=True) if reason
    }


def test_the_first_few_of_a_task_are_kept() -> None:
    tasks = [("Sort", str(n), "x") for n in range(4)] + [("SORT ", "9", "x"), ("Add", "1", "x")]
    found = judged("per-task", *tasks, most=2)
    assert [score for score, _ in found] == [1, 2, 3, 4, 5, 1]
    assert [not reason for _, reason in found] == [True, True, False, False, False, True]
    assert {reason for _, reason in found} == {"", "enough-of-task"}


def drawn(tasks: Sequence[Task], **settings: Any) -> set[Task]:
    found = zip(tasks, judged("sample", *tasks, **settings), strict=True)
    return {task for task, (_, reason) in found if not reason}


def test_a_sample_is_decided_by_its_seed_and_the_records_alone() -> None:
    tasks = [(f"Task {n}", "", "x") for n in range(60)]
    chosen = drawn(tasks, size=20)
    assert len(chosen) == 20
    assert chosen == drawn(tasks[::-1], size=20)
    assert chosen < drawn(tasks, size=21)
    assert chosen != drawn(tasks, size=20, seed=14)
    assert drawn(tasks, size=99) == set(tasks)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0.0),
        ("one two three", 3.0),
        # Forwards a stretch ends after "a a"; backwards too: two words a stretch.
        ("a a a a", 2.0),
        # Neither way does the share fall to .72: 5 words, 4 of them different, are 0.2/0.28 of one.
        ("a b c d a", 5 / (0.2 / 0.28)),
        # Forwards one stretch of 4 and a whole rest of 2, backwards 3 and a rest of 3 at 1.
        ("a b a c d e", (6 / 1 + 6 / (1 / 6 / 0.28)) / 2),
    ],
)
def test_mtld_is_the_mean_stretch_of_both_ways(text: str, expected: float) -> None:
    assert mtld(text.split()) == pytest.approx(expected)


@given(st.lists(st.sampled_from("abcdef"), max_size=60))
@example([])
def test_mtld_is_the_same_forwards_and_backwards(said: list[str]) -> None:
    assert mtld(said) == pytest.approx(mtld(said[::-1]))
    assert 0 <= mtld(said) <= 120 * max(1, len(said))


def test_diversity_has_two_bounds() -> None:
    texts = ("a a a a a a a a a a", many(12), many(30))
    found = judged("lexical-diversity", *[(text, "", "x") for text in texts])
    assert [reason for _, reason in found] == ["monotonous", "", "too-diverse"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("per-task", {"most": 0}),
        ("sample", {"size": 0}),
        ("lexical-diversity", {"ttr": 1.0}),
        ("lexical-diversity", {"least": 9.0, "most": 8.0}),
        ("novelty", {"near": 0.0}),
        ("novelty", {"scores_from": 2.0}),
    ],
)
def test_settings_that_keep_nothing_or_mean_nothing_are_refused(
    name: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(StudioError, match=name):
        filters.make(name, **settings)


def test_the_language_is_that_of_instruction_and_answer() -> None:
    found = judged(
        "language",
        ("Name the capital of France", "", "The capital of France is Paris."),
        (
            "Name the capital of France",
            "",
            "法国的首都是巴黎，它位于塞纳河畔。",
        ),
        ("说出法国的首都", "", "The capital of France is Paris."),
    )
    assert [reason for _, reason in found] == ["", "language", ""]
