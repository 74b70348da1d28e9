"""Texts that belong together, in whatever shape they were published: a row's keys tell which.

Rows with a query, a positive and perhaps a negative under the names that sentence-transformers,
E5 and sentence-pair sets give them, with or without an instruction and a score; lists of positives
and negatives (one triplet for each positive); MEDI's rows, whose query, positive and negative are
each an instruction with a text (Instructor, Su et al. 2023, arXiv:2212.09741); and prompt
collections, P3 and COIG-PC, whose answer belongs to its input, and whose other choices do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from studio.formats import data_files
from studio.formats.columns import BadRow, clean_id, clean_text, needed_text, value
from studio.formats.details import reason_of
from studio.formats.json_values import unpacked
from studio.formats.not_empty import not_empty
from studio.formats.rows import RawTriplet, SkippedRow
from studio.formats.text_source import explained
from studio.records import StudioError

USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "query": (
        "query", "anchor", "sentence1", "text1", "question", "user_query", "input_text", "input",
        "S1", "查询", "问题",
    ),
    "positive": (
        "positive", "pos", "sentence2", "text2", "positive_document", "positives", "passage",
        "document", "answer", "S2", "正例",
    ),
    "negative": (
        "negative", "neg", "negatives", "hard_negative", "hard_negative_document", "sentence3",
        "S3", "负例",
    ),
    "instruction": ("instruction", "task", "prompt", "指令"),
    "group": ("group", "task_id", "task_type"),
    "score": ("score", "similarity", "similarity_score"),
}  # fmt: skip
"""Field → what files call it."""
IDS: Final = ("_id", "id", "idx", "编号")
TASK_NAME: Final = "task "
"""Before MEDI's number of a task, which is the group of its triplets."""

TripletRow = RawTriplet | SkippedRow


def read_triplets(
    path: Path, *, fields: Mapping[str, str] | None = None, encoding: str = ""
) -> Iterator[TripletRow]:
    """The triplets of a JSONL, JSON, CSV, TSV or Parquet file, or of a folder of them.

    Args:
        path: plain or gzip; its rows may be of any of the shapes above.
        fields: field of a triplet → column, where it is not a usual one.
        encoding: of the file, such as ``gb18030``; empty: found out.

    Raises:
        StudioError: the file cannot be read, or it holds no triplet at all.
    """
    with explained(path):
        if not path.exists():
            raise StudioError(
                f"There is no {path}: name a JSONL, JSON, CSV, TSV or Parquet file of pairs."
            )
    found = _rows(data_files.rows(path, encoding), fields or {})
    return not_empty(found, f"{path} holds no query with a positive")


def _rows(rows: Iterator[data_files.FoundRow], named: Mapping[str, str]) -> Iterator[TripletRow]:
    for item in rows:
        if isinstance(item, SkippedRow):
            yield item
            continue
        try:
            yield from _of_row(item[1], item[0], named)
        except BadRow as bad:
            yield bad.skipped(item[0])


def _of_row(
    row: Mapping[str, object], where: str, named: Mapping[str, str]
) -> Iterator[RawTriplet]:
    reason, row = reason_of(row), _of_prompts(row)
    held = {field: value(row, named.get(field, ""), usual) for field, usual in USUAL.items()}
    for field in ("query", "positive"):
        if not held[field][0]:
            there = ", ".join(repr(one) for one in list(row)[:8])
            raise BadRow("no-field", f"there is no field {field!r}; there are {there}")
    found = {field: _plain(content) for field, (_, content) in held.items()}
    if isinstance(found["query"], list):
        each: Iterable[dict[str, str]] = [_of_medi(found, held["group"][0])]
    else:
        each = _each(found)
    name = clean_id(value(row, "", IDS)[1]) or where.rpartition(":")[2]
    for number, fields in enumerate(each, 1):
        yield RawTriplet(fields, name if number == 1 else f"{name}#{number}", where, reason)


def _of_prompts(row: Mapping[str, object]) -> Mapping[str, object]:
    """A row of P3 or COIG-PC as a triplet; any other row unchanged.

    P3 (Sanh et al. 2022): an input and its target, of rank tasks with choices. COIG-PC: an
    instruction, its input and output, and the kind of task. Raises BadRow for a choice that P3
    calls wrong: its right one has a row of its own.
    """
    if "inputs_pretokenized" in row:
        if row.get("is_correct") is False:
            raise BadRow("wrong", "it is an answer that its file calls wrong (is_correct)")
        right = clean_text(row.get("targets_pretokenized"), "targets_pretokenized").strip()
        choices = _listed(_plain(row.get("answer_choices")))
        wrong = [one for one in choices if isinstance(one, str) and one.strip() != right]
        return {
            "query": row["inputs_pretokenized"],
            "positive": right,
            "negative": wrong[:1],
        }
    if {"instruction", "input", "output"} <= row.keys():
        given = clean_text(row["input"], "input")
        told = row["instruction"] if given.strip() else ""
        kind = row.get("task_name_in_eng")
        return {
            "query": given or row["instruction"],
            "positive": row["output"],
            "instruction": told,
            "group": kind if isinstance(kind, str) else "",
        }
    return row


def _plain(content: object) -> Any:
    """A table's cell may hold a list as JSON."""
    return unpacked(content) if isinstance(content, str) else content


def _of_medi(found: Mapping[str, Any], group_key: str) -> dict[str, str]:
    """Each text with its instruction before it."""
    instruction, query = _instructed(found["query"], "query")
    positive_instruction, positive = _instructed(found["positive"], "pos")
    _, negative = _instructed(found["negative"] or ["", ""], "neg", may_be_empty=True)
    group = clean_id(found["group"])
    return {
        "query": query,
        "positive": positive,
        "negative": negative,
        "instruction": instruction,
        "group": f"{TASK_NAME}{group}" if group and group_key == "task_id" else group,
        "positive_instruction": positive_instruction,
    }


def _instructed(content: object, name: str, *, may_be_empty: bool = False) -> tuple[str, str]:
    if not isinstance(content, list) or len(content) != 2:
        raise BadRow("medi", f"the field {name!r} is not an instruction with its text")
    told = clean_text(content[0], name).strip()
    text = clean_text(content[1], name) if may_be_empty else needed_text(content[1], name)
    return told, text.strip()


def _each(found: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """One for each positive; the negatives are dealt out among them, the rest are left."""
    query = needed_text(found["query"], "query").strip()
    others = {
        "instruction": clean_text(found["instruction"], "instruction").strip(),
        "group": clean_id(found["group"]),
        "score": _score(found["score"]),
    }
    positives, negatives = _listed(found["positive"]), _listed(found["negative"])
    texts = [needed_text(one, "positive").strip() for one in positives]
    if not texts:
        raise BadRow("no-text", "the field 'positive' is empty")
    wrong = [clean_text(one, "negative").strip() for one in negatives[: len(texts)]]
    for positive, negative in zip_longest(texts, wrong, fillvalue=""):
        yield {"query": query, "positive": positive, "negative": negative, **others}


def _listed(content: object) -> list[object]:
    if content is None or content == "":
        return []
    return list(content) if isinstance(content, list | tuple) else [content]


def _score(content: object) -> str:
    """A number as text; empty without one."""
    if content is None or content == "":
        return ""
    try:
        number = float(str(content))
    except ValueError:
        number = float("nan")
    if number != number or isinstance(content, bool):
        raise BadRow("score", f"the score {str(content)[:40]!r} is no number")
    return f"{number:g}"
