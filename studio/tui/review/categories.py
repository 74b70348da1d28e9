"""What the records ask for: a bar for each category and, further in, for its parts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Static

from studio.jobs.categories import By, CategoryCount, Retention
from studio.jobs.category_files import bar
from studio.records import StudioError
from studio.safe_text import one_line
from studio.tui.pane.base import Dialog
from studio.tui.safe_content import content
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

TOP, PARTS = 40, 5
"""Categories, and parts of each."""
BESIDE, LEAST_BAR = 56, 4
"""Cells that a bar leaves to the other columns, and that the longest has at least."""
COLUMNS = (
    Column("asks for", 22),
    Column("", 0, from_width=60),
    Column("records", 9, "right"),
    Column("share", 7, "right"),
    Column("kept", 7, "right"),
)
WAYS: tuple[tuple[By, str], ...] = (
    ("verb", "each verb with its objects"),
    ("object", "each object with its verbs"),
    ("kind", "each kind of task or label with its verbs"),
)
NOT_IN_TEXT = frozenset({"whether"})
"""Names of categories that stand in no text."""


@dataclass(frozen=True, slots=True)
class ChosenCategory:
    """What the dialog gives back: words to search for, or a kind of task."""

    words: str = ""
    kind: str = ""


class CategoriesDialog(Dialog):
    """Gives back the category to look for, or None."""

    BINDINGS: ClassVar[list[Any]] = [
        ("left,h", "turn(-1)", "Counted before"),
        ("right,l", "turn(1)", "Counted otherwise"),
    ]

    def __init__(self, read: Callable[[], Awaitable[Retention]], nouns: str, most: int) -> None:
        """``most`` is how many records are read at most; ``nouns`` what they are called."""
        super().__init__()
        self._read, self._nouns, self._most = read, nouns, most
        self._found: Retention | None = None
        self._way = 0

    def compose(self) -> ComposeResult:
        """The bars, what they are of, and the keys."""
        with Section(classes="dialog tall").titled("Categories"):
            yield RowList(COLUMNS, empty="Counting …", id="categories")
            yield Static("", id="counted-by", classes="hint")
            yield Static(content("←→ count otherwise · enter shows them · esc"), classes="hint")

    def on_mount(self) -> None:
        """Count, away from the screen."""
        self.query_one("#categories").focus()
        self._fill()

    @work
    async def _fill(self) -> None:
        lines = self.query_one("#categories", RowList)
        try:
            self._found = await self._read()
        except StudioError as error:
            lines.empty = str(error)
            return
        lines.empty = f"There are no {self._nouns} yet."
        self._show()

    def action_turn(self, by: int) -> None:
        """Count by verbs, by objects, by kinds."""
        self._way = (self._way + by) % len(WAYS)
        self._show()

    @work(exclusive=True, group="count")
    async def _show(self) -> None:
        if self._found is None:
            return
        by, words = WAYS[self._way]
        found = await asyncio.to_thread(self._found.now, by)
        lines = self.query_one("#categories", RowList)
        lines.show([*_rows(found, by, max(lines.size.width - BESIDE, LEAST_BAR))])
        total = sum(one.count for one in found)
        without = sum(one.count for one in found if not one.name)
        first = "the first " if total == self._most else ""
        told = f"{words.capitalize()}: {first}{total:,} {self._nouns}, {without:,} without."
        self.query_one("#counted-by", Static).update(content(told))

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.row is None:
            return
        by, outer, inner = json.loads(event.row.key)
        kind = outer if by == "kind" else ""
        names = [name for name in (inner, outer) if name not in (kind, *NOT_IN_TEXT)]
        self.dismiss(ChosenCategory(" ".join(names).strip(), kind))


def _rows(found: Sequence[CategoryCount], by: By, width: int) -> Iterator[Row]:
    total = sum(one.count for one in found) or 1
    most = max((one.count for one in found if one.name), default=1)

    def row(outer: str, inner: str, name: str, one: CategoryCount) -> Row:
        cells = (
            name,
            bar(one.count / most, width),
            f"{one.count:,}",
            f"{one.count / total:.1%}",
            f"{one.kept_share:.0%}",
        )
        return Row(json.dumps([by, outer, inner]), cells, "muted" if inner else "")

    for one in [one for one in found if one.name][:TOP]:
        yield row(one.name, "", one_line(one.name, 22), one)
        for part in [part for part in one.parts if part.name][:PARTS]:
            yield row(one.name, part.name, f"· {one_line(part.name, 20)}", part)
