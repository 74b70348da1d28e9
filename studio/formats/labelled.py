"""Labelled gold in: texts, sentence pairs, questions and instructions, of many kinds of files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from studio.formats import data_files
from studio.formats.columns import BadRow, clean_id, clean_text, needed_text, value
from studio.formats.instructions import read_instructions
from studio.formats.json_values import unpacked
from studio.formats.not_empty import not_empty
from studio.formats.rows import SkippedRow
from studio.formats.text_source import (
    bare_stem,
    detect_encoding,
    explained,
    head_of,
    open_binary,
)
from studio.formats.triplets import read_triplets
from studio.records import (
    LABELLED_TEXT,
    QUESTION,
    SENTENCE_PAIR,
    Gold,
    RecordType,
    Split,
    StudioError,
)
from studio.tasks import Task

IDS = ("_id", "id", "idx", "guid", "uid", "编号")
TEXTS = {
    LABELLED_TEXT: ("text", "sentence", "review", "content", "document", "文本", "内容", "评论"),
    SENTENCE_PAIR: ("hypothesis", "sentence2", "text2", "text_b", "text", "假设"),
    QUESTION: ("question", "query", "text", "问题"),
}
CONTEXTS = {
    SENTENCE_PAIR: ("premise", "sentence1", "text1", "text_a", "context", "前提"),
    QUESTION: ("context", "passage", "paragraph", "document", "短文", "正文"),
}
LABELS = ("label", "labels", "gold_label", "gold", "class", "category", "target", "标签")
ANSWERS = ("answers", "answer", "答案")
MOST_LABELS = 100
"""Answer choices that are still classes; more are answers of their own."""
LOOKED_AT = 1000
"""Rows of a file whose choices are looked at."""
MAX_SQUAD = 200 * 2**20
"""Bytes of a SQuAD file: it is one JSON object and is read whole."""

GoldRow = Gold | SkippedRow


@dataclass(frozen=True, slots=True)
class GoldFields:
    """Which keys or columns hold what; an empty name is guessed from the usual ones."""

    text: str = ""
    label: str = ""
    context: str = ""
    answers: str = ""
    id: str = ""
    encoding: str = ""


def read_gold(
    path: Path,
    task: Task,
    *,
    labels: Sequence[str],
    split: Split,
    fields: GoldFields = GoldFields(),
) -> Iterator[GoldRow]:
    """The gold of a file in its order; what cannot be used is told with its line and why.

    Args:
        path: JSONL, CSV or TSV, plain or gzip; for qa also SQuAD's JSON, for instructions what
            :func:`read_instructions` reads, for triplets what :func:`read_triplets` reads.
        task: decides which fields there are.
        labels: the project's label names; another one is refused with the nearest.
        split: what it is for; a ``split`` field of the file itself is not heeded.
        fields: names of columns where they are not the usual ones.

    Raises:
        StudioError: the file cannot be read or holds nothing at all.
    """
    with explained(path):
        if not path.is_file():
            raise StudioError(f"There is no file {path}: name a JSONL, CSV, TSV or SQuAD file.")
    if task.gold == "output":
        return _instructions(path, task.record, split, fields)
    if task.gold == "positive":
        return _triplets(path, task.record, split, fields)
    is_squad = task.gold == "answers" and _is_squad(path)
    rows = _squad(path) if is_squad else data_files.rows(path, fields.encoding)
    found = _gold(rows, path, task.record, labels, split, fields)
    return not_empty(found, f"{path} holds no item")


def _instructions(
    path: Path, type: RecordType, split: Split, fields: GoldFields
) -> Iterator[GoldRow]:
    named = {"instruction": fields.text, "input": fields.context, "output": fields.answers}
    stem = bare_stem(path)
    for row in read_instructions(path, fields=named, encoding=fields.encoding):
        if isinstance(row, SkippedRow):
            yield row
        else:
            name = f"{stem}:{row.outside_id}"
            yield Gold(type, row.fields, split, name, origin=row.where)


def _triplets(path: Path, type: RecordType, split: Split, fields: GoldFields) -> Iterator[GoldRow]:
    """A row that names several positives is one item with other right answers."""
    named = {"query": fields.text, "positive": fields.answers, "score": fields.label}
    stem, held = bare_stem(path), None
    for row in read_triplets(path, fields=named, encoding=fields.encoding):
        if isinstance(row, SkippedRow):
            yield row
            continue
        if held is not None and held.origin == row.where:
            held = replace(held, other_answers=(*held.other_answers, row.fields["positive"]))
            continue
        if held is not None:
            yield held
        held = Gold(type, row.fields, split, f"{stem}:{row.outside_id}", origin=row.where)
    if held is not None:
        yield held


def _gold(
    rows: Iterator[tuple[str, Mapping[str, object]] | SkippedRow],
    path: Path,
    type: RecordType,
    labels: Sequence[str],
    split: Split,
    fields: GoldFields,
) -> Iterator[GoldRow]:
    stem = bare_stem(path)
    for row in rows:
        if isinstance(row, SkippedRow):
            yield row
            continue
        where, content = row
        try:
            found, others = _fields(content, type, labels, fields)
            own = clean_id(value(content, fields.id, IDS)[1])
            name = f"{stem}:{own or where.rpartition(':')[2]}"
            yield Gold(type, found, split, name, other_answers=others, origin=where)
        except BadRow as bad:
            yield bad.skipped(where)


def choices_in(path: Path, encoding: str = "") -> list[str]:
    """The answer choices that the rows of a P3 file name, in order; none where they name none, or
    more than labels can be."""
    found: dict[str, None] = {}
    for row in islice(data_files.rows(path, encoding), LOOKED_AT):
        if isinstance(row, SkippedRow):
            continue
        choices = row[1].get("answer_choices")
        listed = unpacked(choices) if isinstance(choices, str) else choices
        texts = listed if isinstance(listed, list) else []
        found |= dict.fromkeys(clean_id(one) for one in texts if isinstance(one, str))
    found.pop("", None)
    return list(found) if 2 <= len(found) <= MOST_LABELS else []


def _of_prompts(row: Mapping[str, object]) -> Mapping[str, object]:
    """A row of P3 or COIG-PC as a text with its label; any other row unchanged, such as one that
    has a label of its own.

    Raises BadRow for a choice that P3 calls wrong: its right one has a row of its own.
    """
    if "inputs_pretokenized" in row:
        if row.get("is_correct") is False:
            raise BadRow("wrong", "it is an answer that its file calls wrong (is_correct)")
        return {**row, "text": row["inputs_pretokenized"], "label": row.get("targets_pretokenized")}
    if {"instruction", "input", "output"} <= row.keys() and not row.keys() & {*LABELS}:
        given = clean_text(row["input"], "input")
        return {**row, "text": given or row["instruction"], "label": row["output"]}
    return row


def _fields(
    row: Mapping[str, object], type: RecordType, labels: Sequence[str], fields: GoldFields
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The datum's fields, and for questions the other right answers."""
    if type == LABELLED_TEXT and not (fields.text or fields.label):
        row = _of_prompts(row)
    text = needed_text(_of(row, fields.text, TEXTS[type], "text"), "text").strip()
    found, context = {type.fields[0]: text}, ""
    if type.context:
        context = needed_text(_of(row, fields.context, CONTEXTS[type], "context"), "context")
        found[type.context] = context
    if "label" in type.fields:
        return {**found, "label": _label(row, labels, fields)}, ()
    first, *others = _answers(_of(row, fields.answers, ANSWERS, "answers"))
    missing = [answer for answer in (first, *others) if answer not in context]
    if missing:
        raise BadRow("answer", f"the answer {missing[0][:60]!r} does not stand in its context")
    return {**found, "answer": first}, tuple(others)


def _of(row: Mapping[str, object], wanted: str, usual: Sequence[str], name: str) -> object:
    key, found = value(row, wanted, usual)
    if not key:
        there = ", ".join(repr(one) for one in list(row)[:8])
        raise BadRow("no-field", f"there is no field {wanted or name!r}; there are {there}")
    return found


def _label(row: Mapping[str, object], labels: Sequence[str], fields: GoldFields) -> str:
    content = _of(row, fields.label, LABELS, "label")
    if isinstance(content, dict | list):
        raise BadRow("label", f"the label is a {type(content).__name__}, not a name")
    label = str(content).lower() if isinstance(content, bool) else clean_id(content)
    if not label:
        raise BadRow("label", "the label is empty")
    if label in labels:
        return label
    near = get_close_matches(label, labels, n=1)
    known = f"did you mean {near[0]!r}?" if near else f"the labels are {', '.join(labels)}"
    raise BadRow("label", f"the label {label[:40]!r} is unknown; {known}")


def _answers(content: object) -> tuple[str, ...]:
    """One text, a list of texts, or SQuAD's lists of texts and starts."""
    content = unpacked(content) if isinstance(content, str) else content
    if isinstance(content, dict):
        content = content.get("text")
    several = content if isinstance(content, list) else [content]
    texts = [one.get("text") if isinstance(one, dict) else one for one in several]
    found = [clean_text(_words(text), "answers") for text in texts]
    kept = tuple(dict.fromkeys(text for text in found if text.strip()))
    if not kept:
        raise BadRow("answer", "the question has no answer")
    return kept


def _words(content: object) -> object:
    """Years and sums come as numbers too."""
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return str(content) if is_number else content


def _is_squad(path: Path) -> bool:
    """One JSON object that begins with its version or its data."""
    head = head_of(path).decode(detect_encoding(path), "ignore").removeprefix("\ufeff").lstrip()
    # Not rows with such a field: SQuAD's hold a list or stand over several lines.
    return bool(re.match(r'\{\s*("version"\s*:\s*"?[^"{}]*"?\s*,\s*)?"data"\s*:\s*\[', head))


def _squad(path: Path) -> Iterator[tuple[str, Mapping[str, object]] | SkippedRow]:
    """A question each, named by its place: SQuAD's JSON has no lines."""
    with explained(path), open_binary(path) as handle:
        data = handle.read(MAX_SQUAD + 1)
    if len(data) > MAX_SQUAD:
        raise StudioError(f"{path} is a SQuAD file over {MAX_SQUAD // 2**20} MB; cut it in parts.")
    text = data.decode(detect_encoding(path), "replace").removeprefix("\ufeff")
    try:
        articles = json.loads(text)["data"]
        for article in articles:
            for number, paragraph in enumerate(article["paragraphs"]):
                for question in paragraph["qas"]:
                    name = str(question.get("id", ""))
                    title = str(article.get("title", ""))[:40]
                    where = f"{path.name}:{name or f'{title} paragraph {number}'}"
                    yield where, {**question, "context": paragraph["context"]}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StudioError(
            f"{path} begins like a SQuAD file but is not one: {type(error).__name__} {error}. "
            "It needs data → paragraphs → context and qas."
        ) from error
