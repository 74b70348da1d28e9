"""What a run of LLM calls will take, before it is started: tokens, dollars, time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.jobs.params import RunParams
from studio.jobs.plans import (
    capped,
    endpoint_of,
)
from studio.jobs.queue import GENERATING, ROUNDS
from studio.jobs.run_estimates import estimate_for
from studio.llm.endpoints import stranger
from studio.llm.estimate import Estimate, Range
from studio.project import Project
from studio.records import StudioError
from studio.servers import is_loopback
from studio.settings import Endpoint, Settings
from studio.store import Store

MOST_BATCHES = 100
"""More of them are not counted."""
TIME_ERROR = 0.25
"""How far a measured rate may be off next time, either way."""
LOOKED_AT = 50
"""The latest jobs in which a rate is looked for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How fast an endpoint answered in an earlier run."""

    job_id: int
    answers_s: float
    """Answers a second."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a plan will take."""

    estimate: Estimate
    seconds: Range | None
    """None when no run with this endpoint and model has been measured."""
    measured: Measured | None
    warning: str = ""
    """What to know before it starts: a server that only the project names, a cap that will stop
    the run before its end; empty when there is nothing of the kind."""


def outlook(
    path: Path,
    settings: Settings,
    row: dict[str, Any],
    estimated: Callable[[Project, dict[str, Any]], Estimate] = estimate_for,
) -> Outlook:
    """Look at a run's row, in any thread: the store at ``path`` is opened anew.

    row: as :class:`RunParams` has endpoint and caps. estimated: what such a row would ask.

    Raises StudioError, with what to mend, for a plan that could not run.
    """
    store = Store(path)
    try:
        project = Project(path.parent, store, settings)
        params = capped(project, RunParams.from_row(row))
        endpoint = endpoint_of(project, params)
        _refuse_blind_cap(endpoint, params)
        found = estimated(project, row)
        measured = None if params.engine == "batch" else measured_rate(store, endpoint)
        # A server of this machine is nobody else's.
        away = not all(map(is_loopback, endpoint.urls))
        said = [stranger(endpoint) if away else "", _of_the_cap(found, params)]
        warning = " ".join(filter(None, said))
        return Outlook(found, _seconds(found, measured), measured, warning)
    finally:
        store.close()


def measured_rate(store: Store, endpoint: Endpoint) -> Measured | None:
    """The rate of the newest run with this endpoint and model, also of one under way."""
    for job in store.jobs.latest(GENERATING + ROUNDS, LOOKED_AT):
        found = job.result if "answers_s" in job.result else job.live
        same = (found.get("endpoint"), found.get("model")) == (endpoint.name, endpoint.model)
        rate = found.get("answers_s")
        if same and isinstance(rate, int | float) and rate > 0:
            return Measured(job.id, float(rate))
    return None


def _seconds(found: Estimate, measured: Measured | None) -> Range | None:
    if measured is None:
        return None
    mean = found.requests / measured.answers_s
    return Range(mean * (1 - TIME_ERROR), mean * (1 + TIME_ERROR))


def _refuse_blind_cap(endpoint: Endpoint, params: RunParams) -> None:
    """A cap in dollars holds only where prices are known; the run itself would say so too late."""
    unpriced = endpoint.price_in is None or endpoint.price_out is None
    if params.budget_usd is not None and unpriced:
        raise StudioError(
            f"The price of {endpoint.name} is unknown, so a cap in dollars cannot hold. Cap the "
            "tokens instead, or name price_in and price_out of the endpoint in your own settings: "
            "a project's prices do not count."
        )


def _tokens(found: Estimate) -> Range:
    prompt, completion = found.prompt_tokens, found.completion_tokens
    return Range(prompt.low + completion.low, prompt.high + completion.high)


def _of_the_cap(found: Estimate, params: RunParams) -> str:
    """On one line of 80 cells."""
    warning, batches = _warning(found, params), _batches(found, params)
    if warning and batches:
        return f"{warning.removesuffix('.')}, after {batches}."
    return f"The cap makes {batches} of it, a day each at most." if batches else warning


def _batches(found: Estimate, params: RunParams) -> str:
    """How many batches a cap makes of a run: what may not fit waits until others are answered."""
    if params.engine != "batch" or found.aside is None:
        return ""
    counts = [
        _rounds(found.requests, cap, aside, (took.low + took.high) / 2 / found.requests)
        for cap, aside, took in (
            (params.budget_usd, found.aside.cost, found.cost),
            (params.budget_tokens, found.aside.tokens, _tokens(found)),
        )
        if cap is not None and aside and took is not None
    ]
    most = max(counts, default=0)
    if most < 2:
        return ""
    return f"{MOST_BATCHES} or more batches" if most >= MOST_BATCHES else f"about {most} batches"


def _rounds(requests: int, cap: float, aside: float, each: float) -> int:
    """Batches one after another, where each request sets ``aside`` apart and takes ``each``."""
    count = 0
    while requests and cap >= aside and count < MOST_BATCHES:
        fit = min(requests, int(cap / aside))
        requests, cap, count = requests - fit, cap - fit * each, count + 1
    return count


def _warning(found: Estimate, params: RunParams) -> str:
    for cap, spent in ((params.budget_usd, found.cost), (params.budget_tokens, _tokens(found))):
        if cap is None or spent is None or spent.high <= cap:
            continue
        if spent.low > cap:
            share = 100 * cap / spent.high, 100 * cap / spent.low
            return f"The cap will stop it at about {share[0]:.0f}–{share[1]:.0f}% of its requests."
        return "The cap may stop it before its end."
    return ""
