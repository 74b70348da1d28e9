"""The lines of a run: what every run can be told, the settings of the methods, and rounds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from studio import methods
from studio.jobs.base_encoders import absolute
from studio.jobs.params import RunParams
from studio.jobs.plans import default_template, own_method, run_row
from studio.methods.protocol import Method
from studio.params import Params
from studio.project import Project
from studio.prompting.templates import DOCUMENT_FORM
from studio.records import StudioError
from studio.tui.pane.params_form import (
    Unfit,
    encoder_choices,
    endpoint_choices,
    endpoint_of,
    endpoint_problem,
    fit,
    form_fields,
)
from studio.tui.widgets.form_field import FormChoice, FormField

OLDER_NAMES = {
    "draws": "queries_per_document",
    "usd": "budget_usd",
    "tokens": "budget_tokens",
    "concurrency": "max_concurrency",
}
"""What lines were called in the drafts of older studios."""


def run_fields(
    project: Project,
    offered: Sequence[Method],
    *more: type[Params],
    hidden: Collection[str] = (),
) -> tuple[FormField, ...]:
    """A line for all that a run of one of these methods can be told; ``more`` stands before who
    writes. Which lines the chosen method has, :func:`lines_of` says.
    """
    known: dict[str, dict[str, Any]] = {
        "method": {
            "choices": tuple(FormChoice(one.name, note=one.about) for one in offered),
            "typed": False,
            "default": offered[0].name,
        },
        "endpoint": {
            "choices": endpoint_choices(project.settings),
            "check": partial(endpoint_problem, project.settings),
        },
        "base": {"choices": (FormChoice(""), *encoder_choices(project))},
    }
    run = form_fields(RunParams, more=known)
    who = next(n for n, one in enumerate(run) if one.name == "endpoint")
    own = form_fields(*(one.settings for one in offered), *more, more=known)
    lines = {one.name: one for one in (*run[:who], *own, *run[who:])}
    if not project.task.has_corpus:
        hidden = {*hidden, "documents", "search"}
    return tuple(one for one in lines.values() if one.name not in hidden)


def lines_of(method: Method, *more: type[Params]) -> set[str]:
    """The names of the lines that mean something for a method."""
    classes: tuple[type[Params], ...] = (RunParams, method.settings, *more)
    others = frozenset() if method.of_documents else frozenset({"documents", "search"})
    return {name for params in classes for name in params.options()} - others


def offered_methods(project: Project, *, feedback: bool) -> list[Method]:
    """The methods to choose from, the project's own first.

    feedback: those that train on the way too; without, where there is none else, all the same.
    """
    task, own = project.task, own_method(project)
    found = sorted(methods.of_task(task.name).values(), key=lambda one: one.name != own)
    found = [one for one in found if feedback or not one.has_feedback] or found
    return [one for one in found if _can_ask(project, one)] or found


def _can_ask(project: Project, method: Method) -> bool:
    """Whether there is a template for it in the project's language, or one of the person's own."""
    # What shows a person's examples is chosen by that person.
    if method.form is DOCUMENT_FORM or default_template(project.task, method, project.language):
        return True
    texts = (prompt.template for prompt in project.store.prompts.own())
    asked = (methods.of_template(text, project.task.name, method.name) for text in texts)
    return any(one is not None and one.form == method.form for one in asked)


def row_of(
    project: Project, fields: Iterable[FormField], texts: Mapping[str, str], *, trains: bool = False
) -> dict[str, Any]:
    """The row of the run that the lines say. Raises Unfit, with the line and what to type."""
    method = methods.get(texts["method"], project.task.name)
    told = {name: value for name, value in fit(fields, texts).items() if value is not None}
    name, base_url, model = endpoint_of(project.settings, told.pop("endpoint", ""))
    told |= {"endpoint": name, "base_url": base_url, "model": model}
    told |= {one: absolute(told[one]) for one in ("base",) if one in told}
    known = run_row(project, trains=trains, method=method.name)
    return run_row(project, trains=trains, **{n: v for n, v in told.items() if n in known})


def from_older_draft(texts: Mapping[str, str]) -> dict[str, str]:
    """A draft whose lines had other names."""
    found = {OLDER_NAMES.get(name, name): text for name, text in texts.items()}
    if "seed" in found and "max_concurrency" not in found:
        # It was how many to write before the first round, in a form that asked for less.
        found["seed_records"] = found.pop("seed")
    if found.get("documents", "").strip() == "all":
        found["documents"] = ""
    return found


def checked_endpoint(project: Project, row: Mapping[str, Any]) -> None:
    """Raises Unfit for an endpoint that is not there."""
    from studio.jobs.plans import endpoint_of as endpoint_for

    try:
        endpoint_for(project, RunParams.from_row(dict(row)))
    except StudioError as error:
        raise Unfit("endpoint", str(error)) from error
