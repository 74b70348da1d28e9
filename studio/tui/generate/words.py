"""A run of LLM calls in words: its figures, the estimate of a plan, what to press next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from studio.jobs.params import RunParams, run_params
from studio.jobs.planning import Outlook
from studio.jobs.queue import ROUNDS, is_generating
from studio.llm.estimate import Range
from studio.llm.money import dollars, untold
from studio.plurals import so_many
from studio.runs import Job, JobState
from studio.safe_text import one_line
from studio.store.generations import Dropped
from studio.tui.jobs import words as job_words

BARS: Final = "▁▂▃▄▅▆▇█"
SMOOTHED: Final = 3
"""Samples that one bar of a curve is the mean of, where there are enough."""
LADDER: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""The steps of + and −: single calls where they matter, leaps where they do not."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run has done, out of its row."""

    asked: int = 0
    """Calls that it is to make."""
    answered: int = 0
    records: int = 0
    reused: int = 0
    """Answers that were there before."""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    uncounted: int = 0
    """Answers whose tokens the endpoint did not tell."""
    cost: float | None = None
    """US dollars; None when unknown."""
    reasons: dict[str, int] = field(default_factory=dict)
    in_flight: int = 0
    resting: bool = False
    """The worker has heeded a pause: nothing new is sent."""
    limit: int = 0
    most: int = 0
    ceiling: int = 0
    note: str = ""
    answers_s: float | None = None
    queries_s: tuple[float, ...] = ()
    tokens_s: tuple[float, ...] = ()
    latency_s: tuple[float, ...] = ()
    """The median and the 95th percentile of the latest answers."""
    retries: int = 0
    stage: str = ""
    """What the stage that is under way writes: not each stage of a method writes its records."""


def figures_of(job: Job) -> Figures:
    """The live figures, or for a run of an older studio those of its result."""
    if job.live:
        return Figures(**dict(_sound(job.live)))
    found, spent = job.result, job.result.get("spent") or {}
    return Figures(
        asked=found.get("requests") or job.total or 0,
        answered=found.get("requests") or job.done,
        records=found.get("generated") or 0,
        reused=found.get("reused") or 0,
        tokens_in=spent.get("prompt_tokens") or 0,
        tokens_out=spent.get("completion_tokens") or 0,
        tokens_cached=spent.get("cached_tokens") or 0,
        cost=spent.get("cost"),
        reasons=found.get("generation_drops") or {},
    )


def _sound(live: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is of its type: a project's file may come from anybody."""
    for one in fields(Figures):
        found = live.get(one.name)
        if one.name in ("queries_s", "tokens_s", "latency_s"):
            samples = found if isinstance(found, list) else []
            yield one.name, tuple(x for x in samples if isinstance(x, int | float))
        elif one.name in ("cost", "answers_s"):
            yield one.name, found if isinstance(found, int | float) else None
        elif one.name == "reasons":
            counts = found if isinstance(found, dict) else {}
            yield one.name, {name: n for name, n in counts.items() if isinstance(n, int)}
        elif isinstance(found, str if one.name in ("note", "stage") else int):
            yield one.name, found


def params_of(job: Job) -> RunParams:
    """What the run was told, also where it is a stage of the path."""
    return RunParams.from_row(run_params(job.kind, job.params))


def is_under_way(job: Job) -> bool:
    """Whether it asks an LLM now, or soon."""
    asks = is_generating(job) or job.kind in ROUNDS
    return asks and job.state in (JobState.RUNNING, JobState.WAITING)


def title(job: Job) -> str:
    """Such as ``generate 12 · ● running``."""
    figures = figures_of(job)
    mark = job_words.mark(job)
    if job.is_paused and not (figures.resting and not figures.in_flight):
        mark = "‖ pausing: the calls in flight end first"
    return f"{job.kind} {job.id} · {mark}"


def lines(
    job: Job,
    width: int,
    kept: int | None = None,
    now: datetime | None = None,
    *,
    nouns: str = "queries",
) -> str:
    """The figures, a line each. width: cells of a line; kept: what filters and people keep; nouns:
    what is written."""
    figures, params = figures_of(job), params_of(job)
    nouns = (is_under_way(job) and one_line(figures.stage, 16)) or nouns
    bars = max(min(width - 62, 60), 0)
    parts = [
        ("", _progress(job, figures, width, now)),
        (nouns, _records(figures, kept) + _rate(figures.queries_s, 1, bars, job)),
        ("tokens", _tokens(figures, params) + _rate(figures.tokens_s, 0, bars, job)),
        ("cost", _cost(job, figures, params)),
    ]
    if is_under_way(job):
        parts.append(("calls", _calls(job, figures, params)))
    if types := job.result.get("query_types"):
        each = (f"{one_line(name, 20)} {one['share']:.0%}" for name, one in types.items())
        parts.append(("kept of", " · ".join(each)))
    wide = max(8, len(nouns))
    return "\n".join(f"{name:<{wide}} {text}" if name else text for name, text in parts)


def _progress(job: Job, figures: Figures, width: int, now: datetime | None) -> str:
    done = figures.answered
    # A method that tops up asks for more than was planned.
    asked = max(figures.asked, done)
    if not asked:
        return job.message or "waiting for its worker"
    full = round(24 * min(done / asked, 1))
    parts = [f"{'━' * full:─<24} {100 * done / asked:3.0f}%  {done:,} of {so_many(asked, 'calls')}"]
    if is_under_way(job) and not job.is_paused and (left := _left(figures)):
        parts.append(left)
    if took := job_words.took(job, now):
        parts.append(f"took {took}" if job.state in ENDED else f"{took} so far")
    if figures.reused:
        parts.append(f"{figures.reused:,} were stored already")
    while len(" · ".join(parts)) > width:
        parts.pop()
    return " · ".join(parts)


ENDED: Final = (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)


def _left(figures: Figures) -> str:
    if not figures.answers_s:
        return ""
    return f"{duration(max(figures.asked - figures.answered, 0) / figures.answers_s)} left"


def _records(figures: Figures, kept: int | None) -> str:
    answers = figures.answered - figures.reused
    made = f"{figures.records:,}"
    if answers > 0:
        parsed = answers - sum(figures.reasons.values())
        made += f" · {max(0, min(100, 100 * parsed / answers)):.0f}% of the answers parsed"
    if kept is not None and kept != figures.records:
        made += f" · {kept:,} still kept"
    return made


def _tokens(figures: Figures, params: RunParams) -> str:
    if not figures.tokens_in and figures.uncounted:
        return "unknown: the endpoint does not count them"
    text = f"{figures.tokens_in:,} in, {figures.tokens_out:,} out"
    if figures.tokens_cached:
        text += f", {figures.tokens_cached:,} cached"
    if params.budget_tokens is not None:
        text += f" · cap {params.budget_tokens:,}"
    return text


def _cost(job: Job, figures: Figures, params: RunParams) -> str:
    cap = "" if params.budget_usd is None else f" of at most {dollars(params.budget_usd)}"
    if figures.cost is None and (figures.answered or not is_under_way(job)):
        return "unknown: the endpoint has no prices in the settings"
    if not figures.cost:
        return ("nothing" if job.state in ENDED else "nothing so far") + cap
    return f"{dollars(figures.cost)}{cap}{untold(figures.uncounted)}"


def _calls(job: Job, figures: Figures, params: RunParams) -> str:
    if params.engine == "batch":
        return figures.note or job.message or "none yet"
    most = job.concurrency or figures.most
    if not most:
        return job.message or "none yet"
    text = f"{figures.in_flight} in flight, at most {most} at a time (+ −)"
    if figures.limit < figures.most:
        text += f" · {figures.limit} now, more as the server bears it"
    return " · ".join(filter(None, [text, figures.note, *latencies(figures)]))


def latencies(figures: Figures) -> list[str]:
    """Such as ``answers take 0.8 s, 1 in 20 over 2.1 s`` and ``3 calls made again``."""
    found = []
    if len(figures.latency_s) == 2:
        median, high = figures.latency_s
        found.append(f"answers take {median:.1f} s, 1 in 20 over {high:.1f} s")
    if figures.retries:
        found.append(so_many(figures.retries, "calls") + " made again")
    return found


def _rate(samples: Sequence[float], digits: int, bars: int, job: Job) -> str:
    """Such as `` · 3.6/s ▂▃▅▆▇``; the curve only where there is room."""
    if not samples or not is_under_way(job) or job.is_paused:
        return ""
    recent = samples[-10:]
    text = f" · {sum(recent) / len(recent):,.{digits}f}/s"
    return f"{text} {curve(samples, bars)}" if bars >= 8 else text


def curve(samples: Sequence[float], width: int) -> str:
    """The samples as bars of eight heights, the newest at the right; highest of them all is full.

    Each bar is the mean of a few samples: single answers would make it a saw.
    """
    group = SMOOTHED if len(samples) >= SMOOTHED * 4 else 1
    first = len(samples) % group
    means = [sum(part) / len(part) for part in _groups(samples[first:], group)][-width:]
    top = max(means, default=0.0)
    if top <= 0:
        return ""
    return "".join(BARS[min(int(len(BARS) * mean / top), len(BARS) - 1)] for mean in means)


def _groups(samples: Sequence[float], size: int) -> Iterator[Sequence[float]]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def duration(seconds: float) -> str:
    """Such as ``45 s``, ``4 min``, ``1 h 10 min``."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def next_step(job: Job, keys: dict[str, str], nouns: str = "queries") -> str:
    """What to press now. keys: action id → its key as a person reads it; nouns: what is written."""
    if is_under_way(job):
        if job.is_paused:
            return f"{keys['generate.pause']} goes on · {keys['generate.cancel']} stops it for now"
        if params_of(job).engine == "batch":
            return (
                f"{keys['generate.pause']} sends no more · {keys['generate.cancel']} cancels the"
                " batch · it goes on when you leave"
            )
        return (
            f"{keys['generate.pause']} pauses · {keys['generate.faster']} {keys['generate.slower']}"
            " more or fewer calls at a time · it goes on when you leave"
        )
    if job.state is JobState.RUNNING:
        return f"All is asked. The path goes on ({job.message}); {keys['app.jobs']} shows it."
    if job.state is JobState.DONE:
        return _after(job, keys, nouns)
    advice = job_words.advice(job, keys["generate.resume"])
    return f"{job.message} {advice}".strip() if job.state is JobState.FAILED else advice


def _after(job: Job, keys: dict[str, str], nouns: str) -> str:
    go_on = (
        f"{keys['generate.filter']} filters the {nouns} · {keys['app.review']} reviews them by hand"
    )
    if job.kind == "path":
        go_on = f"{keys['app.review']} reviews the {nouns} · {keys['app.jobs']} has the scores"
    if job.kind in ROUNDS:
        go_on = f"{keys['app.rounds']} shows the rounds · {keys['app.review']} reviews the {nouns}"
    return f"Next: {go_on}"


def last_run(job: Job, keys: dict[str, str], nouns: str = "queries") -> str:
    """The run before this plan, in two lines."""
    figures = figures_of(job)
    cost = "" if not figures.cost else f" · {dollars(figures.cost)}"
    what = f"{job.kind} {job.id} · {job_words.mark(job)} · {figures.records:,} {nouns}{cost}"
    if is_under_way(job):
        return f"{what}\n{keys['generate.watch']} watches it."
    return f"{what} · {keys['generate.watch']} looks closer\n{next_step(job, keys, nouns)}"


def drop_rows(job: Job) -> list[tuple[str, str, str]]:
    """(reason, count, share of the answers), the most frequent first."""
    figures = figures_of(job)
    answers = max(figures.answered - figures.reused, sum(figures.reasons.values()), 1)
    ordered = sorted(figures.reasons.items(), key=lambda item: -item[1])
    return [(name, f"{n:,}", f"{100 * n / answers:.1f}%") for name, n in ordered]


def dropped_text(answers: Sequence[Dropped]) -> str:
    """Raw answers beneath each other, each under the document that it was for."""
    parts = []
    for one in answers:
        said = one.error or one.answer or "(an empty answer)"
        parts.append(f"▪ {one.document or '—'} · ended by {one.finish_reason or 'unknown'}\n{said}")
    return "\n\n".join(parts)


def outlook_lines(found: Outlook) -> list[tuple[str, str]]:
    """The estimate, (name, text) a line each: what is unknown says so, and is never 0."""
    estimate = found.estimate
    stored = f" besides {estimate.stored:,} that are stored" if estimate.stored else ""
    calls = f"{estimate.requests:,}{stored}, estimated from {estimate.basis}"
    if not estimate.requests:
        calls = f"none: all {estimate.stored:,} answers are stored" if stored else "none"
    tokens = f"{span(estimate.prompt_tokens)} in, {span(estimate.completion_tokens)} out"
    return [
        ("calls", calls),
        ("tokens", tokens),
        ("cost", _cost_ahead(estimate.cost)),
        ("time", _time_ahead(found)),
    ]


def _cost_ahead(cost: Range | None) -> str:
    if cost is None:
        return "unknown: the endpoint has no prices in the settings"
    if not cost.high:
        return "nothing: its price is 0"
    return f"{dollars(cost.low)} – {dollars(cost.high)}"


def _time_ahead(found: Outlook) -> str:
    if found.seconds is None or found.measured is None:
        return "unknown until a run with this endpoint and model was measured"
    low, high = duration(found.seconds.low), duration(found.seconds.high)
    between = low if low == high else f"{low} – {high}"
    measured = found.measured
    return f"{between}, as job {measured.job_id} went ({measured.answers_s:,.1f} answers/s)"


def span(found: Range) -> str:
    """Such as ``412,000 – 460,000``."""
    low, high = f"{found.low:,.0f}", f"{found.high:,.0f}"
    return low if low == high else f"{low} – {high}"


def step(now: int, up: bool) -> int:
    """The next concurrency of the ladder."""
    if up:
        return next((rung for rung in LADDER if rung > now), now)
    return next((rung for rung in reversed(LADDER) if rung < now), 1)
