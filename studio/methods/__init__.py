"""One file per published method, found by looking into this folder and the entry points.

A method's module has a constant: ``METHOD`` when it writes queries for documents, ``SYNTHESIS``
when it writes labelled items. An outside package names its own in the entry point group
``studio.methods`` or ``studio.synthesis``.
"""

from __future__ import annotations

import importlib
import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from studio.methods.base import Method
from studio.methods.synthesis import SynthesisMethod
from studio.records import StudioError

M = TypeVar("M")


@cache
def available() -> dict[str, Method]:
    """Every method for documents by name, the studio's own first."""
    return _found("METHOD", "studio.methods")


@cache
def available_synthesis() -> dict[str, SynthesisMethod]:
    """Every method for labelled tasks by name, the studio's own first."""
    return _found("SYNTHESIS", "studio.synthesis")


def _found(constant: str, group: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(__path__):
        method = getattr(importlib.import_module(f"{__name__}.{module.name}"), constant, None)
        if method is not None:
            found[method.name] = method
    for point in entry_points(group=group):
        found.setdefault(point.name, point.load())
    return found


def get(name: str) -> Method:
    """One method for documents.

    Raises:
        StudioError: there is none of this name.
    """
    return _named(name, available())


def get_synthesis(name: str) -> SynthesisMethod:
    """One method for labelled tasks.

    Raises:
        StudioError: there is none of this name.
    """
    return _named(name, available_synthesis())


def _named(name: str, methods: dict[str, M]) -> M:
    if name not in methods:
        near = get_close_matches(name, methods, n=1) or sorted(methods)
        raise StudioError(f"There is no method “{name}”; choose one of: {', '.join(near)}.")
    return methods[name]
