"""What is read out of the nasty things that LLMs say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompting.answers import first_line, paragraph, said_lines

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
    (
        "<|start_header_id|>assistant<|end_header_id|>\n\nwhat if i file late<|eot_id|>",
        "what if i file late",
    ),
    ("<|im_start|>assistant\nwhat if i file late<|im_end|>", "what if i file late"),
    ("<start_of_turn>model\nwhat if i file late<end_of_turn>", "what if i file late"),
    ("<|header_start|>assistant<|header_end|>\n\nwhat if i file late", "what if i file late"),
    ("<｜Assistant｜>what if i file late<｜end▁of▁sentence｜>", "what if i file late"),
    ("<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>what if i file late", "what if i file late"),
    (
        "<|channel|>analysis<|message|>A query is wanted.<|end|>"
        "<|start|>assistant<|channel|>final<|message|>what if i file late<|return|>",
        "what if i file late",
    ),
    ("assistant\n\nwhat if i file late", "what if i file late"),
    ("Assistant: what if i file late", "what if i file late"),
    ("assistant tax officer salary", "assistant tax officer salary"),
    ("assistant", "assistant"),
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
    # JSON, whole, cut off, or as Python writes it
    ('{"query": "what if i file late"}', "what if i file late"),
    ('```json\n{"search_query": "what if i file late"}\n```', "what if i file late"),
    ('Here you go:\n[{"Question": "what if i file late", "Answer": "ten percent"}]',
     "what if i file late"),
    ('{"queries": ["what if i file late", "is there a fine"]}', "what if i file late"),
    ("{'query': 'what if i file late'}", "what if i file late"),
    ('{"query": "what if i file', "what if i file"),
    ("how to escape {braces} in json", "how to escape {braces} in json"),
    ("[1] what if i file late", "[1] what if i file late"),
    # tags and entities
    ("<query>what if i file late</query>", "what if i file late"),
    ("<output>\nwhat if i file late", "what if i file late"),
    ("<question>what if i file late</question> <answer>ten percent</answer>",
     "what if i file late"),
    ("&lt;answer&gt;what if i file late&lt;/answer&gt;", "what if i file late"),
    ("what if i don&#x27;t file &amp; pay", "what if i don't file & pay"),
    ("tom & jerry; who is who", "tom & jerry; who is who"),
    ("what does <div> do", "what does <div> do"),
    # headings, talk, other languages' labels
    ("## Generated Query\nwhat if i file late", "what if i file late"),
    ("**Question**\n\nwhat if i file late", "what if i file late"),
    ("I will write one now.\nSearch query: what if i file late", "what if i file late"),
    ("The document discusses fines.\n\nwhat if i file late", "what if i file late"),
    ("A user might ask: what if i file late", "what if i file late"),
    ("One possible question would be: what if i file late", "what if i file late"),
    ("Anfrage: was kostet die Verspätung", "was kostet die Verspätung"),
    ("Consulta 1: cuánto cuesta el retraso", "cuánto cuesta el retraso"),
    ("検索クエリ：延滞の罰金", "延滞の罰金"),
    ("**질문:** 늦으면 얼마인가요", "늦으면 얼마인가요"),
    ("Câu hỏi: nộp muộn phạt bao nhiêu", "nộp muộn phạt bao nhiêu"),
    # answers and remarks behind
    ("Question: what if i file late? Answer: You pay ten percent.", "what if i file late?"),
    ("逾期申报怎么办？答案：罚款百分之十", "逾期申报怎么办？"),
    ("what if i file late (Note: the passage names the fine)", "what if i file late"),
    ("what if i file late? Explanation: it is in the text.", "what if i file late?"),
    ("vitamin a: what is it good for", "vitamin a: what is it good for"),
    # chat formats
    ("<|start_header_id|>assistant<|end_header_id|>\n\nwhat if i file late", "what if i file late"),
    ("<start_of_turn>model\nwhat if i file late<end_of_turn>", "what if i file late"),
    ("<｜Assistant｜>what if i file late<｜end▁of▁sentence｜>", "what if i file late"),
    ("assistant\n\nwhat if i file late", "what if i file late"),
    ("<|channel|>analysis<|message|>One query.<|end|><|start|>assistant<|channel|>final<|message|>"
     "what if i file late<|return|>", "what if i file late"),
    ("[THINK]One query.[/THINK]what if i file late", "what if i file late"),
    # what reads like a refusal and is none
    ("i can't find my tax number", "i can't find my tax number"),
    ("sorry for filing late letter", "sorry for filing late letter"),
    ("none of my forms arrived", "none of my forms arrived"),
    ("the document does not open", "the document does not open"),
    ("i can't help but worry about the fine", "i can't help but worry about the fine"),
    ("抱歉用英语怎么说", "抱歉用英语怎么说"),
]  # fmt: skip
REFUSALS = [
    "None",
    "n/a.",
    "(no question)",
    "null",
    '{"query": "N/A"}',
    "Sorry, I can't write a query for that.",
    "I'm sorry, but I am unable to assist with this request.",
    "I cannot generate a question based on this.",
    "As an AI language model, I have no opinion.",
    "Unfortunately, the text does not provide any relevant details.",
    "There isn't enough context to ask anything.",
    "No meaningful query can be formed.",
    "Please share the document first.",
    "Es tut mir leid, dabei kann ich nicht helfen.",
    "Désolé, je ne peux pas faire cela.",
    "Lo siento, pero no es posible.",
    "Desculpe, não posso fazer isso.",
    "Mi dispiace, non ci riesco.",
    "Извините, тут нечего спрашивать.",
    "Niestety, nie mogę tego zrobić.",
    "Üzgünüm, bunu yapamam.",
    "عذراً، لا أستطيع ذلك",
    "क्षमा करें, यह संभव नहीं है",
    "দুঃখিত, এটি সম্ভব নয়",
    "Xin lỗi, không được.",
    "ขออภัย ไม่สามารถทำได้",
    "抱歉，这个不行。",
    "我无法为您生成查询。",
    "申し訳ありませんが、できません。",
    "죄송합니다만 어렵습니다.",
    "无",
    "なし",
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
        ("### Query", "empty"),
        ("<query></query>", "empty"),
        ('{"query": null}', "empty"),
        ('{"status": 404, "detail": "x"}', "empty"),
        ("<|channel|>analysis<|message|>They want a query", "empty"),
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


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_is_no_text_of_any_kind(answer: str) -> None:
    assert first_line(answer, label="Question:").reason == "refusal"
    assert first_line(answer, label="Question:", must_have_label=True).reason in (
        "refusal", "no-label",
    )  # fmt: skip
    assert paragraph(answer, label="Review:").reason == "refusal"
    assert said_lines(answer) == []


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("### Review\nA quiet room. We slept well.", "A quiet room. We slept well."),
        ('{"label": "pos", "review": "A quiet room."}', "A quiet room."),
        ("<review>A quiet room.\nWe slept well.</review>", "A quiet room. We slept well."),
        ("Let me write one.\n\nA quiet room.", "A quiet room."),
        ("A quiet room.\n\nNote: invented.", "A quiet room."),
        ("A quiet room. (Note: invented)", "A quiet room."),
        ("I'm sorry, but I can't recommend it.", "I'm sorry, but I can't recommend it."),
        ("First, the room was quiet.\n\nThen not.", "First, the room was quiet."),
        ("The text on the menu was small.\n\nFine.", "The text on the menu was small."),
    ],
)
def test_a_paragraph_is_found(answer: str, text: str) -> None:
    found = paragraph(answer, label="Review:")
    assert (found.text, found.reason) == (text, "")


@pytest.mark.parametrize(
    "answer",
    [
        "- came early\n- well packed",
        '["came early", "well packed"]',
        "## Answer\ncame early\nwell packed",
    ],
)
def test_lines_are_found(answer: str) -> None:
    assert said_lines(answer) == ["came early", "well packed"]


@pytest.mark.parametrize(
    "nasty", ["[" * 100_000, '{"a":' * 5000, "<query>" * 20_000, "i " * 60_000]
)
def test_an_answer_that_was_made_to_hurt_is_read(nasty: str) -> None:
    for found in (first_line(nasty, label="Q:"), paragraph(nasty)):
        assert bool(found.text) != bool(found.reason)


@given(st.text(max_size=300), st.booleans())
def test_any_answer_gives_one_clean_line_or_a_reason(answer: str, must: bool) -> None:
    found = first_line(answer, label="Q:", must_have_label=must, prompt_end=PROMPT)
    assert bool(found.text) != bool(found.reason)
    assert found.text == " ".join(found.text.split())
    found.text.encode("utf-8")
