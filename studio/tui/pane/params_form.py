"""Between params and forms: lines out of the fields of params, params out of the texts of lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from studio.jobs import base_encoders as bases
from studio.llm import catalogue
from studio.llm.address import is_address
from studio.llm.endpoints import is_server, where_and_model
from studio.params import Option, Params
from studio.project import Project
from studio.records import StudioError
from studio.servers import EMBEDDED_PREFIX
from studio.settings import Settings
from studio.tui.widgets.form_field import NO, YES, FormChoice, FormField, Kind

P = TypeVar("P", bound=Params)


class Unfit(StudioError):
    """A line whose text is no value."""

    def __init__(self, name: str, problem: str, sentence: str = "") -> None:
        super().__init__(sentence or problem)
        self.name = name
        self.problem = problem
        """What is wrong, short enough to stand beside the line."""


def form_fields(
    *classes: type[Params], more: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[FormField, ...]:
    """A line for each field that people meet, in order; one that two classes share has one line.

    more: field → what else of its :class:`FormField` is known, such as a project's choices.
    """
    found = {
        name: _field(name, hints[name], getattr(plain, name), option)
        for params in classes
        for hints, plain in [(get_type_hints(params), params())]
        for name, option in params.options().items()
    }
    return tuple(replace(one, **(more or {}).get(name, {})) for name, one in found.items())


def _field(name: str, annotation: Any, default: Any, option: Option) -> FormField:
    parts = _parts(annotation)
    choices = [
        FormChoice(value, note=note)
        for value, note in zip(
            option.choices, option.notes or [""] * len(option.choices), strict=True
        )
    ]
    if bool in parts:
        choices = [FormChoice(YES), FormChoice(NO)]
    if choices and NoneType in parts:
        choices.insert(0, FormChoice(""))
    return FormField(
        name,
        option,
        kind=_kind(parts),
        choices=tuple(choices),
        typed=not choices,
        default=text_of(default) if choices else "",
        empty=option.empty or text_of(default),
    )


def _kind(parts: set[Any]) -> Kind:
    if bool in parts:
        return "switch"
    if int in parts:
        return "whole"
    return "number" if float in parts else "text"


def _parts(annotation: Any) -> set[Any]:
    """The type itself, and the types of a union such as ``int | None``."""
    return {annotation, *get_args(annotation)}


def text_of(value: Any) -> str:
    """A value as it is typed; nothing for None."""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, float):
        return f"{value:g}".replace("e-0", "e-")
    return "" if value is None else str(value)


def texts_of(params: Params, fields: Iterable[FormField]) -> dict[str, str]:
    """What the lines say of these params; what is as without a word stays empty."""
    plain = type(params)()
    known = params.options()
    return {
        one.name: one.default
        if getattr(params, one.name) == getattr(plain, one.name)
        else text_of(getattr(params, one.name))
        for one in fields
        if one.name in known
    }


def read_form(
    params: type[P], fields: Iterable[FormField], texts: Mapping[str, str], **told: Any
) -> P:
    """The params that the lines say; a line that says nothing leaves its field's default.

    told: fields that the lines do not say. Raises Unfit for the first line to mend.
    """
    known = params.options()
    mine = [one for one in fields if one.name in known and one.name not in told]
    found = fit(mine, texts)
    told |= {name: value for name, value in found.items() if value is not None}
    return params(**told)


def fit(fields: Iterable[FormField], texts: Mapping[str, str]) -> dict[str, Any]:
    """Line → its value, None where nothing is typed. Raises Unfit for the first line to mend."""
    found = {}
    for one in fields:
        text = texts.get(one.name, one.default)
        if problem := one.problem(text):
            sentence = f"{one.option.label} is {text!r}; {problem}."
            raise Unfit(one.name, problem, sentence)
        found[one.name] = one.value(text)
    return found


def endpoint_choices(settings: Settings) -> tuple[FormChoice, ...]:
    """The endpoints to choose from: the settings', what the project tuned, the catalogue's."""
    found = [
        FormChoice(name, note=f"{one.model}, {'a server of yours' if one.base_url else 'here'}")
        for name, one in sorted(settings.endpoints.items())
    ]
    tuned = sorted(settings.folder.glob("models/*/*.gguf")) if settings.folder else []
    for file in tuned:
        if file.parent.name.startswith("."):
            # Being written.
            continue
        name = f"{EMBEDDED_PREFIX}models/{file.parent.name}"
        found.append(FormChoice(name, note="tuned in this project, runs on this machine"))
    for entry in catalogue.load().values():
        if entry.kind == "llm":
            here = catalogue.installed_path(entry.name) is not None
            where = "here, runs on this machine" if here else f"studio models pull {entry.name}"
            found.append(FormChoice(EMBEDDED_PREFIX + entry.name, note=where, missing=not here))
    return tuple(found)


def encoder_choices(project: Project, kind: bases.Kind = "encoder") -> tuple[FormChoice, ...]:
    """The models to start from, those on this machine and those that can be fetched."""
    return tuple(
        FormChoice(
            base.name,
            base.label + (" (not here)" if base.missing else ""),
            base.note,
            missing=bool(base.missing),
        )
        for base in bases.base_encoders(project, kind)
    )


def endpoint_problem(settings: Settings, text: str) -> str:
    """Why an endpoint as it is typed will not do; empty for a name, or a server and a model."""
    where, model = where_and_model(text)
    if model or where in settings.endpoints or not is_server(where):
        return ""
    return "choose its model with ← →, or write it behind a space"


def endpoint_of(settings: Settings, text: str) -> tuple[str, str, str]:
    """(name, URL, model) of what was typed: a name, or a server and its model.

    Raises StudioError for a server without a model.
    """
    if problem := endpoint_problem(settings, text):
        raise StudioError(f"Endpoint: {problem}.")
    where, model = where_and_model(text)
    return ("", where, model) if model and is_address(where) else (where, "", model)
