"""What a run would take, said before anything is paid."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from studio.cli.output import emit, out, table
from studio.jobs.run_estimates import estimate_for
from studio.llm.estimate import Estimate, Range
from studio.llm.money import dollars
from studio.project import Project


def estimate_run(project: Project, row: dict[str, Any], as_json: bool) -> None:
    """Print tokens and cost from a sample of rendered prompts."""
    show_estimate(estimate_for(project, row), as_json)


def show_estimate(found: Estimate, as_json: bool) -> None:
    """Print tokens and cost."""
    emit(
        asdict(found),
        as_json,
        lambda: out.print(table("Estimate", ("what", "about"), _rows(found))),
    )


def _rows(found: Estimate) -> list[list[Any]]:
    cost = "unknown: the endpoint has no prices in the settings"
    if found.cost is not None:
        cost = f"{dollars(found.cost.low)} – {dollars(found.cost.high)}"
    return [
        ["requests", f"{found.requests:,}"],
        *([["stored already", f"{found.stored:,}"]] if found.stored else []),
        ["prompt tokens", _span(found.prompt_tokens)],
        ["completion tokens", _span(found.completion_tokens)],
        ["cost", cost],
        ["estimated from", found.basis],
    ]


def _span(found: Range) -> str:
    return f"{found.low:,.0f} – {found.high:,.0f}"
