"""A run's row: written down when the run begins, found again when it goes on."""

from __future__ import annotations

from typing import Any, Final

from studio.jobs.context import JobContext
from studio.jobs.plans import prompt_of
from studio.methods.protocol import Method, Stage
from studio.records import Reason, StudioError
from studio.runs import Run

GOLD: Final = "gold"
"""The name of a run without stages: it trains on human-labelled data alone."""


def begun(context: JobContext, name: str, method: Method | None, row: dict[str, Any]) -> Run:
    """The run that this job works on; a new one is written down at once.

    With it the prompt version that it asks with: a version that is saved while it rests, or while
    it lies killed, must not change its requests.
    """
    runs = context.store.runs
    run_id = row.get("run_id") or context.result.get("run_id")
    if run_id is None:
        if method is not None:
            prompt = prompt_of(context.project, method, row.get("prompt_id"))
            row = {**row, "prompt_id": prompt.id or None}
        run_id = runs.add(name, row)
    found = runs.get(int(run_id))
    if found is None:
        raise StudioError(f"There is no run {run_id} in this project. `studio s3 show` lists them.")
    context.keep(run_id=found.id)
    return found


def asked_with(run_: Run, row: dict[str, Any]) -> dict[str, Any]:
    """A job's row with the method and the prompt version of its run."""
    pinned = row.get("prompt_id") or run_.params.get("prompt_id")
    return {**row, "method": row.get("method") or method_name(run_), "prompt_id": pinned}


def method_name(run_: Run) -> str:
    """The method of a run; in a comparison the run has the name of a variant."""
    return str(run_.params.get("method") or run_.method)


def nothing_came(context: JobContext, asked: int, stage: Stage) -> str:
    """Why a run ended without a record, with what was said last."""
    store, job = context.store, context.job.id
    reasons = store.generations.reasons(job) or store.records.reasons_of_job(job)
    worst = next(iter(reasons), "")
    samples = context.store.generations.with_reason(worst, 1) if worst else []
    said = f" The last such answer was {samples[0]['answer'][:80]!r}." if samples else ""
    if samples and samples[0]["error"]:
        said = f" {samples[0]['error']}"
    return (
        f"None of the {asked:,} requests gave {a(stage.makes.noun)}"
        f" (most often: {worst or 'no answer'}).{said} {_advice(worst)}"
    )


def a(noun: str) -> str:
    """With its article: ``a text``, ``an instruction``."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _advice(reason: str) -> str:
    if reason == Reason.THINKING:
        return (
            "The model's thinking used all the tokens of its answer: raise max_tokens in the "
            "prompt's settings, or choose a model that thinks less."
        )
    return "Look at the prompt with the live preview."
