"""Instruction data comes in from every public shape; what cannot be used is named with its line."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.formats.examples import read_examples, write_examples
from studio.formats.instructions import prompt_text, read_instructions
from studio.formats.labelled import GoldFields, read_gold
from studio.formats.rows import RawExample, RawInstruction, SkippedRow
from studio.prompting.blocks import without_input
from studio.records import INSTRUCTION, Example, Gold, StudioError
from studio.tasks import TASKS

TASK = "Name a river."
GOOD = {"instruction": "Add the numbers.", "input": "1 and 2", "output": "3"}
Parts = tuple[str, str, str]


def write(path: Path, *rows: object) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8", newline="")
    return path


def parts(row: RawInstruction) -> Parts:
    return row.fields["instruction"], row.fields["input"], row.fields["output"]


def read(path: Path, **options: Any) -> tuple[list[RawInstruction], list[SkippedRow]]:
    rows = list(read_instructions(path, **options))
    good = [row for row in rows if isinstance(row, RawInstruction)]
    return good, [row for row in rows if isinstance(row, SkippedRow)]


def one(tmp_path: Path, row: object, **options: Any) -> RawInstruction:
    [found], skipped = read(write(tmp_path / "a.jsonl", row), **options)
    assert not skipped
    return found


def refused(tmp_path: Path, row: object) -> SkippedRow:
    """What is said of a row that stands in line 2."""
    good, [skipped] = read(write(tmp_path / "a.jsonl", GOOD, row))
    assert [parts(found) for found in good] == [("Add the numbers.", "1 and 2", "3")]
    assert skipped.where == "a.jsonl:2"
    return skipped


# --- rows of one instruction


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (GOOD, ("Add the numbers.", "1 and 2", "3")),
        ({"instruction": TASK, "output": "Oder"}, (TASK, "", "Oder")),
        ({"instruction": TASK, "input": None, "output": "Oder"}, (TASK, "", "Oder")),
        ({"instruction": TASK, "input": "<noinput>", "output": "Oder"}, (TASK, "", "Oder")),
        ({"instruction": TASK, "input": "N/A", "output": "Oder"}, (TASK, "", "Oder")),
        ({"instruction": TASK, "input": "None", "output": "x"}, (TASK, "None", "x")),
        ({"instruction": TASK, "context": "Asia", "response": "Amur"}, (TASK, "Asia", "Amur")),
        ({"prompt": TASK, "response": "Oder"}, (TASK, "", "Oder")),
        ({"prompt": TASK, "completion": "Oder"}, (TASK, "", "Oder")),
        ({"question": TASK, "answer": "Oder"}, (TASK, "", "Oder")),
        ({"Instruction": TASK, "Output": "Oder"}, (TASK, "", "Oder")),
        ({"指令": "说出一条河。", "输入": "", "输出": "长江"}, ("说出一条河。", "", "长江")),
        ({"input": TASK, "output": "Oder"}, (TASK, "", "Oder")),
        ({"instruction": "Is 7 odd?", "output": True}, ("Is 7 odd?", "", "True")),
        ({"instruction": "Half of 5?", "output": 2.5}, ("Half of 5?", "", "2.5")),
        ({"instruction": TASK, "output": ["Oder", "Amur"]}, (TASK, "", "Oder")),
        ({"instruction": " \tas is\n", "output": " x "}, (" \tas is\n", "", " x ")),
        (
            {"instruction": TASK, "input": "", "output": "Oder", "text": "### Instruction: …"},
            (TASK, "", "Oder"),
        ),
    ],
)
def test_a_row_is_read_by_its_keys(tmp_path: Path, row: object, found: Parts) -> None:
    assert parts(one(tmp_path, row)) == found


def test_an_alpaca_file_is_one_list(tmp_path: Path) -> None:
    rows = [GOOD, {"instruction": TASK, "input": "", "output": "Oder"}]
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=2))
    good, skipped = read(tmp_path / "a.json")
    assert [row.where for row in good] == ["a.json:1", "a.json:2"]
    assert not skipped
    with gzip.open(tmp_path / "b.json.gz", "wt") as file:
        json.dump(rows, file)
    assert [parts(row) for row in read(tmp_path / "b.json.gz")[0]] == [parts(row) for row in good]


def test_p3_is_read_by_its_texts_and_not_by_its_token_numbers(tmp_path: Path) -> None:
    row = {
        "inputs": [3, 17, 1],
        "inputs_pretokenized": TASK,
        "targets": [9, 1],
        "targets_pretokenized": "Oder",
        "answer_choices": ["Oder", "Amur"],
    }
    assert parts(one(tmp_path, row)) == (TASK, "", "Oder")
    assert parts(one(tmp_path, {"inputs": TASK, "targets": "Oder"})) == (TASK, "", "Oder")


def test_the_wrong_answers_of_p3_are_no_answers(tmp_path: Path) -> None:
    row = {"inputs_pretokenized": TASK, "targets_pretokenized": "Paris"}
    assert parts(one(tmp_path, {**row, "is_correct": True}))[2] == "Paris"
    assert refused(tmp_path, {**row, "is_correct": False}).code == "wrong"


def test_coig_says_what_kind_of_task_it_is(tmp_path: Path) -> None:
    row = {
        **GOOD,
        "split": "train",
        "task_type": {"major": ["问答"], "minor": ["open book"]},
        "domain": ["math", "school life"],
        "other": None,
    }
    assert one(tmp_path, row).tags == "问答 open-book math school-life"


def test_what_a_system_was_told_stands_before_the_instruction(tmp_path: Path) -> None:
    row = {"instruction": TASK, "input": "", "output": "Oder", "system": "Be brief.", "history": []}
    assert parts(one(tmp_path, row)) == (f"Be brief.\n\n{TASK}", "", "Oder")
    later = one(tmp_path, {**row, "history": [["Hello", "Hi"]]})
    assert later.tags == "follow-up"
    assert later.fields["input"] == "User: Hello\n\nAssistant: Hi"


def test_columns_may_be_named(tmp_path: Path) -> None:
    row = {"q": TASK, "a": "Oder", "output": "not this", "messages": [{"role": "user"}]}
    named = {"instruction": "q", "output": "a"}
    assert parts(one(tmp_path, row, fields=named)) == (TASK, "", "Oder")
    with pytest.raises(StudioError, match="there is no field 'x'; there are 'q', 'a'"):
        one(tmp_path, row, fields={"instruction": "x"})


# --- rows of several


def test_self_instruct_has_instances_of_an_instruction(tmp_path: Path) -> None:
    row = {
        "id": "seed_7",
        "instruction": "Warm or cold?",
        "is_classification": True,
        "instances": [{"input": "ice", "output": "cold"}, {"input": "tea", "output": "warm"}],
    }
    good, skipped = read(write(tmp_path / "a.jsonl", row))
    assert [parts(found) for found in good] == [
        ("Warm or cold?", "ice", "cold"),
        ("Warm or cold?", "tea", "warm"),
    ]
    assert [found.outside_id for found in good] == ["seed_7", "seed_7#2"]
    assert {found.tags for found in good} == {"classification"}
    assert not skipped


def test_an_instance_that_is_none_costs_itself_alone(tmp_path: Path) -> None:
    instances = [{"input": "ice", "output": "cold"}, 7, {"input": "tea", "output": " "}]
    row = {"instruction": "Warm or cold?", "instances": instances}
    good, skipped = read(write(tmp_path / "a.jsonl", row))
    assert [parts(found)[1] for found in good] == ["ice"]
    assert [(found.where, found.code) for found in skipped] == [
        ("a.jsonl:1", "instance"),
        ("a.jsonl:1", "no-output"),
    ]
    assert "instance 2" in skipped[0].reason


CHATS = {
    "sharegpt": ("conversations", "from", "value", "human", "gpt"),
    "messages": ("messages", "role", "content", "user", "assistant"),
}


def chat(shape: str, *turns: tuple[str, str], **more: object) -> dict[str, object]:
    """A conversation; speakers are ``user``, ``assistant``, and whoever else."""
    key, who, what, user, assistant = CHATS[shape]
    names = {"user": user, "assistant": assistant}
    return {key: [{who: names.get(name, name), what: text} for name, text in turns], **more}


@pytest.mark.parametrize("shape", CHATS)
def test_each_turn_of_a_user_with_its_answer_is_an_instruction(tmp_path: Path, shape: str) -> None:
    row = chat(
        shape,
        ("system", "Be brief."),
        ("user", TASK),
        ("assistant", "Oder"),
        ("user", "Another."),
        ("assistant", "Amur"),
    )
    good, skipped = read(write(tmp_path / "a.jsonl", row))
    assert [(parts(found), found.tags) for found in good] == [
        ((f"Be brief.\n\n{TASK}", "", "Oder"), ""),
        (
            ("Be brief.\n\nAnother.", f"User: {TASK}\n\nAssistant: Oder", "Amur"),
            "follow-up",
        ),
    ]
    assert not skipped


@pytest.mark.parametrize("shape", CHATS)
def test_turns_that_fit_no_pair_are_told(tmp_path: Path, shape: str) -> None:
    row = chat(
        shape,
        ("assistant", "Hello"),
        ("user", "Are you there?"),
        ("user", TASK),
        ("assistant", "Oder"),
        ("tool", "{}"),
        ("assistant", "Amur"),
    )
    good, skipped = read(write(tmp_path / "a.jsonl", row))
    assert [parts(found) for found in good] == [(TASK, "User: Are you there?", "Oder")]
    assert [found.code for found in skipped] == ["turn", "no-output", "turn"]
    assert "turn 5 is by 'tool'" in skipped[-1].reason


def test_a_turn_may_come_in_parts_but_a_picture_is_no_text(tmp_path: Path) -> None:
    text: dict[str, object] = {"type": "text", "text": "Look."}
    parts_of = [text, {"type": "text", "text": TASK}]
    answer = {"role": "assistant", "content": "Oder"}
    row = {"messages": [{"role": "user", "content": parts_of}, answer]}
    assert parts(one(tmp_path, row)) == (f"Look.\n{TASK}", "", "Oder")
    picture = {"type": "image_url", "image_url": {"url": "x.png"}}
    row = {"messages": [{"role": "user", "content": [text, picture]}, answer]}
    assert refused(tmp_path, row).reason.startswith("turn 1: a part of it is no text")


def test_a_prompt_and_a_completion_may_be_turns(tmp_path: Path) -> None:
    row = {
        "prompt": [{"role": "user", "content": TASK}],
        "completion": [{"role": "assistant", "content": "Oder"}],
    }
    assert parts(one(tmp_path, row)) == (TASK, "", "Oder")


# --- tables


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_tables_have_the_same_columns_with_lists_as_json(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="," if suffix == ".csv" else "\t")
        writer.writerow(["instruction", "input", "output"])
        writer.writerow(["'=Add,\nplease", "1", "'-2"])
    assert [parts(row) for row in read(path)[0]] == [("=Add,\nplease", "1", "-2")]
    turns = json.dumps(chat("messages", ("user", TASK), ("assistant", "Oder"))["messages"])
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="," if suffix == ".csv" else "\t").writerows(
            [["messages"], [turns]]
        )
    assert [parts(row) for row in read(path)[0]] == [(TASK, "", "Oder")]


def test_parquet_and_folders_of_shards_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    turns = chat("sharegpt", ("user", TASK), ("assistant", "Oder"))
    pq.write_table(pa.Table.from_pylist([turns]), tmp_path / "a.parquet")
    rows = [{**GOOD, "input": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "b.parquet")
    good, _ = read(tmp_path)
    assert [(row.where, *parts(row)) for row in good] == [
        ("a.parquet:1", TASK, "", "Oder"),
        ("b.parquet:1", "Add the numbers.", "", "3"),
    ]


# --- what cannot be used


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("{oops", "json"),
        ("[1, 2]", "json"),
        ({"instruction": "  ", "input": "x", "output": "y"}, "no-text"),
        ({"output": "y"}, "no-field"),
        ({"instruction": TASK, "input": "x", "output": ""}, "no-output"),
        ({"instruction": TASK}, "no-output"),
        ({"instruction": TASK, "output": {"a": 1}}, "no-text"),
        ({"instruction": ["a"], "output": "y"}, "no-text"),
        ({"instruction": "a\0b", "output": "y"}, "nul"),
        ({"instruction": TASK, "output": "a\0b"}, "nul"),
        ('{"instruction": "x", "output": "\\ud800"}', "surrogate"),
        ({"messages": [{"role": "user", "content": "a\0b"}]}, "nul"),
        ({"messages": [{"role": "user", "content": {"a": 1}}]}, "no-text"),
        ({"messages": [{"role": "user"}, {"role": "assistant", "content": "x"}]}, "no-text"),
        ({"conversations": [{}, "x"]}, "turn"),
        ({"messages": []}, "no-field"),
        ('{"instruction": "x", "output": ' + "[" * 100_000 + "]" * 100_000 + "}", "json"),
        ({"instruction": "x", "output": "y" * 9 * 2**20}, "length"),
    ],
)
def test_a_nasty_row_costs_itself_alone(tmp_path: Path, row: object, code: str) -> None:
    assert refused(tmp_path, row).code in (code, "too-long" if code == "length" else code)


def test_instructions_without_an_output_are_given_to_those_who_ask(tmp_path: Path) -> None:
    found = one(tmp_path, {"instruction": TASK, "instances": []}, unanswered=True)
    assert (parts(found), found.is_answered) == ((TASK, "", ""), False)


def test_files_without_any_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="There is no"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(StudioError, match="holds no instruction that can be used: 1 row was left"):
        read(write(tmp_path / "a.jsonl", {"output": "x"}))


KEYS = st.sampled_from(
    ["instruction", "input", "output", "instances", "messages", "conversations", "from", "value",
     "role", "content", "prompt", "completion", "inputs", "system", "history", "tags", "task_type",
     "is_correct", "id", "enabled"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(row=st.dictionaries(KEYS, JSON, max_size=8))
def test_no_row_whatever_stops_the_reading(
    tmp_path_factory: pytest.TempPathFactory, row: object
) -> None:
    path = write(tmp_path_factory.mktemp("any") / "a.jsonl", GOOD, row, GOOD)
    rows = list(read_instructions(path))
    found = [row for row in rows if isinstance(row, RawInstruction)]
    assert parts(found[0]) == parts(found[-1]) == ("Add the numbers.", "1 and 2", "3")
    assert all(part.encode() is not None for row in found for part in parts(row))
    assert {row.where for row in rows} <= {f"a.jsonl:{n}" for n in (1, 2, 3)}


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@given(
    instruction=TEXT.filter(str.strip),
    given_input=TEXT.filter(lambda text: without_input(text) == text),
)
def test_an_input_that_a_row_has_by_itself_is_taken_out_of_the_text(
    tmp_path_factory: pytest.TempPathFactory, instruction: str, given_input: str
) -> None:
    text = prompt_text(instruction, given_input)
    path = write(
        tmp_path_factory.mktemp("apart") / "a.jsonl",
        chat("sharegpt", ("user", text), ("assistant", "x"), input=given_input),
        {"inputs": text, "targets": "x", "input": given_input},
    )
    assert [parts(row) for row in read(path)[0]] == [(instruction, given_input, "x")] * 2


def test_an_input_that_says_none_is_taken_out_of_the_text_too(tmp_path: Path) -> None:
    text = prompt_text(TASK, "N/A")
    path = write(
        tmp_path / "a.jsonl",
        chat("messages", ("user", text), ("assistant", "Oder"), input="N/A"),
        {"inputs": text, "targets": "Oder", "input": "N/A"},
        {"instruction": TASK, "instances": [{"input": "N/A", "output": "Oder"}]},
    )
    assert [parts(row) for row in read(path)[0]] == [(TASK, "", "Oder")] * 3


# --- as gold, as examples


def test_gold_has_an_output(tmp_path: Path) -> None:
    path = write(tmp_path / "g.jsonl", {"id": 4, **GOOD}, {"instruction": TASK, "output": ""})
    gold, skipped = read_gold(path, TASKS["instructions"], labels=(), split="test")
    assert gold == Gold(INSTRUCTION, GOOD, "test", "g:4", origin="g.jsonl:1")
    assert isinstance(skipped, SkippedRow)
    assert (skipped.where, skipped.code) == ("g.jsonl:2", "no-output")


def test_the_columns_of_gold_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "g.jsonl", {"ask": TASK, "of": "Asia", "say": "Amur"})
    fields = GoldFields(text="ask", context="of", answers="say")
    task = TASKS["instructions"]
    [gold] = read_gold(path, task, labels=(), split="validation", fields=fields)
    assert isinstance(gold, Gold)
    assert gold.fields == {"instruction": TASK, "input": "Asia", "output": "Amur"}


EXAMPLES = [
    Example("", "=Add.", tags="sums", type=INSTRUCTION, fields={"input": "1,\n2", "output": "3"}),
    Example("", TASK, enabled=False, type=INSTRUCTION, fields={"input": "", "output": "'-Oder"}),
]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv"])
def test_seeds_go_out_and_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"seeds{suffix}"
    assert write_examples(EXAMPLES, path, type=INSTRUCTION) == 2
    found = [row for row in read_examples(path, INSTRUCTION) if isinstance(row, RawExample)]
    assert [(row.query, row.fields, row.tags, row.enabled, row.document_text) for row in found] == [
        (one.query, one.fields, one.tags, one.enabled, "") for one in EXAMPLES
    ]


def test_the_columns_of_seeds_are_those_of_an_instruction(tmp_path: Path) -> None:
    write_examples([], tmp_path / "seeds.csv", type=INSTRUCTION)
    assert (tmp_path / "seeds.csv").read_text().split() == ["instruction,input,output,tags,enabled"]
