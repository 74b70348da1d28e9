"""``studio prompt``: template versions, their differences, and how a document renders."""

from __future__ import annotations

import difflib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.calls import Prompt
from studio.cli.fitting import opened_for
from studio.cli.following import run_job, show_result
from studio.cli.options import takes_params
from studio.cli.output import (
    DetachOption,
    JsonOption,
    ProjectOption,
    emit,
    local_time,
    out,
    show_rows,
    table,
    visible,
)
from studio.cli.run_options import ModelOption, PromptOption, run_told
from studio.jobs.improve_params import ImproveParams
from studio.project import Project
from studio.records import StudioError
from studio.tasks import TASKS

app = typer.Typer(
    help="Template versions: list, show, set, diff, render, improve.", no_args_is_help=True
)
VersionOption = Annotated[int | None, typer.Option("--version", help="Default: the newest.")]


def _version(project: Project, version: int | None) -> Prompt:
    prompts = project.store.prompts
    found = prompts.latest() if version is None else prompts.by_version(version)
    if found is None:
        what = "any prompt" if version is None else f"prompt version {version}"
        raise StudioError(f"{project.path} does not have {what}. `studio prompt list` shows them.")
    return found


@app.command("templates")
def templates(as_json: JsonOption = False) -> None:
    """The built-in templates."""
    from studio import methods
    from studio.jobs.setup import templates_of

    rows: list[dict[str, Any]] = []
    for task in TASKS.values():
        for name, text in templates_of(task).items():
            method = methods.of_template(text, task.name, task.method)
            found = method.form.parse(text) if method else None
            language = found.language if found else ""
            rows.append({"name": name, "task": task.name, "language": language})
    cells = [list(row.values()) for row in rows]
    emit(rows, as_json, lambda: out.print(table("Templates", ("name", "task", "language"), cells)))


@app.command("list")
def list_(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Every version, the newest first."""
    rows = [asdict(prompt) for prompt in Project.open(project).store.prompts.all()]
    cells = [[r["version"], r["name"], r["note"], local_time(r["created"])] for r in rows]
    columns = ("version", "template", "note", "made")
    none = "No prompt yet. Make one: studio prompt set TEMPLATE"
    emit(rows, as_json, lambda: show_rows("Prompt versions", columns, cells, none))


@app.command("show")
def show(
    project: ProjectOption = Path(), version: VersionOption = None, as_json: JsonOption = False
) -> None:
    """The text of a version."""
    prompt = _version(Project.open(project), version)
    emit(asdict(prompt), as_json, lambda: out.print(visible(prompt.template), highlight=False))


@app.command("set")
def set_(
    source: Annotated[str, typer.Argument(help="A built-in template's name, or a file.")],
    note: Annotated[str, typer.Option(help="What is new in it.")] = "",
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Make the next version from a built-in template or a file."""
    from studio.jobs.plans import asked_by, shown_template
    from studio.jobs.setup import save_template

    opened = Project.open(project)
    prompt = save_template(opened, source, note)
    _, remarks = shown_template(opened, asked_by(opened, prompt), prompt)

    def show_version() -> None:
        out.print(f"Prompt version {prompt.version}.")
        for said in remarks:
            out.print(visible(said), style="yellow", highlight=False, soft_wrap=True)

    emit(asdict(prompt) | {"remarks": remarks}, as_json, show_version)


@app.command("diff")
def diff(
    old: Annotated[int, typer.Argument(help="A version.")],
    new: Annotated[int | None, typer.Argument(help="Another; default the newest.")] = None,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """What changed between two versions."""
    opened = Project.open(project)
    first, second = _version(opened, old), _version(opened, new)
    lines = list(
        difflib.unified_diff(
            first.template.splitlines(),
            second.template.splitlines(),
            f"version {first.version}",
            f"version {second.version}",
            lineterm="",
        )
    )
    styles = {"+": "green", "-": "red", "@": "cyan"}

    def show_lines() -> None:
        if not lines:
            out.print("The two are the same.")
        for line in lines:
            out.print(visible(line), style=styles.get(line[:1], ""), highlight=False)

    emit({"diff": lines}, as_json, show_lines)


@app.command("render")
def render(
    document: Annotated[str, typer.Argument(help="The outside id of a document.")],
    draw: Annotated[int, typer.Option(help="The how-maniest query of the document, from 0.")] = 0,
    project: ProjectOption = Path(),
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """The request that a document would make, word for word."""
    from studio.jobs.plans import rendered

    opened = opened_for("prompt render", project)
    found = opened.store.documents.by_outside_id(document)
    if found is None:
        raise StudioError(
            f"The corpus has no document {document!r}. `studio search` shows the ids of documents."
        )
    request = rendered(opened, _version(opened, version), found, draw)

    def show_messages() -> None:
        for message in request.messages:
            out.print(
                f"[bold]{message.role}[/]", visible(message.content), sep="\n", highlight=False
            )
        if request.note:
            out.print(visible(request.note), style="yellow")

    emit(asdict(request), as_json, show_messages)


@app.command("improve")
@takes_params
def improve(
    *,
    project: ProjectOption = Path(),
    params: ImproveParams,
    prompt: PromptOption = None,
    model: ModelOption = "",
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only say what it would cost at most.")
    ] = False,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let an LLM propose other wordings and try them; the best become versions on the side."""
    from studio.jobs.improving import estimate_improving, improvable

    opened = opened_for("prompt improve", project)
    told = run_told(opened, params, model, prompt)
    improvable(opened, told["prompt_id"])
    if estimate:
        from studio.cli.estimates import show_estimate

        show_estimate(estimate_improving(opened, ImproveParams.from_row(told)), as_json)
        return
    result = run_job(opened, "improve", told, detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: _show_improved(result)))


def _show_improved(result: dict[str, Any]) -> None:
    from studio.evaluation.wordings import HEADS, WordingRow, cells, verdict

    rows = [WordingRow(**row) for row in result["improved"]]
    title = f"{rows[0].documents} documents that no wording was chosen by"
    out.print(table(title, HEADS, [list(cells(row)) for row in rows]))
    out.print(verdict(rows, result["proposals"], at_shell=True), highlight=False)
