"""``studio export``: records on their way out, with their provenance and a data card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.output import JsonOption, ProjectOption, emit, out, visible
from studio.formats import exporters
from studio.formats.rows import CardFacts, ExportContext, ExportRow, RawDocument, RawGold
from studio.project import Project


def export(
    format: Annotated[str, typer.Argument(help="beir, pairs, triplets, jsonl, parquet or csv.")],
    folder: Annotated[
        Path | None, typer.Argument(help="Where to; default: exports/FORMAT in the project.")
    ] = None,
    project: ProjectOption = Path(),
    dropped: Annotated[bool, typer.Option("--dropped", help="Dropped records too.")] = False,
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
    target = (folder or opened.exports_dir / format).expanduser().absolute()
    written = known[format].write(_rows(opened, dropped), target, _context(opened, licence))
    result: dict[str, Any] = {
        "format": format,
        "rows": written.rows,
        "files": [str(file) for file in written.files],
    }
    emit(result, as_json, lambda: _show(result, target))


def _show(result: dict[str, Any], target: Path) -> None:
    out.print(f"{result['rows']:,} records written to {visible(target)}", highlight=False)
    for file in result["files"]:
        out.print(f"  {visible(Path(file).name)}", style="dim", highlight=False)


def _rows(project: Project, dropped: bool) -> Iterator[ExportRow]:
    for row in project.store.records.with_provenance(kept=None if dropped else True):
        yield ExportRow(
            query=row["query"],
            document_id=row["document_id"],
            title=row["title"],
            text=row["text"],
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


def _context(project: Project, licence: str) -> ExportContext:
    store = project.store
    chain = tuple(
        f"{x.filter}: {x.judged:,} judged, {x.kept:,} kept" for x in store.verdicts.chain()
    )
    card = CardFacts(
        title=project.title,
        language=project.language,
        documents=store.documents.count(),
        filters=chain,
        licence=licence,
    )
    return ExportContext(documents=_documents(project), gold=_gold(project), card=card)


def _documents(project: Project) -> Iterator[RawDocument]:
    for document in project.store.documents.all():
        yield RawDocument(document.outside_id, document.title, document.text)


def _gold(project: Project) -> Iterator[RawGold]:
    store = project.store
    for split in ("validation", "test"):
        for query in store.gold.queries("validation" if split == "validation" else "test"):
            documents = store.documents.many(list(query.relevant))
            relevant = {documents[row].outside_id: grade for row, grade in query.relevant.items()}
            yield RawGold(query.outside_id, query.text, query.split, relevant)
