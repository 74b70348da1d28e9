"""Command line options out of the fields of params: their types, ranges, choices and help."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_type_hints

import typer

from studio.params import Option, Params

Verb = Callable[..., None]


def takes_params(verb: Verb) -> Verb:
    """A command in which each parameter that is annotated as a params class becomes its options.

    They stand in ``--help`` where the parameter stands in the verb, in the order of the fields. A
    field that two classes share is one option, given to both; so is one that the verb asks itself.
    A parameter annotated with :class:`AnyOf` gets field → value, of what was told.
    """
    signature = inspect.signature(verb, eval_str=True)
    classes = {name: found for name, one in signature.parameters.items() if (found := _of(one))}
    shown: dict[str, inspect.Parameter] = {}
    for name, own in signature.parameters.items():
        made = classes[name].parameters() if name in classes else [own]
        for one in made:
            if one.name not in shown or one is own:
                shown[one.name] = one.replace(kind=inspect.Parameter.KEYWORD_ONLY)

    @wraps(verb)
    def command(**given: Any) -> None:
        told: dict[str, Any] = {name: found.take(given) for name, found in classes.items()}
        verb(**told, **{name: given[name] for name in signature.parameters if name not in classes})

    command.__signature__ = signature.replace(parameters=[*shown.values()])  # type: ignore[attr-defined]
    command.__annotations__ = {name: one.annotation for name, one in shown.items()}
    return command


def refuse_other_options(mine: Sequence[Params], others: Sequence[Params], nouns: str) -> None:
    """Raises BadParameter for an option that was given and means nothing for the task."""
    known = {name: one for params in mine for name, one in params.options().items()}
    for params in others:
        for name, option in params.options().items():
            if name not in known and getattr(params, name) != getattr(type(params)(), name):
                meant = ", ".join(next(_flags(n, False, one)) for n, one in known.items())
                flag = next(_flags(name, False, option))
                raise typer.BadParameter(f"{flag} means nothing for {nouns}; what does: {meant}")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Params classes of which one is meant, known when the verb runs."""

    classes: tuple[type[Params], ...]
    is_one: bool = False
    """Whether the one class is asked for by its name, and given as such."""

    def parameters(self) -> Iterator[inspect.Parameter]:
        """One for each field."""
        return (one for params in self.classes for one in _parameters(params))

    def take(self, given: Mapping[str, Any]) -> Any:
        """The params, or what was told of them: field → value, where it is not the default."""
        if self.is_one:
            return self.classes[0](**{name: given[name] for name in self.classes[0].options()})
        plain: dict[str, Any] = {}
        for params in reversed(self.classes):
            plain |= {name: getattr(params(), name) for name in params.options()}
        return {name: given[name] for name, usual in plain.items() if given[name] != usual}


def _of(parameter: inspect.Parameter) -> AnyOf | None:
    """The params classes that a parameter of a verb is annotated with."""
    annotation = parameter.annotation
    if isinstance(annotation, type) and issubclass(annotation, Params):
        return AnyOf((annotation,), is_one=True)
    return next((one for one in get_args(annotation) if isinstance(one, AnyOf)), None)


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
