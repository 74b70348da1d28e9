"""A box that asks for a file: what is typed is completed from the folders on the disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input, Static

from studio.safe_text import visible
from studio.tui.pane.base import Dialog
from studio.tui.safe_content import content
from studio.tui.widgets.editor import Field
from studio.tui.widgets.path_field import entries
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

COLUMNS = (Column(""), Column("", 10, "right"))


class AskPath(Dialog):
    """Gives back a path, or None.

    Args:
        title: what the file is for.
        endings: of the files that are offered, such as ``.csv``; folders are always offered.
        value: what the field begins with.
        problem: why the last answer would not do.
        refuse: a sentence that says why a path will not do, or empty. It may ask for a second
            enter: it is told whether the same path was given twice.
    """

    BINDINGS: ClassVar[list[Any]] = [
        Binding("tab", "complete", "Complete", priority=True),
        Binding("down", "go(1)", "Down", priority=True),
        Binding("up", "go(-1)", "Up", priority=True),
    ]

    def __init__(
        self,
        title: str,
        endings: tuple[str, ...],
        *,
        value: str = "",
        problem: str = "",
        refuse: Callable[[Path, bool], str] = lambda _path, _again: "",
    ) -> None:
        super().__init__()
        self._title, self._endings, self._value = title, endings, value
        self._problem, self._refuse = problem, refuse
        self._asked: Path | None = None
        self._picked = False
        self._real: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """Field, remark, entries."""
        section = Section(classes="dialog tall").titled(self._title)
        section.border_subtitle = "tab completes · ↑↓ pick · enter takes it · esc closes"
        with section:
            yield Field(id="path", select_on_focus=False)
            yield Static("", id="problem", classes="hint")
            yield RowList(COLUMNS, empty="Nothing here begins so.", id="entries")

    def on_mount(self) -> None:
        """List the folder that the path is in."""
        self._rows.can_focus = False
        self.query_one("#path", Field).focus()
        self._put(self._value)
        self._say(self._problem)
        self._list(self._value)

    @property
    def _rows(self) -> RowList:
        return self.query_one("#entries", RowList)

    def _say(self, problem: str) -> None:
        kinds = ", ".join(self._endings)
        said = content(problem, "$error") if problem else content(f"A file: {kinds}")
        self.query_one("#problem", Static).update(said)

    def _path(self, typed: str) -> str:
        """The path that is meant: names that cannot be shown as they are were put there by tab."""
        for shown, path in self._real.items():
            if typed.startswith(shown):
                return path + typed[len(shown) :]
        return os.path.expanduser(typed)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._asked, self._picked = None, False
        self._list(self._path(event.value))

    @work(exclusive=True, group="entries")
    async def _list(self, path: str) -> None:
        # A folder may lie on a slow disk.
        found = await asyncio.to_thread(entries, path, self._endings)
        self._rows.show([Row(entry, (_name(entry), _kind(entry))) for entry in found])
        if not self._picked:
            self._rows.cursor = 0

    def action_go(self, by: int) -> None:
        """Move through the entries while the field keeps the keys."""
        if self._picked:
            self._rows.cursor += by
        self._picked = True

    def action_complete(self) -> None:
        """Type out what all entries have in common, or the entry under the cursor."""
        row = self._rows.current
        if row is None:
            return
        common = _common([entry.key for entry in self._rows.rows])
        longer = len(common) > len(self._path(self.query_one("#path", Field).value))
        self._put(common if longer and not self._picked else row.key)

    def _put(self, path: str) -> None:
        field, shown = self.query_one("#path", Field), visible(path)
        if shown != path:
            self._real = {shown: path, **self._real}
        field.value = shown
        field.cursor_position = len(shown)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        row = self._rows.current if self._picked else None
        path = row.key if row is not None else self._path(event.value.strip())
        if os.path.isdir(path):
            self._put(os.path.join(path, ""))
            return
        again, self._asked = Path(path) == self._asked, Path(path)
        problem = self._refuse(Path(path), again) if path else "Type the name of a file."
        if problem:
            self._say(problem)
            return
        self.dismiss(Path(path))


def _common(paths: Sequence[str]) -> str:
    """What all paths begin with: sorted, the first and the last differ most."""
    first, last = min(paths), max(paths)
    same = (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(same, min(len(first), len(last)))]


def _name(path: str) -> str:
    return os.path.basename(path.rstrip(os.sep)) + (os.sep if path.endswith(os.sep) else "")


def _kind(path: str) -> str:
    return "folder" if path.endswith(os.sep) else "file"
