"""One file per filter, found by looking into this folder.

A filter's module has a constant ``FILTER``: a frozen dataclass whose fields are its settings and
which is a :class:`studio.filters.base.Filter`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from typing import Any, cast

from studio.filters.base import Filter
from studio.records import StudioError


@cache
def available() -> dict[str, type[Filter]]:
    """Every filter's class by its name, in the order in which a chain sensibly runs them."""
    found: list[type[Any]] = []
    for module in pkgutil.iter_modules(__path__):
        kind = getattr(importlib.import_module(f"{__name__}.{module.name}"), "FILTER", None)
        if kind is not None:
            found.append(kind)
    return {kind.name: kind for kind in sorted(found, key=lambda kind: (kind.order, kind.name))}


def kind_of(name: str, fitting: Sequence[str] = ()) -> type[Filter]:
    """A filter's class. Raises StudioError for a name that is not there; the nearest is named.

    fitting: those that can be meant; empty: all.
    """
    kinds = available()
    if name not in kinds:
        raise StudioError(f"There is no filter “{name}”; {_nearest(name, [*(fitting or kinds)])}.")
    return kinds[name]


def make(name: str, **settings: Any) -> Filter:
    """A filter with its settings.

    Raises:
        StudioError: there is no such filter or setting; the nearest is named.
    """
    for key in settings:
        check_setting(name, key)
    return kind_of(name)(**settings)


def check_setting(name: str, key: str) -> None:
    """Raises StudioError for a setting that a filter does not have; the nearest is named."""
    kind_of(name)
    if key not in (known := setting_names(name)):
        raise StudioError(f"The filter “{name}” has no setting “{key}”; {_nearest(key, known)}.")


def setting_names(name: str) -> list[str]:
    """The settings that a filter takes."""
    return [field.name for field in fields(cast(Any, available()[name])) if field.init]


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean “{near[0]}”"
    return f"known are {', '.join(known)}" if known else "it has none"
