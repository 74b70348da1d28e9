"""``studio examples``: the few-shot examples, without a screen."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.fitting import opened_for
from studio.cli.output import JsonOption, ProjectOption, emit, out, show_rows, table, visible
from studio.formats.tags import tag_text, tags_of
from studio.project import Project
from studio.records import Example, StudioError
from studio.store.examples import ExampleUse

app = typer.Typer(
    help="List, add, switch, import and export few-shot examples.", no_args_is_help=True
)
IdArgument = Annotated[int, typer.Argument(help="The example's number, as listed.")]


@app.command("list")
def list_(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Every example, and what came of it."""
    store = opened_for("examples", project).store
    rows: list[dict[str, Any]] = []
    uses = store.examples.uses().by_example
    for example in store.examples.all():
        use = uses.get(example.id, ExampleUse(0, 0))
        rows.append({**asdict(example), "records": use.records, "kept": use.kept})
    cells = [
        [
            r["id"],
            "on" if r["enabled"] else "off",
            r["query"],
            r["document_text"][:60],
            r["tags"],
            r["records"],
            r["kept"],
        ]
        for r in rows
    ]
    columns = ("id", "", "query", "document", "tags", "records", "kept")
    none = "No examples yet. Add one: studio examples add QUERY --document ID"
    emit(rows, as_json, lambda: show_rows("Examples", columns, cells, none))


@app.command("add")
def add(
    query: Annotated[str, typer.Argument(help="What a person would ask.")],
    document: Annotated[str, typer.Option(help="The outside id of a corpus document.")] = "",
    text: Annotated[
        str, typer.Option(help="The document's text, when it is not in the corpus.")
    ] = "",
    tags: Annotated[str, typer.Option(help="Words of your own, separated by spaces.")] = "",
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Add one example."""
    store = opened_for("examples", project).store
    found = store.documents.by_outside_id(document) if document else None
    if document and found is None:
        raise StudioError(
            f"The corpus has no document {document!r}. Give its outside id, or --text."
        )
    if not (found or text.strip()):
        raise typer.BadParameter("give --document ID or --text TEXT")
    from studio.jobs.leaks import GoldWords, place_of

    shown = found.full_text if found else text
    document_id = found.id if found else None
    new = Example(shown, query, document_id=document_id, tags=tag_text(tags_of(tags)))
    if (gold := GoldWords.of(store).find(new)) is not None:
        raise StudioError(
            f"That query is a gold query, {place_of(gold)}; as an example it would leak. "
            "Ask something else."
        )
    ids = store.examples.add([new])
    emit({"id": ids[0]}, as_json, lambda: out.print(f"Example {ids[0]} added."))


@app.command("remove")
def remove(
    example: IdArgument, project: ProjectOption = Path(), as_json: JsonOption = False
) -> None:
    """Take an example off the list (what it helped to make stays)."""
    opened = opened_for("examples", project)
    _known(opened, example)
    opened.store.examples.delete(example)
    emit(
        {"id": example, "deleted": True}, as_json, lambda: out.print(f"Example {example} removed.")
    )


@app.command("on")
def on(example: IdArgument, project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Let an example be drawn as a shot."""
    _switch(opened_for("examples", project), example, True, as_json)


@app.command("off")
def off(example: IdArgument, project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Keep an example but never draw it."""
    _switch(opened_for("examples", project), example, False, as_json)


@app.command("tag")
def tag(
    example: IdArgument,
    tags: Annotated[str, typer.Argument(help="All its tags, separated by spaces; empty for none.")],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Give an example these tags in place of those it has."""
    opened = opened_for("examples", project)
    wanted, have = tags_of(tags), _known(opened, example).tags.split()
    opened.store.examples.tag(example, add=wanted, drop=[t for t in have if t not in wanted])
    result = {"id": example, "tags": tag_text(wanted)}
    said = f"Example {example} is tagged {visible(result['tags'])}." if wanted else "No tags."
    emit(result, as_json, lambda: out.print(said))


def _switch(project: Project, example_id: int, enabled: bool, as_json: bool) -> None:
    _known(project, example_id)
    project.store.examples.switch(example_id, on=enabled)
    word = "on" if enabled else "off"
    result = {"id": example_id, "enabled": enabled}
    emit(result, as_json, lambda: out.print(f"Example {example_id} is {word}."))


def _known(project: Project, example_id: int) -> Example:
    example = project.store.examples.get(example_id)
    if example is None:
        raise StudioError(f"There is no example {example_id}. `studio examples list` shows them.")
    return example


@app.command("import")
def import_(
    path: Annotated[
        Path,
        typer.Argument(
            readable=False,
            help="JSONL or CSV with document_id (or text) and query; of seed tasks any usual shape.",
        ),
    ],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Add the examples of a file."""
    from studio.jobs.importing import Report, import_examples

    report = Report()
    count = len(import_examples(opened_for("examples", project).store, path.expanduser(), report))
    result = {"examples": count, "skipped": report.samples}
    cells = [[sample["where"], sample["reason"]] for sample in report.samples]

    def show() -> None:
        out.print(f"{count} examples added.")
        if cells:
            out.print(table("Skipped", ("where", "why"), cells))

    emit(result, as_json, show)


@app.command("export")
def export(
    path: Annotated[
        Path, typer.Argument(readable=False, help="The file to write: .jsonl or .csv.")
    ],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write the examples to a file."""
    from studio.formats.examples import write_examples

    opened = opened_for("examples", project)
    store = opened.store
    examples = store.examples.all()
    documents = store.documents.many([e.document_id for e in examples if e.document_id])
    names = {row: document.outside_id for row, document in documents.items()}
    count = write_examples(examples, path.expanduser().absolute(), names, opened.task.record)
    result = {"examples": count, "path": str(path)}
    emit(result, as_json, lambda: out.print(f"Wrote {count} examples to {visible(path)}."))
