"""Methods beside each other at the same number of records: one job, one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from studio import methods
from studio.evaluation.classification import mcnemar
from studio.evaluation.significance import paired_test
from studio.jobs import rounds
from studio.jobs.context import JobContext
from studio.jobs.learners import NOT_SHOWN
from studio.jobs.run_rows import GOLD
from studio.params import Params
from studio.project import Project
from studio.records import StudioError
from studio.store import Store

ABLATIONS: Final = {"rationales": "explain", "extrapolation": "extrapolate"}
"""What a method can do without → the setting that switches it off."""


@dataclass(frozen=True, slots=True)
class CompareParams(Params):
    """Which methods, and what all of them are told."""

    methods: tuple[str, ...] = ()
    """Names of methods, or of variants of them."""
    run: dict[str, Any] | None = None
    """The params of a run that they share."""


def variants(project: Project) -> dict[str, tuple[str, dict[str, Any]]]:
    """What may be compared: name → the method, and what it is told besides."""
    found: dict[str, tuple[str, dict[str, Any]]] = {GOLD: (GOLD, {})}
    for name, method in methods.of_task(project.task.name).items():
        found[name] = (name, {})
        for part, switch in ABLATIONS.items():
            if method.has_feedback and switch in method.settings.options():
                found[f"{name}-without-{part}"] = (name, {switch: False})
    return found


def default_methods(project: Project) -> tuple[str, ...]:
    """The methods of the task that train a model by rounds, the task's own last."""
    own = project.task.method
    return (*sorted(set(methods.of_task(project.task.name)) - {own}, reverse=True), own)


def checked(project: Project, names: tuple[str, ...]) -> None:
    """Refuse a method that there is not."""
    known = variants(project)
    strangers = [name for name in names if name not in known]
    if strangers:
        raise StudioError(f"There is no method {strangers[0]!r}; choose of {', '.join(known)}.")
    if len(set(names)) < 2:
        raise StudioError(
            f"A comparison needs two methods or more, such as {','.join(default_methods(project))}."
        )


def run(context: JobContext) -> None:
    """The job ``s3-compare``: the task's own method first, for its records are the others'."""
    params = CompareParams.from_row(context.job.params)
    shared = dict(params.run or {})
    checked(context.project, params.methods)
    records = shared.get("records")
    own = context.project.task.method
    for name in sorted(params.methods, key=lambda name: name != own):
        found = _one(context, name, {**shared, "records": records})
        if records is None and found["rounds"]:
            records = found["rounds"][-1]["records"]
    context.keep(
        records=records,
        table=table(context.store, params.methods, context.result["runs"], own),
    )


def _one(context: JobContext, name: str, row: dict[str, Any]) -> dict[str, Any]:
    """One method's run, or what is left of it."""
    started: dict[str, int] = {**context.result.get("runs", {})}
    method, told = variants(context.project)[name]
    row = {**row, "approve": "all", "patience": 0, **told, "method": method}
    if name not in started:
        started[name] = context.store.runs.add(name, row)
        context.keep(runs=started)
    done: dict[str, Any] = {**context.result.get("done", {})}
    if name not in done:
        found = rounds.rounds(context, {**row, "run_id": started[name]})
        done[name] = {"rounds": found["rounds"], "warnings": found["warnings"]}
        context.keep(done=done)
    return dict(done[name])


def table(
    store: Store, names: tuple[str, ...], started: dict[str, int], reference: str
) -> list[dict[str, Any]]:
    """A row for each method: records, test scores with spread, and the test of the reference
    against it, under the key ``REFERENCE_against_it``."""
    last = {name: store.runs.rounds(started[name])[-1] for name in names if name in started}
    against = last[reference].test if reference in last else None
    rows = []
    for name, round_ in last.items():
        hidden = (*NOT_SHOWN, "labels")
        row: dict[str, Any] = {
            "method": name,
            "records": round_.records,
            "run": started[name],
            "test": {k: v for k, v in round_.test.items() if k not in hidden},
        }
        if against is not None and name != reference:
            row[f"{reference}_against_it"] = compared(against, round_.test, reference)
        rows.append(row)
    return rows


def compared(new: dict[str, Any], old: dict[str, Any], reference: str) -> dict[str, Any]:
    """McNemar's test on right and wrong, and for spans the paired bootstrap of F1."""
    if not new.get("right") or len(new["right"]) != len(old.get("right", [])):
        return {}
    found = mcnemar([bool(one) for one in new["right"]], [bool(one) for one in old["right"]])
    told: dict[str, Any] = {
        f"only_{reference}_right": found.only_new,
        "only_other_right": found.only_old,
        "p_mcnemar": found.p_value,
    }
    if "f1" in new:
        paired = paired_test(new["f1s"], old["f1s"])
        difference = paired.difference
        told["f1_difference"] = [difference.mean, difference.low, difference.high]
        told["p_f1"] = paired.p_value
    return told
