"""Trainings and models in words: rows, scores, tests in plain language. No Textual here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from studio.evaluation import systems
from studio.evaluation.measures import (
    OF_ANSWERS,
    OF_RANKINGS,
    likeness_lines,
    measure_name,
    speed_lines,
)
from studio.jobs.comparing import system_label
from studio.plurals import so_many
from studio.runs import Job, JobState, Model
from studio.safe_text import one_line, padded
from studio.tui.jobs import outcome
from studio.tui.jobs import words as job_words

if TYPE_CHECKING:
    from studio.evaluation.significance import PairedTest
    from studio.jobs.comparing import Duel, QueryDuel
    from studio.store.models import Evaluation

FEW: Final = 30
"""Fewer queries than this show little, whatever their p-value."""


def short(value: float | None, *, signed: bool = False) -> str:
    """A score as ``.413``, a difference as ``+.010``; a dash for None."""
    if value is None or value != value:
        return "—"
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    text = text.replace("0.", ".", 1) if abs(value) < 1 else text
    return text.replace("-", "−")


def chance(p_value: float | None) -> str:
    """A p-value as people write it."""
    if p_value is None:
        return "—"
    return "<.001" if p_value < 0.001 else short(p_value)


def when(created: str) -> str:
    """A moment in this machine's time; the day only when it is not today."""
    try:
        local = datetime.fromisoformat(created).astimezone()
    except ValueError:
        return ""
    same_day = local.date() == datetime.now().astimezone().date()
    return local.strftime("%H:%M" if same_day else "%d %b %H:%M")


def base_name(base: str) -> str:
    """An encoder's name; of a folder its last part."""
    return Path(base).name if base.startswith(("/", "~", ".")) else base


def model_cells(
    model: Model, pairs: int | None, mark: str, measure: str = "ndcg@10"
) -> tuple[str, ...]:
    """Mark, name, base, pairs, validation, test, p, when."""
    test = _table(model.scores, "test")
    return (
        mark,
        model.name,
        base_name(model.base),
        "" if pairs is None else f"{pairs:,}",
        _arrow(*validation_of(model, measure)),
        _arrow(*_means(test, measure, model.learner)),
        # What rounds gained is tested beside it, from round to round.
        "" if "run" in model.scores else chance(gain_p_value(test, model.learner)),
        when(model.created),
    )


def job_cells(job: Job, base: str) -> tuple[str, ...]:
    """As :func:`model_cells`, of a training that has no model yet."""
    words = job_words.mark(job)
    running = job.state is JobState.RUNNING and not job.cancel_requested
    phase = phase_words(job) if running else ""
    name = f"{job_name(job)} · {phase or words[2:]}"
    # The bar is one of the training: what comes before it has its own, in the title below.
    total = job.total if not running or phase.startswith("training") else None
    steps = f"{job.done:,}/{total:,}" if total else ""
    bar = _bar(job.done / total) if total and job.state is not JobState.DONE else ""
    return (words[0], name, base_name(base), "", steps, bar, "", when(job.created))


def phase_words(job: Job) -> str:
    """What it is at, without the name of the model that it trains, which stands beside it."""
    phase = job_words.phase(job)
    _, of_training, trained = phase.partition("training ")
    is_own = bool(of_training) and job_name(job).startswith(trained)
    return "training" if is_own else phase.rstrip("-")


def _bar(share: float) -> str:
    """Thirteen cells, such as ``━━━───── 33%``."""
    share = min(share, 1.0)
    return f"{'━' * round(8 * share):─<8} {100 * share:3.0f}%"


def job_name(job: Job) -> str:
    """What the training's model will be called."""
    kind, told = training_of(job)
    return str(told.get("name") or f"{_STAGES.get(kind, 'retriever')}-{job.id}")


def training_of(job: Job) -> tuple[str, Mapping[str, Any]]:
    """The kind of training and its params: of the whole path, those of that stage."""
    if job.kind != "path":
        return job.kind, job.params
    tuned = job.params.get("tune")
    return ("tune", tuned) if tuned else ("train", job.params.get("train") or {})


_STAGES: Final = {"filter": "round-trip", "rerank": "reranker", "tune": "tuned"}


def _table(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _means(
    found: Mapping[str, Any], measure: str, learner: str = ""
) -> tuple[float | None, float | None]:
    """(before, after); of a model that rounds have trained, its own alone."""
    if "scores" not in found:
        alone = found.get(measure)
        return None, alone if isinstance(alone, float) else None
    scores = _table(found, "scores")
    pair = systems.before_after(learner, scores)
    before, after = (_table(scores, name).get(measure) for name in pair)
    return before, after


def gain_p_value(test: Mapping[str, Any], learner: str = "") -> float | None:
    """Of the model against what it is measured by; None where that was not tested."""
    before, after = systems.before_after(learner, _table(test, "scores"))
    return _table(test, "p_value").get(systems.pair_key(after, before))


def validation_of(model: Model, measure: str = "ndcg@10") -> tuple[float | None, float | None]:
    """(base, trained) on validation: as scored since, else as seen while training.

    Of a tuned LLM the loss, which chose what is kept of it.
    """
    if losses := _table(model.scores, "validation_loss"):
        return losses.get(systems.BASE), losses.get(systems.TRAINED)
    if scored := _table(model.scores, "validation"):
        return _means(scored, measure, model.learner)
    seen = _table(model.scores, "validation_ndcg@10")
    before, after = (seen.get(name) for name in systems.BEFORE_AFTER)
    return before, after


def _arrow(before: float | None, after: float | None) -> str:
    if after is None:
        return "—"
    return f"{short(before)} → {short(after)}" if before is not None else short(after)


# -- scores --


def scores_table(scored: Mapping[str, Evaluation]) -> Iterator[str]:
    """A line for each system, with 95% intervals."""
    labels = {name: system_label(scored[name]) for name in systems.in_order(scored)}
    if systems.RERANKED in labels:
        # What it stands on has a line of its own, and the columns their place beside the curves.
        labels[systems.RERANKED] = "reranker"
    wide = outcome.systems_width(labels.values())
    yield " " * wide + "".join(f"{label:<16}" for label in OF_RANKINGS.values()).rstrip()
    for system, label in labels.items():
        cells = [_cell(scored[system].metrics, measure) for measure in OF_RANKINGS]
        yield padded(label, wide) + "".join(f"{cell:<16}" for cell in cells).rstrip()


def _cell(metrics: dict[str, Any], measure: str) -> str:
    mean = _table(metrics, "means").get(measure)
    bounds = _table(metrics, "intervals").get(measure)
    # Where every query scores the same, the interval has nothing to say.
    if mean is None or not bounds or bounds[0] == bounds[1]:
        return short(mean)
    return f"{short(mean)} {short(bounds[0])}–{short(bounds[1])}"


def verdict(test: PairedTest, new: str, old: str, nouns: str = "queries") -> str:
    """The paired test in one or two plain sentences."""
    mean, p_value = test.difference.mean, test.p_value
    share = "less than 0.1%" if p_value < 0.001 else _percent(p_value)
    by_chance = f"chance alone would give a difference this large in {share} of cases"
    if p_value >= 0.05:
        said = f"No proof that {new} and {old} differ: {by_chance}."
    else:
        said = f"{new} is {'better' if mean > 0 else 'worse'} than {old}, and {by_chance}."
    said = "The " + said[4:] if said.startswith("the ") else said
    if test.queries < FEW:
        many = f"these are only {test.queries} {nouns}" if test.queries > 1 else "there is only one"
        said += f" But {many}: more gold would tell more."
    return said


def _percent(share: float) -> str:
    """Such as ``0.52%``, ``37%``: never in powers of ten."""
    return f"{100 * share:.2g}%" if share < 0.1 else f"{100 * share:.0f}%"


def test_line(test: PairedTest, measure: str) -> str:
    """Such as ``+.010 nDCG@10, 95% −.004 … +.025, p = .166``."""
    between = test.difference
    low, high = short(between.low, signed=True), short(between.high, signed=True)
    sign = "" if test.p_value < 0.001 else "= "
    return (
        f"{short(between.mean, signed=True)} {measure}, 95% {low} … {high}, "
        f"p {sign}{chance(test.p_value)}"
    )


def noun_of(duel: Duel) -> str:
    """What a duel is fought on."""
    return "instructions" if duel.measure in OF_ANSWERS else "queries"


def answers_text(duel: Duel, item: QueryDuel) -> str:
    """An instruction with gold's answer and both systems', then what the test says of all."""
    measure = measure_name(duel.measure)
    parts = [("Instruction", item.text), ("Gold", item.reference)]
    for who, score, answer in zip(
        (duel.new, duel.old), (item.new, item.old), item.answers, strict=True
    ):
        parts.append((f"{one_line(who, 40)} · {measure} {short(score)}", answer))
    if item.preferred is not None:
        better = {1.0: duel.new, -1.0: duel.old}.get(item.preferred, "neither")
        parts.append(("The judge prefers", one_line(better, 40)))
    shown = [f"{title}: {text.strip() or '(nothing)'}" for title, text in parts]
    said = verdict(duel.test, one_line(duel.new, 40), one_line(duel.old, 40), "instructions")
    return "\n\n".join([*shown, f"On all: {test_line(duel.test, measure)}. {said}"])


def tally(duel: Duel) -> str:
    """Such as ``66 won, 61 lost, 30 the same``."""
    return f"{duel.won} won, {duel.lost} lost, {duel.tied} the same"


def before_after(
    model: Model,
    scored: Mapping[str, Evaluation],
    duels: Mapping[tuple[str, str], Duel],
    lists_key: str,
) -> str:
    """The table of all systems, then what the tests say."""
    parts = ["\n".join(scores_table(scored))]
    one = next(iter(scored.values()))
    parts.append(f"on {one.gold}; beside each score its 95% interval")
    labels = {name: system_label(one) for name, one in scored.items()}
    said = systems.prefix_words(
        {n: one.metrics.get("prompts") for n, one in scored.items()}, labels
    )
    parts += [one_line(said)] if said else []
    table = _table(model.scores, one.split)
    took = speed_lines(_table(table, "seconds"), _table(table, "reading"), labels)
    parts += filter(None, ["\n".join(map(one_line, took))])
    likeness = table.get("likeness")
    parts += ["\n".join(map(one_line, likeness_lines(likeness, labels)))] if likeness else []
    for (new, old), duel in duels.items():
        who = "the reranker" if new == systems.RERANKED else "the trained model"
        head = f"{system_label(scored[new])} − {one_line(system_label(scored[old]), 24)}  "
        parts.append(
            f"{head}{test_line(duel.test, 'nDCG@10')}\n"
            f"{verdict(duel.test, who, duel.old)}\n"
            f"Queries: {tally(duel)}; {lists_key} lists them."
        )
    return "\n\n".join(parts)


def made_from(model: Model, pairs: int | None, nouns: str, note: str) -> str:
    """How the training went, and where the model is. pairs: how many it was trained on."""
    scores, settings = model.scores, model.settings
    lines = [f"“{note}”"] if note else []
    took = [so_many(pairs, nouns) if pairs is not None else ""]
    if shown := settings.get("examples"):
        took.append(so_many(shown, "examples"))
    if steps := scores.get("steps"):
        best = scores.get("best_step")
        early = best not in (None, steps)
        took.append(so_many(steps, "steps") + (f", kept step {best:,}, the best" if early else ""))
    if left_out := scores.get("left_out_gold"):
        took.append(f"{left_out} left out that have gold's words")
    lines.append(" · ".join(part for part in took if part))
    if (share := scores.get("share")) not in (None, 1, 1.0):
        lines.append(f"{share:.0%} trained weights, the rest the base's: validation preferred that")
    told = [
        f"{label} {_told(settings[name])}"
        for name, label in SHOWN.items()
        if settings.get(name) not in (None, "", 0, 0.0)
    ]
    return "\n".join([*lines, " · ".join(told), model.path])


SHOWN: Final = {
    "rank": "rank",
    "batch_size": "batch",
    "learning_rate": "rate",
    "trained_side": "sides",
    "distillation": "teacher's share",
    "negatives": "hard negatives",
    "max_length": "tokens",
    "query_prompt": "before queries",
    "document_prompt": "before documents",
    "seed": "seed",
}
"""The settings that the pane tells at a glance; the comparison and the card have all."""


# -- lineage --


def lineage_text(found: dict[str, Any]) -> str:
    """The chain that made a model, the model itself first."""
    return "\n".join(_chain(found, ""))


def _chain(found: dict[str, Any], indent: str) -> Iterator[str]:
    yield f"{indent}Model {found['model']}  {one_line(found['name'])}  {when(found['created'])}"
    inner = indent + "│ "
    job = f"job {found['job']}" if found["job"] else "no job known"
    yield f"{inner}trained by {job}, from {base_name(found['base'])}"
    if found["snapshot"]:
        yield f"{inner}on snapshot {found['snapshot']}: {so_many(found['records'], 'records')}"
    if found.get("chosen"):
        told = ", ".join(f"{name.replace('_', ' ')} {x}" for name, x in found["chosen"].items())
        yield f"{inner}chosen by {told}"
    for made in found["made_by"]:
        yield f"{inner}  {_maker(made)}"
    for link in found.get("filters") or ():
        yield f"{inner}filter {link['filter']}: kept {link['kept']:,} of {link['judged']:,}"
    if found["examples"]:
        listed = ", ".join(str(number) for number in found["examples"][:20])
        more = " …" if len(found["examples"]) > 20 else ""
        yield f"{inner}shots: examples {listed}{more}"
    if found["parent"]:
        yield f"{indent}↳ goes on from"
        yield from _chain(found["parent"], indent + "  ")


def _maker(made: dict[str, Any]) -> str:
    about = f" on {so_many(made['documents'], 'documents')}" if made["documents"] else ""
    counted = so_many(made["records"], "records") + about
    if not made["model"]:
        return f"{counted}: brought from outside"
    prompt = f"prompt {made['prompt']} v{made['prompt_version']}" if made["prompt"] else "no prompt"
    return f"{counted}: {prompt}, by {made['model']}, job {made['job']}"


# -- comparing --


def comparison(
    new: str, old: str, apart: list[tuple[str, Any, Any]] | None, duel: Duel | str
) -> str:
    """Scores, the test in words, then the settings that differ side by side.

    apart: (setting, new's, old's); None where one of them is no model and has none.
    """
    parts = [duel] if isinstance(duel, str) else list(_scores_apart(duel))
    rows = [(name, _told(ours), _told(theirs)) for name, ours, theirs in apart or ()]
    if apart is None:
        return "\n\n".join(parts)
    if not rows:
        parts.append("Both have the same settings and data.")
        return "\n\n".join(parts)
    wide = min(max(cell_len(row[0]) for row in rows), 18)
    first = min(max(cell_len(row[1]) for row in [*rows, ("", one_line(new), "")]), 24)
    table = [("setting", new, old), *rows]
    parts.append(
        "\n".join(
            f"{padded(name, wide)}  {padded(ours, first)}  {one_line(theirs)}"
            for name, ours, theirs in table
        )
    )
    return "\n\n".join(parts)


def _scores_apart(duel: Duel) -> Iterator[str]:
    lines = [f"{'':<12}{'A':<8}{'B':<8}A − B"]
    for measure, label in {**OF_RANKINGS, **OF_ANSWERS}.items():
        if measure in duel.means:
            ours, theirs = duel.means[measure]
            apart = short(ours - theirs, signed=True)
            lines.append(f"{label:<12}{short(ours):<8}{short(theirs):<8}{apart}")
    yield f"A  {one_line(duel.new)}\nB  {one_line(duel.old)}"
    yield "\n".join(lines) + f"\non {duel.gold}"
    said = verdict(duel.test, "A", "B", noun_of(duel))
    line = test_line(duel.test, measure_name(duel.measure))
    yield f"A − B  {line}\n{said}\n{noun_of(duel).capitalize()}: {tally(duel)}."


def _told(value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, float):
        return f"{value:g}"
    return base_name(value) if isinstance(value, str) else str(value)


# -- a running training --


def headline(job: Job, left: str) -> str:
    """Such as ``● training · 40 of 120 · 2:40 left · 1:20 so far · retriever-7``.

    What tells most comes first: a narrow screen cuts the end.
    """
    phase = phase_words(job) if job.state is JobState.RUNNING else ""
    state = f"● {phase}" if phase and not job.cancel_requested else job_words.mark(job)
    step = f"{job.done:,} of {job.total:,}" if job.total else ""
    spent = f"{job_words.took(job)} so far" if job.state is JobState.RUNNING else ""
    parts = [state, step, left, spent, job_name(job)]
    return " · ".join(part for part in parts if part)
