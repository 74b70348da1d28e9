"""Labelled queries: BEIR's queries and qrels, TREC qrels, or one file with both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from studio.formats import beir, jsonl
from studio.formats.columns import BadRow, clean_id, needed_text, value
from studio.formats.not_empty import not_empty
from studio.formats.rows import RawGold, SkippedRow
from studio.formats.seen import Seen
from studio.formats.text_source import bare_stem, bare_suffix, explained, lines
from studio.records import Split, StudioError

SPLITS: dict[str, Split] = {
    "test": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}
"""What a split's name means here. ``train`` is none of these: it is used only where asked."""

_QRELS_SUFFIXES = (".tsv", ".txt", ".qrels", ".trec", ".tab")
_QUERY_IDS = ("_id", "id", "query_id", "query-id", "qid")
_QUERY_TEXTS = ("text", "query", "question")
_RELEVANT = ("relevant", "document_ids", "documents", "doc_ids", "document_id", "doc_id")

GoldRow = RawGold | SkippedRow


@dataclass(frozen=True, slots=True)
class GoldFiles:
    """Where labelled queries lie, when it is not a BEIR folder."""

    queries: Path
    """JSONL: an id and the query's text in each line; other splits' queries may be among them."""
    qrels: dict[str, Path] = field(default_factory=dict)
    """Split name → file with lines of query id, document id and grade."""


@dataclass(slots=True)
class _Judged:
    """The judgements of one split."""

    split: Split
    relevant: dict[str, dict[str, int]] = field(default_factory=dict)


def has_gold(folder: Path) -> bool:
    """Whether a folder holds queries and judgements in BEIR's layout."""
    return beir.part(folder, "queries") is not None and bool(_qrels_of(folder))


def read_gold(source: Path | GoldFiles, *, train_as_validation: bool = False) -> Iterator[GoldRow]:
    """The labelled queries of a BEIR folder, of files, or of one JSONL file with both.

    One JSONL file has in each line a query, the ids that answer it (``relevant``: a list, or an
    object id → grade) and perhaps a ``split``; without one they are test queries.
    ``train_as_validation`` takes qrels named ``train`` as validation; without it they are left.
    A query judged for test never comes out as validation too. Grades of 0 and less are no answers.
    Raises :class:`StudioError` when there are no labelled queries at all.
    """
    if isinstance(source, GoldFiles):
        return _labelled_ones(_from_qrels(source, train_as_validation), source.queries)
    with explained(source):
        is_folder, is_file = source.is_dir(), source.is_file()
    if is_file:
        return _labelled_ones(_from_one_file(source, train_as_validation), source)
    if not is_folder:
        raise StudioError(f"There is no {source}: check the path.")
    queries = beir.part(source, "queries")
    if queries is None:
        raise StudioError(f"{source} has no queries.jsonl: name a BEIR folder or a JSONL file.")
    files = GoldFiles(queries, _qrels_of(source))
    return _labelled_ones(_from_qrels(files, train_as_validation), source)


def _qrels_of(folder: Path) -> dict[str, Path]:
    found = folder / "qrels"
    files = sorted(beir.unlinked(found).iterdir()) if found.is_dir() else []
    qrels = [file for file in files if bare_suffix(file) in _QRELS_SUFFIXES]
    return {bare_stem(file): beir.unlinked(file) for file in qrels}


def _split(name: str, train_as_validation: bool) -> Split | None:
    name = name.strip().lower()
    return "validation" if name == "train" and train_as_validation else SPLITS.get(name)


def _from_qrels(files: GoldFiles, train_as_validation: bool) -> Iterator[GoldRow]:
    judged: list[_Judged] = []
    for name, path in files.qrels.items():
        split = _split(name, train_as_validation)
        if split is None:
            reason = f"the split {name!r} is not used: only test and validation are"
            yield SkippedRow(path.name, reason, "split")
            continue
        judged.append(_Judged(split))
        yield from _judgements(path, judged[-1].relevant)
    # Test comes first: it is the one that may not be touched.
    judged.sort(key=lambda one: one.split != "test")
    yield from _queries(files.queries, judged)


def _queries(path: Path, judged: list[_Judged]) -> Iterator[GoldRow]:
    seen = Seen()
    for item in jsonl.objects(path):
        if isinstance(item, SkippedRow):
            yield item
            continue
        where = f"{path.name}:{item[0]}"
        try:
            name, text = _query(item[1])
        except BadRow as bad:
            yield bad.skipped(where)
            continue
        if seen.add(name, text) != "new":
            yield SkippedRow(where, f"the query id {name!r} was there before", "duplicate-id")
            continue
        yield from _labelled(name, text, judged, where)
    yield from _without_query(judged, path)


def _query(row: dict[str, object]) -> tuple[str, str]:
    name = clean_id(value(row, "", _QUERY_IDS)[1])
    if not name:
        raise BadRow("bad-id", "the query has no id")
    return name, needed_text(value(row, "", _QUERY_TEXTS)[1], "text")


def _labelled(name: str, text: str, judged: list[_Judged], where: str) -> Iterator[GoldRow]:
    """The query with its first split's labels; what other splits say of it is reported."""
    labels = [(one.split, one.relevant.pop(name)) for one in judged if name in one.relevant]
    for split, relevant in labels[:1]:
        answers = {document: grade for document, grade in relevant.items() if grade > 0}
        if answers:
            yield RawGold(name, text, split, answers, where)
        else:
            yield SkippedRow(where, f"query {name!r} has no relevant document", "no-document")
    for split, _ in labels[1:]:
        if split != labels[0][0]:
            reason = f"query {name!r} is judged for {labels[0][0]} too and is left out of {split}"
            yield SkippedRow(where, reason, "two-splits")


def _without_query(judged: list[_Judged], path: Path) -> Iterator[SkippedRow]:
    for one in judged:
        for name in one.relevant:
            reason = f"{one.split} qrels judge the query {name!r}, which is not there"
            yield SkippedRow(path.name, reason, "unknown-query")


def _judgements(path: Path, into: dict[str, dict[str, int]]) -> Iterator[SkippedRow]:
    """Fills query id → document id → grade from a qrels file; reports lines that are none."""
    for line in lines(path):
        if not line.text.strip() and not line.problem:
            continue
        try:
            if line.problem:
                raise BadRow(line.code, line.problem)
            query, document, grade = _judgement(line.text.rstrip("\r\n"))
        except BadRow as bad:
            if line.number > 1 or line.problem:
                yield bad.skipped(f"{path.name}:{line.number}")
            continue
        into.setdefault(query, {})[document] = grade


def _judgement(text: str) -> tuple[str, str, int]:
    """Query, document and grade: three columns with tabs (BEIR) or four with blanks (TREC)."""
    cells = text.split("\t") if "\t" in text else text.split()
    if len(cells) not in (3, 4):
        raise BadRow("cells", f"{len(cells)} columns; a judgement has query, document and grade")
    try:
        grade = int(float(cells[-1]))
    except (ValueError, OverflowError) as error:
        raise BadRow("grade", f"the grade {cells[-1][:20]!r} is not a number") from error
    query, document = clean_id(cells[0]), clean_id(cells[-2])
    if not query or not document:
        raise BadRow("bad-id", "the query or the document has no id")
    return query, document, grade


def _from_one_file(path: Path, train_as_validation: bool) -> Iterator[GoldRow]:
    seen = Seen()
    for item in jsonl.objects(path):
        if isinstance(item, SkippedRow):
            yield item
            continue
        number, row = item
        where = f"{path.name}:{number}"
        try:
            gold = _gold(row, where, f"{bare_stem(path)}:{number}", train_as_validation)
        except BadRow as bad:
            yield bad.skipped(where)
            continue
        if seen.add(gold.outside_id, gold.text) == "new":
            yield gold
        else:
            reason = f"the query id {gold.outside_id!r} was there before"
            yield SkippedRow(where, reason, "duplicate-id")


def _gold(row: dict[str, object], where: str, fallback: str, train: bool) -> RawGold:
    name = clean_id(value(row, "", _QUERY_IDS)[1]) or fallback
    text = needed_text(value(row, "", _QUERY_TEXTS)[1], "query")
    split = _split(str(row.get("split") or "test"), train)
    if split is None:
        raise BadRow("split", f"the split {str(row['split'])[:20]!r} is not test or validation")
    relevant = _relevant(value(row, "", _RELEVANT)[1])
    if not relevant:
        raise BadRow("no-document", "the query names no relevant document")
    return RawGold(name, text, split, relevant, where)


def _relevant(found: object) -> dict[str, int]:
    """Ids and grades of an object, a list of ids, or one id."""
    if isinstance(found, dict):
        grades = {clean_id(name): grade for name, grade in found.items()}
        if not all(isinstance(grade, int | float) for grade in grades.values()):
            raise BadRow("grade", "a grade is not a number")
        return {name: int(grade) for name, grade in grades.items() if grade >= 1}
    names = found if isinstance(found, list) else [found]
    return {name: 1 for name in map(clean_id, names) if name}


def _labelled_ones(rows: Iterator[GoldRow], source: Path) -> Iterator[GoldRow]:
    return not_empty(rows, f"{source} holds no labelled test or validation query")
