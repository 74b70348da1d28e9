"""``studio demo``: the main job on a bundled corpus with the embedded models."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from studio.cli.demo_embedding import EmbeddingDemo
from studio.cli.demo_labelled import LabelledDemo
from studio.cli.demo_retrieval import DOCUMENTS, QUERIES, RetrievalDemo
from studio.cli.demo_sample import SampleDemo
from studio.cli.demo_tuning import TuningDemo
from studio.cli.following import follow
from studio.cli.output import JsonOption, emit, err, visible

WRITTEN: Mapping[str, type[TuningDemo | EmbeddingDemo]] = {
    "instructions": TuningDemo,
    "embedding": EmbeddingDemo,
}
"""Task → its demo, where the LLM thinks up what it writes about."""


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
    told = (task, sample, endpoint, model)
    of_rounds = {"--kind": kind, "--seed-records": seed_records, "--rounds": rounds}
    of_writing = {"--wanted": wanted, "--steps": steps}
    found: SampleDemo
    if task == "retrieval":
        _refuse({"--base": base or None, **of_rounds, **of_writing}, "need a --task")
        found = RetrievalDemo(*told, documents, queries)
    elif task in WRITTEN:
        _refuse(of_rounds, "are for rounds of S3")
        found = WRITTEN[task](*told, wanted, steps, base)
    else:
        _refuse(of_writing, f"need --task {' or '.join(WRITTEN)}")
        found = LabelledDemo(*told, kind, base, rounds, seed_records)
    screens = not (headless or as_json) and sys.stdin.isatty() and sys.stdout.isatty()
    _run(found, path, screens, as_json)


def _refuse(told: Mapping[str, object], why: str) -> None:
    if any(one is not None for one in told.values()):
        raise typer.BadParameter(f"{', '.join(told)} {why}")


def _run(demo: SampleDemo, path: Path, screens: bool, as_json: bool) -> None:
    project, job = demo.started(path)
    if not as_json:
        err.print(visible(demo.plan(project, job)), highlight=False, soft_wrap=True)
    if screens:
        from studio.tui.app import run

        raise typer.Exit(run(project.path, screen=demo.pane, attach_job=job.id))
    result = follow(project, job, quiet=as_json)
    found = demo.outcome(project, job, result)
    emit(found, as_json, lambda: demo.show(found, result))
