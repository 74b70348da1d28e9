"""Bring a corpus and its gold into the project: staged apart, then in at one stroke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from studio.formats.examples import read_examples
from studio.formats.gold import read_gold
from studio.formats.instructions import FOLLOW_UP, InstructionRow, read_instructions
from studio.formats.passages import Passage, cut, encoder_tokenizer
from studio.formats.reading import read_corpus
from studio.formats.rows import (
    FieldMap,
    RawDocument,
    RawGold,
    RawInstruction,
    ReadingNote,
    SkippedRow,
)
from studio.formats.triplets import TripletRow, read_triplets
from studio.jobs.base_encoders import default_encoder
from studio.jobs.categories import KIND, MOST_KINDS
from studio.jobs.context import JobContext
from studio.jobs.leaks import GoldWords, place_of, switch_off_gold
from studio.jobs.params import ImportParams
from studio.llm.catalogue import tokenizer_file
from studio.plurals import so_many
from studio.records import QUERY, TRIPLET, Document, Example, Gold, Record, StudioError, content_sha
from studio.store import Store
from studio.store.documents import SourceDocument

BATCH = 1_000
RecordRow = InstructionRow | TripletRow
IMPORTED = "imported"
"""The stage of records that others have made."""
SAMPLES = 20
"""Skipped rows that are shown in full; all are counted."""


@dataclass(slots=True)
class Report:
    """What an import met."""

    skipped: Counter[str] = field(default_factory=Counter)
    """Reason code → rows."""
    samples: list[dict[str, str]] = field(default_factory=list)
    """The first skipped rows: where and why."""
    notes: list[str] = field(default_factory=list)
    """How files were read that could be read otherwise."""
    read: int = 0
    """Documents read."""

    def skip(self, row: SkippedRow) -> None:
        """Count a row that brought nothing; keep a note on the reading."""
        if isinstance(row, ReadingNote):
            self.notes.append(f"{row.where}: {row.reason}.")
            return
        self.skipped[row.code] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append({"where": row.where, "reason": row.reason})


def run(context: JobContext) -> None:
    """The job ``import``."""
    import_all(context, ImportParams.from_row(context.job.params))


def import_all(context: JobContext, params: ImportParams) -> None:
    """Documents, gold and examples in one transaction; then the full-text index."""
    if "imported" not in context.result:
        _bring_in(context, params)
    if params.corpus:
        _index(context)


def _bring_in(context: JobContext, params: ImportParams) -> None:
    store, report = context.store, Report()
    store.documents.begin_import()
    if params.corpus:
        _stage_corpus(context, Path(params.corpus), params, report)
    found: dict[str, Any] = {}
    with store.write():
        staged = store.documents.commit_import(context.job.id)
        if params.gold:
            found["gold"] = import_gold(
                store, Path(params.gold), params.train_as_validation, report
            )
        if params.examples:
            found["examples"] = len(import_examples(store, Path(params.examples), report))
        if params.records:
            found["records"] = import_records(context, Path(params.records), report)
        if off := switch_off_gold(store):
            found["examples_switched_off"] = [{"id": e.id, "query": e.query} for e in off]
        # In the same transaction: a job that is killed after it will not import again.
        context.keep(
            **found,
            imported=True,
            documents=staged.documents,
            duplicates=staged.duplicates,
            renamed=staged.renamed,
            skipped=dict(report.skipped),
            skipped_samples=report.samples,
            notes=report.notes,
        )


def _stage_corpus(context: JobContext, corpus: Path, params: ImportParams, report: Report) -> None:
    store = context.store
    cutter = _cutter(context, params.passage_tokens, params.overlap)
    for batch in _batches(_raw(context, corpus, params, report), BATCH):
        _stage(store, batch, cutter)
        context.progress(report.read, None, so_many(report.read, "documents") + " read")
    if not report.read and not store.documents.count():
        raise StudioError(f"{corpus} holds no document that could be read{_first_reason(report)}")


def _index(context: JobContext) -> None:
    """Make the passages searchable, in steps between which others can write."""
    total = context.store.documents.count()
    while left := context.store.documents.index_next():
        context.check()
        context.progress(total - left, total, "making the documents searchable")
    context.progress(total, total, so_many(context.result["documents"], "passages"))


def _first_reason(report: Report) -> str:
    if not report.samples:
        return "; it is empty. Choose a file or folder with documents."
    sample = report.samples[0]
    return f". The first row that failed is {sample['where']}: {sample['reason']}"


def _raw(
    context: JobContext, corpus: Path, params: ImportParams, report: Report
) -> Iterator[RawDocument]:
    fields = FieldMap(**params.fields) if params.fields else None
    for row in read_corpus(corpus, fields):
        context.check()
        if isinstance(row, SkippedRow):
            report.skip(row)
        else:
            report.read += 1
            yield row


def _batches(rows: Iterator[RawDocument], size: int) -> Iterator[list[RawDocument]]:
    while batch := list(islice(rows, size)):
        yield batch


Cutter = Callable[[str], list[Passage]]


def _cutter(context: JobContext, max_tokens: int, overlap: int) -> Cutter | None:
    """How long texts are cut, by the project encoder's own tokens; None leaves them whole."""
    if not max_tokens:
        return None
    encoder = default_encoder(context.project)
    offsets = encoder_tokenizer(tokenizer_file(encoder) or Path(encoder))

    def cutter(text: str) -> list[Passage]:
        # A token is at least one character, so a short text needs no tokenizer.
        return [] if len(text) <= max_tokens else cut(text, offsets, max_tokens, overlap)

    return cutter


def _stage(store: Store, batch: list[RawDocument], cutter: Cutter | None) -> None:
    whole: list[Document] = []
    for raw in batch:
        passages = cutter(raw.text) if cutter else []
        if len(passages) < 2:
            whole.append(Document(raw.outside_id, raw.title, raw.text))
            continue
        cut_up = [
            Document(f"{raw.outside_id}#{n + 1}", raw.title, passage.text, position=n)
            for n, passage in enumerate(passages)
        ]
        source = SourceDocument(raw.outside_id, raw.title, raw.text)
        store.documents.stage(cut_up, source)
    store.documents.stage(whole)


def import_gold(
    store: Store, path: Path, train_as_validation: bool, report: Report
) -> dict[str, int]:
    """Store gold queries whose documents are known; returns split → queries stored."""
    counts: Counter[str] = Counter()
    known_words = GoldWords.of(store)
    raws = _gold_rows(path, train_as_validation, report)
    while batch := list(islice(raws, BATCH)):
        names = {name for raw in batch for name in raw.relevant}
        known = store.documents.ids_by_outside_id(names)
        cut_up = names - known.keys()
        pieces = store.documents.passages_of_sources(cut_up)
        sources = {name: row for name, (row, _) in store.sources.named(cut_up).items()}
        queries = [_gold_query(raw, known, pieces, sources, report) for raw in batch]
        good = []
        for raw, query in zip(batch, queries, strict=True):
            if query is None:
                continue
            if (other := known_words.in_other_split(query)) is not None:
                where = raw.where or f"gold query {raw.outside_id}"
                report.skip(SkippedRow(where, f"a leak: {place_of(other)}", "leak"))
                continue
            known_words.add(query)
            good.append(query)
        store.gold.add(good)
        counts.update(query.split for query in good)
    if not counts and report.skipped["unknown-document"]:
        raise StudioError(
            f"None of the gold queries in {path} names a document of the project"
            f"{_first_unknown(report)}. Check that its ids are those of the corpus."
        )
    return dict(counts)


def _first_unknown(report: Report) -> str:
    reasons = (sample["reason"] for sample in report.samples)
    first = next((reason for reason in reasons if reason.startswith("unknown document")), "")
    return f" (the first: {first})" if first else ""


def _gold_rows(path: Path, train_as_validation: bool, report: Report) -> Iterator[RawGold]:
    for row in read_gold(path, train_as_validation=train_as_validation):
        if isinstance(row, SkippedRow):
            report.skip(row)
        else:
            yield row


def _gold_query(
    raw: RawGold,
    known: dict[str, int],
    pieces: dict[str, list[int]],
    sources: dict[str, int],
    report: Report,
) -> Gold | None:
    relevant: dict[int, int] = {}
    named: dict[int, int] = {}
    for name, grade in raw.relevant.items():
        ids = [known[name]] if name in known else pieces.get(name, [])
        if not ids:
            report.skip(
                SkippedRow(
                    f"gold query {raw.outside_id}", f"unknown document {name}", "unknown-document"
                )
            )
        for document_id in ids:
            # Two documents of equal content are one passage here: the better grade counts.
            relevant[document_id] = max(grade, relevant.get(document_id, 0))
            if name in sources:
                named[document_id] = sources[name]
    if not relevant:
        return None
    return Gold(QUERY, {"query": raw.text}, raw.split, raw.outside_id, relevant, named)


def import_examples(store: Store, path: Path, report: Report) -> list[int]:
    """Store few-shot examples; one whose query is gold is refused. Returns the rows stored."""
    found: list[Example] = []
    type = store.record_types.of_project()
    have = {_sha(e) for e in store.examples.all()}
    gold = GoldWords.of(store)
    for row in read_examples(path, type):
        if isinstance(row, SkippedRow):
            report.skip(row)
            continue
        document = _document_of(store, row.document_id)
        example = Example(
            document_text=document.full_text if document else row.document_text,
            query=row.query,
            document_id=document.id if document else None,
            enabled=row.enabled,
            tags=row.tags,
            type=type,
            fields=row.fields,
        )
        if row.document_id and not example.document_text:
            why = f"unknown document {row.document_id}"
            report.skip(SkippedRow(row.where, why, "unknown-document"))
        elif (same := gold.find(example)) is not None:
            why = f"the {type.noun} is gold and would leak: {place_of(same)}"
            report.skip(SkippedRow(row.where, why, "gold-query"))
        elif (sha := _sha(example)) in have:
            report.skip(SkippedRow(row.where, "this example is there already", "duplicate"))
        else:
            have.add(sha)
            found.append(example)
    return store.examples.add(found)


def import_records(context: JobContext, path: Path, report: Report) -> int:
    """Store what others have made as records; what is gold, or is there already, is left out.

    A kind of task that the file names is the parent of its records. Each keeps the number of its
    row as its place; several of one row are its parts. Returns how many were stored.
    """
    store, type = context.store, context.project.task.record
    gold = GoldWords.of(store)
    have = {content_sha(*map(record.__getitem__, type.fields)) for record in store.records.all()}
    kind_rows: dict[str, int | None] = {
        one.text: one.id for one in store.records.all(type=KIND.name)
    }
    found_in = read_triplets(path) if type == TRIPLET else read_instructions(path)
    rows, added = _placed(found_in), 0
    while batch := list(islice(rows, BATCH)):
        context.check()
        found = []
        kinds = {_kind_of(row) for _, _, row in batch} - {"", *kind_rows}
        for kind in sorted(kinds)[: MOST_KINDS - len(kind_rows)]:
            [kind_rows[kind]] = store.records.add([Record(KIND, {"kind": kind})], context.job.id)
        for place, part, row in batch:
            if isinstance(row, SkippedRow):
                report.skip(row)
                continue
            record = Record(
                type,
                row.fields,
                parent_id=kind_rows.get(_kind_of(row)),
                stage=IMPORTED,
                place=place,
                part=part,
                reason=row.reason,
                details=row.details,
            )
            sha = content_sha(*map(record.__getitem__, type.fields))
            if (same := gold.find(record)) is not None:
                why = f"the {type.noun} is gold and would leak: {place_of(same)}"
                report.skip(SkippedRow(row.where, why, "leak"))
            elif sha in have:
                report.skip(SkippedRow(row.where, "this record is there already", "duplicate"))
            else:
                have.add(sha)
                found.append(record)
        store.records.add(found, context.job.id)
        added += len(found)
        context.progress(added, None, f"{added:,} {type.nouns} brought in")
    return added


def _kind_of(row: RecordRow) -> str:
    """The kind of task that the file names, such as ``summarization``; else empty."""
    names = row.tags.split() if isinstance(row, RawInstruction) else []
    return next((name for name in names if name != FOLLOW_UP), "")


def _placed(rows: Iterable[RecordRow]) -> Iterator[tuple[int, int, RecordRow]]:
    """Each with the number of its row in the file, from 0, and the how-maniest of that row it is.

    A conversation, or a task with several instances, is one row and brings several.
    """
    place, part, where = -1, 0, ""
    for row in rows:
        if not isinstance(row, ReadingNote):
            place, part = (place, part + 1) if row.where == where else (place + 1, 0)
            where = row.where
        yield place, part, row


def _sha(example: Example) -> str:
    """What makes two examples one: all that an LLM sees of them."""
    fields = (example.fields.get(name, "") for name in example.type.fields[1:])
    return content_sha(example.document_text, example.query, *fields)


def _document_of(store: Store, outside_id: str) -> Document | None:
    rows = store.documents.ids_by_outside_id([outside_id] if outside_id else [])
    return store.documents.get(rows[outside_id]) if rows else None
