"""The form of a run of rounds: its lines, what stands there at first, the row out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from studio import methods
from studio.jobs.base_encoders import default_encoder
from studio.jobs.params import RoundParams
from studio.jobs.plans import method_of
from studio.methods.protocol import Feedback
from studio.project import Project
from studio.tui.pane import run_form
from studio.tui.pane.params_form import Unfit, text_of
from studio.tui.widgets.form_field import FormField

DRAFT: Final = "rounds"
"""Where the store keeps what was typed."""
OF_RETRIEVERS: Final = frozenset({"top_k"})
OF_SMALL_MODELS: Final = frozenset({"kind", "class_weights", "train_file", "add_records"})
"""Lines that mean something only where the gold is no documents."""
FIRST: Final = (
    *("method", "endpoint", "budget_usd", "seed_records", "rounds", "approve"),
    *("kind", "base", "patience"),
)
"""Lines that most runs are told, in order: they stand first, seen without scrolling."""


def plan_fields(project: Project) -> tuple[FormField, ...]:
    """The lines that mean something for the project's task."""
    hidden = OF_SMALL_MODELS if project.task.gold == "documents" else OF_RETRIEVERS
    offered = [
        one
        for one in run_form.offered_methods(project, feedback=True)
        # What asks for each document alone has Generate.
        if one.has_feedback or project.task.has_rounds
    ]
    # Documents are drawn for each record.
    found = run_form.run_fields(
        project, offered, RoundParams, hidden={*hidden, "documents", "search"}
    )
    place = {name: at for at, name in enumerate(FIRST)}
    return tuple(sorted(found, key=lambda one: place.get(one.name, len(place))))


def lines_of(project: Project, values: Mapping[str, str]) -> set[str]:
    """The lines that mean something for the chosen method."""
    return run_form.lines_of(method_of(project, values["method"]), RoundParams)


def first_values(project: Project) -> dict[str, str]:
    """What stands in the form before anybody typed, where it is not the params' own default."""
    return {
        "approve": "person",
        # A head reads one text or a pair of them; it cannot point into a passage.
        "kind": "finetune" if project.task.gold == "answers" else "head",
        "endpoint": project.settings.endpoint,
        "budget_usd": text_of(project.settings.budget_usd),
    }


def meanings(project: Project, values: Mapping[str, str]) -> dict[str, str]:
    """What an empty line means here, where it depends on the project."""
    paper = values.get("kind") == "finetune" and project.task.gold != "documents"
    encoder = default_encoder(project)
    base = f"DistilBERT if here, else {encoder}" if paper else encoder
    return {"base": base, "endpoint": "none: name one"}


def row_of(
    project: Project, fields: Sequence[FormField], values: Mapping[str, str]
) -> dict[str, Any]:
    """The row of the run. Raises Unfit, with the line and what to type."""
    row = run_form.row_of(project, fields, values, trains=True)
    if values.get("kind") == "head" and project.task.gold == "answers":
        raise Unfit("kind", "a head cannot find spans in a passage: choose finetune for questions")
    run_form.checked_endpoint(project, row)
    return row


def feedback_of(project: Project, row: dict[str, Any]) -> Feedback:
    """What the run's last stage is written from."""
    method = methods.get(row["method"], project.task.name)
    found: Iterator[Feedback] = (stage.feedback for stage in method.stages if stage.feedback)
    return next(found, "")


def calls(project: Project, row: dict[str, Any]) -> str:
    """What the run will ask, in one sentence; no call is made for it."""
    method = methods.get(row["method"], project.task.name)
    gold, rounds = project.store.gold.count("validation"), int(row["rounds"])
    labels = len(project.store.labels.all()) or 1
    explains = any(not stage.makes.is_trained_on for stage in method.stages)
    # Ten reasons come of one request.
    reasons = -(-int(row.get("rationales", 0)) // 10) * labels if explains else 0
    parts = []
    if "seed_records" in row:
        parts.append(f"about {reasons + int(row['seed_records']):,} calls for the seed")
    feedback = feedback_of(project, row)
    if feedback == "errors" and rounds:
        times = "rounds" if rounds > 1 else "round"
        parts.append(f"one for each error: at most {gold * rounds:,} in {rounds} {times}")
    elif feedback == "influence" and rounds:
        times = "the round" if rounds == 1 else f"each of {rounds} rounds"
        parts.append(f"as many in {times}")
    elif feedback == "gold":
        parts.append(f"{gold:,} for gold validation")
    return ", then ".join(parts)
