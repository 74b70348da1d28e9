"""A calm list of rows: aligned by terminal cells, drawn line by line, never parsing markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from studio.safe_text import cut, one_line, visible
from studio.tui.widgets.cursor_list import CursorList

if TYPE_CHECKING:
    from rich.console import Console
    from rich.containers import Lines

GAP = 2
"""Cells between columns."""
LONGEST_TOLD = 2_000
"""Characters of what stands in place of rows; it may name something from outside."""


@dataclass(frozen=True, slots=True)
class Column:
    """How one column is laid out."""

    title: str
    """Shown above it; a list whose titles are all empty has no heading."""
    width: int = 0
    """Cells; 0 takes what the others leave."""
    align: Literal["left", "right"] = "left"
    from_width: int = 0
    """Only shown in a list at least so wide."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; its cells may be outside text."""

    key: str
    """What the row stands for, such as a database row."""
    cells: tuple[str, ...]
    tone: Literal["", "muted", "good", "bad", "warn"] = ""
    """The colour of the row; its words say the same."""


class RowList(CursorList):
    """Rows that are all there."""

    DEFAULT_CSS = """
    RowList > .rows--cursor-blurred { text-style: $block-cursor-blurred-text-style; }
    """

    class Moved(Message):
        """The cursor stands on another row, or the rows changed under it."""

        def __init__(self, rows: RowList, row: Row | None) -> None:
            super().__init__()
            self.rows = rows
            self.row = row

        @property
        def control(self) -> RowList:
            """The list, for ``@on`` selectors."""
            return self.rows

    class Chosen(Moved):
        """Enter was pressed on the row, or it was clicked twice."""

    def __init__(
        self, columns: Sequence[Column], *, empty: str, id: str | None = None, classes: str = ""
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self._empty = empty
        self.rows: tuple[Row, ...] = ()
        self.heading = 1 if any(column.title for column in self.columns) else 0

    @property
    def empty(self) -> str:
        """What to do next, shown while there is no row."""
        return self._empty

    @empty.setter
    def empty(self, text: str) -> None:
        if text != self._empty:
            self._empty = text
            self.refresh()

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def show(self, rows: Sequence[Row], *, key: str | None = None) -> None:
        """Put these rows there; the cursor stays on its row, or goes to ``key``."""
        rows = tuple(rows)
        before = self.current
        wanted = key if key is not None else before.key if before else None
        if rows == self.rows and (before is None or wanted == before.key):
            return
        self.rows = rows
        self.virtual_size = Size(self.size.width, len(rows) + self.heading)
        if self.styles.auto_dimensions:
            self.refresh(layout=True)
        place = next((n for n, row in enumerate(rows) if row.key == wanted), None)
        target = min(self.cursor, max(len(rows) - 1, 0)) if place is None else place
        after = rows[target] if rows else None
        self.set_reactive(RowList.cursor, target)
        self._scroll_to_cursor()
        self.refresh()
        if before is None or after is None or before.key != after.key:
            self.post_message(self.Moved(self, after))

    @property
    def length(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def tell_chosen(self) -> None:
        """Say that the row under the cursor is meant."""
        if self.current is not None:
            self.post_message(self.Chosen(self, self.current))

    def watch_cursor(self, before: int, after: int) -> None:
        """Draw the two rows that changed and tell the screen."""
        if before == after or not self.rows:
            return
        self._scroll_to_cursor()
        self.refresh()
        self.post_message(self.Moved(self, self.current))

    def watch_has_focus(self, _focused: bool) -> None:
        """The cursor looks different without the focus."""
        self.refresh()

    def _scroll_to_cursor(self) -> None:
        line = self.cursor + self.heading
        # The heading stays in place, so the row must not hide beneath it.
        top = Region(0, max(line - self.heading, 0), 1, 1 + self.heading)
        self.scroll_to_region(top, animate=False, force=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As tall as its rows, or what is said in their place, where the style says ``auto``."""
        if self.rows:
            return len(self.rows) + self.heading
        return len(_told(self.app.console, self.empty, width))

    def on_resize(self) -> None:
        """Lines are drawn to the width."""
        self.virtual_size = Size(self.size.width, len(self.rows) + self.heading)
        self._scroll_to_cursor()

    def render_line(self, y: int) -> Strip:
        """One line of the list, exactly as wide as the list."""
        width = self.size.width
        if not self.rows:
            return self._empty_line(y, width)
        if y == 0 and self.heading:
            titles = tuple(column.title for column in self.columns)
            return self._strip(self._laid_out(titles, width), "rows--title")
        place = y + int(self.scroll_offset.y) - self.heading
        if not 0 <= place < len(self.rows):
            return Strip.blank(width, self.rich_style)
        row = self.rows[place]
        text = self._laid_out(row.cells, width)
        if place == self.cursor:
            return self._strip(text, "rows--cursor" if self.has_focus else "rows--cursor-blurred")
        return self._strip(text, f"rows--{row.tone}" if row.tone else "")

    def _empty_line(self, y: int, width: int) -> Strip:
        return self._strip(told_line(self.app.console, self.empty, y, width), "rows--muted")

    def _strip(self, text: str, component: str) -> Strip:
        style = self.rich_style
        if component:
            style = style + self.get_component_rich_style(component)
        return Strip([Segment(text, style)], self.size.width)

    def _laid_out(self, cells: Sequence[str], width: int) -> str:
        widths = widths_of(self.columns, width)
        parts = [
            fitted(cell, cells_wide, column.align)
            for cell, cells_wide, column in zip(cells, widths, self.columns, strict=False)
            if cells_wide
        ]
        line = " " + (" " * GAP).join(parts)
        line = cut(line, width) if cell_len(line) > width else line
        return line + " " * (width - cell_len(line))


def told_line(console: Console, text: str, y: int, width: int) -> str:
    """Line ``y`` of what is said in place of rows, exactly ``width`` cells wide."""
    lines = _told(console, text, width)
    line = f" {lines[y].plain}" if y < len(lines) else ""
    return line + " " * (width - cell_len(line))


def _told(console: Console, text: str, width: int) -> Lines:
    from rich.text import Text

    return Text(visible(text, limit=LONGEST_TOLD)).wrap(console, max(width - 2, 1))


def widths_of(columns: Sequence[Column], width: int) -> list[int]:
    """Cells of each column in a list that is ``width`` cells wide; 0 for one that is left out."""
    shown = [column for column in columns if width >= column.from_width]
    fixed = sum(column.width for column in shown)
    flexible = sum(1 for column in shown if not column.width)
    left = width - 2 - fixed - GAP * (len(shown) - 1)
    share = max(left // flexible, 1) if flexible else 0
    return [(column.width or share) if column in shown else 0 for column in columns]


def fitted(cell: str, width: int, align: Literal["left", "right"]) -> str:
    """Outside text on one line in exactly ``width`` cells."""
    text = one_line(cell, width)
    space = " " * (width - cell_len(text))
    return space + text if align == "right" else text + space
