"""One file per published method, found by looking into this folder and the entry points.

A method's module has a constant ``METHOD``, or ``METHODS`` where it differs from task to task. An
outside package names its module in the entry point group ``studio.methods``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType

from studio.methods.protocol import Method
from studio.prompting.template_source import SourceFault, read
from studio.records import StudioError

GROUP = "studio.methods"


@cache
def available() -> tuple[Method, ...]:
    """Every method for every task that it serves, the studio's own first."""
    own = [
        importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)
    ]
    outside = [point.load() for point in entry_points(group=GROUP)]
    return tuple(method for module in (*own, *outside) for method in _methods_in(module))


def _methods_in(found: ModuleType | Method) -> Iterator[Method]:
    if isinstance(found, Method):
        yield found
        return
    one = getattr(found, "METHOD", None)
    yield from getattr(found, "METHODS", () if one is None else (one,))


def of_task(task: str) -> dict[str, Method]:
    """The methods that serve a task, by name."""
    return {method.name: method for method in reversed(available()) if task in method.tasks}


def names() -> tuple[str, ...]:
    """The names of all methods."""
    return tuple(dict.fromkeys(method.name for method in available()))


def get(name: str, task: str) -> Method:
    """One method, as it serves a task.

    Raises:
        StudioError: there is none of this name, or it is not for the task.
    """
    known = of_task(task)
    if name in known:
        return known[name]
    if name in names():
        raise StudioError(
            f"The method {name} is not for the task {task}; choose one of: {_listed(known)}."
        )
    near = get_close_matches(name, known, n=1)
    raise StudioError(
        f"There is no method “{name}”; choose one of: {near[0] if near else _listed(known)}."
    )


def _listed(known: dict[str, Method]) -> str:
    return ", ".join(sorted(known)) or "none"


def of_template(text: str, task: str, preferred: str = "") -> Method | None:
    """The method that asks with such a template; None when no method of the task does.

    preferred: taken where several methods have the same templates.
    """
    try:
        settings = read(text).settings
    except SourceFault:
        return None
    known = of_task(task)
    order = sorted(known.values(), key=lambda method: method.name != preferred)
    return next((method for method in order if method.form.recognises(settings)), None)
