"""``studio examples``: the few-shot examples, without a screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.fitting import opened_for
from studio.cli.output import JsonOption, ProjectOption, emit, out, show_rows, table, visible
from studio.formats.tags import tag_text, tags_of
from studio.project import Project
from studio.records import DOCUMENT, Document, Example, StudioError
from studio.store import Store
from studio.store.examples import ExampleUse
from studio.tasks import Task

app = typer.Typer(
    help="List, add, switch, import and export few-shot examples.", no_args_is_help=True
)
IdArgument = Annotated[int, typer.Argument(help="The example's number, as listed.")]


@app.command("list")
def list_(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Every example, and what came of it."""
    opened = opened_for("examples", project)
    task, store, names = opened.task, opened.store, _texts(opened.task)
    rows: list[dict[str, Any]] = []
    cells: list[list[object]] = []
    uses = store.examples.uses().by_example
    for example in store.examples.all():
        use, said = uses.get(example.id, ExampleUse(0, 0)), example.texts
        own = {name: said[name] for name in task.record.fields}
        rows.append({**asdict(example), **own, "records": use.records, "kept": use.kept})
        shown = (said[names[0]], *(said[name][:60] for name in names[1:]))
        state = "on" if example.enabled else "off"
        cells.append([example.id, state, *shown, example.tags, use.records, use.kept])
    columns = ("id", "", *names, "tags", "records", "kept")
    needs = "--document ID" if task.needs_documents else "--output TEXT"
    none = f"No examples yet. Add one: studio examples add {names[0].upper()} {needs}"
    emit(rows, as_json, lambda: show_rows("Examples", columns, cells, none))


def _texts(task: Task) -> tuple[str, ...]:
    """The names of what its examples consist of, as :attr:`Example.texts` has them."""
    return (*task.record.fields, *([DOCUMENT] if task.needs_documents else []))


@app.command("add")
def add(
    query: Annotated[
        str, typer.Argument(metavar="TEXT", help="What a person would ask, or the instruction.")
    ],
    document: Annotated[str, typer.Option(help="The outside id of a corpus document.")] = "",
    text: Annotated[
        str, typer.Option(help="The document's text, when it is not in the corpus.")
    ] = "",
    input: Annotated[str, typer.Option(help="What an instruction is to be done with.")] = "",
    output: Annotated[str, typer.Option(help="The answer to an instruction.")] = "",
    tags: Annotated[str, typer.Option(help="Words of your own, separated by spaces.")] = "",
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Add one example."""
    opened = opened_for("examples", project)
    given = {"document": document, "text": text, "input": input, "output": output}
    _refuse_unfit(opened.task, given)
    store, type = opened.store, opened.task.record
    found = _document(store, document)
    from studio.jobs.leaks import GoldWords, place_of

    new = Example(
        document_text=found.full_text if found else text,
        query=query,
        document_id=found.id if found else None,
        tags=tag_text(tags_of(tags)),
        type=type,
        fields={name: given[name] for name in type.fields[1:]},
    )
    if (gold := GoldWords.of(store).find(new)) is not None:
        raise StudioError(
            f"That {type.noun} is a gold {type.noun}, {place_of(gold)}; as an example it would "
            "leak. Write another one."
        )
    ids = store.examples.add([new])
    emit({"id": ids[0]}, as_json, lambda: out.print(f"Example {ids[0]} added."))


def _refuse_unfit(task: Task, given: Mapping[str, str]) -> None:
    """Wrong use: an option that the task's examples do not take, or none that they need."""
    type = task.record
    takes = ("document", "text") if task.needs_documents else type.fields[1:]
    for name, said in given.items():
        if said and name not in takes:
            fitting = " and ".join(f"--{one}" for one in takes)
            raise typer.BadParameter(f"an example of {type.nouns} takes {fitting}, not --{name}")
    if task.needs_documents and not (given["document"] or given["text"].strip()):
        raise typer.BadParameter("give --document ID or --text TEXT")
    for name in type.fields[1:]:
        if name != type.context and not given[name].strip():
            raise typer.BadParameter(f"give --{name} TEXT")


def _document(store: Store, outside_id: str) -> Document | None:
    found = store.documents.by_outside_id(outside_id) if outside_id else None
    if outside_id and found is None:
        raise StudioError(
            f"The corpus has no document {outside_id!r}. Give its outside id, or --text."
        )
    return found


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
            help="JSONL or CSV with document_id (or text) and query; of seeds any usual shape.",
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
