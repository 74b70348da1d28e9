"""A calm list of rows: aligned by terminal cells, drawn line by line, never parsing markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from studio.tui.actions import bindings
from studio.tui.safe_text import cut, one_line

GAP = 2
"""Cells between columns."""


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


class RowList(ScrollView, can_focus=True):
    """Rows with a cursor. Keys come from the registry's ``list`` scope."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--title",
        "rows--cursor",
        "rows--cursor-blurred",
        "rows--muted",
        "rows--good",
        "rows--bad",
        "rows--warn",
    }
    DEFAULT_CSS = """
    RowList {
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & > .rows--title { color: $text-muted; }
        & > .rows--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        & > .rows--cursor-blurred {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
        }
        & > .rows--muted { color: $text-muted; }
        & > .rows--good { color: $success; }
        & > .rows--bad { color: $error; }
        & > .rows--warn { color: $warning; }
    }
    """

    cursor = reactive(0)

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
        self.empty = empty
        """What to do next, shown while there is no row."""
        self.rows: tuple[Row, ...] = ()
        self._heading = 1 if any(column.title for column in self.columns) else 0

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
        self.virtual_size = Size(self.size.width, len(rows) + self._heading)
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

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(cursor, len(self.rows) - 1))

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
        line = self.cursor + self._heading
        # The heading stays in place, so the row must not hide beneath it.
        top = Region(0, max(line - self._heading, 0), 1, 1 + self._heading)
        self.scroll_to_region(top, animate=False, force=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As tall as its rows, where the style sheet says ``auto``."""
        return len(self.rows) + self._heading

    def on_resize(self) -> None:
        """Lines are drawn to the width."""
        self.virtual_size = Size(self.size.width, len(self.rows) + self._heading)
        self._scroll_to_cursor()

    def render_line(self, y: int) -> Strip:
        """One line of the list, exactly as wide as the list."""
        width = self.size.width
        if not self.rows:
            return self._empty_line(y, width)
        if y == 0 and self._heading:
            titles = tuple(column.title for column in self.columns)
            return self._strip(self._laid_out(titles, width), "rows--title")
        place = y + int(self.scroll_offset.y) - self._heading
        if not 0 <= place < len(self.rows):
            return Strip.blank(width, self.rich_style)
        row = self.rows[place]
        text = self._laid_out(row.cells, width)
        if place == self.cursor:
            return self._strip(text, "rows--cursor" if self.has_focus else "rows--cursor-blurred")
        return self._strip(text, f"rows--{row.tone}" if row.tone else "")

    def _empty_line(self, y: int, width: int) -> Strip:
        from rich.text import Text

        lines = Text(self.empty).wrap(self.app.console, max(width - 2, 1))
        text = f" {lines[y].plain}" if y < len(lines) else ""
        return self._strip(text + " " * (width - cell_len(text)), "rows--muted")

    def _strip(self, text: str, component: str) -> Strip:
        style = self.rich_style
        if component:
            style = style + self.get_component_rich_style(component)
        return Strip([Segment(text, style)], self.size.width)

    def _laid_out(self, cells: Sequence[str], width: int) -> str:
        widths = self._widths(width)
        parts = [
            _fitted(cell, cells_wide, column.align)
            for cell, cells_wide, column in zip(cells, widths, self.columns, strict=False)
            if cells_wide
        ]
        line = " " + (" " * GAP).join(parts)
        line = cut(line, width) if cell_len(line) > width else line
        return line + " " * (width - cell_len(line))

    def _widths(self, width: int) -> list[int]:
        """Cells of each column; 0 for one that is left out."""
        shown = [column for column in self.columns if width >= column.from_width]
        fixed = sum(column.width for column in shown)
        flexible = sum(1 for column in shown if not column.width)
        left = width - 2 - fixed - GAP * (len(shown) - 1)
        share = max(left // flexible, 1) if flexible else 0
        return [(column.width or share) if column in shown else 0 for column in self.columns]

    def action_down(self) -> None:
        """Next row."""
        self.cursor += 1

    def action_up(self) -> None:
        """Row before."""
        self.cursor -= 1

    def action_first(self) -> None:
        """First row."""
        self.cursor = 0

    def action_last(self) -> None:
        """Last row."""
        self.cursor = len(self.rows) - 1

    def action_page_down(self) -> None:
        """One screen down."""
        self.cursor += max(self.size.height - self._heading - 1, 1)

    def action_page_up(self) -> None:
        """One screen up."""
        self.cursor -= max(self.size.height - self._heading - 1, 1)

    def action_choose(self) -> None:
        """Tell the screen that the row is meant."""
        if self.current is not None:
            self.post_message(self.Chosen(self, self.current))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses."""
        place = event.y + int(self.scroll_offset.y) - self._heading
        if 0 <= place < len(self.rows):
            self.cursor = place
            if event.chain == 2:
                self.action_choose()


def _fitted(cell: str, width: int, align: Literal["left", "right"]) -> str:
    text = one_line(cell, width)
    space = " " * (width - cell_len(text))
    return space + text if align == "right" else text + space
