"""``studio gold``: what is scored on. The same marks as in Search, without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from studio.cli import gold_items
from studio.cli.fitting import opened_for
from studio.cli.output import JsonOption, ProjectOption, emit, out, show_rows, visible
from studio.project import Project
from studio.records import Gold, Split, StudioError
from studio.store import Store

app = typer.Typer(
    help="What is scored on: list it, mark documents for a query, import labelled items."
)
app.command("import")(gold_items.import_)
SPLITS: tuple[Split, ...] = ("validation", "test")
SplitOption = Annotated[
    Literal["validation", "test"] | None,
    typer.Option(
        "--split", help="Validation is looked at while you tune; test is only ever scored."
    ),
]


@app.command("list")
def list_(
    project: ProjectOption = Path(),
    split: SplitOption = None,
    origin: Annotated[str, typer.Option(help="Only those from import or from search.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Every gold query with how many documents are right and wrong for it, or every gold item."""
    opened = Project.open(project)
    if opened.task.gold != "documents":
        if origin:
            raise typer.BadParameter("--origin is for the gold queries of retrieval projects")
        gold_items.list_items(opened, split, as_json)
        return
    store = opened.store
    found = [
        query
        for name in SPLITS
        if split in (None, name)
        for query in store.gold.all(name)
        if origin in ("", query.origin)
    ]
    cells = [[q.outside_id, q.split, q.origin, *_counts(q), q.text] for q in found]
    columns = ("id", "split", "from", "right", "wrong", "query")
    none = "No gold query is like that. `studio gold add QUERY --right DOCUMENT` makes one."
    emit(
        _shown(store, found),
        as_json,
        lambda: show_rows(f"Gold: {len(found)}", columns, cells, none),
    )


def _counts(query: Gold) -> tuple[int, int]:
    right = sum(grade > 0 for grade in query.judged.values())
    return right, len(query.judged) - right


def _shown(store: Store, queries: list[Gold]) -> list[dict[str, Any]]:
    """The queries with the outside ids of their documents."""
    judged = {key for query in queries for key in query.judged}
    heads = store.documents.heads([row for kind, row in judged if kind == "document"], 0)
    sources = store.sources.names(row for kind, row in judged if kind == "source")
    names = {("document", row): head.outside_id for row, head in heads.items()}
    names |= {("source", row): name for row, name in sources.items()}
    return [
        {
            "id": query.outside_id,
            "query": query.text,
            "split": query.split,
            "origin": query.origin,
            "right": {names[key]: grade for key, grade in query.judged.items() if grade > 0},
            "wrong": [names[key] for key, grade in query.judged.items() if grade == 0],
        }
        for query in queries
    ]


DocumentsOption = list[str] | None


@app.command("add")
def add(
    query: Annotated[str, typer.Argument(help="The query's words.")],
    project: ProjectOption = Path(),
    split: SplitOption = None,
    right: Annotated[DocumentsOption, typer.Option(help="A document that answers it.")] = None,
    wrong: Annotated[DocumentsOption, typer.Option(help="A document that does not.")] = None,
    clear: Annotated[DocumentsOption, typer.Option(help="A document to unmark.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Mark documents for a query; the options may be repeated. It is never trained on."""
    from studio.jobs import gold
    from studio.settings import reviewer

    wanted = {1: right or [], 0: wrong or [], None: clear or []}
    _refuse_twice([name for names in wanted.values() for name in names])
    opened = opened_for("gold add", project)
    known = gold.find(opened.store, query)
    if known is None and split is None:
        raise typer.BadParameter("a new gold query needs --split validation or --split test")
    if known is not None and split not in (None, known.split):
        raise StudioError(
            f"{known.outside_id} has these words and is {known.split} gold. Leave --split out, or "
            "put it into the other split with s in Search."
        )
    rows = _rows(opened.store, [name for names in wanted.values() for name in names])
    who = reviewer(opened.path)
    with opened.store.write():
        for grade, names in wanted.items():
            for name in names:
                known = known or gold.find(opened.store, query)
                place = known.split if known else split or "validation"
                gold.mark(opened.store, known, query, place, rows[name], grade, who)
    _say(opened.store, query, as_json)


def _refuse_twice(names: list[str]) -> None:
    if not names:
        raise typer.BadParameter("name a document with --right, --wrong or --clear")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise typer.BadParameter(f"the document {twice!r} is named twice")


def _rows(store: Store, names: list[str]) -> dict[str, int]:
    """Outside id → row. Raises StudioError for an id that no document has."""
    rows = store.documents.ids_by_outside_id(names)
    if store.gold.names_documents():
        # A mark of one passage is then one of the whole document.
        cut_up = store.documents.passages_of_sources(name for name in names if name not in rows)
        rows |= {name: passages[0] for name, passages in cut_up.items()}
    missing = next((name for name in names if name not in rows), None)
    if missing is not None:
        raise StudioError(
            f"No document has the id {missing!r}. `studio search` shows the ids; "
            "nothing was marked."
        )
    return rows


def _say(store: Store, query: str, as_json: bool) -> None:
    from studio.jobs import gold

    known = gold.find(store, query)
    same = gold.same_words(store, query) if known else gold.Same((), ())
    result: dict[str, Any] = _shown(store, [known])[0] if known else {"query": query, "id": None}
    result |= {"examples_that_ask_it": same.examples, "kept_records_that_ask_it": same.records}
    emit(result, as_json, lambda: _show(known, same.examples, same.records))


def _show(known: Gold | None, shots: tuple[int, ...], records: tuple[int, ...]) -> None:
    if known is None:
        out.print("The query is not gold any more: no mark is left.")
        return
    right, wrong = _counts(known)
    line = f"{visible(known.outside_id)} is {known.split} gold: {right} right, {wrong} wrong."
    out.print(line, highlight=False, soft_wrap=True)
    if shots:
        out.print(
            f"Example {', '.join(map(str, shots))} asks the same: no LLM is shown it while "
            "this is gold.",
            highlight=False,
            soft_wrap=True,
        )
    if records:
        out.print(
            f"{len(records)} kept records ask the same; trainings leave them out.",
            highlight=False,
            soft_wrap=True,
        )
