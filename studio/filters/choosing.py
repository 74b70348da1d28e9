"""Which filters judge which records, and with which settings: what people type, and the usual."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, cast, get_type_hints

from studio.filters import available, check_setting, kind_of, make
from studio.filters.base import Filter
from studio.records import RecordType, StudioError

Settings = Mapping[str, Mapping[str, Any]]
"""Filter → setting → value."""
_ONE: Final = re.compile(r"\s*(?P<filter>[\w-]+)\s*\.\s*(?P<key>\w+)\s*=(?P<value>.*)", re.DOTALL)
_BETWEEN: Final = re.compile(r"[,;]\s*(?=[\w-]+\s*\.\s*[A-Za-z_]\w*\s*=)")


def fitting(judged: RecordType) -> list[str]:
    """The filters that can judge records of a type, in the order of a chain."""
    return [name for name, kind in available().items() if kind.fits.judges(judged)]


def usual(judged: RecordType) -> list[str]:
    """The chain of a type when nobody has chosen one."""
    return [name for name in fitting(judged) if available()[name].fits.usual(judged)]


def chain(typed: str, judged: RecordType) -> list[str]:
    """The filters that are meant, in the order in which a chain runs them.

    typed: names with commas; ``+name`` adds one to the usual chain, ``-name`` leaves one out; empty
    for the usual chain.

    Raises:
        StudioError: there is no such filter, it is nothing for this type, or both ways are mixed.
    """
    parts = [part.strip() for part in typed.split(",") if part.strip()]
    plain = {part for part in parts if part[0] not in "+-"}
    if plain and any(part[0] == "-" for part in parts):
        raise StudioError(
            f"The filters “{typed}” are a chain of their own and leave out some of the usual one: "
            "write either names alone, or +NAME and -NAME alone."
        )
    chosen = plain or set(usual(judged))
    for part in parts:
        name = part.lstrip("+-").strip()
        kind = kind_of(name, fitting(judged))
        if not kind.fits.judges(judged):
            raise StudioError(
                f"The filter {name} is nothing for {judged.nouns}; these are: "
                f"{', '.join(fitting(judged))}."
            )
        if part[0] == "-":
            chosen.discard(name)
        else:
            chosen.add(name)
    if not chosen:
        raise StudioError(f"The filters “{typed}” leave none; name at least one.")
    return [name for name in available() if name in chosen]


def settings_in(typed: str) -> Settings:
    """The settings of filters, of a text such as ``novelty.near=0.6, per-task.most=3``.

    A comma within a value is part of it.

    Raises:
        StudioError: no such filter or setting, or no value for it.
    """
    found: dict[str, dict[str, Any]] = {}
    for part in _BETWEEN.split(typed) if typed.strip() else ():
        match = _ONE.fullmatch(part)
        if match is None:
            raise StudioError(
                f"The setting “{part.strip()}” cannot be read; write filter.setting=value, such as "
                "novelty.near=0.6, and commas between several."
            )
        name, key = match["filter"], match["key"]
        found.setdefault(name, {})[key] = _value(name, key, match["value"].strip())
    return found


def _value(name: str, key: str, typed: str) -> Any:
    """A setting's value, of the type that the filter's field has."""
    check_setting(name, key)
    hint = get_type_hints(available()[name])[key]
    kinds = {hint, *getattr(hint, "__args__", ())}
    if type(None) in kinds and not typed:
        return None
    for kind, words in ((int, "a whole number"), (float, "a number")):
        if kind in kinds:
            try:
                return kind(typed)
            except ValueError:
                raise StudioError(
                    f"{name}.{key} is “{typed}”; it is {words}, such as {_default(name, key)}."
                ) from None
    return typed


def _default(name: str, key: str) -> Any:
    own = next(one for one in fields(cast(Any, available()[name])) if one.name == key)
    return 3 if own.default in (MISSING, None) else own.default


def made(settings: Settings) -> list[Filter]:
    """The filters that have settings. Raises StudioError for a value that one refuses."""
    return [make(name, **told) for name, told in settings.items()]


def refuse_unused(settings: Settings, chosen: list[str]) -> None:
    """Refuse settings of a filter that does not run: they would do nothing."""
    for name in settings:
        if name not in chosen:
            raise StudioError(
                f"The filter {name} has a setting and does not run; add it with +{name}. The chain "
                f"is {', '.join(chosen)}."
            )
