"""``studio judge``: an LLM rates the records, and what is kept is told by score and category."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.following import run_job, show_result
from studio.cli.options import takes_params
from studio.cli.output import DetachOption, JsonOption, ProjectOption, emit, out, table, visible
from studio.cli.run_options import EstimateOption, ModelOption, run_told
from studio.cli.tables import retention_table
from studio.jobs.params import JudgeParams
from studio.llm.money import dollars, untold
from studio.project import Project
from studio.records import StudioError

LONGEST = 100_000
"""Bytes of a rubric or template: far more than a judge would read."""


@takes_params
def judge(
    *,
    project: ProjectOption = Path(),
    params: JudgeParams,
    rubric: Annotated[
        Path | None,
        typer.Option(readable=False, help="Your rubric, a text file, for the judge rubric."),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(readable=False, help="A template in place of the judge's own, a file."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Only print the judge's template, to copy and change.")
    ] = False,
    model: ModelOption = "",
    estimate: EstimateOption = False,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let an LLM rate the kept records; the threshold can be moved later. Nothing is deleted."""
    from studio.jobs.judging import checked, estimate_judge, planned_judge, template_of
    from studio.methods.judging import RUBRIC

    opened = Project.open(project)
    if params.by == RUBRIC and rubric is None and not show:
        raise typer.BadParameter("the judge rubric needs a text file of yours: --rubric FILE")
    params = replace(params, rubric=_text(rubric), template=_text(template))
    if show:
        text = params.template or template_of(params.by, opened.language)
        emit({"template": text}, as_json, lambda: typer.echo(visible(text)))
        return
    try:
        judged = checked(opened, params)
    except StudioError as error:
        raise typer.BadParameter(str(error)) from error
    told = JudgeParams.from_row(run_told(opened, params, model))
    # A template or an endpoint that cannot be is refused before anything is submitted.
    planned_judge(opened, told, judged)
    if estimate:
        from studio.cli.estimates import show_estimate

        show_estimate(estimate_judge(opened, told), as_json)
        return
    result = run_job(opened, "judge", told.to_row(), detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: _show(result)))


def _text(path: Path | None) -> str:
    """What a file says. Raises StudioError for one that is no text, or far too long."""
    if path is None:
        return ""
    with path.expanduser().open("rb") as file:
        found = file.read(LONGEST + 1)
    if len(found) > LONGEST:
        raise StudioError(f"{path} is longer than {LONGEST:,} bytes. Shorten it to what counts.")
    try:
        text = found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudioError(f"{path} is no UTF-8 text. Save it as UTF-8 and try again.") from error
    if not text.strip():
        raise StudioError(f"{path} is empty. Write what the judge is to go by.")
    return text


def _show(result: dict[str, Any]) -> None:
    spent = result["spent"]
    rows: list[list[object]] = [
        ["judged", result["judged"]],
        [f"kept, from {result['keep_from']:g}", result["kept"]],
        ["dropped", result["dropped"]],
        ["unscored, left as they were", result["unscored"]],
        *[[f"unscored: {why}", n] for why, n in result["unscored_why"].items()],
        *([["answered before", result["reused"]]] if result["reused"] else []),
        *[[f"score {score}", n] for score, n in result["by_score"].items()],
        ["prompt tokens", spent["prompt_tokens"]],
        ["completion tokens", spent["completion_tokens"]],
    ]
    title = f"Judged for {result['by']} by {visible(result['model'])}"
    out.print(table(title, ("what", "count"), rows))
    if result["retention"]:
        out.print(retention_table(result["retention"]))
    cost = "unknown" if spent["cost"] is None else dollars(spent["cost"])
    out.print(f"Cost: {cost}{untold(spent['untold_calls'])}", highlight=False)
