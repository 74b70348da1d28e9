"""``studio export``: records on their way out, with their provenance and a data card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.output import JsonOption, ProjectOption, emit, out, visible
from studio.formats import exporters
from studio.formats.rows import (
    CardFacts,
    ExportContext,
    Exporter,
    ExportRow,
    RawDocument,
    RawGold,
)
from studio.project import Project
from studio.records import StudioError, WrongTask


def export(
    format: Annotated[str, typer.Argument(help="beir, pairs, triplets, jsonl, parquet or csv.")],
    folder: Annotated[
        Path | None, typer.Argument(help="Where to; default: exports/FORMAT in the project.")
    ] = None,
    project: ProjectOption = Path(),
    dropped: Annotated[bool, typer.Option("--dropped", help="Dropped records too.")] = False,
    type: Annotated[
        str, typer.Option(help="Records of another type, such as note; default: the task's own.")
    ] = "",
    licence: Annotated[str, typer.Option(help="What may be done with the texts.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Write the kept records as files."""
    known = exporters()
    if format not in known:
        raise typer.BadParameter(
            f"there is no export format {format!r}; choose one of: {', '.join(known)}"
        )
    opened = Project.open(project)
    from studio.jobs.filtering import record_type

    record_type(opened, type)
    _refuse(opened, known, format, dropped, type)
    target = (folder or opened.exports_dir / format).expanduser().absolute()
    written = known[format].write(
        _rows(opened, dropped, type), target, _context(opened, licence, type)
    )
    result: dict[str, Any] = {
        "format": format,
        "rows": written.rows,
        "files": [str(file) for file in written.files],
    }
    emit(result, as_json, lambda: _show(result, target))


def _refuse(
    project: Project, known: dict[str, Exporter], format: str, dropped: bool, type: str
) -> None:
    """A format that the task's records do not fit; records of which none would be written."""
    if known[format].pairs_documents and project.task.gold != "documents":
        others = ", ".join(name for name, one in known.items() if not one.pairs_documents)
        raise WrongTask(
            f"The format {format} pairs each record with its document, and this project's task is "
            f"{project.task.name}. Choose one of: {others}."
        )
    counts = project.store.records.counts(type)
    if not counts.total:
        raise StudioError(
            f"There is no kept record to export yet; `{project.task.verb}` makes some."
        )
    if not counts.kept and not dropped:
        raise StudioError(
            f"None of the {counts.total:,} records is kept, so nothing was exported; --dropped "
            "exports the dropped ones too."
        )


def _show(result: dict[str, Any], target: Path) -> None:
    out.print(f"{result['rows']:,} records written to {visible(target)}", highlight=False)
    for file in result["files"]:
        out.print(f"  {visible(Path(file).name)}", style="dim", highlight=False)


def _rows(project: Project, dropped: bool, type: str) -> Iterator[ExportRow]:
    for row in project.store.records.with_provenance(kept=None if dropped else True, type=type):
        yield ExportRow(
            fields=row["fields"],
            document_id=row["document_id"],
            title=row["title"],
            passage=row["passage"],
            record_id=row["record_id"],
            generation_id=row["generation_id"],
            prompt_name=row["prompt"] or "",
            prompt_version=row["prompt_version"],
            model=row["model"] or "",
            endpoint=row["endpoint"] or "",
            seed=row["seed"],
            draw=row["draw"],
            shots=tuple(row["shots"]),
            scores=row["scores"],
            kept=bool(row["kept"]),
            reason=row["reason"],
        )


def _context(project: Project, licence: str, type: str) -> ExportContext:
    store = project.store
    chain = tuple(
        f"{x.filter}: {x.judged:,} judged, {x.kept:,} kept" for x in store.verdicts.chain()
    )
    card = CardFacts(
        title=project.title,
        language=project.language,
        documents=store.documents.count() if project.task.needs_documents else None,
        filters=chain,
        licence=licence,
    )
    return ExportContext(
        documents=_documents(project),
        gold=_gold(project),
        card=card,
        task=project.task,
        type=store.record_types.known()[type] if type else None,
    )


def _documents(project: Project) -> Iterator[RawDocument]:
    for document in project.store.documents.all():
        yield RawDocument(document.outside_id, document.title, document.text)


def _gold(project: Project) -> Iterator[RawGold]:
    store = project.store
    for split in ("validation", "test"):
        for query in store.gold.all("validation" if split == "validation" else "test"):
            documents = store.documents.many(list(query.relevant))
            relevant = {documents[row].outside_id: grade for row, grade in query.relevant.items()}
            yield RawGold(query.outside_id, query.text, query.split, relevant)
