"""``studio filter``: the chain of filters, what it can be made of, and the round trip's K."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.fitting import opened_for
from studio.cli.following import run_job, show_result
from studio.cli.options import takes_params
from studio.cli.output import (
    DetachOption,
    JsonOption,
    ProjectOption,
    emit,
    out,
    show_rows,
    table,
)
from studio.cli.tables import filter_tables
from studio.jobs.params import FilterParams
from studio.project import Project
from studio.records import StudioError


@takes_params
def filter_(
    *,
    project: ProjectOption = Path(),
    params: FilterParams,
    move: Annotated[
        bool, typer.Option("--move", help="Only move K, on the stored ranks: no new run.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="Only list the filters that fit the records.")
    ] = False,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Judge the records by a chain of filters that fit them. Nothing is deleted."""
    from studio.jobs.filtering import chosen, move_k, offered, record_type

    if listed:
        found = offered(record_type(Project.open(project), params.type), params)
        emit(found, as_json, lambda: _show_offered(found))
        return
    if move:
        moved = move_k(opened_for("round trip", project), params.k)
        emit(moved, as_json, lambda: _show_moved(moved))
        return
    from studio.jobs.base_encoders import absolute

    params = replace(params, encoder=absolute(params.encoder))
    asked_for = params.round_trip not in (FilterParams().round_trip, "off")
    opened = opened_for("round trip", project) if asked_for else Project.open(project)
    try:
        chosen(params, record_type(opened, params.type))
    except StudioError as error:
        raise typer.BadParameter(str(error)) from error
    result = run_job(opened, "filter", params.to_row(), detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: out.print(filter_tables(result))))


def _show_moved(found: dict[str, Any]) -> None:
    rows = [[f"top {k}", kept] for k, kept in found["would_keep"].items()]
    out.print(table("Round trip on the stored ranks", ("document in the", "queries kept"), rows))
    out.print(f"K is now {found['k']}: {found['kept']:,} queries are kept by all filters.")


def _show_offered(found: list[dict[str, Any]]) -> None:
    rows = [
        [one["filter"], "yes" if one["chosen"] else "", one["label"], _settings(one["settings"])]
        for one in found
    ]
    show_rows("Filters", ("filter", "runs", "what it keeps", "settings"), rows, "")


def _settings(found: dict[str, Any]) -> str:
    return ", ".join(f"{key}={'' if one is None else one}" for key, one in found.items())
