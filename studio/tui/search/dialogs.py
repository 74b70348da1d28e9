"""Boxes of the Search pane: where marks go, which systems answer, and all gold queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from studio.evaluation.systems import System
from studio.records import Gold, Split
from studio.tui.dialogs.ask import Choose
from studio.tui.pane.base import Dialog
from studio.tui.pane.recalled_field import RecalledField
from studio.tui.search.words import SPLIT_ROWS, system_row
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

COLUMNS = (
    Column("split", 10),
    Column("from", 8, from_width=60),
    Column("✓", 3, "right"),
    Column("✗", 3, "right"),
    Column("query"),
)
LISTED = 1_000
"""Queries that are listed; more are found by their words."""
COMPARED = 1_000
"""Characters of a query in which its words are looked for."""
NO_GOLD = (
    "No gold query yet. Esc closes this; mark a document right or wrong and its query is one, "
    "or bring some in: studio import FILE --gold"
)
NONE_HERE = "No gold query is like that. s and o show other splits and origins; / other words."
SHOWN: tuple[Split | Literal[""], ...] = ("", "validation", "test")


class AskSplit(Choose):
    """Asks once where the marks of this session go."""

    def __init__(self, current: Split | None) -> None:
        super().__init__(
            "Which gold do marks become?",
            (Column("", 12), Column("")),
            SPLIT_ROWS,
            current=current or "validation",
        )


SYSTEM_COLUMNS = (Column("", 1), Column("system", 30), Column("what it is"))


class SystemChoice(Dialog):
    """Which systems have a column; gives back system → label when it is closed."""

    DEFAULT_CSS = """
    SystemChoice RowList { height: auto; min-height: 3; max-height: 70vh; }
    """
    BINDINGS: ClassVar[list[Any]] = [("space", "show_or_hide", "Show")]

    def __init__(self, there: Sequence[System], shown: Sequence[str]) -> None:
        super().__init__()
        self._there = tuple(there)
        self._shown = list(shown)

    def compose(self) -> ComposeResult:
        """The list alone, as high as its rows."""
        with Section(classes="dialog").titled("Systems — enter shows or hides one, esc closes"):
            yield RowList(SYSTEM_COLUMNS, empty="", id="systems-list")

    def on_mount(self) -> None:
        """Stand on the first system."""
        self._list_again()
        self.query_one(RowList).focus()

    def _list_again(self) -> None:
        rows = [system_row(one, shown=one.name in self._shown) for one in self._there]
        self.query_one(RowList).show(rows)

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.action_show_or_hide()

    def action_show_or_hide(self) -> None:
        """Give the system a column, or take it away; one always stays."""
        row = self.query_one(RowList).current
        if row is None:
            return
        if row.key not in self._shown:
            self._shown.append(row.key)
        elif len(self._shown) > 1:
            self._shown.remove(row.key)
        self._list_again()

    def action_leave(self) -> None:
        """Close with what is chosen, in the order of the list."""
        chosen = {one.name: one.label for one in self._there if one.name in self._shown}
        self.dismiss(chosen or None)


@dataclass(frozen=True, slots=True)
class GoldFilter:
    """Which gold queries are walked through."""

    split: Split | Literal[""] = "validation"
    """Empty: both."""
    origin: str = ""
    """Empty: all."""
    words: str = ""

    def of(self, queries: Sequence[Gold]) -> list[Gold]:
        """Those on the shelf, in order."""
        words = self.words.casefold().split()
        return [
            query
            for query in queries
            if self.split in ("", query.split)
            and self.origin in ("", query.origin)
            and all(word in query.text[:COMPARED].casefold() for word in words)
        ]


class BrowseGold(Dialog):
    """All gold queries; gives back the shelf and the chosen one, or None."""

    BINDINGS: ClassVar[list[Any]] = [
        ("s", "split", "Split"),
        ("o", "origin", "Origin"),
        ("slash", "words", "Words"),
    ]

    def __init__(self, queries: Sequence[Gold], shelf: GoldFilter, current: str) -> None:
        super().__init__()
        self._queries = queries
        self._shelf = shelf
        self._current = current

    def compose(self) -> ComposeResult:
        """The words and the list."""
        with Section(classes="dialog tall", id="browse"):
            words = self._shelf.words
            yield RecalledField(
                "gold", words, placeholder="/ words of the query", id="browse-words"
            )
            empty = NONE_HERE if self._queries else NO_GOLD
            yield RowList(COLUMNS, empty=empty, id="browse-list")

    def on_mount(self) -> None:
        """Stand on the query that is shown."""
        self._list_again(self._current)
        self.query_one(RowList).focus()

    def _list_again(self, key: str | None = None) -> None:
        found = self._shelf.of(self._queries)
        self.query_one(RowList).show([_row(query) for query in found[:LISTED]], key=key)
        split, origin = self._shelf.split or "both splits", self._shelf.origin or "all origins"
        first = f"first {LISTED:,} of " if len(found) > LISTED else ""
        self.query_one("#browse", Section).titled(
            f"Gold {first}{len(found):,} · s {split} · o {origin} — enter runs it, esc closes"
        )

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._shelf = GoldFilter(self._shelf.split, self._shelf.origin, event.value)
        self._list_again()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(RowList).focus()

    def action_words(self) -> None:
        """Narrow the list by words."""
        self.query_one(Field).focus()

    def action_leave(self) -> None:
        """From the words to the list; from the list, close."""
        if isinstance(self.focused, Field):
            self.query_one(RowList).focus()
        else:
            self.dismiss(None)

    def action_split(self) -> None:
        """Validation, test, or both."""
        place = SHOWN.index(self._shelf.split)
        self._shelf = GoldFilter(
            SHOWN[(place + 1) % len(SHOWN)], self._shelf.origin, self._shelf.words
        )
        self._list_again()

    def action_origin(self) -> None:
        """Imported ones, those of Search, or all."""
        origins = ["", *sorted({query.origin for query in self._queries})]
        here = self._shelf.origin
        place = origins.index(here) if here in origins else 0
        self._shelf = GoldFilter(
            self._shelf.split, origins[(place + 1) % len(origins)], self._shelf.words
        )
        self._list_again()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.row is not None:
            self.dismiss((self._shelf, event.row.key))


def _row(query: Gold) -> Row:
    right = sum(grade > 0 for grade in query.judged.values())
    wrong = len(query.judged) - right
    cells = (query.split, query.origin, str(right), str(wrong) if wrong else "", query.text[:400])
    return Row(query.outside_id, cells)
