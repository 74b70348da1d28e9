"""Two texts for one place: mine, unsaved, and the one that another studio has saved meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from studio.plurals import so_many
from studio.tui.pane.base import Dialog
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane
from studio.tui.word_diff import both_sides

Choice = Literal["mine", "theirs", "both"]
KEYS: dict[Choice, str] = {"mine": "m", "theirs": "t", "both": "b"}
KEPT = 2
"""Equal lines shown around what differs."""
COLUMNS = (Column("", 3), Column("", 12), Column(""))


class ConflictDialog(Dialog):
    """Gives back ``mine``, ``theirs`` or ``both``; None leaves the question open.

    ``choices`` holds what can be chosen, each with its name and what then happens; ``later`` says
    what happens to mine when nothing is.
    """

    CSS_PATH = "conflict.tcss"
    BINDINGS: ClassVar[list[Any]] = [
        ("m", "take('mine')", "Mine"),
        ("t", "take('theirs')", "Theirs"),
        ("b", "take('both')", "Both"),
    ]

    def __init__(
        self,
        title: str,
        texts: tuple[Content, Content],
        choices: Sequence[tuple[Choice, str, str]],
        *,
        later: str,
        saved: str = "Theirs — saved elsewhere",
    ) -> None:
        """``texts``: mine and theirs, what differs marked; ``saved`` stands above theirs."""
        super().__init__()
        self._title, self._texts, self._saved = title, texts, saved
        self._choices, self._later = tuple(choices), later

    def compose(self) -> ComposeResult:
        """Both texts, then what can be done."""
        with Section(classes="dialog", id="two-texts").titled(self._title):
            with Horizontal(id="texts"):
                with Section().titled("Mine — not saved yet"):
                    yield TextPane(id="mine")
                with Section().titled(self._saved):
                    yield TextPane(id="theirs")
            yield RowList(COLUMNS, empty="", id="choices")

    def on_mount(self) -> None:
        """Fill it, unless the program is ending before the widgets came to be."""
        if not self.app.is_running:
            return
        for name, text in zip(("mine", "theirs"), self._texts, strict=True):
            self.query_one(f"#{name}", TextPane).put(text)
        rows = [Row(choice, (KEYS[choice], name, what)) for choice, name, what in self._choices]
        rows.append(Row("", ("esc", "decide later", self._later)))
        self.query_one(RowList).show(rows)
        self.query_one(RowList).focus()

    def action_take(self, choice: Choice) -> None:
        """Answer, with one of the choices offered."""
        if self.is_seen and any(choice == offered for offered, _, _ in self._choices):
            self.dismiss(choice)

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if self.is_seen and event.row is not None:
            self.dismiss(event.row.key or None)


def marked(mine: str, theirs: str) -> tuple[Content, Content]:
    """Two long texts where they differ, the words that only one has marked."""
    return both_sides(*around(mine, theirs))


def around(mine: str, theirs: str) -> tuple[str, str]:
    """Both texts without most of the lines that they begin and end with alike."""
    ours, others = mine.split("\n"), theirs.split("\n")
    start = max(_alike(ours, others) - KEPT, 0)
    end = max(_alike(ours[::-1], others[::-1]) - KEPT, 0)
    end = min(end, len(ours) - start, len(others) - start)
    return _cut(ours, start, end), _cut(others, start, end)


def _alike(ours: Sequence[str], others: Sequence[str]) -> int:
    pairs = zip(ours, others, strict=False)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), 0)


def _cut(lines: Sequence[str], start: int, end: int) -> str:
    before = [f"… {so_many(start, 'lines')} alike"] if start else []
    after = [f"… {so_many(end, 'lines')} alike"] if end else []
    return "\n".join([*before, *lines[start : len(lines) - end], *after])
