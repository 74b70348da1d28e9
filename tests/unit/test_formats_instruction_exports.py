"""Instruction data goes out as others have it: their own loaders read it, and nothing is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import formats
from studio.formats.details import completed
from studio.formats.instruction_exports import INSTRUCTION_FORMATS
from studio.formats.instructions import read_instructions
from studio.formats.rows import ExportContext, ExportRow, RawInstruction
from studio.prompting.blocks import without_input
from studio.records import StudioError
from studio.tasks import TASKS

NAMES = [shape.name for shape in INSTRUCTION_FORMATS]
KEPT_WHOLE = ["jsonl", "csv", "parquet"]
"""Formats of every task that hold the dropped records too."""


def row(number: int, instruction: str, given: str, output: str, **more: Any) -> ExportRow:
    fields = {"instruction": instruction, "input": given, "output": output}
    return ExportRow(fields, "", "", "", number, model="gpt", prompt_name="alpaca", **more)


ROWS = [
    row(1, "Name a river.", "", "长江"),
    row(2, "Warm or cold?", "ice", "cold", purpose="classes"),
    row(3, "Add.", "1\n\n2", "3", purpose="instances"),
    row(4, "Warm or cold?", "tea", "warm", purpose="classes"),
    row(5, "Drop me.", "", "x", kept=False, reason="too-short"),
]


def export(name: str, target: Path, given: list[ExportRow]) -> Path:
    context = ExportContext(task=TASKS["instructions"])
    formats.exporters()[name].write(iter(given), target, context)
    return target


def data_file(folder: Path) -> Path:
    found = [one for one in folder.iterdir() if one.name not in ("README.md", "dataset_info.json")]
    return found[0]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def fields_in(path: Path) -> list[tuple[str, ...]]:
    rows = list(read_instructions(path, unanswered=True))
    return [tuple(row.fields.values()) for row in rows if isinstance(row, RawInstruction)]


# --- what each format holds


def test_alpaca_is_one_list(tmp_path: Path) -> None:
    export("alpaca", tmp_path, ROWS)
    found = json.loads((tmp_path / "alpaca.json").read_text("utf-8"))
    assert found == [dict(one.fields) for one in ROWS[:4]]


def test_self_instruct_has_the_instances_of_an_instruction_together(tmp_path: Path) -> None:
    export("self-instruct", tmp_path, ROWS)
    assert lines(tmp_path / "self-instruct.jsonl") == [
        {
            "id": "record_1",
            "instruction": "Name a river.",
            "instances": [{"input": "", "output": "长江"}],
            "is_classification": None,
        },
        {
            "id": "record_2",
            "instruction": "Warm or cold?",
            "instances": [
                {"input": "ice", "output": "cold"},
                {"input": "tea", "output": "warm"},
            ],
            "is_classification": True,
        },
        {
            "id": "record_3",
            "instruction": "Add.",
            "instances": [{"input": "1\n\n2", "output": "3"}],
            "is_classification": False,
        },
    ]


def test_conversations_have_two_turns_and_the_input_by_itself(tmp_path: Path) -> None:
    export("sharegpt", tmp_path, ROWS)
    assert json.loads((tmp_path / "sharegpt.json").read_text("utf-8"))[2] == {
        "conversations": [
            {"from": "human", "value": "Add.\n\n1\n\n2"},
            {"from": "gpt", "value": "3"},
        ],
        "input": "1\n\n2",
    }
    export("messages", tmp_path, ROWS)
    assert lines(tmp_path / "messages.jsonl")[0] == {
        "messages": [
            {"role": "user", "content": "Name a river."},
            {"role": "assistant", "content": "长江"},
        ],
        "input": "",
    }


def test_p3_has_answer_choices_for_classifications_alone(tmp_path: Path) -> None:
    export("p3", tmp_path / "a", ROWS)
    found = lines(tmp_path / "a" / "p3.jsonl")
    assert ["answer_choices" in one for one in found] == [False, False, True, True]
    assert found[2] == {
        "inputs": "Warm or cold?\n\nice",
        "inputs_pretokenized": "Warm or cold?\n\nice",
        "targets": "cold",
        "targets_pretokenized": "cold",
        "input": "ice",
        "answer_choices": ["cold", "warm"],
    }
    export("p3", tmp_path / "b", ROWS[:1])
    assert "answer_choices" not in (tmp_path / "b" / "README.md").read_text("utf-8").split("# ")[0]


def test_coig_pc_tells_where_a_row_is_from(tmp_path: Path) -> None:
    export("coig-pc", tmp_path, ROWS)
    assert lines(tmp_path / "coig-pc.jsonl")[1] == {
        **ROWS[1].fields,
        "split": "train",
        "task_name_in_eng": "instructions",
        "task_type": {"major": ["classification"], "minor": []},
        "domain": [],
        "other": {"record_id": 2, "model": "gpt", "prompt": "alpaca", "prompt_version": None},
    }


@pytest.mark.parametrize("name", NAMES)
def test_only_kept_records_go_out_and_none_is_an_error(tmp_path: Path, name: str) -> None:
    export(name, tmp_path / "a", ROWS)
    assert "Drop me" not in data_file(tmp_path / "a").read_text("utf-8")
    with pytest.raises(StudioError, match="no kept record"):
        export(name, tmp_path / "b", ROWS[4:])
    assert not (tmp_path / "b").exists()


# --- round trip


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
WORDS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=2)
KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text("abc1", min_size=1, max_size=3),
        "origin": st.sampled_from(["a.json:3", "b.parquet:7"]),
        "system": st.sampled_from(["Be brief.", "=SUM(1)", "[1]"]),
        "is_classification": st.booleans(),
        "answer_choices": WORDS,
        "split": st.sampled_from(["train", "valid"]),
        "task_name": st.just("ner"),
        "task_type": st.fixed_dictionaries({"major": WORDS, "minor": WORDS}) | st.just("qa"),
        "domain": WORDS | st.just("law"),
        "category": st.just("closed qa"),
        "is_follow_up": st.just(True),
        "prompt_version": st.integers(1, 9),
        "other": WORDS,
    },
)
RECORDS = st.lists(
    st.tuples(
        TEXT.filter(str.strip) | st.just("Add."),
        TEXT.filter(lambda text: without_input(text) == text),
        TEXT,
        st.sampled_from(["", "classes", "instances"]),
        KNOWN,
    ),
    min_size=1,
    max_size=6,
)
GAINED = {
    "self-instruct": {"id", "is_classification"},
    "p3": {"answer_choices"},
    "coig-pc": {"split", "task_name", "task_type", "model", "prompt_name"},
    **{name: {"model", "prompt_name"} for name in KEPT_WHOLE},
}
"""Format → what its rows tell of a record of which nothing was known."""


@pytest.mark.parametrize("name", [*NAMES, *KEPT_WHOLE])
@settings(max_examples=30)
@given(records=RECORDS)
def test_records_come_back_from_every_format_with_all_that_was_known(
    tmp_path_factory: pytest.TempPathFactory, name: str, records: list[tuple[Any, ...]]
) -> None:
    given_rows = []
    for instruction, *others, purpose, known in records:
        begin = f"{known['system']}\n\n" if "system" in known else ""
        one = row(len(given_rows), begin + instruction, *others, purpose=purpose)
        details = {key: told for key, told in known.items() if key != "origin"}
        one = replace(one, details=details, origin=known.get("origin", ""))
        given_rows.append(completed(one))
    file = data_file(export(name, tmp_path_factory.mktemp("trip"), given_rows))
    left = list(read_instructions(file, unanswered=True))
    assert all(isinstance(one, RawInstruction) for one in left)
    for one in given_rows:
        same = next(other for other in left if comes_back(one, other, GAINED.get(name, set())))
        left.remove(same)
    assert not left


def comes_back(before: ExportRow, after: Any, gained: set[str]) -> bool:
    """Whether a row that was read again is this one, with no more than a format adds."""
    told = {"origin": before.origin or after.where, **before.details}
    more = after.details.keys() - told.keys()
    is_same = {key: after.details.get(key) for key in told} == told
    return is_same and more <= gained and dict(after.fields) == dict(before.fields)


def test_what_a_format_has_a_column_for_stands_there(tmp_path: Path) -> None:
    details = {
        "system": "Be brief.",
        "answer_choices": ["warm", "cold"],
        "task_type": {"major": ["分类"], "minor": []},
        "domain": ["通用"],
        "split": "valid",
        "task_name": "warmth",
        "is_classification": True,
        "id": "t7",
    }
    one = replace(row(1, "Be brief.\n\nWarm?", "ice", "cold"), details=details, origin="x.json:4")

    def written(name: str) -> dict[str, Any]:
        text = data_file(export(name, tmp_path / name, [one])).read_text("utf-8")
        found = json.loads(text)
        return dict(found[0] if isinstance(found, list) else found)

    assert written("p3")["answer_choices"] == ["warm", "cold"]
    coig = written("coig-pc")
    told = ("split", "task_name_in_eng", "task_type", "domain")
    assert [coig[key] for key in told] == ["valid", "warmth", details["task_type"], ["通用"]]
    assert (written("self-instruct")["is_classification"], coig["id"]) == (True, "t7")
    alpaca = written("alpaca")
    assert (alpaca["system"], alpaca["instruction"]) == ("Be brief.", "Warm?")
    assert _info(tmp_path / "alpaca")["columns"]["system"] == "system"
    assert written("messages")["messages"][:2] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Warm?\n\nice"},
    ]
    assert written("sharegpt")["conversations"][0] == {"from": "system", "value": "Be brief."}
    assert all(written(name)["origin"] == "x.json:4" for name in (*NAMES, "jsonl"))


def test_the_card_names_the_file_of_records_whose_writer_nobody_told(tmp_path: Path) -> None:
    one = replace(ROWS[0], model="", prompt_name="", origin="x.json:4")
    card = export("alpaca", tmp_path, [one, ROWS[2]]) / "README.md"
    assert "| not told; brought in with x.json | - | - | 1 |" in card.read_text("utf-8")


# --- loaders of others


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 4])
def test_the_card_says_how_the_folder_loads(
    tmp_path: Path, name: str, count: int, load_dataset: Any
) -> None:
    folder = export(name, tmp_path, ROWS[:count])
    declared = load_dataset(str(folder), split="train")
    file = data_file(folder)
    written = json.loads(file.read_text("utf-8")) if file.suffix == ".json" else lines(file)
    assert set(declared.column_names) == {key for one in written for key in one}
    for loaded, one in zip(declared, written, strict=True):
        assert {key: loaded[key] for key in one} == one
        assert all(loaded[key] is None for key in loaded.keys() - one.keys())


def asked(one: ExportRow) -> str:
    """What a trainer shows the model in the two-turn formats."""
    return "\n\n".join(filter(None, (one.fields["instruction"], one.fields["input"])))


PAIRS = [(asked(one), one.fields["output"]) for one in ROWS[:4]]


LLAMA_FACTORY_JOIN = {"alpaca": "\n", "sharegpt": "\n\n", "messages": "\n\n"}


@pytest.mark.parametrize("name", LLAMA_FACTORY_JOIN)
def test_llama_factory_reads_the_folder(tmp_path: Path, name: str, load_dataset: Any) -> None:
    reason = "LLaMA-Factory is not installed"
    parser = pytest.importorskip("llamafactory.data.parser", reason=reason)
    converter = pytest.importorskip("llamafactory.data.converter", reason=reason)
    folder = export(name, tmp_path, ROWS)
    [told] = parser.get_dataset_list([name], str(folder))
    loaded = load_dataset("json", data_files=str(folder / told.dataset_name), split="train")
    arguments = SimpleNamespace(
        streaming=False, preprocessing_num_workers=None, overwrite_cache=True, media_dir=""
    )
    aligned = converter.align_dataset(
        loaded, told, arguments, SimpleNamespace(local_process_index=0)
    )
    between = LLAMA_FACTORY_JOIN[name]
    for found, one in zip(aligned, ROWS[:4], strict=True):
        said = between.join(filter(None, (one.fields["instruction"], one.fields["input"])))
        assert found["_prompt"] == [{"role": "user", "content": said}]
        assert found["_response"] == [{"role": "assistant", "content": one.fields["output"]}]


AXOLOTL: dict[str, dict[str, Any]] = {
    "alpaca": {},
    "messages": {},
    "sharegpt": {
        "field_messages": "conversations",
        "message_property_mappings": {"role": "from", "content": "value"},
    },
}
CHATML = (
    "{% for one in messages %}<|im_start|>{{ one.role }}\n{{ one.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokenizer() -> Any:
    """A token a byte, with ChatML's marks."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {letter: n for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bare = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bare, eos_token="<|im_end|>", additional_special_tokens=["<|im_start|>"]
    )
    tokenizer.chat_template = CHATML
    return tokenizer


@pytest.mark.parametrize("name", AXOLOTL)
def test_axolotl_learns_the_outputs(tmp_path: Path, name: str, load_dataset: Any) -> None:
    strategies = pytest.importorskip("axolotl.prompt_strategies", reason="Axolotl is not installed")
    settings = pytest.importorskip("axolotl.utils.dict").DictDefault
    tokenizer = byte_tokenizer()
    strategy = strategies.load(
        "alpaca_chat" if name == "alpaca" else "chat_template",
        tokenizer,
        settings({"sequence_len": 2048, "train_on_inputs": False}),
        settings({"chat_template": "tokenizer_default", **AXOLOTL[name]}),
    )
    file = data_file(export(name, tmp_path, ROWS))
    for one, record in zip(
        load_dataset("json", data_files=str(file), split="train"), ROWS[:4], strict=True
    ):
        tokens = strategy.tokenize_prompt(one)
        learnt = [token for token in tokens["labels"] if token != -100]
        assert tokenizer.decode(learnt, skip_special_tokens=True).strip() == record.fields["output"]
        shown = tokenizer.decode(tokens["input_ids"])
        assert record.fields["instruction"] in shown
        assert record.fields["input"] in shown


def test_trls_trainer_takes_the_messages(tmp_path: Path, load_dataset: Any) -> None:
    trl = pytest.importorskip("trl", reason="TRL is not installed")
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = byte_tokenizer()
    size = len(tokenizer)
    ends = tokenizer.eos_token_id
    trainer = trl.SFTTrainer(
        model=GPT2LMHeadModel(
            GPT2Config(
                vocab_size=size, n_layer=1, n_head=1, n_embd=8, bos_token_id=ends, eos_token_id=ends
            )
        ),
        args=trl.SFTConfig(output_dir=str(tmp_path / "out"), report_to="none", use_cpu=True),
        train_dataset=load_dataset(str(export("messages", tmp_path / "in", ROWS)), split="train"),
        processing_class=tokenizer,
    )
    shown = [tokenizer.decode(one["input_ids"]) for one in trainer.train_dataset]
    assert [text.removesuffix("\n") for text in shown] == [
        f"<|im_start|>user\n{said}<|im_end|>\n<|im_start|>assistant\n{output}<|im_end|>"
        for said, output in PAIRS
    ]


def test_the_columns_are_those_that_the_trainers_document(tmp_path: Path) -> None:
    """Holds where none of them is installed."""
    info = {name: _info(export(name, tmp_path / name, ROWS)) for name in LLAMA_FACTORY_JOIN}
    assert info["alpaca"]["columns"] == {
        "prompt": "instruction",
        "query": "input",
        "response": "output",
    }
    assert info["sharegpt"]["columns"] == {"messages": "conversations"}
    assert info["messages"]["tags"]["role_tag"] == "role"
    assert {one["formatting"] for one in info.values()} == {"alpaca", "sharegpt"}
    assert all((tmp_path / name / one["file_name"]).is_file() for name, one in info.items())


def _info(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "dataset_info.json").read_text())
    return dict(told[data_file(folder).stem])


# --- who is offered them


def test_only_instruction_projects_are_offered_the_formats() -> None:
    from studio.jobs.exporting import fitting

    assert set(fitting(TASKS["instructions"])) == {*NAMES, *KEPT_WHOLE, "medi"}
    for name, task in TASKS.items():
        if name != "instructions":
            assert not {*NAMES}.intersection(fitting(task))


def test_a_record_that_was_edited_to_nothing_is_still_a_row(tmp_path: Path) -> None:
    empty = replace(ROWS[0], fields={"instruction": "Say nothing.", "input": "", "output": ""})
    assert fields_in(data_file(export("messages", tmp_path, [empty]))) == [("Say nothing.", "", "")]
