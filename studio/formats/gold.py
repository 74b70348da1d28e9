"""Labelled queries: BEIR's queries and qrels, TREC qrels, or one file with both."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from studio.formats import beir, data_files
from studio.formats.columns import BadRow, clean_id, needed_text, value
from studio.formats.json_values import is_of_lines, values
from studio.formats.not_empty import not_empty
from studio.formats.rows import RawGold, ReadingNote, SkippedRow
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

_LINES = (".tsv", ".txt", ".qrels", ".trec", ".tab", ".csv")
"""Endings of judgements that are read as lines; those of other data files are read as rows."""
_NAMES = (
    ("query-id", "query_id", "queryid", "qid", "query", "topic", "topic_id"),
    ("corpus-id", "corpus_id", "doc_id", "docid", "doc-id", "document_id", "document-id", "pid",
     "passage_id", "docno", "doc", "document"),
    ("score", "grade", "relevance", "rel", "label", "judgment", "judgement", "relevant"),
)  # fmt: skip
"""What the columns of judgements are called: query, document, grade."""
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
class _Grades:
    """Makes the grades of a file whole numbers: of .5 something is relevant, so parts count up."""

    rounded: int = 0
    first: str = ""

    def whole(self, content: object) -> int:
        """Raises :class:`BadRow` for what is no number."""
        try:
            exact = float(content)  # type: ignore[arg-type]
            grade = ceil(exact)
        except (ValueError, OverflowError, TypeError) as error:
            raise BadRow("grade", f"the grade {str(content)[:20]!r} is not a number") from error
        if grade != exact:
            self.rounded += 1
            self.first = self.first or f"{exact:g} as {grade}"
        return grade

    def notes(self, path: Path) -> Iterator[ReadingNote]:
        """What was rounded, if anything was."""
        if self.rounded:
            many = "1 grade is" if self.rounded == 1 else f"{self.rounded:,} grades are"
            said = f"{many} no whole number and counted up, such as {self.first}"
            yield ReadingNote(path.name, said, "grades")


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
    """Name → file of judgements: in ``qrels``, else in the ``data`` of a hub's data set."""
    both = beir.part(folder, "corpus") and beir.part(folder, "queries")
    places = [folder / "qrels", *([folder / "data", folder / "default"] if both else [])]
    found = next((sorted(beir.unlinked(one).iterdir()) for one in places if one.is_dir()), [])
    known = (*_LINES, *data_files.READERS)
    files = [beir.unlinked(file) for file in found if bare_suffix(file) in known]
    alone = next(
        (folder / f"qrels{end}" for end in known if (folder / f"qrels{end}").is_file()), None
    )
    if not files and alone is not None:
        return {"test": beir.unlinked(alone)}
    return {bare_stem(file): file for file in files}


def _split(name: str, train_as_validation: bool) -> Split | None:
    """``test``, ``qrels.test``, ``dev-00000-of-00001``: one of the words tells."""
    words = re.split(r"[\W_]+", name.strip().lower())
    if "train" in words:
        return "validation" if train_as_validation else None
    return next((SPLITS[word] for word in words if word in SPLITS), None)


def _from_qrels(files: GoldFiles, train_as_validation: bool) -> Iterator[GoldRow]:
    judged: list[_Judged] = []
    for name, path in files.qrels.items():
        split = _split(name, train_as_validation)
        if split is None:
            reason = f"the split {name!r} is not used: only test and validation are"
            yield SkippedRow(path.name, reason, "split")
            continue
        known = next((one for one in judged if one.split == split), None)
        if known is None:
            known = _Judged(split)
            judged.append(known)
        yield from _judgements(path, known.relevant)
    # Test comes first: it is the one that may not be touched.
    judged.sort(key=lambda one: one.split != "test")
    yield from _queries(files.queries, judged)


def _queries(path: Path, judged: list[_Judged]) -> Iterator[GoldRow]:
    seen = Seen()
    for item in data_files.rows(path):
        if isinstance(item, SkippedRow):
            yield item
            continue
        where = item[0]
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


def _query(row: Mapping[str, object]) -> tuple[str, str]:
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
    """Fills query id → document id → grade from a qrels file; reports lines that are none.

    Of two judgements of the same pair the higher counts, and the other is reported.
    """
    by_line, grades = not path.is_dir() and bare_suffix(path) in _LINES, _Grades()
    for where, found in (_judged_lines if by_line else _judged_rows)(path, grades):
        if isinstance(found, BadRow):
            yield found.skipped(where)
            continue
        if isinstance(found, ReadingNote):
            yield found
            continue
        query, document, grade = found
        known = into.setdefault(query, {})
        if document in known:
            reason = f"query {query!r} and document {document!r} were judged before, with grade "
            yield SkippedRow(where, f"{reason}{known[document]}: the higher counts", "repeated")
        known[document] = max(grade, known.get(document, grade))
    yield from grades.notes(path)


_Judgement = tuple[str, str, int]
_Found = tuple[str, _Judgement | BadRow | ReadingNote]
"""Where it stands, and what."""


def _judged_rows(path: Path, grades: _Grades) -> Iterator[_Found]:
    for item in data_files.rows(path):
        if isinstance(item, ReadingNote):
            yield item.where, item
            continue
        if isinstance(item, SkippedRow):
            yield item.where, BadRow(item.code, item.reason)
            continue
        where, row = item
        try:
            query, document, grade = (value(row, "", names)[1] for names in _NAMES)
            has_grade = value(row, "", _NAMES[2])[0]
            yield where, _judgement(query, document, grades.whole(grade if has_grade else 1))
        except BadRow as bad:
            yield where, bad


def _judged_lines(path: Path, grades: _Grades) -> Iterator[_Found]:
    """Two to four columns: query, document, grade; TREC has one more before the document."""
    places: Sequence[int] = ()
    for line in lines(path):
        if not line.text.strip() and not line.problem:
            continue
        try:
            if line.problem:
                raise BadRow(line.code, line.problem)
            cells = _cells(line.text, bare_suffix(path) == ".csv")
            if not places:
                names = [cell.strip().lower() for cell in cells]
                places = [
                    next((names.index(n) for n in usual if n in names), -1) for usual in _NAMES
                ]
                if places[0] >= 0 <= places[1]:
                    continue
                places = {2: (0, 1, -1), 4: (0, 2, 3)}.get(len(cells), (0, 1, 2))
                if len(cells) in (2, 3):
                    columns = ("query", "document", "grade")[: len(cells)]
                    said = f"it has no header line: its columns were taken as {', '.join(columns)}"
                    yield path.name, ReadingNote(path.name, said, "header")
            if len(cells) <= max(places) or len(cells) > 4:
                reason = f"{len(cells)} columns; a judgement has query, document and grade"
                raise BadRow("cells", reason)
            grade = cells[places[2]] if places[2] >= 0 else 1
            query, document = cells[places[0]], cells[places[1]]
            found: _Judgement | BadRow = _judgement(query, document, grades.whole(grade))
        except BadRow as bad:
            found = bad
        yield f"{path.name}:{line.number}", found


def _cells(text: str, is_csv: bool) -> list[str]:
    text = text.rstrip("\r\n")
    if "\t" in text and not is_csv:
        return text.split("\t")
    if not is_csv and len(text.split()) in (3, 4):
        return text.split()
    mark = next((mark for mark in (",", ";", "\t") if mark in text), "")
    return next(csv.reader([text], delimiter=mark), []) if mark else text.split()


def _judgement(query: object, document: object, grade: int) -> _Judgement:
    """Raises :class:`BadRow` for what is none."""
    names = clean_id(query), clean_id(document)
    if not all(names):
        raise BadRow("bad-id", "the query or the document has no id")
    return *names, grade


def _from_one_file(path: Path, train_as_validation: bool) -> Iterator[GoldRow]:
    seen, grades = Seen(), _Grades()
    for item in _rows_with_both(path):
        if isinstance(item, SkippedRow):
            yield item
            continue
        where, row = item
        number = where.rpartition(":")[2]
        try:
            fallback = f"{bare_stem(path)}:{number}"
            gold = _gold(row, where, fallback, grades, train=train_as_validation)
        except BadRow as bad:
            yield bad.skipped(where)
            continue
        if seen.add(gold.outside_id, gold.text) == "new":
            yield gold
        else:
            reason = f"the query id {gold.outside_id!r} was there before"
            yield SkippedRow(where, reason, "duplicate-id")
    yield from grades.notes(path)


def _rows_with_both(path: Path) -> Iterator[data_files.FoundRow]:
    """The rows of a file, or of LlamaIndex's object: queries, and the documents of each."""
    whole = bare_suffix(path) == ".json" and not is_of_lines(path, "")
    held = next(values(path), None) if whole else None
    queries, relevant = (
        held.get(name) if isinstance(held, dict) else None for name in ("queries", "relevant_docs")
    )
    if not isinstance(queries, dict) or not isinstance(relevant, dict):
        yield from data_files.rows(path)
        return
    for number, (name, text) in enumerate(queries.items(), 1):
        row = {"_id": name, "text": text, "relevant": relevant.get(name)}
        yield f"{path.name}:{number}", row


def _gold(
    row: Mapping[str, object], where: str, fallback: str, grades: _Grades, *, train: bool
) -> RawGold:
    name = clean_id(value(row, "", _QUERY_IDS)[1]) or fallback
    text = needed_text(value(row, "", _QUERY_TEXTS)[1], "query")
    split = _split(str(row.get("split") or "test"), train)
    if split is None:
        raise BadRow("split", f"the split {str(row['split'])[:20]!r} is not test or validation")
    relevant = _relevant(value(row, "", _RELEVANT)[1], grades)
    if not relevant:
        raise BadRow("no-document", "the query names no relevant document")
    return RawGold(name, text, split, relevant, where)


def _relevant(found: object, grades: _Grades) -> dict[str, int]:
    """Ids and grades of an object, a list of ids, or one id."""
    if isinstance(found, dict):
        whole = {clean_id(name): grades.whole(grade) for name, grade in found.items()}
        return {name: grade for name, grade in whole.items() if grade > 0}
    names = found if isinstance(found, list) else [found]
    return {name: 1 for name in map(clean_id, names) if name}


def _labelled_ones(rows: Iterator[GoldRow], source: Path) -> Iterator[GoldRow]:
    return not_empty(rows, f"{source} holds no labelled test or validation query")
