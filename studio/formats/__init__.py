"""Formats in and out. A new format is one new file here that offers ``IMPORTER`` or ``EXPORTERS``.

Other packages add theirs through the entry point group ``studio.formats``: each names a module.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType

from studio.formats.rows import Exporter, Importer


@cache
def importers() -> dict[str, Importer]:
    """All corpus formats by name, the ones to ask first in front."""
    found = [module.IMPORTER for module in _modules() if hasattr(module, "IMPORTER")]
    return {importer.name: importer for importer in sorted(found, key=lambda one: -one.priority)}


@cache
def exporters() -> dict[str, Exporter]:
    """All export formats by name, in alphabetical order."""
    found = [exporter for module in _modules() for exporter in getattr(module, "EXPORTERS", ())]
    return {exporter.name: exporter for exporter in sorted(found, key=lambda one: one.name)}


def _modules() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        yield importlib.import_module(module.name)
    for outside in entry_points(group="studio.formats"):
        yield outside.load()
