"""The whole path in one job: import → generate → filter → train or tune → evaluate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from studio.jobs import answering, evaluating, filtering, importing, runs, training, tuning
from studio.jobs.context import JobContext
from studio.jobs.datasets import gold_set
from studio.jobs.params import (
    FilterParams,
    ImportParams,
    PathParams,
)
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.jobs.tune_params import AnswerParams, TuneParams


def run(context: JobContext) -> None:
    """The job ``path``. A stage that ended before an interruption is not run again."""
    params = PathParams.from_row(context.job.params)
    if params.corpus_import:
        first = ImportParams.from_row(params.corpus_import)
        _stage(context, "import", lambda: importing.import_all(context, first))
    _stage(context, "generate", lambda: runs.generate(context, params.generate or {}))
    judge = FilterParams.from_row({**(params.filter or {}), "train": params.train})
    _stage(context, "filter", lambda: filtering.judge(context, judge))
    if params.tune is not None:
        tune = TuneParams.from_row(params.tune)
        _stage(context, "tune", lambda: tuning.tune_kept(context, tune))
        told = {**(params.evaluate or {}), "model_id": context.result["model_id"]}
        answers = AnswerParams.from_row(told)
        _stage(context, "evaluate", lambda: context.keep(**answering.measure(context, answers)))
        return
    train = TrainParams.from_row(params.train or {})
    _stage(context, "train", lambda: training.train_kept(context, train))
    score = EvaluateParams.from_row(params.evaluate or {})
    _stage(context, "evaluate", lambda: _evaluate(context, score))


def _evaluate(context: JobContext, params: EvaluateParams) -> None:
    gold = gold_set(context.store, params.split)
    if gold.queries:
        context.keep(**evaluating.measure(context, params, gold))
    else:
        context.keep(gold="no gold queries: nothing was measured")


def _stage(context: JobContext, name: str, work: Callable[[], None]) -> None:
    """Run a stage unless it is done; its seconds add up over interruptions."""
    seconds: dict[str, Any] = dict(context.result.get("seconds", {}))
    finished = list(context.result.get("stages_done", []))
    if name in finished:
        return
    context.check()
    context.begin(name)
    started = time.monotonic()
    try:
        work()
    finally:
        seconds[name] = round(seconds.get(name, 0.0) + time.monotonic() - started, 1)
        context.keep(seconds=seconds)
    context.keep(stages_done=[*finished, name])
