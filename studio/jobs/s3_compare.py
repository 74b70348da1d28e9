"""Methods beside each other at the same number of records: one job, one table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from studio.evaluation.classification import mcnemar
from studio.evaluation.significance import paired_test
from studio.jobs import s3
from studio.jobs.context import JobContext
from studio.jobs.s3_params import S3Params
from studio.params import Params
from studio.records import StudioError
from studio.store import Store

METHODS = ("zerogen", "goldgen", "s3", "gold")
ABLATIONS: dict[str, dict[str, Any]] = {
    "s3-without-rationales": {"explain": False},
    "s3-without-extrapolation": {"extrapolate": False},
}
"""Variants of s3 that may stand among the methods: what they are told."""


@dataclass(frozen=True, slots=True)
class CompareParams(Params):
    """Which methods, and what all of them are told."""

    methods: tuple[str, ...] = ("zerogen", "goldgen", "s3")
    run: dict[str, Any] | None = None
    """The :class:`S3Params` that they share."""


def run(context: JobContext) -> None:
    """The job ``s3-compare``: s3 first, for its number of records is the others' budget."""
    params = CompareParams.from_row(context.job.params)
    shared = S3Params.from_row(params.run or {})
    checked(params.methods)
    records = shared.records
    order = sorted(params.methods, key=lambda name: name != "s3")
    for name in order:
        found = _one(context, name, replace(shared, records=records))
        if records is None and found["rounds"]:
            records = found["rounds"][-1]["records"]
    context.keep(
        records=records, table=table(context.store, params.methods, context.result["runs"])
    )


def checked(names: tuple[str, ...]) -> None:
    """Refuse a method that there is not."""
    known = (*METHODS, *ABLATIONS)
    strangers = [name for name in names if name not in known]
    if strangers:
        raise StudioError(f"There is no method {strangers[0]!r}; choose of {', '.join(known)}.")
    if len(set(names)) < 2:
        raise StudioError("A comparison needs two methods or more, such as zerogen,s3.")


def _one(context: JobContext, name: str, params: S3Params) -> dict[str, Any]:
    """One method's run, or what is left of it."""
    runs: dict[str, int] = {**context.result.get("runs", {})}
    told: dict[str, Any] = ABLATIONS.get(name, {})
    params = replace(params, method="s3" if told else name, approve="all", patience=0, **told)
    if name not in runs:
        runs[name] = context.store.runs.add(name, params.to_row())
        context.keep(runs=runs)
    done: dict[str, Any] = {**context.result.get("done", {})}
    if name not in done:
        found = s3.rounds(context, replace(params, run_id=runs[name]))
        done[name] = {"rounds": found["rounds"], "warnings": found["warnings"]}
        context.keep(done=done)
    return dict(done[name])


def table(store: Store, names: tuple[str, ...], runs: dict[str, int]) -> list[dict[str, Any]]:
    """A row for each method: records, test scores with spread, and the test against s3."""
    last = {name: store.runs.rounds(runs[name])[-1] for name in names if name in runs}
    against = last["s3"].test if "s3" in last else None
    rows = []
    for name, round_ in last.items():
        shown = {k: v for k, v in round_.test.items() if k not in ("right", "f1s", "labels")}
        row: dict[str, Any] = {
            "method": name,
            "records": round_.records,
            "run": runs[name],
            "test": shown,
        }
        if against is not None and name != "s3":
            row["s3_against_it"] = compared(against, round_.test)
        rows.append(row)
    return rows


def compared(new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """McNemar's test on right and wrong, and for spans the paired bootstrap of F1."""
    if not new.get("right") or len(new["right"]) != len(old.get("right", [])):
        return {}
    found = mcnemar([bool(one) for one in new["right"]], [bool(one) for one in old["right"]])
    told: dict[str, Any] = {
        "only_s3_right": found.only_new,
        "only_other_right": found.only_old,
        "p_mcnemar": found.p_value,
    }
    if "f1" in new:
        paired = paired_test(new["f1s"], old["f1s"])
        told["f1_difference"] = [
            paired.difference.mean,
            paired.difference.low,
            paired.difference.high,
        ]
        told["p_f1"] = paired.p_value
    return told
