"""``studio new`` and ``studio import``: documents, gold and examples go in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.output import (
    DetachOption,
    JsonOption,
    ProjectOption,
    emit,
    out,
    run_job,
    table,
    visible,
)
from studio.project import Project
from studio.records import StudioError

GoldOption = Annotated[
    Path | None,
    typer.Option(
        "--gold", help="Gold queries: a BEIR folder, or one JSONL file."
    ),
]
ExamplesOption = Annotated[
    Path | None, typer.Option("--examples", help="Few-shot examples: JSONL or CSV.")
]
PassageOption = Annotated[
    int,
    typer.Option(
        "--passage-tokens",
        min=0,
        help="Cut longer documents into passages of so many encoder tokens; 0 keeps them whole.",
    ),
]
OverlapOption = Annotated[int, typer.Option("--overlap", min=0, help="Tokens two passages share.")]
FieldOption = Annotated[
    str, typer.Option("--fields", help="Column names, such as id=doc_id,title=name,text=body.")
]
TrainQueriesOption = Annotated[
    bool, typer.Option("--train-as-validation", help="Read a BEIR train split as validation.")
]


def new(
    path: Annotated[Path, typer.Argument(help="The new project's folder.")],
    corpus: Annotated[
        Path | None,
        typer.Option(help="JSONL, BEIR folder, CSV/TSV, Parquet, or a folder of .txt/.md."),
    ] = None,
    gold: GoldOption = None,
    examples: ExamplesOption = None,
    title: Annotated[str, typer.Option(help="What to call it.")] = "",
    language: Annotated[str, typer.Option(help="Of the corpus, such as en or zh.")] = "en",
    template: Annotated[str, typer.Option(help="`studio prompt templates` lists them.")] = "",
    passage_tokens: PassageOption = 0,
    overlap: OverlapOption = 32,
    fields: FieldOption = "",
    train_as_validation: TrainQueriesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a project, and import its corpus."""
    from studio.jobs.setup import save_template

    if corpus is not None and not corpus.exists():
        raise StudioError(f"{corpus} does not exist. Give a file or folder with documents.")
    project = Project.create(path, title=title, language=language)
    save_template(project, template)
    result: dict[str, Any] = {"project": str(project.path)}
    if corpus is not None:
        params = import_params(
            corpus, gold, examples, passage_tokens, overlap, fields, train_as_validation
        )
        result |= run_job(project, "import", params, detach=False, as_json=as_json)
    emit(result, as_json, lambda: _show_new(result))


def _show_new(result: dict[str, Any]) -> None:
    if "documents" in result:
        show_import(result)
    out.print(f"Open it with: studio {visible(result['project'])}", highlight=False)


def import_(
    corpus: Annotated[Path, typer.Argument(help="JSONL, BEIR folder, CSV/TSV, Parquet, folder.")],
    project: ProjectOption = Path(),
    gold: GoldOption = None,
    examples: ExamplesOption = None,
    passage_tokens: PassageOption = 0,
    overlap: OverlapOption = 32,
    fields: FieldOption = "",
    train_as_validation: TrainQueriesOption = False,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add documents, gold queries and examples to a project."""
    opened = Project.open(project)
    if not corpus.exists():
        raise StudioError(f"{corpus} does not exist. Give a file or folder with documents.")
    params = import_params(
        corpus, gold, examples, passage_tokens, overlap, fields, train_as_validation
    )
    result = run_job(opened, "import", params, detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_import(result))


def import_params(
    corpus: Path,
    gold: Path | None,
    examples: Path | None,
    passage_tokens: int,
    overlap: int,
    fields: str,
    train_as_validation: bool,
) -> dict[str, Any]:
    """The row of an import job; paths are absolute, since the worker runs elsewhere."""
    return {
        "corpus": str(corpus.expanduser().absolute()),
        "gold": str(gold.expanduser().absolute()) if gold else None,
        "examples": str(examples.expanduser().absolute()) if examples else None,
        "passage_tokens": passage_tokens,
        "overlap": overlap,
        "fields": _fields(fields),
        "train_as_validation": train_as_validation,
    }


def _fields(text: str) -> dict[str, str] | None:
    if not text:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not name or not column for name, _, column in pairs):
        raise typer.BadParameter("write it as id=COLUMN,title=COLUMN,text=COLUMN")
    return {name.strip(): column.strip() for name, _, column in pairs}


def show_import(result: dict[str, Any]) -> None:
    """The import's counts, and the first rows that were skipped."""
    if "documents" not in result:
        out.print(f"Job {result['job']} is under way; follow it with `studio jobs watch`.")
        return
    rows: list[list[object]] = [
        ["passages added", result["documents"]],
        ["left out: content is there already", result["duplicates"]],
        ["got a suffix: outside id was taken", result["renamed"]],
        *[[f"skipped: {reason}", count] for reason, count in result["skipped"].items()],
        *[[f"gold queries: {split}", count] for split, count in result.get("gold", {}).items()],
    ]
    if "examples" in result:
        rows.append(["examples", result["examples"]])
    out.print(table("Import", ("what", "rows"), rows))
    for sample in result["skipped_samples"][:5]:
        out.print(f"  {visible(sample['where'])}: {visible(sample['reason'])}", style="dim")
