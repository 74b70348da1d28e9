"""Command line options out of the fields of params: their types, ranges, choices and help."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_type_hints

import typer

from studio.params import Option, Params

Verb = Callable[..., None]


def takes_params(verb: Verb) -> Verb:
    """A command in which each parameter that is annotated as a params class becomes its options.

    They stand in ``--help`` where the parameter stands in the verb, in the order of the fields. A
    field that two classes share is one option, given to both.
    """
    signature = inspect.signature(verb, eval_str=True)
    classes: dict[str, type[Params]] = {
        name: one.annotation
        for name, one in signature.parameters.items()
        if isinstance(one.annotation, type) and issubclass(one.annotation, Params)
    }
    shown: dict[str, inspect.Parameter] = {}
    for name, own in signature.parameters.items():
        made = _parameters(classes[name]) if name in classes else [own]
        shown |= {one.name: one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in made}

    @wraps(verb)
    def command(**given: Any) -> None:
        told: dict[str, Any] = {
            name: cls(**{field: given[field] for field in cls.options()})
            for name, cls in classes.items()
        }
        verb(**told, **{name: given[name] for name in signature.parameters if name not in classes})

    command.__signature__ = signature.replace(parameters=[*shown.values()])  # type: ignore[attr-defined]
    command.__annotations__ = {name: one.annotation for name, one in shown.items()}
    return command


def _parameters(params: type[Params]) -> Iterator[inspect.Parameter]:
    types, plain = get_type_hints(params), params()
    for name, option in params.options().items():
        # What is left of ``int | None`` decides; a plain type has no parts.
        parts = {types[name], *get_args(types[name])}
        chosen: Any = Literal[tuple(option.choices)] if option.choices else types[name]
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(plain, name),
            annotation=Annotated[
                chosen | None if NoneType in parts else chosen, _option(name, parts, option)
            ],
        )


def _option(name: str, parts: set[Any], option: Option) -> Any:
    """parts: the field's type, or the types of its union."""
    least, most = option.least, option.most
    if int in parts:
        least, most = (None if end is None else int(end) for end in (least, most))
    flags = _flags(name, bool in parts, option)
    return typer.Option(
        *flags, help=help_of(option), min=least, max=most, show_default=option.empty or True
    )


def _flags(name: str, is_switch: bool, option: Option) -> Iterator[str]:
    """Such as ``--steps``, ``-k`` or ``--interpolate/--no-interpolate``; older names go on."""
    for one in (option.flag or name, *option.older):
        on, _, off = one.replace("_", "-").partition("/")
        if len(on) == 1:
            yield f"-{on}"
        else:
            yield f"--{on}/--{off or f'no-{on}'}" if is_switch else f"--{on}"


def help_of(option: Option) -> str:
    """What it is, then what each of the choices means."""
    told = [f"{choice}: {note}" for choice, note in zip(option.choices, option.notes, strict=False)]
    meant = f" {'; '.join(told)}." if told else ""
    return f"{option.label}: {option.help}.{meant}"
