"""The texts of a form: their draft in the store, what they say as values, what may stand there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from studio.llm import catalogue
from studio.llm.endpoints import EMBEDDED_PREFIX
from studio.project import Project
from studio.records import StudioError
from studio.tui.widgets.form import Setting
from studio.tui.widgets.rows import Row

T = TypeVar("T")


class Unfit(StudioError):
    """A field whose text is no value."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name
        self.remedy = sentence.replace(": ", "; ", 1).partition("; ")[2] or sentence
        """What to type instead, short enough to stand beside the field."""


def read_draft(text: str | None, settings: Sequence[Setting]) -> dict[str, str]:
    """What was typed; empty for no draft, and for one that is none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    known = {setting.name for setting in settings}
    items = found.items() if isinstance(found, dict) else ()
    return {name: text for name, text in items if name in known and isinstance(text, str)}


def to_draft(values: Mapping[str, str]) -> str:
    """The draft's text."""
    return json.dumps(values, ensure_ascii=False)


def label_of(settings: Sequence[Setting], name: str) -> str:
    """What stands before the field."""
    return next(setting.label for setting in settings if setting.name == name)


def read(
    settings: Sequence[Setting], name: str, values: Mapping[str, str], how: Callable[[str, str], T]
) -> T:
    """The value of a field. Raises Unfit, with the field and what to type."""
    try:
        return how(label_of(settings, name), values[name])
    except StudioError as error:
        raise Unfit(name, str(error)) from error


def endpoint_rows(project: Project) -> list[Row]:
    """The endpoints to choose from: the settings', OpenAI's, the embedded models'."""
    rows = [
        Row(name, (name, f"{one.model} at {one.base_url or 'this machine'}"))
        for name, one in sorted(project.settings.endpoints.items())
    ]
    for entry in catalogue.load().values():
        if entry.kind == "llm":
            here = catalogue.installed_path(entry.name) is not None
            where = "here, runs on this machine" if here else f"studio models pull {entry.name}"
            name = EMBEDDED_PREFIX + entry.name
            rows.append(Row(name, (name, where), "" if here else "muted"))
    return rows
