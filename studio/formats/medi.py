"""MEDI's rows out of any task's records: each text has its instruction before it.

Instructor (Su et al. 2023, arXiv:2212.09741): an instruction says what a text is and what for, as
``Represent the TEXT TYPE for OBJECTIVE``. Triplets have their own; here stand those of the other
records. What has a class belongs to another text of that class, and not to one of another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from studio.formats.data_card import DataFile, ExportCounts, card
from studio.formats.instructions import prompt_text
from studio.formats.rows import ExportContext, Exported, Exporter, ExportRow
from studio.formats.staging import staged
from studio.formats.triplets import TASK_NAME
from studio.records import (
    INSTRUCTION,
    LABELLED_TEXT,
    QUERY,
    QUESTION,
    SENTENCE_PAIR,
    TRIPLET,
    StudioError,
    joined_text,
)


@dataclass(frozen=True, slots=True)
class InstructedTexts:
    """A query, what belongs to it and what does not, with the instructions before them."""

    instruction: str
    query: str
    about: str
    """Before positive and negative."""
    positive: str
    negative: str = ""
    task: str = ""
    """What it is called where no instruction says it, or MEDI's own number of it."""


def _of_triplet(row: ExportRow) -> InstructedTexts:
    found = row.fields
    own, group = found.get("instruction", ""), found.get("group", "")
    about = found.get("positive_instruction", "")
    texts = (found.get("positive", ""), found.get("negative", ""))
    return InstructedTexts(own, found["query"], about, *texts, group)


def _of_query(row: ExportRow) -> InstructedTexts | None:
    if not row.passage:
        return None
    return InstructedTexts(
        "Represent the query for retrieving documents that answer it:",
        row.text,
        "Represent the document for retrieval:",
        joined_text(row.title, row.passage),
        next(iter(row.negatives), ""),
    )


def _of_question(row: ExportRow) -> InstructedTexts:
    return InstructedTexts(
        "Represent the question for retrieving the passage that answers it:",
        row.text,
        "Represent the passage for retrieval:",
        row.fields["context"],
    )


def _of_instruction(row: ExportRow) -> InstructedTexts:
    return InstructedTexts(
        "Represent the instruction for retrieving what fulfils it:",
        prompt_text(row.text, row.fields.get("input", "")),
        "Represent the answer for retrieval:",
        row.fields["output"],
    )


OF_ONE: Final[Mapping[str, Callable[[ExportRow], InstructedTexts | None]]] = {
    TRIPLET.name: _of_triplet,
    QUERY.name: _of_query,
    QUESTION.name: _of_question,
    INSTRUCTION.name: _of_instruction,
}
"""Record type → what one record is in MEDI; None for one that belongs to nothing."""
OF_CLASSES: Final = {
    LABELLED_TEXT.name: "Represent the text for telling its class:",
    SENTENCE_PAIR.name: "Represent the two sentences for telling how they stand to each other:",
}
"""Record type → the instruction of texts that have a class."""


@dataclass(slots=True)
class _Classes:
    """The first and the newest text of each class; no more is held."""

    instruction: str
    first: dict[str, str] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)

    def rows(self, rows: Iterable[ExportRow]) -> Iterator[InstructedTexts]:
        """Each text with the one of its class before it; the first of a class with its last."""
        for row in rows:
            label, text = row.fields["label"], _whole(row)
            if self.newest.get(label, text) != text:
                yield self._row(text, self.newest[label], label)
            self.first.setdefault(label, text)
            # The newest text is the last one of the mapping, whatever its class.
            self.newest.pop(label, None)
            self.newest[label] = text
        for label, text in self.first.items():
            if self.newest[label] != text:
                yield self._row(text, self.newest[label], label)

    def _row(self, text: str, positive: str, label: str) -> InstructedTexts:
        others = [one for name, one in self.newest.items() if name != label]
        told = self.instruction
        return InstructedTexts(told, text, told, positive, others[-1] if others else "")


def _whole(row: ExportRow) -> str:
    """The text, and what it is about before it."""
    return "\n".join(filter(None, (row.fields.get("premise", ""), row.text)))


def instructed_rows(rows: Iterable[ExportRow], type_name: str) -> Iterator[InstructedTexts]:
    """The records of a type as MEDI has them."""
    if type_name in OF_CLASSES:
        yield from _Classes(OF_CLASSES[type_name]).rows(rows)
        return
    yield from filter(None, map(OF_ONE[type_name], rows))


def write_medi(rows: Iterable[ExportRow], target: Path, context: ExportContext) -> Exported:
    """Writes ``medi.json``: one list, each row a query, a positive and a negative, each with its
    instruction before it, and the number of its task."""
    what = (
        "Each row has an instruction with a text as `query`, as `pos` and as `neg` (empty where "
        "there is none), and the number of its task in `task_id`: batches should be of one task."
    )
    counts, numbers, written = ExportCounts(), _TaskNumbers(), 0
    with staged(target) as staging:
        with staging.open("medi.json") as file:
            kept = counts.counted(rows, kept_only=True)
            for texts in instructed_rows(kept, context.record.name):
                file.write("[\n" if not written else ",\n")
                file.write(json.dumps(_medi(texts, numbers), ensure_ascii=False))
                written += 1
            file.write("\n]\n")
        if not written:
            raise StudioError(
                "No kept record belongs to another text: generate or keep some first, at least "
                "two of a class."
            )
        files = [DataFile("default", {"train": "medi.json"}, {})]
        with staging.open("README.md") as file:
            file.write(card(context.card, counts, files, what))
    return Exported((target / "medi.json", target / "README.md"), written)


class _TaskNumbers(dict[str, int]):
    """A number for each task: MEDI's own where it has one, else the next."""

    def __missing__(self, task: str) -> int:
        self[task] = len(self)
        return self[task]


def _medi(texts: InstructedTexts, numbers: dict[str, int]) -> dict[str, object]:
    told = texts.task.removeprefix(TASK_NAME)
    is_numbered = texts.task.startswith(TASK_NAME) and told.isdecimal()
    return {
        "query": [texts.instruction, texts.query],
        "pos": [texts.about, texts.positive],
        "neg": [texts.about, texts.negative],
        "task_id": int(told) if is_numbered else numbers[texts.instruction or texts.task],
    }


EXPORTERS: Sequence[Exporter] = (
    Exporter(
        "medi",
        "MEDI's list of instructed queries, positives and negatives (Instructor), kept records",
        write_medi,
        of=frozenset({*OF_ONE, *OF_CLASSES}),
    ),
)
