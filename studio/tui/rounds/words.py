"""Rounds in words: where a run stands, its table, its curves, what to press next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len

from studio.evaluation.measures import measure_name
from studio.plurals import so_many
from studio.runs import Job, JobState, Round
from studio.safe_text import one_line
from studio.store.runs import ErrorRow
from studio.tasks import Task
from studio.tui.generate.words import BARS, duration
from studio.tui.jobs import words as job_words
from studio.tui.plots.curves import Plot
from studio.tui.plots.plot import PlotMark, Series
from studio.tui.rounds.snapshot import RunSnapshot
from studio.tui.widgets.rows import Column, Row
from studio.tui.widgets.virtual_rows import Cell

METRICS: Final = ("accuracy", "f1", "ndcg@10")
"""The number that a table shows, by which of them is there."""
KINDS: Final = {"head": "linear head", "finetune": "fine-tuned"}
ROUND_COLUMNS: Final = (
    Column("#", 2, "right"),
    Column("items", 6, "right"),
    Column("errors", 6, "right"),
    Column("valid", 5, "right"),
    Column("test", 5, "right"),
    Column("added", 0, "right"),
    Column("time", 6, "right", from_width=56),
)
RIGHT: Final = {"documents": "right", "label": "label", "answers": "answer"}
"""Shape of the gold → what is right of an error, in a word."""
EMPTY_STEPS: Final = "Nothing runs yet."


WIDEST_LABEL: Final = 14
"""Cells of a label in the list of errors; longer ones end in an ellipsis."""


def columns(task: Task, labels: Sequence[str] = ()) -> tuple[Column, ...]:
    """Of the list of errors; as wide as its labels need."""
    wide = WIDEST_LABEL
    if task.has_labels:
        wide = min(max([cell_len(one_line(name)) for name in labels], default=4), WIDEST_LABEL)
    ranks = task.gold == "documents"
    predicted = "ranked first" if ranks else "predicted"
    return (
        Column(f"validation {task.record.noun}"),
        Column(RIGHT[task.gold], max(wide, 6)),
        Column(predicted, max(wide + 2, len(predicted))),
        Column("rank" if ranks else "conf.", 5, "right"),
        Column("added", 6, "right", from_width=50),
    )


def cells(row: ErrorRow, task: Task) -> list[Cell]:
    """One error as a line."""
    ranks = task.gold == "documents"
    return [
        Cell(row.text or "(not there any more)"),
        Cell(row.gold or "—", "good"),
        Cell(f"≠ {row.predicted or '—'}", "bad"),
        Cell(rank(row.detail) if ranks else confidence(row.confidence), "muted"),
        Cell(added(row), "" if row.made else "muted"),
    ]


def addition_fields(task: Task) -> list[str]:
    """Fields of an extrapolation, besides its text, that can differ from its error's."""
    type = task.record
    return [name for name in type.fields[1:] if name not in (type.context, "label")]


def addition_columns(task: Task) -> tuple[Column, ...]:
    """Of the list of extrapolations; without headings, for it has few lines."""
    fields = [Column("", WIDEST_LABEL, from_width=50) for _ in addition_fields(task)]
    return (Column("", 1), Column(""), *fields, Column("", 13))


def confidence(share: float) -> str:
    """Such as ``▇ 93%``: how confident the model was of its mistake."""
    share = min(max(share, 0.0), 1.0)
    return f"{BARS[round(share * (len(BARS) - 1))]}{share:4.0%}"


def rank(detail: dict[str, Any]) -> str:
    """Where a retriever put the right document."""
    found = detail.get("rank")
    return f"{found:,}" if isinstance(found, int) else "none"


def added(row: ErrorRow) -> str:
    """Such as ``✓2 ✗1``: what was written from it, kept and dropped."""
    dropped = row.made - row.kept
    if not row.made:
        return "·"
    return f"✓{row.kept}" + (f" ✗{dropped}" if dropped else "")


# -- where the run stands --


def title(look: RunSnapshot) -> str:
    """Such as ``Run 3 · ● running · s3 · linear head · up to 2 rounds``: the end may be cut."""
    run, job = look.run, look.job
    if run is None:
        return f"Run · {job_words.mark(job)}" if job is not None else "Run"
    params = run.params
    kind = KINDS.get(str(params.get("kind")), "")
    rounds = int(params.get("rounds") or 0)
    state = "‖ waits for you" if look.is_resting else job_words.mark(job) if job else ""
    many = f"up to {so_many(rounds, 'rounds')}" if look.writes else ""
    parts = (f"Run {run.id}", state, run.method, kind, many)
    return " · ".join(part for part in parts if part)


def written_title(look: RunSnapshot) -> str:
    """Above what is being written before there is a round, such as ``Seed texts: 22``."""
    if not look.newest:
        return f"Reasons: {look.rationales:,}"
    return f"Seed texts: {sum(look.counts.get(0, ())):,}, the newest first"


def stages(look: RunSnapshot) -> str:
    """What is done and what is under way, such as ``✓ seed 200  ▶ round 0: training``."""
    if look.run is None:
        return "▶ starting" if look.is_live else EMPTY_STEPS
    found = [f"{sign} {words}" for sign, words in _stages(look)]
    return "   ".join(found)


def _stages(look: RunSnapshot) -> Iterator[tuple[str, str]]:
    now = stage_of(look.job) if look.is_live else ""
    if look.rationales or now == "rationales":
        yield _sign(now == "rationales"), f"rationales {look.rationales:,}"
    if not look.rounds:
        kept = look.counts.get(0, (0, 0))[0]
        yield ("▶" if now == "seed" else "·"), f"seed {kept:,}"
        yield "·", "train"
        yield "·", "errors"
        yield "·", _writing(look)
        return
    last = look.rounds[-1]
    yield "✓", f"seed {look.counts.get(0, (0, 0))[0] or last.records:,}"
    yield from _of_round(look, last)


def _of_round(look: RunSnapshot, last: Round) -> Iterator[tuple[str, str]]:
    live = look.is_live
    place = ("new", "trained", "scored", "extrapolated", "merged").index(last.stage)
    yield (_sign(live) if place < 1 else "✓"), f"round {last.number} training"
    if place < 2:
        yield (_sign(live) if place == 1 else "·"), "errors"
        yield "·", _writing(look)
        return
    yield "✓", so_many(last.errors or 0, "errors")
    kept, dropped = look.counts.get(last.number + 1, (0, 0))
    if place >= 3:
        yield "✓", f"{_written(look, kept)}, {dropped:,} dropped"
    elif live or kept or dropped:
        of_all = f" of {last.errors or 0:,}" if look.extrapolates else ""
        yield _sign(live), f"{_writing(look)} {kept + dropped:,}{of_all}"


def _writing(look: RunSnapshot) -> str:
    """The step in which a method writes between two trainings."""
    return look.writes if look.writes and not look.extrapolates else "extrapolation"


def _written(look: RunSnapshot, count: int) -> str:
    """What it wrote there."""
    if look.writes and not look.extrapolates:
        return f"{count:,} {look.writes}"
    return _extrapolations(count)


def _sign(now: bool) -> str:
    return "▶" if now else "✓"


def stage_of(job: Job | None) -> str:
    """The stage of its last message, such as ``seed`` or ``round 1``."""
    return job.message.partition(":")[0] if job is not None else ""


def progress(look: RunSnapshot) -> str:
    """What the worker does at this moment, or how the run ended."""
    job = look.job
    if job is None:
        return ""
    if job.state is JobState.WAITING:
        return "A worker starts …"
    if job.state is JobState.RUNNING:
        said = one_line(job.message, 60)
        return "  ".join(part for part in (job_words.progress(job), said) if part)
    if job.state is JobState.FAILED:
        return f"✗ {one_line(job.message, 400)}"
    if job.state in (JobState.CANCELLED, JobState.INTERRUPTED):
        return f"It was {job.state.value}; all that was written and trained is there."
    return _ended(look, job)


def _ended(look: RunSnapshot, job: Job) -> str:
    warnings = [one_line(str(one), 200) for one in job.result.get("warnings") or ()]
    stopped = one_line(str(job.result.get("stopped") or ""), 200)
    told = "" if look.is_resting or not stopped else f"Ended: {stopped}."
    return " ".join([told, *(f"! {one}" for one in warnings)]).strip()


def next_step(look: RunSnapshot, keys: Mapping[str, str], asking: int) -> str:
    """What to press now. keys: action id → its key as a person reads it."""
    if asking:
        return "The LLM writes what you asked for; it comes in beside the error."
    if look.is_resting:
        kept = look.counts.get(look.rounds[-1].number + 1, (0, 0))[0]
        all_of = ("all " if kept != 1 else "") + _extrapolations(kept)
        judge = " ".join(keys[f"rounds.{name}"] for name in ("approve", "reject", "edit"))
        return (
            f"{judge} judge them · {keys['rounds.approve-all']} approves {all_of} and trains "
            f"round {look.rounds[-1].number + 1}"
        )
    if look.is_live:
        return f"It goes on when you leave. {keys['rounds.cancel']} stops it."
    if look.job is not None and look.job.state is not JobState.DONE:
        return f"{keys['rounds.cancel']} resumes; no stored answer is paid again."
    if look.rounds:
        return f"{keys['rounds.start']} begins another run · {keys['rounds.figures']} figures"
    return f"{keys['rounds.start']} begins a run."


def _extrapolations(count: int) -> str:
    return so_many(count, "extrapolations")


# -- the table and the curves --


def round_rows(look: RunSnapshot) -> list[Row]:
    """A line for each round, the first one first."""
    return [_round_row(look, one) for one in look.rounds]


def _round_row(look: RunSnapshot, one: Round) -> Row:
    kept, dropped = look.counts.get(one.number + 1, (0, 0))
    added = f"+{kept:,}" + (f" ✗{dropped:,}" if dropped else "") if kept or dropped else ""
    spent = sum(one.seconds.values())
    return Row(
        str(one.number),
        (
            f"{one.number}",
            f"{one.records:,}" if one.records else "…",
            "…" if one.errors is None else f"{one.errors:,}",
            score(one.validation),
            score(one.test),
            added,
            duration(spent) if spent else "",
        ),
    )


def score(scores: dict[str, Any]) -> str:
    """The number that counts, such as ``.853``."""
    value = _value(scores)
    return "" if value is None else f"{value:.3f}".removeprefix("0")


def _value(scores: dict[str, Any]) -> float | None:
    name = next((name for name in METRICS if name in scores), "")
    found = scores.get(name)
    return float(found) if isinstance(found, int | float) else None


def metric(look: RunSnapshot) -> str:
    """What the scores are."""
    for one in look.rounds:
        name = next((name for name in METRICS if name in one.validation), "")
        if name:
            return name
    return "accuracy"


def plots_title(look: RunSnapshot) -> str:
    """Above the curves."""
    if look.is_live and _training(look):
        return "Training"
    name = metric(look)
    spelt = measure_name(name)
    return f"{spelt.capitalize() if spelt == name else spelt} by round"


def _validation(one: Round) -> dict[str, Any]:
    return one.validation


def _test(one: Round) -> dict[str, Any]:
    return one.test


def plots(look: RunSnapshot) -> list[Plot]:
    """The training that runs, else the score by round."""
    if look.is_live and (training := _training(look)):
        return training
    planned = (look.run.params if look.run else {}).get("rounds")
    return list(score_plots(look.rounds, int(planned or 0)))


def score_plots(rounds: Sequence[Round], last: int = 0) -> tuple[Plot, ...]:
    """Validation and test by round. last: the last round that is planned."""
    series = [
        Series(name, [(one.number, value) for one in rounds if (value := _value(of(one)))])
        for name, of in (("validation", _validation), ("test", _test))
    ]
    shown = tuple(one for one in series if one.points)
    if not shown:
        return ()
    last = max(last, len(rounds) - 1, 1)
    return (Plot("", shown, _best(rounds), float(last), x_label="round", x_from=0.0),)


def _best(rounds: Sequence[Round]) -> tuple[PlotMark, ...]:
    scored = [(v, -one.number) for one in rounds if (v := _value(one.validation)) is not None]
    return (PlotMark(-max(scored)[1], "best"),) if len(scored) > 1 else ()


def _training(look: RunSnapshot) -> list[Plot]:
    """Loss and validation of the round that trains now."""
    stage = stage_of(look.job)
    found = []
    for what in ("loss", "validation"):
        points = look.curves.get(f"{stage} {what}", [])
        if stage.startswith("round") and points:
            found.append(Plot(stage, (Series(what, points),)))
    return found


# -- how near --


def gap_title(number: int) -> str:
    """Of the panel."""
    return f"How near · errors of round {number}"


def gap_text(look: RunSnapshot, number: int, key: str) -> str:
    """What the job found, or how to have it measured."""
    job = look.gaps.get(number)
    if not sum(look.counts.get(number + 1, (0, 0))):
        return "Nothing was written from these errors yet."
    if job is None:
        return f"{key} measures how near the extrapolations are to the errors (a job of its own)."
    if job.state in (JobState.WAITING, JobState.RUNNING):
        return f"measuring …  {job_words.progress(job)}"
    if job.state is not JobState.DONE:
        return f"✗ {one_line(job.message, 300) or job.state.value} {key} measures again."
    return "\n".join(_gap_lines(job))


def _gap_lines(job: Job) -> Iterator[str]:
    found = job.result.get("gap") or {}
    if not found:
        yield "There was no pair to measure."
        return
    before, after = float(found["error_words"]), float(found["addition_words"])
    yield f"pairs         {found['pairs']:,}"
    yield f"cosine        {found['cosine']:.3f}"
    yield f"word edits    {found['edits']:.1f}"
    yield f"words         {before:.1f} → {after:.1f}"
    yield f"copies        {found['copies']:.1%}"
    yield from _covered(job.result.get("coverage") or {})
    yield f"encoder       {one_line(str(job.result.get('encoder', '')).rpartition('/')[2], 40)}"


def _covered(found: dict[str, Any]) -> Iterator[str]:
    before, after = found.get("before") or {}, found.get("after") or {}
    if after:
        was = f"{float(before['covered']):.0%} → " if before else ""
        yield f"gold covered  {was}{float(after['covered']):.0%}"
        yield f"  within      {float(after['radius']):.3f} cosine"
