"""A field for a path, completed from the folders on the disk as it is typed."""

from __future__ import annotations

import asyncio
import os
from typing import Any, ClassVar

from textual.binding import Binding
from textual.suggester import Suggester

from studio.safe_text import visible
from studio.tui.widgets.editor import Field

MOST = 200
"""Entries of a folder that are listed."""


class PathField(Field):
    """Shows how the path could go on; tab or → takes that, and tab goes on where there is nothing.

    Args:
        value: what it begins with.
        endings: of the files that are offered; folders are always offered.
    """

    BINDINGS: ClassVar[list[Any]] = [Binding("tab", "complete", show=False, priority=True)]

    def __init__(self, value: str = "", *, endings: tuple[str, ...], **options: Any) -> None:
        super().__init__(value, suggester=PathSuggester(endings), **options)

    def action_complete(self) -> None:
        """Take what is suggested, or go on to the next field."""
        before = self.value
        self.action_end()
        self.action_cursor_right()
        if self.value == before:
            self.screen.focus_next()


class PathSuggester(Suggester):
    """The first entry that begins as typed: a folder before a file."""

    def __init__(self, endings: tuple[str, ...]) -> None:
        # What is on the disk changes, and most systems tell A from a.
        super().__init__(use_cache=False, case_sensitive=True)
        self._endings = endings

    async def get_suggestion(self, value: str) -> str | None:
        """The value with its rest; None when nothing begins so. A disk may be slow: in a thread."""
        typed = os.path.expanduser(value)
        found = await asyncio.to_thread(entries, typed, self._endings)
        rests = (path[len(typed) :] for path in found)
        # A name that cannot be shown as it is cannot be typed either.
        return next((value + rest for rest in rests if rest and visible(rest) == rest), None)


def entries(typed: str, endings: tuple[str, ...]) -> list[str]:
    """Folders (with a slash at the end) and fitting files that begin as typed, by name."""
    folder, begun = os.path.split(typed)
    found: list[str] = []
    try:
        with os.scandir(folder or ".") as listing:
            for entry in listing:
                hidden = entry.name.startswith(".") and not begun.startswith(".")
                if entry.name.startswith(begun) and not hidden:
                    found += _fitting(os.path.join(folder, entry.name), entry, endings)
    except (OSError, ValueError):
        # No such folder, none that may be read, or no possible name: there is nothing to offer.
        return []
    return sorted(found, key=lambda path: (not path.endswith(os.sep), path))[:MOST]


def _fitting(path: str, entry: os.DirEntry[str], endings: tuple[str, ...]) -> list[str]:
    try:
        if entry.is_dir():
            return [path + os.sep]
    except OSError:
        return []
    return [path] if entry.name.lower().endswith(endings) else []
