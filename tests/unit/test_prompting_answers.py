"""What is read out of the nasty things that LLMs say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompting.answers import first_line

PROMPT = "Passage: A late return costs ten percent of the tax that is due."

NASTY = [
    ("what if i file late", "what if i file late"),
    ("  what if i file late \n", "what if i file late"),
    ('"what if i file late"', "what if i file late"),
    ("“what if i file late”", "what if i file late"),
    ("「逾期申报怎么办」", "逾期申报怎么办"),
    ('"what if i file late', "what if i file late"),
    ('"late" or "overdue" returns', '"late" or "overdue" returns'),
    ("1. what if i file late\n2. is there a fine", "what if i file late"),
    ("1) what if i file late", "what if i file late"),
    ("- what if i file late", "what if i file late"),
    ("1099 form deadline", "1099 form deadline"),
    ("1.5 percent fine or more", "1.5 percent fine or more"),
    ("1.逾期申报怎么办", "逾期申报怎么办"),
    ("1、逾期申报怎么办\n2、罚款多少", "逾期申报怎么办"),
    ("一、逾期申报怎么办", "逾期申报怎么办"),
    ("Question: what if i file late", "what if i file late"),
    ("QUESTION ： what if i file late", "what if i file late"),
    ("**Question:** what if i file late", "what if i file late"),
    ("**Query**: what if i file late", "what if i file late"),
    ("**what if i file late**", "what if i file late"),
    ("问题：逾期申报怎么办？", "逾期申报怎么办？"),
    ("Query 1: what if i file late\nQuery 2: x", "what if i file late"),
    ("Question:\nwhat if i file late", "what if i file late"),
    ("1. **Question:** “what if i file late”", "what if i file late"),
    ("```\nwhat if i file late\n```", "what if i file late"),
    ("```text\nQuery: what if i file late\n```", "what if i file late"),
    ("`what if i file late`", "what if i file late"),
    ("Sure! Here is a question:\n\nwhat if i file late", "what if i file late"),
    ("Sure!\nwhat if i file late", "what if i file late"),
    ("Here's one query a person might type: what if i file late", "what if i file late"),
    ("好的，以下是一个问题：\n逾期申报怎么办", "逾期申报怎么办"),
    ("<think>\nThey want a question.\n</think>\n\nwhat if i file late", "what if i file late"),
    ("They want a question.\n</think>\nwhat if i file late", "what if i file late"),
    ("<think>a</think><think>b</think>what if i file late", "what if i file late"),
    ("what if i file late<|im_end|>\n<|im_start|>user", "what if i file late"),
    ("<|im_start|>assistant\nwhat if i file late", "what if i file late"),
    ("what if i file late</s>", "what if i file late"),
    ("what if i file late\n\nPassage: Another one\nQuestion: no", "what if i file late"),
    (f"{PROMPT}\nQuestion: what if i file late", "what if i file late"),
    ("Passage: A late return costs\nten percent of the tax that is due. Question: late?", "late?"),
    ("what\u202e if\x00 i file\x1b[31m late", "what if i file [31m late"),
    ("what \ud800 if", "what \ufffd if"),
]


@pytest.mark.parametrize(("answer", "query"), NASTY)
def test_the_query_is_found(answer: str, query: str) -> None:
    found = first_line(answer, label="Question:", document_label="Passage:", prompt_end=PROMPT)
    assert (found.text, found.reason) == (query, "")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        (" \n\t\n ", "empty"),
        ("...", "empty"),
        ("```\n```", "empty"),
        ("Question:", "empty"),
        ('""', "empty"),
        ("Sure! Here is a question:", "empty"),
        ("<think>I should ask about fines, so", "empty"),
        ("<|im_end|>", "empty"),
        (PROMPT, "copied"),
        (f"  {PROMPT}\n\n", "copied"),
    ],
)
def test_an_answer_without_a_query_gets_a_reason(answer: str, reason: str) -> None:
    found = first_line(answer, label="Question:", prompt_end=PROMPT)
    assert (found.text, found.reason) == ("", reason)


@pytest.mark.parametrize(
    ("answer", "text", "reason"),
    [
        ("Question: what if", "what if", ""),
        ("question： what if", "what if", ""),
        ("**Question:** what if", "what if", ""),
        ("Some thoughts.\nQuestion: what if", "what if", ""),
        ("what if i file late", "", "no-label"),
        ("Questions are hard", "", "no-label"),
        ("", "", "empty"),
    ],
)
def test_where_the_label_is_due_its_lack_is_a_failure(answer: str, text: str, reason: str) -> None:
    found = first_line(answer, label="Question:", must_have_label=True)
    assert (found.text, found.reason) == (text, reason)


def test_a_label_without_a_colon() -> None:
    found = first_line("Is it true that cats bark", label="Is it true that", must_have_label=True)
    assert found.text == "cats bark"


def test_a_line_with_more_after_it_is_complete() -> None:
    assert first_line("what if i file late\nAnd th").complete
    assert not first_line("what if i fi").complete


@given(st.text(max_size=300), st.booleans())
def test_any_answer_gives_one_clean_line_or_a_reason(answer: str, must: bool) -> None:
    found = first_line(answer, label="Q:", must_have_label=must, prompt_end=PROMPT)
    assert bool(found.text) != bool(found.reason)
    assert found.text == " ".join(found.text.split())
    found.text.encode("utf-8")
