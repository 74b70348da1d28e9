"""One file per published method, found by looking into this folder and the entry points.

A method's module has a constant ``METHOD``; an outside package names its own in the entry point
group ``studio.methods``.
"""

from __future__ import annotations

import importlib
import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points

from studio.methods.base import Method
from studio.records import StudioError


@cache
def available() -> dict[str, Method]:
    """Every method by name, the studio's own first."""
    found: dict[str, Method] = {}
    for module in pkgutil.iter_modules(__path__):
        method = getattr(importlib.import_module(f"{__name__}.{module.name}"), "METHOD", None)
        if method is not None:
            found[method.name] = method
    for point in entry_points(group="studio.methods"):
        found.setdefault(point.name, point.load())
    return found


def get(name: str) -> Method:
    """One method.

    Raises:
        StudioError: there is none of this name.
    """
    methods = available()
    if name not in methods:
        near = get_close_matches(name, methods, n=1) or sorted(methods)
        raise StudioError(f"There is no method “{name}”; choose one of: {', '.join(near)}.")
    return methods[name]
