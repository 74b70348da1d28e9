"""What a change on many records would do, before it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from studio.records import StudioError
from studio.safe_text import one_line
from studio.store.review_shapes import BulkPreview
from studio.tui.pane.base import Dialog
from studio.tui.records import words as say
from studio.tui.safe_content import content
from studio.tui.widgets.text_pane import Section

SAMPLE = 8
"""Records that a preview shows."""


class BulkDialog(Dialog):
    """What a change on many records would do; gives back True when it is to be done."""

    BINDINGS: ClassVar[list[Any]] = [("enter", "accept", "Do it")]

    def __init__(self, verb: str, what: str, touch: Callable[[], Awaitable[BulkPreview]]) -> None:
        super().__init__()
        self._verb, self._what, self._count = verb, what, touch
        self._touch: BulkPreview | None = None

    def compose(self) -> ComposeResult:
        """Counts, a sample, and the two keys."""
        with Section(classes="dialog").titled(f"{self._verb.capitalize()} {self._what}"):
            yield Static("Counting …", id="touched")
            yield Static("", id="sample")
            yield Static(
                content(f"enter {self._verb}s them, and u undoes that · esc leaves all as it is"),
                classes="hint",
            )

    def on_mount(self) -> None:
        """Count, away from the screen."""
        self._show()

    @work
    async def _show(self) -> None:
        told = self.query_one("#touched", Static)
        try:
            touch = await self._count()
        except StudioError as error:
            told.update(content(str(error), "$error"))
            return
        self._touch = touch
        lines = say.touched(self._verb, touch)
        told.update(
            Content("\n").join(
                content(line, "$warning" if line.endswith("!") else "") for line in lines
            )
        )
        self.query_one("#sample", Static).update(Content("").join(self._sample(touch)))

    def _sample(self, touch: BulkPreview) -> Iterator[Content]:
        rows = touch.sample[:SAMPLE]
        if rows:
            yield content("\nSuch as\n", "$secondary")
        for row in rows:
            symbol, _word, tone = say.verdict(row)
            yield content(f" {symbol} ", say.STYLES[tone])
            yield content(one_line(row.text, 90) + "\n")

    def action_accept(self) -> None:
        """Do it, once it is known what."""
        if self._touch is not None and self._touch.count:
            self.dismiss(True)
