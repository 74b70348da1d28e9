"""A list of a million rows: only what is on the screen is read, and never by the screen itself.

Rows are asked of a source by position, a block at a time, on a thread that the pane lends. What is
not read yet is drawn as a quiet placeholder. Memory stays flat: blocks far away are forgotten.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from studio.records import StudioError
from studio.tui.widgets.cursor_list import CursorList
from studio.tui.widgets.rows import GAP, Column, fitted, told_line, widths_of

BLOCK = 128
"""Rows that are read at once."""
BLOCKS_KEPT = 32
"""Blocks that stay in memory; one of them is a few dozen kilobytes."""
COMING = 3
"""Rows below the cursor that stay in sight when a decision goes on to the next row."""
AHEAD = 48
"""Rows beyond the screen that are read before the cursor gets there."""
DRAWN_KEPT = 1_000
"""Lines that stay laid out."""
UNREAD = "·"
"""Stands in each cell of a row that is being read."""

Tone = Literal["", "muted", "good", "bad", "warn"]


class Keyed(Protocol):
    """What a row stands for."""

    @property
    def id(self) -> int:
        """A number of its own, such as a database row."""


Item = TypeVar("Item", bound=Keyed)
Read = TypeVar("Read", bound=Keyed, covariant=True)


class RowSource(Protocol[Read]):
    """Rows by position, from 0. It is only called on the lent thread, one call at a time."""

    def at(self, position: int, limit: int) -> Sequence[Read]:
        """The rows from ``position`` on, at most ``limit``."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; its text may come from outside."""

    text: str
    tone: Tone = ""
    """Its colour; the text says the same."""


class VirtualRows(CursorList, Generic[Item]):
    """Rows of a source with a cursor, marks and a range."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--range"}
    DEFAULT_CSS = """
    VirtualRows > .rows--range { background: $panel; }
    """

    class Moved(Message):
        """The cursor stands on another row, or the row under it has been read or changed."""

        def __init__(self, rows: VirtualRows[Any]) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> VirtualRows[Any]:
            """The list, for ``@on`` selectors."""
            return self.rows

    class Chosen(Moved):
        """Enter was pressed on the row, or it was clicked twice."""

    class Failed(Message):
        """The source could not be read; the words say why and what to do."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(
        self,
        columns: Sequence[Column],
        draw: Callable[[Item], Sequence[Cell]],
        run: Callable[[Callable[[], Any]], Awaitable[Any]],
        *,
        waiting: str = "",
        id: str | None = None,
    ) -> None:
        """``draw`` lays one row out; ``run`` does a call on the thread that owns the source."""
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.empty = waiting
        """What to do next, shown while there is no row."""
        self.count = 0
        """Rows of the source."""
        self.marks: dict[int, int] = {}
        """Marked rows: id → position."""
        self.begun: int | None = None
        """Where a range was begun; it goes from there to the cursor."""
        self._draw, self._run = draw, run
        self._source: RowSource[Item] | None = None
        self._blocks: OrderedDict[int, list[Item]] = OrderedDict()
        self._stale: set[int] = set()
        """Blocks that are shown and read anew."""
        self._under_way: int | None = None
        """The block that is being read."""
        self._reading = False
        self._read = asyncio.Event()
        self._drawn: dict[tuple[int, str, str], Strip] = {}
        """(position, gutter, state) → its line: laying a line out costs more than moving it."""

    # -- what the pane asks --

    @property
    def length(self) -> int:
        """How many rows there are."""
        return self.count

    def tell_chosen(self) -> None:
        """Say that the row under the cursor is meant."""
        self.post_message(self.Chosen(self))

    @property
    def current(self) -> Item | None:
        """The row under the cursor; None while it is being read, or without rows."""
        return self.item(self.cursor)

    def item(self, position: int) -> Item | None:
        """The row at a position, if it has been read."""
        block = self._blocks.get(position // BLOCK, [])
        place = position % BLOCK
        return block[place] if 0 <= position < self.count and place < len(block) else None

    @property
    def span(self) -> tuple[int, int] | None:
        """First and last position of the range that is being chosen."""
        if self.begun is None or not self.count:
            return None
        return min(self.begun, self.cursor), max(self.begun, self.cursor)

    def show(self, source: RowSource[Item], count: int, *, cursor: int = 0) -> None:
        """Put another source there; marks and range belonged to the former one."""
        self._source, self.count = source, count
        self._blocks.clear()
        self._stale.clear()
        self.marks.clear()
        self.begun = None
        self._size_to_rows()
        self.set_reactive(VirtualRows.cursor, self.validate_cursor(cursor))
        self._scroll_to_cursor(center=True)
        self._fetch()
        self.redraw()
        if not count:
            self.post_message(self.Moved(self))

    def go(self, position: int) -> None:
        """Put the cursor there; near the end of the screen a leaf is turned.

        So the table stands still for many rows, and what comes next is always in sight.
        """
        line, height = position - int(self.scroll_offset.y), max(self.size.height - 1, 1)
        if not 0 <= line < height - COMING:
            top = max(position - height // 4, 0)
            self.scroll_to(y=min(top, self.max_scroll_y), animate=False, force=True)
        self.cursor = position

    def grow(self, count: int) -> None:
        """More rows of the same source have been found, after those that are there."""
        if count != self.count:
            # The last block was read as far as it went.
            self._stale.add(max(self.count - 1, 0) // BLOCK)
            self.count = count
            self._size_to_rows()
            self._fetch()
            self.refresh()

    def again(self) -> None:
        """Read all shown rows anew; what stands there stays until the new ones come."""
        self._stale = set(self._blocks)
        self._fetch()

    def put(self, position: int, item: Item) -> None:
        """This row has changed."""
        number = position // BLOCK
        block = self._blocks.get(number, [])
        if position % BLOCK < len(block):
            block[position % BLOCK] = item
            for key in [key for key in self._drawn if key[0] == position]:
                del self._drawn[key]
            self.refresh_line(position + 1)
        if number == self._under_way:
            # What is being read may be older than this.
            self._stale.add(number)

    async def settled(self) -> Item | None:
        """The row under the cursor, once it has been read; None without rows."""
        while self.count and self.current is None and self._reading:
            self._read.clear()
            await self._read.wait()
        return self.current

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark off."""
        item = self.current
        if item is None:
            return
        if self.marks.pop(item.id, None) is None:
            self.marks[item.id] = self.cursor
        self.refresh_line(self.cursor + 1)

    def unselect(self) -> bool:
        """Leave the range, else take all marks off; whether there was anything."""
        had = self.begun is not None or bool(self.marks)
        if self.begun is not None:
            self.begun = None
        else:
            self.marks.clear()
        self.refresh()
        return had

    # -- reading --

    def _wanted(self) -> list[int]:
        """Blocks of the screen, then of the cursor, then of what lies ahead."""
        top, height = int(self.scroll_offset.y), max(self.size.height, 1)
        places = [top, top + height, self.cursor, top + height + AHEAD, top - AHEAD]
        last = max(self.count - 1, 0)
        return list(dict.fromkeys(min(max(place, 0), last) // BLOCK for place in places))

    def _fetch(self) -> None:
        """Begin to read what is missing; a jump elsewhere changes what is read next."""
        if not self._reading and self.count and self._missing() is not None and self.is_running:
            self._reading = True
            self.run_worker(self._read_on(), group="rows")

    def _missing(self) -> int | None:
        wanted = self._wanted()
        return next((n for n in wanted if n not in self._blocks or n in self._stale), None)

    async def _read_on(self) -> None:
        try:
            while (number := self._missing()) is not None and self._source is not None:
                await self._read_block(self._source, number)
        except StudioError as error:
            self.post_message(self.Failed(str(error)))
        finally:
            self._reading, self._under_way = False, None
            self._read.set()

    async def _read_block(self, source: RowSource[Item], number: int) -> None:
        self._stale.discard(number)
        self._under_way = number
        start = number * BLOCK
        limit = min(BLOCK, self.count - start)
        found = list(await self._run(lambda: source.at(start, limit)))
        self._under_way = None
        if source is not self._source:
            return
        news = found != self._blocks.get(number)
        self._blocks[number] = found
        self._blocks.move_to_end(number)
        for old in [*self._blocks][:-BLOCKS_KEPT]:
            del self._blocks[old]
        self._read.set()
        if news:
            self.redraw()
        if news and number == self.cursor // BLOCK:
            self.post_message(self.Moved(self))

    # -- the cursor --

    def watch_cursor(self, before: int, after: int) -> None:
        """Draw the lines that changed, read ahead, tell the screen."""
        if before == after:
            return
        top = self.scroll_offset.y
        self._scroll_to_cursor()
        if self.scroll_offset.y == top:
            first = min(before, after)
            lines = abs(after - before) + 1 if self.begun is not None else 1
            self.refresh_lines(first + 1, lines)
            self.refresh_line(max(before, after) + 1)
        self._fetch()
        self.post_message(self.Moved(self))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """What comes into view is read."""
        super().watch_scroll_y(old_value, new_value)
        if len(self._drawn) > DRAWN_KEPT:
            self._drawn.clear()
        self._fetch()

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor looks different without the focus."""
        super().watch_has_focus(has_focus)
        self.refresh()

    def _scroll_to_cursor(self, *, center: bool = False) -> None:
        # The heading stays in place, so the row must not hide beneath it.
        line = Region(0, self.cursor, 1, 2)
        self.scroll_to_region(line, animate=False, force=True, center=center)

    def _size_to_rows(self) -> None:
        self.virtual_size = Size(self.size.width, self.count + 1 if self.count else 0)

    def on_resize(self) -> None:
        """Lines are drawn to the width."""
        self._size_to_rows()
        self._scroll_to_cursor()
        self._drawn.clear()
        self._fetch()

    # -- drawing --

    def redraw(self) -> None:
        """Lay every line out anew: what they say, their columns or their colours have changed."""
        self._drawn.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        """Another theme."""
        super().notify_style_update()
        self._drawn.clear()

    def render_line(self, y: int) -> Strip:
        """One line of the list, exactly as wide as the list."""
        width = self.size.width
        if not self.count:
            return self._empty_line(y, width)
        widths = widths_of(self.columns, width)
        if y == 0:
            titles = [Cell(column.title) for column in self.columns]
            return self._strip(" ", titles, widths, "rows--title")
        position = y + int(self.scroll_offset.y) - 1
        if position >= self.count:
            return Strip.blank(width, self.rich_style)
        item = self.item(position)
        key = (position, self._gutter(position, item), self._component(position))
        if (strip := self._drawn.get(key)) is None:
            cells = self._draw(item) if item is not None else [Cell(UNREAD, "muted")] * len(widths)
            strip = self._strip(key[1], cells, widths, key[2], tones=True)
            self._drawn[key] = strip
        return strip

    def _gutter(self, position: int, item: Item | None) -> str:
        if item is not None and item.id in self.marks:
            return "●"
        return "┃" if self._in_range(position) else " "

    def _in_range(self, position: int) -> bool:
        chosen = self.span
        return chosen is not None and chosen[0] <= position <= chosen[1]

    def _component(self, position: int) -> str:
        if position == self.cursor:
            return "rows--cursor" if self.has_focus else "rows--cursor-blurred"
        return "rows--range" if self._in_range(position) else ""

    def _strip(
        self,
        gutter: str,
        cells: Sequence[Cell],
        widths: Sequence[int],
        component: str,
        *,
        tones: bool = False,
    ) -> Strip:
        base = self.rich_style
        if component:
            base = base + self.get_component_rich_style(component)
        own = tones and not component.startswith("rows--cursor")
        segments, used = [Segment(gutter, base)], 1
        for cell, cells_wide, column in zip(cells, widths, self.columns, strict=False):
            if not cells_wide:
                continue
            gap = GAP if used > 1 else 0
            text = " " * gap + fitted(cell.text, cells_wide, column.align)
            style = base
            if own and cell.tone:
                # The colour as it is on this ground: alone, a muted one would be plain white.
                tone = self.get_component_rich_style(f"rows--{cell.tone}")
                style = base + Style(color=tone.color)
            segments.append(Segment(text, style))
            used += gap + cells_wide
        width = self.size.width
        segments.append(Segment(" " * max(width - used, 0), base))
        return Strip(segments, max(used, width)).crop(0, width)

    def _empty_line(self, y: int, width: int) -> Strip:
        style = self.rich_style + self.get_component_rich_style("rows--muted")
        return Strip([Segment(told_line(self.app.console, self.empty, y, width), style)], width)
