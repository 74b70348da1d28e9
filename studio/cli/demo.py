"""``studio demo``: the main job on a bundled corpus with the embedded models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.following import follow
from studio.cli.output import JsonOption, emit, err, out, table, visible
from studio.cli.tables import chain_table, score_table
from studio.jobs import queue
from studio.jobs.params import EvaluateParams, FilterParams, GenerateParams, PathParams, TrainParams
from studio.jobs.setup import sample_project, samples
from studio.llm import catalogue
from studio.llm.endpoints import EMBEDDED_PREFIX
from studio.project import DATABASE, Project
from studio.records import Job, StudioError
from studio.settings import load

LLMS = ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m")
"""Embedded LLMs, the best first; the demo takes the first that is on this machine."""
DOCUMENTS = 80
QUERIES = 3
"""What two cores and the small LLM do in a few minutes."""


def demo(
    path: Annotated[Path, typer.Argument(help="Where the demo project goes.")] = Path(
        "demo-project"
    ),
    sample: Annotated[
        str, typer.Option(help="A bundled corpus: tax_en or consumer_zh.")
    ] = "tax_en",
    endpoint: Annotated[
        str, typer.Option(help="Default: the best embedded LLM that is on this machine.")
    ] = "",
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
    project, job = _begin(path, sample, endpoint, model, documents, queries)
    if not as_json:
        err.print(visible(_plan(project, job)), highlight=False, soft_wrap=True)
    if not (headless or as_json) and sys.stdin.isatty() and sys.stdout.isatty():
        from studio.tui.app import run

        raise typer.Exit(run(project.path, screen="jobs", attach_job=job.id))
    result = follow(project, job, quiet=as_json)
    found = outcome(project, result)
    emit(found, as_json, lambda: show(result, found))


def _begin(
    path: Path, sample: str, endpoint: str, model: str, documents: int, queries: int
) -> tuple[Project, Job]:
    """A new demo project with its job under way, or the one that is there, gone on with."""
    path = path.expanduser()
    if (path / DATABASE).exists():
        return _go_on(Project.open(path), endpoint, model)
    if not (endpoint or model):
        endpoint = best_embedded(sample)
    encoder = load().encoder
    if encoder in catalogue.load():
        catalogue.required_path(encoder)
    project, corpus = sample_project(path, sample)
    generate = GenerateParams(
        documents=documents, queries_per_document=queries, endpoint=endpoint, model=model
    )
    params = PathParams(
        corpus_import=corpus,
        generate=generate.to_row(),
        filter=FilterParams().to_row(),
        train=TrainParams().to_row(),
        evaluate=EvaluateParams().to_row(),
    )
    return project, queue.submit(project, "path", params.to_row())


def best_embedded(sample: str) -> str:
    """The best embedded LLM on this machine that writes the sample's language.

    Raises StudioError, naming the one to fetch, when there is none.
    """
    language = samples()[sample].language if sample in samples() else "en"
    able = [name for name in LLMS if language in catalogue.load()[name].languages]
    for name in able:
        if catalogue.installed_path(name) is not None:
            return EMBEDDED_PREFIX + name
    raise StudioError(
        f"The sample {sample} needs an LLM that writes {language!r}, and no embedded one on this "
        f"machine does. Fetch one with `studio models pull {able[-1]}`, or name an --endpoint."
    )


def _go_on(project: Project, endpoint: str, model: str) -> tuple[Project, Job]:
    found = [job for job in queue.all_jobs(project) if job.kind == "path"]
    if not found:
        raise StudioError(
            f"{project.path} is a project, but not a demo. Name another folder: studio demo FOLDER."
        )
    job = found[0]
    asked = job.params["generate"]
    if endpoint not in ("", asked["endpoint"]) or model not in ("", asked["model"]):
        raise StudioError(
            f"{project.path} holds a demo with another LLM. Name another folder for this one: "
            f"studio demo FOLDER --endpoint {endpoint or asked['endpoint']}."
        )
    return project, queue.resume(project, job.id) if job.state in queue.RESUMABLE else job


def _plan(project: Project, job: Job) -> str:
    """What is about to happen, and with which LLM."""
    asked = job.params["generate"]
    llm = " ".join(part for part in (asked["endpoint"], asked["model"]) if part)
    return (
        f"Demo in {project.path}: {llm} writes {asked['queries_per_document']} queries for each "
        f"of {asked['documents']} documents, then filter, train, evaluate."
    )


def outcome(project: Project, result: dict[str, Any]) -> dict[str, Any]:
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
        "seconds": {**result["seconds"], "total": round(sum(result["seconds"].values()), 1)},
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
    if "trained_vs_base" not in found["p_value"]:
        return "Too little was measured for a test."
    mean = found["difference"]["trained_vs_base"][0]
    if found["p_value"]["trained_vs_base"] >= 0.05:
        said = "No significant difference from the base encoder with this LLM."
        if found["llm"] == LLMS[0]:
            return f"{said} More documents help: `studio demo FOLDER --documents 200`."
        return (
            f"{said} A larger one writes better queries: `studio models pull {LLMS[0]}`, then "
            f"`studio demo FOLDER --endpoint {EMBEDDED_PREFIX}{LLMS[0]}`."
        )
    return f"The trained encoder is {'better' if mean > 0 else 'worse'} than the base encoder."
