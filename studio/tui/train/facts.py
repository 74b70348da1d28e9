"""What the Train pane shows of one model or training; read in threads with a store of their own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.evaluation import systems
from studio.evaluation.significance import PairedTest
from studio.jobs import comparing
from studio.jobs.comparing import Duel
from studio.records import StudioError
from studio.runs import Job, Model, Round
from studio.store import Store
from studio.store.models import Evaluation
from studio.tui.plots.curves import Plot
from studio.tui.plots.plot import PlotMark, Series
from studio.tui.rounds.words import score_plots
from studio.tui.train import by_rounds
from studio.tui.train import words as train_words

NOTES = "model_notes"
"""The project fact that holds what people said of their models, by the model's row."""

Measured = tuple[dict[str, Evaluation], dict[tuple[str, str], Duel]]
"""Systems with their scores, and the default pairs of them against each other."""
Points = Mapping[str, list[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """All of one row, but for what its row says already."""

    plots: tuple[Plot, ...] = ()
    systems: dict[str, Evaluation] = field(default_factory=dict)
    """The newest scores; of test, if there are any, else of validation."""
    duels: dict[tuple[str, str], Duel] = field(default_factory=dict)
    """(new, old) system → one against the other."""
    rounds: tuple[Round, ...] = ()
    """Of a model that rounds have trained; then it has no systems beside it."""
    gain: PairedTest | None = None
    lineage: dict[str, Any] | None = None
    note: str = ""


@dataclass(slots=True)
class Cache:
    """Paired tests take a moment: they are done once for each set of scores."""

    duels: dict[tuple[int, tuple[int, ...], str], Measured] = field(default_factory=dict)


def read_model(path: Path, model: Model, cache: Cache) -> ModelFacts:
    """Everything that is known of a model."""
    with closing(Store(path)) as store:
        key = (model.id, store.evaluations.ids_of_model(model.id), model.name)
        if key not in cache.duels:
            cache.duels[key] = _measured(store, model)
        systems, duels = cache.duels[key]
        points = store.jobs.points(model.job_id) if model.job_id else {}
        rounds = tuple(store.runs.rounds(int(model.scores.get("run") or 0)))
        return ModelFacts(
            plots=score_plots(rounds)
            if rounds
            else (
                *plots(points, Path(model.path).name, model.scores.get("best_step")),
                *passkey_plots(model),
            ),
            systems=systems,
            duels=duels,
            rounds=rounds,
            gain=by_rounds.gained(rounds, model) if rounds else None,
            lineage=store.lineage.of_model(model.id),
            note=note_of(store, model.id),
        )


def _measured(store: Store, model: Model) -> Measured:
    scored: dict[str, Evaluation] = {}
    for split in comparing.SPLITS:
        scored = scored or comparing.latest(store, model.id, split)
    return scored, {
        (new, old): comparing.between(store, model, old) for new, old in systems.pairs([*scored])
    }


def read_job(path: Path, job: Job) -> ModelFacts:
    """The curves of a training so far."""
    with closing(Store(path)) as store:
        points = store.jobs.points(job.id)
        names = [name.rpartition(" loss")[0] for name in points if name.endswith(" loss")]
        for curve in (VALIDATION, ON_VALIDATION):
            names += [name.removesuffix(curve) for name in points if name.endswith(curve)]
        # Beside training, a job counts other things: documents that it encodes, queries it scores.
        end = job.total if "training " in job.message else None
        return ModelFacts(plots=plots(points, names[-1], end=end) if names else ())


def read_duel(path: Path, new: Model, old: Model | str) -> Duel | str:
    """A model against another, or a system that was scored beside it; or why that is unknown."""
    with closing(Store(path)) as store:
        try:
            return comparing.between(store, new, old)
        except StudioError as error:
            return str(error)


def note_of(store: Store, model_id: int) -> str:
    """What a person said of the model."""
    return str((store.values.get(NOTES) or {}).get(str(model_id), ""))


def set_note(store: Store, model_id: int, note: str) -> None:
    """Keep what a person says of the model; empty takes it away."""
    with store.write():
        notes = dict(store.values.get(NOTES) or {})
        notes[str(model_id)] = note
        store.values.set(NOTES, {number: text for number, text in notes.items() if text})


VALIDATION = " validation ndcg@10"
ON_VALIDATION = " loss on validation"
"""Of a tuned LLM."""


def plots(
    points: Points, stage: str, best_step: int | None = None, end: float | None = None
) -> tuple[Plot, ...]:
    """Loss, and validation beside the untrained encoder's score, with the best step marked.

    end: the last step that is planned, so that the curves of a running training grow towards it.
    """
    loss, scored = points.get(f"{stage} loss", []), points.get(stage + VALIDATION, [])
    if held_out := points.get(stage + ON_VALIDATION, []):
        return (_losses(loss, held_out, best_step, end or 0.0),)
    last = max([x for x, _ in [*scored, *loss]] + [end or 0.0], default=0.0)
    found = [Plot("Loss", (Series("training", tuple(loss)),), until=last)] if loss else []
    if scored:
        found.append(_validation(scored, best_step, last))
    return tuple(found)


def passkey_plots(model: Model) -> tuple[Plot, ...]:
    """The share of pass keys found by the length of the text, where that was measured."""
    found: Mapping[str, Mapping[str, float]] = model.scores.get("passkey") or {}
    series = tuple(
        Series(systems.label_of(name), tuple((float(n), share) for n, share in of.items()))
        for name, of in found.items()
        if of
    )
    return (Plot("Pass keys found", series, x_label="tokens"),) if series else ()


def _losses(
    loss: list[tuple[float, float]],
    held_out: list[tuple[float, float]],
    best_step: int | None,
    end: float,
) -> Plot:
    """Both losses in one chart, so that one sees where they part."""
    best = best_step if best_step is not None else min(held_out, key=lambda point: point[1])[0]
    words = f"best: step {best:.0f}"
    if (value := dict(held_out).get(best)) is not None:
        words += f", {train_words.short(value)}"
    series = [Series("validation", tuple(held_out))]
    series += [Series("training", tuple(loss))] if loss else []
    marks = (PlotMark(float(best), words),) if len(held_out) > 1 else ()
    last = max([x for x, _ in [*held_out, *loss]] + [end])
    return Plot("Loss, nats a token", tuple(series), marks, until=last)


def _validation(scored: list[tuple[float, float]], best_step: int | None, last: float) -> Plot:
    before, after = (systems.label_of(name) for name in systems.BEFORE_AFTER)
    series = [Series(after, tuple(scored))]
    base = next((y for x, y in scored if x == 0), None)
    if base is not None:
        series.append(Series(before, ((0.0, base), (max(last, 1.0), base))))
    best = best_step if best_step is not None else max(scored, key=lambda point: point[1])[0]
    value = dict(scored).get(best)
    words = f"best: step {best:.0f}" + (
        f", {train_words.short(value)}" if value is not None else ""
    )
    marks = (PlotMark(float(best), words),) if len(scored) > 1 else ()
    return Plot("nDCG@10 on validation", tuple(series), marks, until=last)
