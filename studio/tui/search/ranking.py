"""A ranked list of documents: rank, change, id, score, first words with what matched marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip

from studio.safe_text import one_line, padded
from studio.tui.widgets.ink import ink
from studio.tui.widgets.rows import Row, RowList

ONE_LINE_FROM = 64
"""Cells of width from which a document needs only one line."""
TERMS = 64
"""Words of a query that are marked."""
MARKS = {1: "✓", 0: "✗"}
"""Grade → symbol; any grade above 0 is right."""


@dataclass(frozen=True, slots=True)
class RankedDocument:
    """One document of a ranking, as it is shown."""

    document_id: int
    rank: int
    """From 1."""
    change: str
    """Against the base: ``↑3``, ``↓2``, ``=``, ``new``, or nothing in the base's own column."""
    outside_id: str
    head: str
    """Title and first words."""
    score: str
    mark: str = ""
    """``✓`` right, ``✗`` wrong."""

    @property
    def row(self) -> Row:
        """As a list's row."""
        cells = (self.mark, str(self.rank), self.change, self.outside_id, self.head, self.score)
        return Row(str(self.document_id), cells)


def marker(terms: Sequence[str]) -> re.Pattern[str] | None:
    """Finds the terms where they stand: words as wholes, those of unspaced scripts anywhere.

    A single Latin letter is left out: it would mark much and say nothing.
    """
    kept = [term for term in terms[:TERMS] if len(term) > 1 or not term.isascii()]
    if not kept:
        return None
    kept.sort(key=len, reverse=True)
    parts = (rf"\b{re.escape(term)}\b" if _is_spaced(term) else re.escape(term) for term in kept)
    return re.compile("|".join(parts), re.IGNORECASE)


def _is_spaced(term: str) -> bool:
    return all(character < "\u0e00" for character in term)


class RankingList(RowList):
    """The documents of one system. ``also`` is the one under the cursor of another column."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"ranking--match", "ranking--id"}
    DEFAULT_CSS = """
    RankingList {
        & > .ranking--match { text-style: bold underline; }
        & > .ranking--id { color: $text-muted; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__((), empty="", id=id)
        self.pattern: re.Pattern[str] | None = None
        """What is marked in the texts."""
        self.also: str | None = None
        self._found: tuple[RankedDocument, ...] = ()

    @property
    def lines(self) -> int:
        """Lines of one document."""
        return 1 if self.size.width >= ONE_LINE_FROM else 2

    @property
    def found(self) -> tuple[RankedDocument, ...]:
        """What is listed."""
        return self._found

    def put(self, found: Sequence[RankedDocument], *, key: str | None = None) -> None:
        """List these; the cursor stays on its document, or goes to ``key``."""
        self._found = tuple(found)
        self.show([one.row for one in self._found], key=key)
        self._measure()

    def put_marks(self, marks: dict[int, int]) -> None:
        """Show who is right (1 and up) and wrong (0)."""
        from dataclasses import replace

        self.put([replace(one, mark=symbol(marks.get(one.document_id))) for one in self._found])

    def say(self, text: str) -> None:
        """What to show while there is no row."""
        self.empty = text
        self.refresh()

    def follow(self, key: str | None) -> None:
        """Another column's cursor stands on this document: show it here too."""
        self.also = key
        place = next((n for n, row in enumerate(self.rows) if row.key == key), None)
        if place is not None and place != self.cursor:
            self.set_reactive(RowList.cursor, place)
        if place is not None:
            self._scroll_to_cursor()
        self.refresh()

    def _measure(self) -> None:
        size = Size(self.size.width, len(self.rows) * self.lines)
        if size != self.virtual_size:
            self.virtual_size = size
            self._scroll_to_cursor()

    def on_resize(self) -> None:
        """Lines are drawn to the width."""
        self._measure()
        self.refresh()

    def _scroll_to_cursor(self) -> None:
        region = Region(0, self.cursor * self.lines, 1, self.lines)
        self.scroll_to_region(region, animate=False, force=True)

    def action_page_down(self) -> None:
        """One screen down."""
        self.cursor += max(self.size.height // self.lines - 1, 1)

    def action_page_up(self) -> None:
        """One screen up."""
        self.cursor -= max(self.size.height // self.lines - 1, 1)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses."""
        event.prevent_default()
        place = (event.y + int(self.scroll_offset.y)) // self.lines
        if 0 <= place < len(self.rows):
            self.cursor = place
            if event.chain == 2:
                self.action_choose()

    def render_line(self, y: int) -> Strip:
        """One line of the list, exactly as wide as the list."""
        width = self.size.width
        if not self._found:
            return self._empty_line(y, width)
        place, part = divmod(y + int(self.scroll_offset.y), self.lines)
        if not 0 <= place < len(self._found):
            return Strip.blank(width, self.rich_style)
        return self._drawn(self._found[place], part, width)

    def _drawn(self, one: RankedDocument, part: int, width: int) -> Strip:
        here = self._is_here(one)
        style = self.rich_style
        if here:
            name = "rows--cursor" if self.has_focus else "rows--cursor-blurred"
            style = style + self.get_component_rich_style(name)
        pointer = "›" if here else " "
        if self.lines == 1:
            parts = self._one_line(one, pointer, width)
        elif part == 0:
            parts = self._first_line(one, pointer, width)
        else:
            parts = self._second_line(one, width)
        quiet = Style() if here else ink(self, "ranking--id")
        # On the cursor's ground the tones of the page may be lost.
        match = Style(bold=True, underline=True) if here else ink(self, "ranking--match")
        styles = {"": style, "quiet": style + quiet, "match": style + match}
        return Strip([Segment(text, styles[kind]) for text, kind in parts], width)

    def _is_here(self, one: RankedDocument) -> bool:
        if self.has_focus:
            row = self.current
            return row is not None and row.key == str(one.document_id)
        return self.also == str(one.document_id)

    def _one_line(self, one: RankedDocument, pointer: str, width: int) -> Iterator[tuple[str, str]]:
        start, end = _place(one, pointer), f" {one.score} "
        name = padded(one.outside_id, min(16, max(width // 6, 6)))
        room = width - cell_len(start) - cell_len(name) - cell_len(end) - 2
        yield start, ""
        yield f"{name}  ", "quiet"
        yield from self._marked(one.head, room)
        yield end, ""

    def _first_line(
        self, one: RankedDocument, pointer: str, width: int
    ) -> Iterator[tuple[str, str]]:
        start, end = _place(one, pointer), f" {one.score} "
        yield start, ""
        yield padded(one.outside_id, width - cell_len(start) - cell_len(end)), "quiet"
        yield end, ""

    def _second_line(self, one: RankedDocument, width: int) -> Iterator[tuple[str, str]]:
        yield "   ", ""
        yield from self._marked(one.head, width - 4)
        yield " ", ""

    def _marked(self, text: str, width: int) -> Iterator[tuple[str, str]]:
        """The text in exactly ``width`` cells, in pieces; matching words are told apart."""
        line, done = one_line(text, max(width, 0)), 0
        for start, end in spans(self.pattern, line):
            yield line[done:start], ""
            yield line[start:end], "match"
            done = end
        yield line[done:], ""
        yield " " * max(width - cell_len(line), 0), ""


def symbol(grade: int | None) -> str:
    """A mark's symbol; empty for none."""
    return "" if grade is None else MARKS[min(grade, 1)]


def spans(pattern: re.Pattern[str] | None, text: str) -> list[tuple[int, int]]:
    """Where the pattern matches; touching places are one."""
    found: list[tuple[int, int]] = []
    for match in pattern.finditer(text) if pattern is not None else ():
        if found and found[-1][1] == match.start():
            found[-1] = (found[-1][0], match.end())
        elif match.end() > match.start():
            found.append(match.span())
    return found


def _place(one: RankedDocument, pointer: str) -> str:
    """Pointer, mark, rank and change in 11 cells."""
    return f"{pointer}{padded(one.mark, 1)}{one.rank:>3} {padded(one.change, 4)} "
