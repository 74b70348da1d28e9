"""Records on their way out, with their provenance and a data card; as a job it shows its progress.

A format writes its folder whole or not at all, so an export that was stopped begins anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from studio.formats import exporters
from studio.formats.details import completed
from studio.formats.rows import (
    CardFacts,
    ExportContext,
    Exported,
    Exporter,
    ExportRow,
    RawDocument,
    RawGold,
)
from studio.jobs.context import JobContext
from studio.jobs.filtering import record_type
from studio.jobs.training_data import gold_words
from studio.params import Params, option
from studio.project import Project
from studio.records import Datum, Gold, RecordType, StudioError, WrongTask
from studio.runs import Model
from studio.store import Store
from studio.tasks import Task

STORED = [one.name for one in fields(ExportRow) if one.name != "negatives"]
"""What the store knows of a row: negatives are mined."""
SPARE = 50
"""Documents that negatives are drawn from where those of the export will not do."""


@dataclass(frozen=True, slots=True)
class ExportParams(Params):
    """Which records go where, and in which form."""

    format: str = option("jsonl", "Format", "of the files")
    folder: str = option("", "Folder", "where to", empty="exports/FORMAT in the project")
    dropped: bool = option(False, "Dropped too", "the dropped records as well, with their reason")
    licence: str = option("", "Licence", "what may be done with the texts", empty="not told")
    type: str = option(
        "", "Record type", "records of another type, such as note", empty="the task's own"
    )
    snapshot_id: int | None = option(
        None, "Snapshot", "only the records of this snapshot", least=1, empty="all", flag="snapshot"
    )  # fmt: skip


def fitting(task: Task, type: RecordType | None = None) -> dict[str, Exporter]:
    """The formats that serve a task, or records of another type than its own."""
    judged = type or task.record
    return {name: one for name, one in exporters().items() if not _misfit(one, task, judged)}


def _misfit(exporter: Exporter, task: Task, type: RecordType) -> str:
    """Why a format is nothing for the records of a task; empty where it fits."""
    own = task.gold == "positive" and not exporter.holds_corpus
    if exporter.pairs_documents and task.gold != "documents" and not own:
        return "pairs each record with its document"
    if exporter.of and type.name not in exporter.of:
        return f"holds one {' or '.join(sorted(exporter.of))} a row"
    return ""


def folder_of(project: Project, params: ExportParams) -> Path:
    """Where the files are written."""
    folder = Path(params.folder) if params.folder else project.exports_dir / params.format
    return folder.expanduser().absolute()


def refuse(project: Project, params: ExportParams) -> None:
    """Raises for a format that the task's records do not fit, and where none would be written."""
    task, type = project.task, record_type(project, params.type)
    fits = ", ".join(fitting(task, type))
    if params.format not in exporters():
        raise StudioError(f"There is no export format {params.format!r}; choose one of: {fits}.")
    if why := _misfit(exporters()[params.format], task, type):
        raise WrongTask(
            f"The format {params.format} {why}, and this project's task is {task.name}, its "
            f"records {type.nouns}. Choose one of: {fits}."
        )
    chosen = params.snapshot_id
    if chosen is not None and chosen not in project.store.snapshots.counts():
        raise StudioError(f"There is no snapshot {chosen}; `studio lineage model` names a model's.")
    counts = project.store.records.counts(params.type)
    if not counts.total:
        raise StudioError(f"There is no kept record to export yet; `{task.verb}` makes some.")
    if not counts.kept and not params.dropped:
        raise StudioError(
            f"None of the {counts.total:,} records is kept, so nothing was exported; dropped "
            "ones are exported where they are asked for."
        )


def write(project: Project, params: ExportParams, rows: Iterable[ExportRow]) -> Exported:
    """Write the rows as files, without those that say what gold says.

    Raises StudioError for a folder that cannot be written.
    """
    exporter = exporters()[params.format]
    whole = exporter.holds_corpus and project.store.gold.names_documents()
    clean = _WithoutGold(project, params)
    rows = _of_documents(project, clean(rows)) if whole else clean(rows)
    context = _context(project, params, whole=whole)
    written = exporter.write(rows, folder_of(project, params), context)
    return replace(written, left_out_gold=clean.left_out)


class _WithoutGold:
    """Leaves out the rows that say what gold says: who trains on them must not learn the test."""

    def __init__(self, project: Project, params: ExportParams) -> None:
        self._record = project.task.record
        self._is_trained_on = params.type in ("", self._record.name)
        self._gold = gold_words(project.store)
        self.left_out = 0

    def __call__(self, rows: Iterable[ExportRow]) -> Iterator[ExportRow]:
        for row in rows:
            if self._is_trained_on and self._gold.find(Datum(self._record, row.fields)):
                self.left_out += 1
            else:
                yield row


def _of_documents(project: Project, rows: Iterable[ExportRow]) -> Iterator[ExportRow]:
    """The rows with the long documents in place of the passages that were cut from them."""
    for row in rows:
        source = project.store.sources.get(row.sources[0]) if row.sources else None
        if source is None:
            yield row
        else:
            yield replace(
                row, document_id=source.outside_id, title=source.title, passage=source.text
            )


def run(context: JobContext) -> None:
    """The job ``export``."""
    params, project = ExportParams.from_row(context.job.params), context.project
    refuse(project, params)
    counts = project.store.records.counts(params.type)
    total = counts.total if params.dropped else counts.kept
    if params.snapshot_id is not None:
        total = project.store.snapshots.counts()[params.snapshot_id]
    context.begin("export")

    def counted() -> Iterator[ExportRow]:
        for number, row in enumerate(rows_of(project, params), 1):
            context.progress(number, total, "writing")
            context.check()
            yield row

    written = write(project, params, counted())
    context.result["exported"] = written.rows
    context.result["left_out_gold"] = written.left_out_gold
    context.result["folder"] = str(folder_of(project, params))


def copy_model(project: Project, model: Model, target: Path) -> Path:
    """Copy a trained model's folder, whole or not at all; returns where it is.

    Raises StudioError where something is in its place, or it cannot be written.
    """
    source, target = project.path / model.path, target.expanduser().absolute()
    if target.exists() or target.is_symlink():
        raise StudioError(f"{target} is there already. Name a folder that is not.")
    if not source.is_dir():
        raise StudioError(f"The folder of {model.name} is gone: {source}.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=".copying-") as half:
            Path(shutil.copytree(source, Path(half) / "model", symlinks=True)).rename(target)
    except OSError as error:
        raise StudioError(f"{target} cannot be written: {error.strerror or error}.") from error
    return target


def rows_of(project: Project, params: ExportParams) -> Iterator[ExportRow]:
    """The records, in the order in which they were written, one in memory at a time."""
    for row in project.store.records.with_provenance(
        kept=None if params.dropped else True, type=params.type, snapshot=params.snapshot_id
    ):
        yield completed(ExportRow(**{name: row[name] for name in STORED}))


def _context(project: Project, params: ExportParams, *, whole: bool) -> ExportContext:
    store = project.store
    chain = tuple(
        f"{x.filter}: {x.judged:,} judged, {x.kept:,} kept" for x in store.verdicts.chain()
    )
    card = CardFacts(
        title=project.title,
        language=project.language,
        documents=store.documents.count() if project.task.needs_documents else None,
        filters=chain,
        licence=params.licence,
    )
    return ExportContext(
        documents=_documents(project, whole=whole),
        gold=_gold(project, whole=whole),
        spare=_spare(project),
        card=card,
        task=project.task,
        type=store.record_types.known()[params.type] if params.type else None,
        has_notes=store.records.has_notes(params.type),
    )


def _documents(project: Project, *, whole: bool) -> Iterator[RawDocument]:
    store = project.store
    for document in store.sources.whole() if whole else store.documents.all():
        yield RawDocument(document.outside_id, document.title, document.text)


def _spare(project: Project) -> list[ExportRow]:
    found = project.store.sources.first_passages(SPARE)
    parts: dict[int, list[int]] = {}
    for row, source in project.store.sources.parts([one.id for one in found]):
        parts.setdefault(row, []).append(source)
    return [
        ExportRow({}, one.outside_id, one.title, one.text, 0, sources=tuple(parts.get(one.id, ())))
        for one in found
    ]


def _gold(project: Project, *, whole: bool) -> Iterator[RawGold]:
    """The queries with what is judged for them; whole: long documents, not their passages."""
    store = project.store
    for split in ("validation", "test"):
        for query in store.gold.all("validation" if split == "validation" else "test"):
            documents = store.documents.heads(list(query.relevant), 0)
            names: dict[int, tuple[str, ...]] = {
                row: (document.outside_id,) for row, document in documents.items()
            }
            names |= _names_of_sources(store, query) if whole else {}
            relevant: dict[str, int] = {}
            for row, grade in query.relevant.items():
                for name in names[row]:
                    relevant[name] = max(grade, relevant.get(name, 0))
            yield RawGold(query.outside_id, query.text, query.split, relevant)


def _names_of_sources(store: Store, query: Gold) -> dict[int, tuple[str, ...]]:
    """Judged passage → the long document that was named, or all that it is a part of."""
    parts = {row: [source] for row, source in query.named.items()}
    for row, source in store.sources.parts([r for r in query.relevant if r not in query.named]):
        parts.setdefault(row, []).append(source)
    names = store.sources.names({one for found in parts.values() for one in found})
    return {row: tuple(names[source] for source in found) for row, found in parts.items()}
