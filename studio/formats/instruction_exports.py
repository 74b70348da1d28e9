"""Instruction data out, as the trainers and data sets of the field have it; kept records only.

Where a format has instruction and input as one text, its rows also have the input by itself, so
that nothing is lost: trainers pass over a column that they do not know, and
:func:`studio.formats.instructions.read_instructions` takes the two apart again. Beside the formats
that LLaMA-Factory reads lies its ``dataset_info.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from studio.formats.data_card import DataFile, ExportCounts, Feature, Struct, card
from studio.formats.instructions import prompt_text
from studio.formats.rows import ExportContext, Exported, Exporter, ExportRow
from studio.formats.staging import staged
from studio.records import INSTRUCTION, StudioError

Json = dict[str, Any]

KINDS: Final = {"classes": True, "instances": False}
"""What Self-Instruct asked for a record with → whether its instruction is a classification."""


@dataclass(frozen=True, slots=True)
class InstructionFormat:
    """How instructions are written."""

    name: str
    label: str
    """One line for people."""
    what: str
    """What a row is and who reads it, for the card."""
    features: Mapping[str, Feature]
    """Column → type; those that no row has are left out."""
    rows: Callable[[Iterator[ExportRow], ExportContext], Iterator[Json]]
    is_list: bool = False
    """One JSON list in the file; off: an object a line."""
    llama_factory: Json = field(default_factory=dict)
    """How LLaMA-Factory is told to read it; empty: it cannot."""

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.name}.{'json' if self.is_list else 'jsonl'}"


def write(
    shape: InstructionFormat, rows: Iterable[ExportRow], target: Path, context: ExportContext
) -> Exported:
    """Writes the kept rows, the card, and what LLaMA-Factory needs, one row in memory at a time.

    Raises StudioError where no row is kept.
    """
    counts, seen = ExportCounts(), set[str]()
    begin, between, end = ("[\n", ",\n", "\n]\n") if shape.is_list else ("", "\n", "\n")
    names = [shape.file, "README.md"]
    with staged(target) as staging:
        with staging.open(shape.file) as file:
            made = shape.rows(counts.counted(rows, kept_only=True), context)
            for number, row in enumerate(made):
                seen.update(row)
                line = json.dumps(row, ensure_ascii=False)
                file.write((between if number else begin) + line)
            file.write(end)
        if not counts.kept:
            raise StudioError("There is no kept record to export: generate or keep some first.")
        if shape.llama_factory:
            names.append("dataset_info.json")
            info = {shape.name: {"file_name": shape.file, **shape.llama_factory}}
            with staging.open("dataset_info.json") as file:
                file.write(json.dumps(info, indent=2) + "\n")
        features = {name: kind for name, kind in shape.features.items() if name in seen}
        files = [DataFile("default", {"train": shape.file}, features)]
        with staging.open("README.md") as file:
            file.write(card(context.card, counts, files, shape.what))
    return Exported(tuple(target / name for name in names), counts.kept)


def _parts(row: ExportRow) -> tuple[str, str, str]:
    instruction, given, output = (row.fields.get(name, "") for name in INSTRUCTION.fields)
    return instruction, given, output


def _alpaca(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
    for row in rows:
        yield dict(zip(INSTRUCTION.fields, _parts(row), strict=True))


def _self_instruct(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
    """One row for each instruction: these are held in memory."""
    tasks: dict[str, Json] = {}
    for row in rows:
        instruction, given, output = _parts(row)
        task = tasks.setdefault(
            instruction,
            {
                "id": f"record_{row.record_id}",
                "instruction": instruction,
                "instances": [],
                "is_classification": KINDS.get(row.purpose),
            },
        )
        task["instances"].append({"input": given, "output": output})
    yield from tasks.values()


def _conversations(
    turns: str, who: str, what: str, user: str, assistant: str
) -> Callable[[Iterator[ExportRow], ExportContext], Iterator[Json]]:
    """Two turns a row: the names of their column, of its two keys, and of who speaks."""

    def rows_of(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
        for row in rows:
            instruction, given, output = _parts(row)
            asked = {who: user, what: prompt_text(instruction, given)}
            yield {turns: [asked, {who: assistant, what: output}], "input": given}

    return rows_of


def _p3(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
    """Classifications come last, with the classes that their instruction has: they are held."""
    classes: dict[str, dict[str, None]] = {}
    held = []
    for row in rows:
        instruction, given, output = _parts(row)
        found = {
            "inputs": prompt_text(instruction, given),
            "inputs_pretokenized": prompt_text(instruction, given),
            "targets": output,
            "targets_pretokenized": output,
            "input": given,
        }
        if KINDS.get(row.purpose):
            classes.setdefault(instruction, {})[output] = None
            held.append((instruction, found))
        else:
            yield found
    for instruction, found in held:
        yield {**found, "answer_choices": list(classes[instruction])}


def _coig_pc(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
    for row in rows:
        kind = ["classification"] if KINDS.get(row.purpose) else []
        yield {
            **dict(zip(INSTRUCTION.fields, _parts(row), strict=True)),
            "split": "train",
            "task_name_in_eng": context.task.name,
            "task_type": {"major": kind, "minor": []},
            "domain": [],
            "other": {
                "record_id": row.record_id,
                "model": row.model,
                "prompt": row.prompt_name,
                "prompt_version": row.prompt_version,
            },
        }


TEXTS: Final[dict[str, Feature]] = dict.fromkeys(INSTRUCTION.fields, "string")
CHAT_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}
ABOUT = "Each row is an instruction, its input (often empty) and the output"
ONE_TEXT = "its instruction and its input as one text; `input` has the input by itself"

INSTRUCTION_FORMATS: Final = (
    InstructionFormat(
        "alpaca",
        "Alpaca's JSON list of instruction, input and output, kept records",
        f"{ABOUT}, as Stanford Alpaca has them. LLaMA-Factory reads this folder (`dataset_dir`) "
        "as the dataset `alpaca`; Axolotl reads `alpaca.json` as the type `alpaca`.",
        TEXTS,
        _alpaca,
        is_list=True,
        llama_factory={
            "formatting": "alpaca",
            "columns": {"prompt": "instruction", "query": "input", "response": "output"},
        },
    ),
    InstructionFormat(
        "self-instruct",
        "Self-Instruct's JSON Lines: an instruction with its instances, kept records",
        "Each row is an instruction with its `instances`, each an input (often empty) and the "
        "output. `is_classification` is null where nobody has told.",
        {
            "id": "string",
            "instruction": "string",
            "instances": {"input": "string", "output": "string"},
            "is_classification": "bool",
        },
        _self_instruct,
    ),
    InstructionFormat(
        "sharegpt",
        "ShareGPT's JSON list of conversations (from, value), kept records",
        f"Each row is a conversation of two turns: {ONE_TEXT}. LLaMA-Factory reads this folder "
        "(`dataset_dir`) as the dataset `sharegpt`, Axolotl `sharegpt.json` as the type "
        "`chat_template` with `field_messages: conversations` and `message_property_mappings: "
        "{role: from, content: value}`. TRL wants the roles of the format messages.",
        {"conversations": {"from": "string", "value": "string"}, "input": "string"},
        _conversations("conversations", "from", "value", "human", "gpt"),
        is_list=True,
        llama_factory={"formatting": "sharegpt", "columns": {"messages": "conversations"}},
    ),
    InstructionFormat(
        "messages",
        "ChatML messages (role, content) as JSON Lines, kept records",
        f"Each row is a conversation of two turns: {ONE_TEXT}. TRL's SFTTrainer reads it as it "
        "is, Axolotl as the type `chat_template`, and LLaMA-Factory reads this folder "
        "(`dataset_dir`) as the dataset `messages`.",
        {"messages": {"role": "string", "content": "string"}, "input": "string"},
        _conversations("messages", "role", "content", "user", "assistant"),
        llama_factory={
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": CHAT_TAGS,
        },
    ),
    InstructionFormat(
        "p3",
        "P3's inputs and targets, with the answer choices of classifications, kept records",
        f"Each row has {ONE_TEXT}. `targets` is the output. `answer_choices` are the classes that "
        "the records of a classification name. The texts stand under P3's names for them "
        "(`…_pretokenized`) and under those of xP3.",
        {
            "inputs": "string",
            "inputs_pretokenized": "string",
            "targets": "string",
            "targets_pretokenized": "string",
            "input": "string",
            "answer_choices": "string[]",
        },
        _p3,
    ),
    InstructionFormat(
        "coig-pc",
        "COIG-PC's rows with split, task type and domain, kept records",
        f"{ABOUT}, with the columns of COIG-PC. `other` tells which record it is and who wrote it.",
        {
            **TEXTS,
            "split": "string",
            "task_name_in_eng": "string",
            "task_type": Struct({"major": "string[]", "minor": "string[]"}),
            "domain": "string[]",
            "other": Struct({
                "record_id": "int64",
                "model": "string",
                "prompt": "string",
                "prompt_version": "int64",
            }),
        },
        _coig_pc,
    ),
)  # fmt: skip
"""All formats that only instructions have."""

EXPORTERS = tuple(
    Exporter(shape.name, shape.label, partial(write, shape), of=frozenset({INSTRUCTION.name}))
    for shape in INSTRUCTION_FORMATS
)
