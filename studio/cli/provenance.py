"""``studio lineage``: from a model or a record back to what made it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.tree import Tree

from studio.cli.output import JsonOption, ProjectOption, emit, out, visible
from studio.project import Project
from studio.records import StudioError
from studio.tasks import Task

OF_CORPUS = ("document", "documents", "title", "source")
"""What a record has only where it was written for a document."""


def lineage(
    what: Annotated[Literal["model", "record"], typer.Argument(help="model or record")],
    number: Annotated[int, typer.Argument(help="Its number.")],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """The chain that made a model or a record."""
    opened = Project.open(project)
    chains = opened.store.lineage
    found = chains.of_model(number) if what == "model" else chains.of_record(number)
    if found is None:
        raise StudioError(f"There is no {what} {number} in {project.absolute()}.")
    if what == "record":
        found = _of_record(opened.task, found)
    elif not opened.task.needs_documents:
        found["made_by"] = [_without_corpus(one) for one in found["made_by"]]
    emit(found, as_json, lambda: out.print(_tree(f"{what} {number}", found)))


def _of_record(task: Task, found: dict[str, Any]) -> dict[str, Any]:
    """A record's chain with its fields in front, and without what its task does not know."""
    fields = found.pop("fields")
    others = found if task.needs_documents else _without_corpus(found)
    rest = {name: item for name, item in others.items() if name not in {"record", *fields}}
    return {"record": found["record"], **fields, **rest}


def _without_corpus(found: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in found.items() if name not in OF_CORPUS}


def _tree(title: str, item: Any) -> Tree:
    tree = Tree(f"[bold]{visible(title)}[/]", highlight=False)
    pairs = item.items() if isinstance(item, dict) else enumerate(item, 1)
    for name, value in pairs:
        if (isinstance(value, dict) and value) or (
            isinstance(value, list) and value and isinstance(value[0], dict)
        ):
            tree.add(_tree(str(name), value))
        elif value not in (None, "", [], {}):
            tree.add(f"{visible(name)}: {visible(value)}")
    return tree
