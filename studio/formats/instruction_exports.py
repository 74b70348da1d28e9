"""Instruction data out, as the trainers and data sets of the field have it; kept records only.

Where a format has instruction and input as one text, its rows also have the input by itself, and
what else is known of a record stands in columns behind those of the format, so that nothing is
lost: trainers pass over a column that they do not know, and
:func:`studio.formats.instructions.read_instructions` takes all apart again. What a system turn said
is one again where the format has such. Beside the formats that LLaMA-Factory reads lies its
``dataset_info.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from studio.formats.data_card import DataFile, ExportCounts, Feature, Struct, card
from studio.formats.details import COLUMNS, KINDS, WRITERS, columns_of
from studio.formats.instructions import prompt_text, without_system
from studio.formats.rows import ExportContext, Exported, Exporter, ExportRow
from studio.formats.staging import staged
from studio.records import INSTRUCTION, StudioError

Json = dict[str, Any]


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
            info = {shape.name: {"file_name": shape.file, **_told(shape.llama_factory, seen)}}
            with staging.open("dataset_info.json") as file:
                file.write(json.dumps(info, indent=2) + "\n")
        all_features = {**shape.features, **COLUMNS}
        features = {name: kind for name, kind in all_features.items() if name in seen}
        files = [DataFile("default", {"train": shape.file}, features)]
        with staging.open("README.md") as file:
            file.write(card(context.card, counts, files, shape.what))
    return Exported(tuple(target / name for name in names), counts.kept)


def _told(llama_factory: Json, seen: set[str]) -> Json:
    """Without columns that no row has: it would look for them in vain."""
    columns = {key: name for key, name in llama_factory["columns"].items() if name in seen}
    return {**llama_factory, "columns": columns}


def _parts(row: ExportRow) -> tuple[str, str, str]:
    instruction, given, output = (row.fields.get(name, "") for name in INSTRUCTION.fields)
    return instruction, given, output


def _alpaca(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
    for row in rows:
        instruction, *others = _parts(row)
        system, instruction = without_system(instruction, row.details.get("system"))
        texts = dict(zip(INSTRUCTION.fields, (instruction, *others), strict=True))
        yield {**texts, **({"system": system} if system else {}), **columns_of(row, "system")}


def _self_instruct(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
    """One row for each instruction of which one thing is known: these are held in memory."""
    tasks: dict[str, Json] = {}
    for row in rows:
        instruction, given, output = _parts(row)
        head = {"instruction": instruction, "is_classification": _is_classification(row)}
        more = columns_of(row, "id", "is_classification")
        task = tasks.setdefault(
            json.dumps([head, more, row.details.get("id")]),
            {
                "id": row.details.get("id") or f"record_{row.record_id}",
                "instruction": instruction,
                "instances": [],
                **head,
                **more,
            },
        )
        task["instances"].append({"input": given, "output": output})
    yield from tasks.values()


def _is_classification(row: ExportRow) -> bool | None:
    """None where nobody has told."""
    told = row.details.get("is_classification")
    return told if isinstance(told, bool) else KINDS.get(row.purpose)


def _conversations(
    turns: str, who: str, what: str, user: str, assistant: str
) -> Callable[[Iterator[ExportRow], ExportContext], Iterator[Json]]:
    """Two turns a row, and one before them where a system turn was: the names of their column, of
    its two keys, and of who speaks."""

    def rows_of(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
        for row in rows:
            instruction, given, output = _parts(row)
            system, instruction = without_system(instruction, row.details.get("system"))
            before = [{who: "system", what: system}] if system else []
            asked = {who: user, what: prompt_text(instruction, given)}
            said = [*before, asked, {who: assistant, what: output}]
            yield {turns: said, "input": given, **columns_of(row, "system")}

    return rows_of


def _p3(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
    """Classifications whose choices no file has told come last, with the classes that their
    instruction has: they are held."""
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
        choices = row.details.get("answer_choices")
        if _is_texts(choices):
            yield {**found, "answer_choices": choices, **columns_of(row, "answer_choices")}
            continue
        found |= columns_of(row)
        if _is_classification(row):
            classes.setdefault(instruction, {})[output] = None
            held.append((instruction, found))
        else:
            yield found
    for instruction, found in held:
        yield {**found, "answer_choices": list(classes[instruction])}


def _coig_pc(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[Json]:
    for row in rows:
        kind = ["classification"] if _is_classification(row) else []
        own: Json = {
            "split": "train",
            "task_name": context.task.name,
            "task_type": {"major": kind, "minor": []},
            "domain": [],
        }
        told = {name: row.details[name] for name in own if name in row.details}
        fit = {name: one for name, one in told.items() if COIG_PC[name](one)}
        own |= fit
        yield {
            **dict(zip(INSTRUCTION.fields, _parts(row), strict=True)),
            "split": own["split"],
            "task_name_in_eng": own["task_name"],
            "task_type": own["task_type"],
            "domain": own["domain"],
            "other": {
                "record_id": row.record_id,
                "model": row.model,
                "prompt": row.prompt_name,
                "prompt_version": row.prompt_version,
            },
            **columns_of(row, *fit, *WRITERS.values()),
        }


def _is_text(content: object) -> bool:
    return isinstance(content, str)


def _is_texts(content: object) -> bool:
    return isinstance(content, list) and all(map(_is_text, content))


def _is_kind(content: object) -> bool:
    """Task types as COIG-PC has them: an object of two lists."""
    return (
        isinstance(content, dict)
        and content.keys() == {"major", "minor"}
        and all(map(_is_texts, content.values()))
    )


COIG_PC: Final[Mapping[str, Callable[[object], bool]]] = {
    "split": _is_text,
    "task_name": _is_text,
    "task_type": _is_kind,
    "domain": _is_texts,
}
"""Detail → whether it can stand in COIG-PC's column for it; what cannot stands in ``details``."""
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
        {**TEXTS, "system": "string"},
        _alpaca,
        is_list=True,
        llama_factory={
            "formatting": "alpaca",
            "columns": {
                "prompt": "instruction",
                "query": "input",
                "response": "output",
                "system": "system",
            },
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
