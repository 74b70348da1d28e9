"""The score in an answer: how models write it, and what is no score."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompting.scores import read_score

SCORED = [
    # Alone on the first line, in every dress.
    ("4.5", 4.5),
    ("4.5\n\nThe dates are right, one name is missing.", 4.5),
    ("  5  ", 5),
    ("0", 0),
    ("**4.5**", 4.5),
    ("__3__", 3),
    ("`4`", 4),
    ('"4.5"', 4.5),
    ("[4.5]", 4.5),
    ("4,5", 4.5),
    ("４．５", 4.5),
    ("٤٫٥", 4.5),
    ("4.5+", 4.5),
    ("4½", 4.5),
    ("4 1/2", 4.5),
    ("five", 5),
    ("four and a half", 4.5),
    ("★★★★☆", 4),
    ("⭐⭐⭐⭐⭐", 5),
    # With the best score behind it.
    ("4.5/5", 4.5),
    ("4.5 / 5.0", 4.5),
    ("**4.5**/5", 4.5),
    ("4.5 (out of 5)", 4.5),
    ("3 of 5 points", 3),
    ("Five out of five.", 5),
    ("4 stars", 4),
    ("4 points - it leaves out the year", 4),
    # Named.
    ("Score: 4.5", 4.5),
    ("Score:4.5", 4.5),
    ("Score - 4.5", 4.5),
    ("Score-4.5", 4.5),
    ("Score = 4.5", 4.5),
    ("**Score:** 4.5", 4.5),
    ("Score: **4.5**/5", 4.5),
    ("### Score\n\n4.5\n\n### Explanation\n\nAll right.", 4.5),
    ("| Score | 4.5 |", 4.5),
    ("Score (0-5): 4.5", 4.5),
    ("Score: five", 5),
    ("Rating: 4.5 / 5.0", 4.5),
    ("Accuracy: 4.5, as all of it is right", 4.5),
    ("The accuracy score for this response is 4.", 4),
    ("Explanation: nothing is wrong with it.\nScore: 5", 5),
    ("Accuracy: 4\nHelpfulness: 5\nOverall score: 4.5", 4.5),
    ("Score: 4\nAt first I thought of a score of 3.", 4),
    ("Puntuación: 4,5", 4.5),
    # In a sentence.
    ("I would give this a 4.5 out of 5.", 4.5),
    ("On a scale of 0 to 5, I would rate this response 4.", 4),
    ("The response is correct and deserves a 5.", 5),
    ("The response scores 4.", 4),
    ("The answer names both rivers.\n\n4.5", 4.5),
    ("4.5 – because it names both rivers", 4.5),
    ("4, because it names both rivers", 4),
    ("4. The answer names both rivers.", 4),
    ("Score: 4.5 - 2 errors", 4.5),
    # Chinese.
    ("评分：4.5分", 4.5),
    ("得分：4", 4),
    ("4.5分（满分5分）", 4.5),
    ("满分5分，我给4.5分", 4.5),
    ("我给这个回答打4分。", 4),
    ("四分", 4),
    ("四点五", 4.5),
    ("4分半", 4.5),
    # JSON, whole, in a fence, cut off by its length.
    ('{"score": 4.5, "explanation": "It names both."}', 4.5),
    ('```json\n{"rating": "4/5", "reason": "It names one."}\n```', 4),
    ('{"score": 4.5, "explanation": "It names both riv', 4.5),
    # Scales of the model's own.
    ("10/10", 5),
    ("Score: 8/10", 4),
    ("90%", 4.5),
    # After thinking aloud.
    ("<think>Is it 2 or 3?</think>\n4", 4),
]
UNSCORED = [
    ("", "empty"),
    ("  \n ", "empty"),
    ("<think>Is it 2 or 3", "thinking"),
    ("N/A", "refusal"),
    ("I cannot answer that.", "refusal"),
    ("I can't rate this without the input.", "refusal"),
    ("无法对这个回答评分。", "refusal"),
    ("As an AI language model I have no opinion.", "refusal"),
    ("Score: N/A", "no-score"),
    ("Score: <number>", "no-score"),
    ("The answer is right.", "no-score"),
    ("5 reasons why the answer is wrong", "no-score"),
    ("In 1969 three people flew there.", "no-score"),
    ("1. It is short.\n2. It is wrong.", "no-score"),
    ("3.14159", "no-score"),
    ("4-5", "range"),
    ("Score: 4–5", "range"),
    ("Score: 4 or 5", "range"),
    ("3.5 to 4", "range"),
    ("4, 5", "several"),
    ("It earns a 3. Or rather it deserves a 4.", "several"),
    ("7", "off-scale"),
    ("Score: 45", "off-scale"),
    ("Score: -1", "off-scale"),
    ("Score: 4.5/4", "off-scale"),
    ("11/10", "off-scale"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "value"), SCORED)
def test_a_score_is_read_however_it_is_written(answer: str, value: float) -> None:
    found = read_score(answer)
    assert (found.value, found.why) == (value, "")


@pytest.mark.parametrize(("answer", "why"), UNSCORED)
def test_what_is_no_score_is_unscored_and_says_why(answer: str, why: str) -> None:
    found = read_score(answer)
    assert (found.value, found.why) == (None, why)


@pytest.mark.parametrize(
    "answer",
    [
        "4\n\nOne river is missing.",
        "Score: 4\nExplanation: One river is missing.",
        "**4/5** – One river is missing.",
        '{"score": 4, "explanation": "One river is missing"}',
        "评分：4分。解释：One river is missing",
    ],
)
def test_the_explanation_is_what_is_said_besides_the_score(answer: str) -> None:
    assert read_score(answer).explanation == "One river is missing"


def test_an_explanation_before_the_score_is_kept_whole() -> None:
    said = "The answer leaves out one of the rivers.\nScore: 4"
    assert read_score(said).explanation == said
    assert read_score("Score: 4").explanation == ""


def test_another_scale_is_put_on_the_one_that_was_asked_for() -> None:
    assert read_score("8/10", highest=5).value == 4
    assert read_score("8", highest=10).value == 8
    assert read_score("4/5", highest=10).value == 8
    # Where a scale does not begin at 0, nobody knows what 8 of 10 is on it.
    assert read_score("8/10", lowest=1, highest=5).why == "off-scale"


LONG = ["Score" + " " * 19_000 + "x", "score " * 4_000, "1 " * 10_000, "* " * 10_000, "{" * 20_000]
NUMBERS = st.integers(0, 50).map(lambda tenths: tenths / 10)
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["Score", ":", "/", "-", "5", "4.5", "{", "}", '"score"', "评分", "分", "\n"]
        ),
        st.text(max_size=6),
    ),
    max_size=12,
).map("".join)


@given(st.one_of(st.text(), PIECES))
def test_nothing_breaks_it_and_no_score_lies_off_the_scale(answer: str) -> None:
    found = read_score(answer)
    if found.value is None:
        assert found.why
    else:
        assert 0 <= found.value <= 5
        assert not found.why


@given(NUMBERS, st.text(alphabet=st.characters(categories=["L", "Zs"]), max_size=60))
def test_a_number_alone_on_the_first_line_is_the_score(number: float, told: str) -> None:
    assert read_score(f"{number:g}\n{told}").value == number


@given(NUMBERS, st.text(max_size=60))
def test_json_is_read_whatever_it_explains(number: float, told: str) -> None:
    found = read_score(json.dumps({"score": number, "explanation": told}))
    assert found.value == number


@pytest.mark.parametrize("answer", LONG)
def test_a_long_answer_takes_no_long_time(answer: str) -> None:
    before = time.process_time()
    read_score(answer)
    assert time.process_time() - before < 2
