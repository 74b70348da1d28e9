"""Tasks are read out of answers by the names of their headings, or out of JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompting.blocks import (
    NO_INPUT,
    NONE,
    OUTPUT,
    read_instances,
    read_one,
    read_tasks,
    without_heading,
    without_input,
)
from studio.records import Reason

ONE = {"instruction": "Name three trees.", "output": "Oak, beech and ash."}
TWO = {"instruction": "Make it polite.", "input": "Go away.", "output": "Please leave."}
BOTH = [
    pytest.param(text, id=name)
    for name, text in {
        "numbered": "4. Instruction: Name three trees.\nInput: <noinput>\nOutput: Oak, beech and "
        "ash.\n\n5. Instruction: Make it polite.\nInput: Go away.\nOutput: Please leave.",
        "numbered anew, with rulers": "1. Instruction: Name three trees.\n1. Input:\n<noinput>\n"
        "1. Output:\nOak, beech and ash.\n###\n2. Instruction: Make it polite.\n2. Input:\nGo "
        "away.\n2. Output:\nPlease leave.\n###",
        "without numbers": "Instruction: Name three trees.\nInput: N/A\nOutput: Oak, beech and "
        "ash.\nInstruction: Make it polite.\nInput: Go away.\nOutput: Please leave.",
        "headings": "### Instruction\nName three trees.\n\n### Response\nOak, beech and ash.\n\n"
        "### Instruction\nMake it polite.\n\n### Input\nGo away.\n\n### Response\nPlease leave.",
        "bold": "**Instruction 1:** Name three trees.\n**Output:** Oak, beech and ash.\n\n"
        "**Instruction 2:** Make it polite.\n**Input:** Go away.\n**Output:** Please leave.",
        "inputs beside": "Instruction: Name three trees. Input: <noinput>\nOutput: Oak, beech and "
        "ash.\n\nInstruction: Make it polite. Input: Go away.\nOutput: Please leave.",
        "Chinese names": "指令：Name three trees.\n输入：无\n输出：Oak, beech and ash.\n\n"
        "指令：Make it polite.\n输入：Go away.\n输出：Please leave.",
        "other names": "Task: Name three trees.\nAnswer: Oak, beech and ash.\nTask: Make it "
        "polite.\nContext: Go away.\nAnswer: Please leave.",
        "names that change": "Task: Name three trees.\nOutput: Oak, beech and ash.\nTask: Make it "
        "polite.\nInput: Go away.\nAnswer: Please leave.",
        "talk first": "Sure! Here are two tasks:\n\n1. Instruction: Name three trees.\n   Input: "
        "None\n   Output: Oak, beech and ash.\n2. Instruction: Make it polite.\n   Input: Go away."
        "\n   Output: Please leave.",
        "thought first": "<think>Two of them.\nInstruction: x</think>Instruction: Name three trees."
        "\nOutput: Oak, beech and ash.\nInstruction: Make it polite.\nInput: Go away.\nOutput: "
        "Please leave.",
        "JSON": json.dumps([ONE | {"input": ""}, TWO]),
        "JSON in a fence": f"Here:\n```json\n{json.dumps([ONE, TWO], indent=1)}\n```\nDone.",
        "JSON in an object": json.dumps({"tasks": [ONE, TWO]}),
        "JSON lines": f"{json.dumps(ONE)}\n{json.dumps(TWO)}",
        "JSON with capitals": json.dumps(
            [{key.title(): text for key, text in one.items()} for one in (ONE, TWO)]
        ),
    }.items()
]


@pytest.mark.parametrize("answer", BOTH)
def test_two_tasks_are_read_however_they_are_written(answer: str) -> None:
    assert [(dict(one.fields), one.reason) for one in read_tasks(answer)] == [(ONE, ""), (TWO, "")]


def test_what_goes_on_from_the_prompt_begins_with_its_opening() -> None:
    said = " Name three trees.\nInput: <noinput>\nOutput: Oak, beech and ash."
    assert [dict(one.fields) for one in read_tasks(said, opening="Instruction:")] == [ONE]


def test_an_echoed_opening_loses_no_task() -> None:
    said = "4. Instruction: Name three trees.\nOutput: Oak, beech and ash."
    assert [dict(one.fields) for one in read_tasks(said, opening="Instruction:")] == [ONE]


@pytest.mark.parametrize("answer", BOTH)
def test_an_answer_that_was_cut_off_loses_its_last_block_only(answer: str) -> None:
    assert [one.reason for one in read_tasks(answer, cut_off=True)] == ["", Reason.TRUNCATED]


def test_broken_json_keeps_what_is_whole() -> None:
    found = read_tasks(json.dumps([ONE, TWO])[:-8], cut_off=True)
    assert [one.reason for one in found] == ["", Reason.TRUNCATED]
    assert dict(found[0].fields) == ONE


def test_an_output_keeps_its_lines_fences_and_words_that_look_like_names() -> None:
    output = "Question: who?\n```python\nprint('Input: 3')\n```\n\nAnswer: nobody"
    found = read_tasks(f"Instruction: Write a riddle in code.\nOutput: {output}")
    assert [dict(one.fields)["output"] for one in found] == [output]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", Reason.EMPTY),
        ("  \n", Reason.EMPTY),
        ("I'm sorry, but I can't help with that.", Reason.REFUSAL),
        ("Trees are nice.", Reason.NO_LABEL),
        ("Instruction: Name three trees.", Reason.EMPTY),
        ("Instruction: Name it.\nOutput: I cannot help with that request.", Reason.REFUSAL),
        ("[]", Reason.NO_LABEL),
        ("{}", Reason.NO_LABEL),
    ],
)
def test_what_cannot_be_read_has_a_reason(answer: str, reason: str) -> None:
    assert [one.reason for one in read_tasks(answer)] == [reason]


@given(st.text(max_size=400), st.booleans())
def test_no_answer_breaks_the_readers(answer: str, cut_off: bool) -> None:
    for found in (
        read_tasks(answer, cut_off=cut_off),
        read_instances(answer, labelled=True, cut_off=cut_off),
        read_instances(answer, labelled=False, cut_off=cut_off),
        [read_one(answer, OUTPUT, cut_off=cut_off)],
    ):
        assert found
        assert all(one.reason or one.fields.get("output") for one in found)


def test_classes_come_before_their_inputs() -> None:
    found = read_instances(
        "Class label: warm\nInput: tea\n\nClass label: cold\nInput: ice", labelled=True
    )
    assert [dict(one.fields) for one in found] == [
        {"output": "warm", "input": "tea"},
        {"output": "cold", "input": "ice"},
    ]


def test_examples_that_are_numbered_are_apart() -> None:
    said = "Example 1\nInput: tea\nOutput: warm\nExample 2\nInput: ice\nOutput: cold"
    assert [dict(one.fields)["output"] for one in read_instances(said, labelled=False)] == [
        "warm",
        "cold",
    ]


def test_an_answer_without_names_is_an_output() -> None:
    [found] = read_instances("Roses are red,\nviolets are blue.", labelled=False)
    assert dict(found.fields) == {"output": "Roses are red,\nviolets are blue."}


@pytest.mark.parametrize(
    ("said", "output"),
    [
        ("Oak.", "Oak."),
        ("Output: Oak.", "Oak."),
        ("Question: which tree?\nAnswer: Oak.", "Oak."),
        ("Sure, here it is:\nOak.", "Oak."),
        ("It has parts.\nResult: three.", "It has parts.\nResult: three."),
    ],
)
def test_one_field_is_all_of_an_answer(said: str, output: str) -> None:
    assert dict(read_one(said, OUTPUT).fields) == {OUTPUT: output}


@pytest.mark.parametrize(
    "text", ["<noinput>", "No input", "N/A", "none", "无", "无输入", "(none)", "Not needed."]
)
def test_no_input_is_told_in_many_ways(text: str) -> None:
    assert without_input(text, NO_INPUT | NONE) == ""


@pytest.mark.parametrize("text", ["none of these birds sings", "no", "n", "a", "the input"])
def test_an_input_of_few_words_is_one(text: str) -> None:
    assert without_input(text, NO_INPUT | NONE) == text


def test_a_line_loses_its_number_and_its_name() -> None:
    assert without_heading("12. Task: Name three trees.") == "Name three trees."
    assert without_heading("Task force members: name three.") == "Task force members: name three."
