"""``studio demo``: the main job on a bundled corpus with the embedded models."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from studio.cli import demo_embedding, demo_labelled, demo_tuning
from studio.cli.demo_again import gone_on, sample_of
from studio.cli.demo_ending import dropped, rows_of, show_ending
from studio.cli.following import follow
from studio.cli.output import JsonOption, emit, err, out, table, visible
from studio.cli.tables import filter_tables, score_table
from studio.jobs import queue
from studio.jobs.params import (
    FilterParams,
    PathParams,
)
from studio.jobs.plans import run_row
from studio.jobs.setup import Sample, sample_project
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.llm import catalogue
from studio.project import DATABASE, Project
from studio.records import StudioError
from studio.runs import Job
from studio.servers import EMBEDDED_PREFIX
from studio.settings import load

LLMS = ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m")
"""Embedded LLMs, the best first; the demo takes the first that is on this machine."""
DOCUMENTS = 80
QUERIES = 3
"""What two cores and the small LLM do in a few minutes."""


def demo(
    path: Annotated[
        Path, typer.Argument(readable=False, help="Where the demo project goes.")
    ] = Path("demo-project"),
    task: Annotated[
        Literal["retrieval", "classification", "nli", "qa", "instructions", "embedding"],
        typer.Option(
            help="retrieval, embedding: generate, filter, train; instructions: the same with an "
            "LLM that is tuned; the others: rounds of S3."
        ),
    ] = "retrieval",
    sample: Annotated[
        str, typer.Option(help="A bundled corpus of the task; for retrieval tax_en, consumer_zh.")
    ] = "",
    endpoint: Annotated[
        str, typer.Option(help="Default: the best embedded LLM that is on this machine.")
    ] = "",
    model: Annotated[str, typer.Option(help="The model at that endpoint.")] = "",
    documents: Annotated[
        int, typer.Option(min=1, help="Retrieval: documents to write queries for.")
    ] = DOCUMENTS,
    queries: Annotated[int, typer.Option(min=1, help="Retrieval: queries per document.")] = QUERIES,
    kind: Annotated[
        Literal["finetune", "head"] | None,
        typer.Option(help="S3: the small model. Default: head, and finetune for qa."),
    ] = None,
    base: Annotated[
        str,
        typer.Option(
            help="S3: its checkpoint, else the embedded encoder; instructions: the LLM to tune; "
            "embedding: the encoder."
        ),
    ] = "",
    seed_records: Annotated[
        int | None, typer.Option("--seed-records", min=1, help="S3: seed items. Default: 90.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=0, help="S3: rounds of extrapolation. Default: 2.")
    ] = None,
    wanted: Annotated[
        int | None,
        typer.Option(
            min=1, help="Instructions: tasks to write, default 40; embedding: triplets, 60."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Instructions: steps of the tuning, default 48; embedding: of training."
        ),
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="No screens, also on a terminal.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The main job on a sample, with measured results. No network, no key."""
    screens = not (headless or as_json) and sys.stdin.isatty() and sys.stdout.isatty()
    of_rounds = {"--kind": kind, "--seed-records": seed_records, "--rounds": rounds}
    of_tuning = {"--wanted": wanted, "--steps": steps}
    if task == "retrieval":
        _refuse({"--base": base or None, **of_rounds, **of_tuning}, "need a --task")
        asked = _Asked(sample, endpoint, model, documents, queries)
        _of_retrieval(path, asked, screens, as_json)
    elif task == demo_tuning.TASK:
        _refuse(of_rounds, "are for rounds of S3")
        tuning = demo_tuning.TuningWishes(sample, wanted, steps, base, endpoint, model)
        _of_samples(demo_tuning, path, tuning, task, screens, as_json)
    elif task == demo_embedding.TASK:
        _refuse(of_rounds, "are for rounds of S3")
        told = demo_embedding.EmbeddingWishes(sample, wanted, steps, base, endpoint, model)
        _of_samples(demo_embedding, path, told, task, screens, as_json)
    else:
        _refuse(of_tuning, f"need --task {demo_tuning.TASK} or {demo_embedding.TASK}")
        wishes = demo_labelled.Wishes(
            task, sample, kind, base, rounds, seed_records, endpoint, model
        )
        _of_samples(demo_labelled, path, wishes, task, screens, as_json)


def _refuse(told: Mapping[str, object], why: str) -> None:
    if any(one is not None for one in told.values()):
        raise typer.BadParameter(f"{', '.join(told)} {why}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a demo of retrieval is told."""

    sample: str
    endpoint: str
    model: str
    documents: int
    queries: int


def _of_retrieval(path: Path, asked: _Asked, screens: bool, as_json: bool) -> None:
    project, job = _begin(path, asked)
    if not as_json:
        err.print(visible(_plan(project, job)), highlight=False, soft_wrap=True)
    if screens:
        _open(project, job, "jobs")
    result = follow(project, job, quiet=as_json)
    found = outcome(project, result)
    emit(found, as_json, lambda: show(result, found))


def _of_samples(
    kind: Any, path: Path, wishes: Any, task: str, screens: bool, as_json: bool
) -> None:
    """A demo on a sample of a task other than search; kind: the module that says how."""
    path = path.expanduser()
    if (path / DATABASE).exists():
        project, job = kind.go_on(path, wishes)
    else:
        sample = sample_of(task, wishes.sample)
        endpoint = wishes.endpoint
        if not (endpoint or wishes.model):
            endpoint = best_embedded(sample)
        project, job = kind.begin(path, wishes, endpoint)
    if not as_json:
        err.print(visible(kind.plan(project, job)), highlight=False, soft_wrap=True)
    if screens:
        _open(project, job, kind.PANE)
    result = follow(project, job, quiet=as_json)
    found = kind.outcome(project, job, result)
    emit(found, as_json, lambda: kind.show(found))


def _open(project: Project, job: Job, screen: str) -> NoReturn:
    from studio.tui.app import run

    raise typer.Exit(run(project.path, screen=screen, attach_job=job.id))


def _begin(path: Path, asked: _Asked) -> tuple[Project, Job]:
    """A new demo project with its job under way, or the one that is there, gone on with."""
    path = path.expanduser()
    if (path / DATABASE).exists():
        return gone_on(path, "path", "retrieval", _told, asked)
    sample, endpoint = sample_of("retrieval", asked.sample), asked.endpoint
    if not (endpoint or asked.model):
        endpoint = best_embedded(sample)
    encoder = load().encoder or catalogue.default_encoder(sample.language)
    if encoder in catalogue.load():
        catalogue.required_path(encoder)
    project, corpus = sample_project(path, sample.name)
    generate = run_row(
        project,
        documents=asked.documents,
        queries_per_document=asked.queries,
        endpoint=endpoint,
        model=asked.model,
    )
    params = PathParams(
        corpus_import=corpus,
        generate=generate,
        filter=FilterParams().to_row(),
        train=TrainParams().to_row(),
        evaluate=EvaluateParams().to_row(),
    )
    return project, queue.submit(project, "path", params.to_row())


def best_embedded(sample: Sample) -> str:
    """The best embedded LLM on this machine that writes the sample's language.

    Raises StudioError, naming the one to fetch, when there is none.
    """
    able = [name for name in LLMS if sample.language in catalogue.load()[name].languages]
    for name in able:
        if catalogue.installed_path(name) is not None:
            return EMBEDDED_PREFIX + name
    raise StudioError(
        f"The sample {sample.name} needs an LLM that writes {sample.language!r}, and no embedded "
        f"one on this machine does. Fetch one with `studio models pull {able[-1]}`, or name an "
        "--endpoint."
    )


def _told(job: Job) -> Mapping[str, Any]:
    return {name: job.params["generate"][name] for name in ("endpoint", "model")}


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
    return {
        "documents": project.store.documents.count(),
        "generated": counts.total,
        "kept": counts.kept,
        "dropped": dropped(counts, result),
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
    rows = [["documents", found["documents"]], *rows_of(found, "queries")]
    out.print(table(f"Queries by {found['llm']}", ("what", "count"), rows))
    out.print(filter_tables(result))
    if found["scores"]:
        out.print(score_table(result))
        out.print(verdict(found), highlight=False)
    show_ending(found)


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
