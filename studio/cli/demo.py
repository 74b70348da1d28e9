"""``studio demo``: the main job on a bundled corpus with the embedded models."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.output import JsonOption, emit, follow, out, table, visible
from studio.cli.tables import chain_table, score_table
from studio.jobs import queue
from studio.jobs.params import EvaluateParams, FilterParams, GenerateParams, PathParams, TrainParams
from studio.jobs.setup import sample_project
from studio.project import DATABASE, Project
from studio.records import StudioError

DOCUMENTS = 120
QUERIES = 4
"""What two cores and the small LLM do in a few minutes."""


def demo(
    path: Annotated[Path, typer.Argument(help="Where the demo project goes.")] = Path(
        "demo-project"
    ),
    sample: Annotated[
        str, typer.Option(help="A bundled corpus: tax_en or consumer_zh.")
    ] = "tax_en",
    endpoint: Annotated[str, typer.Option(help="Default: the small embedded LLM.")] = "",
    model: Annotated[str, typer.Option(help="The model at that endpoint.")] = "",
    documents: Annotated[
        int, typer.Option(min=1, help="Documents to write queries for.")
    ] = DOCUMENTS,
    queries: Annotated[int, typer.Option(min=1, help="Queries per document.")] = QUERIES,
    headless: Annotated[
        bool, typer.Option("--headless", help="No screens, also on a terminal.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Generate, filter, train and measure on a sample corpus. No network, no key."""
    started = time.monotonic()
    project, job_id = _begin(path, sample, endpoint, model, documents, queries)
    if not (headless or as_json) and sys.stdin.isatty() and sys.stdout.isatty():
        from studio.tui.app import run

        raise typer.Exit(run(project.path, screen="jobs", attach_job=job_id))
    result = follow(project, queue.get(project, job_id), quiet=as_json)
    found = outcome(project, result, time.monotonic() - started)
    emit(found, as_json, lambda: show(result, found))


def _begin(
    path: Path, sample: str, endpoint: str, model: str, documents: int, queries: int
) -> tuple[Project, int]:
    """A new demo project with its job under way, or the one that is there, gone on with."""
    if (path / DATABASE).exists():
        return _go_on(Project.open(path))
    project, corpus = sample_project(path, sample)
    is_url = "://" in endpoint
    generate = GenerateParams(
        documents=documents,
        queries_per_document=queries,
        endpoint="" if is_url else endpoint,
        base_url=endpoint if is_url else "",
        model=model,
    )
    params = PathParams(
        corpus_import=corpus,
        generate=generate.to_row(),
        filter=FilterParams().to_row(),
        train=TrainParams().to_row(),
        evaluate=EvaluateParams().to_row(),
    )
    return project, queue.submit(project, "path", params.to_row()).id


def _go_on(project: Project) -> tuple[Project, int]:
    found = [job for job in queue.all_jobs(project) if job.kind == "path"]
    if not found:
        raise StudioError(
            f"{project.path} is a project, but not a demo. Name another folder: studio demo FOLDER."
        )
    job = found[0]
    if job.state in queue.RESUMABLE:
        queue.resume(project, job.id)
    return project, job.id


def outcome(project: Project, result: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The one object for programs."""
    counts = project.store.records.counts()
    dropped = dict(result["generation_drops"])
    for reason, count in counts.dropped.items():
        dropped[reason] = dropped.get(reason, 0) + count
    return {
        "documents": project.store.documents.count(),
        "generated": counts.total,
        "kept": counts.kept,
        "dropped": dropped,
        "scores": {
            name: {m: means[m] for m in ("ndcg@10", "recall@100", "mrr@10")}
            for name, means in result.get("scores", {}).items()
        },
        "p_value": result.get("p_value", {}),
        "difference": result.get("difference", {}),
        "gold": result["gold"],
        "llm": result["model"],
        "seconds": {**result["seconds"], "total": round(seconds, 1)},
        "project": str(project.path),
    }


def show(result: dict[str, Any], found: dict[str, Any]) -> None:
    """The closing tables, and how to go on."""
    rows: list[list[object]] = [
        ["documents", found["documents"]],
        ["queries generated", found["generated"]],
        *[[f"  dropped: {reason}", count] for reason, count in found["dropped"].items()],
        ["queries kept", found["kept"]],
    ]
    out.print(table(f"Queries by {found['llm']}", ("what", "count"), rows))
    out.print(chain_table(result))
    if found["scores"]:
        out.print(score_table(result))
        out.print(verdict(found), highlight=False)
    stages = ", ".join(f"{name} {s:.0f} s" for name, s in found["seconds"].items())
    out.print(f"Time: {stages}", style="dim", highlight=False)
    out.print(f"The project lies in {visible(found['project'])}", highlight=False)
    out.print(f"Open it with: [bold]studio {visible(found['project'])}[/]", highlight=False)


def verdict(found: dict[str, Any]) -> str:
    """What the numbers say, plainly."""
    mean = found["difference"]["trained_vs_base"][0]
    if found["p_value"]["trained_vs_base"] >= 0.05:
        return (
            "No significant difference from the base encoder with this LLM. A larger LLM writes "
            "better queries: `studio models pull qwen2.5-coder-1.5b`, then "
            "`studio demo FOLDER --endpoint embedded:qwen2.5-coder-1.5b`."
        )
    return f"The trained encoder is {'better' if mean > 0 else 'worse'} than the base encoder."
