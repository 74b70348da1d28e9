"""The query of the Search pane: typed, run after a moment, with what gold says of it."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from studio.records import Split
from studio.safe_text import one_line, visible
from studio.tui.pane.recalled_field import RecalledField
from studio.tui.safe_content import content
from studio.tui.widgets.editor import Field
from studio.tui.widgets.text_pane import Section

DELAY_S = 0.15
"""Seconds without a key after which a query is searched for."""
LONGEST_TYPED = 2_000
"""Characters of a query that the field shows."""


class QueryBox(Section):
    """The field, a line on its gold, and a warning where others ask the same words."""

    class Edited(Message):
        """Another text stands there now; it is not searched for yet."""

    class Asked(Message):
        """It is time to search for what stands there."""

        def __init__(self, *, entered: bool) -> None:
            super().__init__()
            self.entered = entered
            """Whether enter was pressed, which leads on to the results."""

    def __init__(self) -> None:
        super().__init__(id="asked-section")
        self.titled("Query")
        self.text = ""
        """The query, whole; the field may show less of it."""
        self._in_field = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Field, gold, warning."""
        yield RecalledField("query", placeholder="/ what would a person ask?", id="asked")
        yield Static("", id="asked-gold")
        yield Static("", id="same-words")

    @property
    def is_settled(self) -> bool:
        """Whether no key is waited for any more."""
        return self._timer is None

    def put(self, text: str) -> None:
        """A text that was not typed; the field shows what it can of it."""
        self._stop_timer()
        self.text = text
        self._in_field = one_line(visible(text, limit=LONGEST_TYPED))
        self.query_one("#asked", Field).value = self._in_field

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value == self._in_field:
            return
        self.text = self._in_field = event.value
        self.post_message(self.Edited())
        self._stop_timer()
        self._timer = self.set_timer(DELAY_S, self._ask)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._ask(entered=True)

    def _ask(self, *, entered: bool = False) -> None:
        self._stop_timer()
        self.post_message(self.Asked(entered=entered))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def say_gold(self, line: str, split: Split | None) -> None:
        """What gold says of the query, and where marks go."""
        self.titled("Query" + (f" — marks become {split} gold" if split is not None else ""))
        self.query_one("#asked-gold", Static).update(content(line))

    def warn(self, words: str) -> None:
        """Who else asks the same words; empty takes the warning away."""
        # A thread tells it: the pane may be gone by then.
        for line in self.query("#same-words").results(Static):
            line.update(content(words))
        self.set_class(bool(words), "-warned")
