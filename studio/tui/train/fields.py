"""The lines of the form for a new training, out of the fields of its params. No Textual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from studio.jobs.base_encoders import absolute, default_encoder, problem_of
from studio.jobs.recipes import numbers_for
from studio.jobs.train_params import (
    DataParams,
    TrainParams,
)
from studio.jobs.training import name_problem
from studio.project import Project
from studio.records import TRIPLET
from studio.store.choices import FilterRange
from studio.tui.pane.params_form import (
    Unfit,
    encoder_choices,
    form_fields,
    read_form,
    text_of,
    texts_of,
)
from studio.tui.train.words import when
from studio.tui.widgets.form_field import YES, FormChoice, FormField

P = TypeVar("P", bound=DataParams)
DRAFT: Final = "train-form"
"""Where the store keeps what was typed."""
ALL: Final = FormChoice("", "all filters and people")
PERSON: Final = FormChoice("person", "a person", "only records that a person accepted")
NONE: Final = FormChoice("", "none", "no score is looked at")
ANY: Final = FormChoice("", "any")
OF_DOCUMENTS: Final = ("continue_round_trip", "recipe", "side", "distillation", "teacher")
"""Lines that say nothing of triplets, which have no corpus."""
OF_TRIPLETS: Final = ("instructions", "written_negatives")


def data_lines(project: Project) -> dict[str, dict[str, Any]]:
    """What else is known of the lines that choose records, as far as it is quickly known."""
    store = project.store
    versions = [
        FormChoice(str(p.version), f"{p.version} {p.name}", p.note or f"made {when(p.created)}")
        for p in store.prompts.all()
    ]
    jobs = [
        FormChoice(str(row), f"{row} {kind}", f"{kind} of {when(created)}")
        for row, kind, created in store.choices.jobs()
    ]
    return {
        "kept_by": {"choices": (ALL, PERSON), "typed": False, "heading": "Data"},
        "score_of": {"choices": (NONE,), "typed": False},
        "prompt_version": {"choices": (ANY, *versions), "typed": False},
        "from_job": {"choices": (ANY, *jobs), "typed": False},
        "evaluate": {"default": YES},
        "name": {"check": lambda text: name_problem(text, store.models.all())},
    }


def train_fields(project: Project) -> tuple[FormField, ...]:
    """The lines for a retriever, or for an encoder of triplets."""
    encoders = encoder_choices(project)
    of_triplets = project.task.record == TRIPLET
    hidden = OF_DOCUMENTS if of_triplets else OF_TRIPLETS
    settings = {"heading": "Settings — an empty line takes what stands in brackets"}
    more = {
        **data_lines(project),
        "encoder": {"choices": encoders, "check": problem_of, "heading": "Base"},
        "epochs" if of_triplets else "recipe": settings,
        "teacher": {"choices": (FormChoice(""), *encoders), "check": problem_of},
    }
    return tuple(one for one in form_fields(TrainParams, more=more) if one.name not in hidden)


def filter_choices(found: Sequence[FilterRange]) -> dict[str, tuple[FormChoice, ...]]:
    """The choices out of the filters that have judged."""
    scored = [
        FormChoice(f.name, note=f"its scores go from {f.low:g} to {f.high:g}")
        for f in found
        if f.low is not None and f.high is not None
    ]
    kept = [
        FormChoice(f.name, f"up to {f.name}", f"what the chain up to {f.name} keeps") for f in found
    ]
    return {"kept_by": (ALL, *reversed(kept), PERSON), "score_of": (NONE, *scored)}


def first_values(
    project: Project, fields: Sequence[FormField], like: TrainParams | None
) -> dict[str, str]:
    """What stands in the form without a draft: the defaults, or an earlier training's settings."""
    values = texts_of(like or TrainParams(), fields)
    return {**values, "encoder": values["encoder"] or default_encoder(project), "name": ""}


def from_older_draft(texts: Mapping[str, str]) -> dict[str, str]:
    """A draft of a studio whose form had one line for both scores and another for a path."""
    found = dict(texts)
    low, dots, high = found.pop("score", "").partition("..")
    if dots:
        found |= {"min_score": low.strip(), "max_score": high.strip()}
    if path := found.pop("path", "").strip():
        found["encoder"] = path
    return found


def recipe_numbers(
    params: TrainParams, root: str, documents: int, pairs: int, *, triplets: bool
) -> dict[str, str]:
    """What holds where nothing is typed, for the lines where the recipe decides."""
    unsaid = replace(params, epochs=None, batch_size=None, learning_rate=None, distillation=None)
    settings = numbers_for(unsaid, root, documents, max(pairs, 1), triplets=triplets)
    passes = (settings.max_steps or 0) * settings.batch_size / max(pairs, 1)
    whole = passes >= settings.epochs and params.recipe == "recommended"
    return {
        "epochs": f"{settings.epochs if whole else passes:.2g}",
        "batch_size": str(settings.batch_size),
        "learning_rate": text_of(settings.learning_rate) or "its kind's",
        "distillation": text_of(settings.distillation),
    }


def params_of(fields: Sequence[FormField], values: Mapping[str, str]) -> TrainParams:
    """The params of the job. Raises Unfit with the first line to mend."""
    params = checked_scores(read_form(TrainParams, fields, values))
    encoder, teacher = absolute(params.encoder), absolute(params.teacher)
    return replace(params, encoder=encoder, teacher=teacher, name=params.name.strip())


def checked_scores(params: P) -> P:
    """The same params. Raises Unfit where no score can be in the bounds."""
    low, high = params.min_score, params.max_score
    if low is not None and high is not None and low > high:
        raise Unfit("max_score", "the lowest score is above it")
    return params
