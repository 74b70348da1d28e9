"""A line of a form with a few possible values: ← and → walk through them, space lists all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from studio.tui.safe_text import one_line
from studio.tui.widgets.rows import Column, Row


class Pick(Widget, can_focus=True):
    """One of several values."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("left,h", "before", show=False),
        Binding("right,l", "after", show=False),
        Binding("space", "all", show=False),
    ]
    DEFAULT_CSS = """
    Pick { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; }
    Pick:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
    """

    value = reactive("")

    class Changed(Message):
        """Another value was picked by a person."""

        def __init__(self, pick: Pick) -> None:
            super().__init__()
            self.pick = pick

        @property
        def control(self) -> Pick:
            """The line, for ``@on`` selectors."""
            return self.pick

    def __init__(
        self, title: str, options: Sequence[tuple[str, str, str]], value: str, *, id: str
    ) -> None:
        """options: (value, label, note)."""
        super().__init__(id=id)
        self._title = title
        self._options = tuple(options)
        self.set_reactive(Pick.value, value)

    @property
    def note(self) -> str:
        """What is to say of the present value."""
        return next((note for value, _, note in self._options if value == self.value), "")

    def offer(self, options: Sequence[tuple[str, str, str]]) -> None:
        """Other options; the present value stays, also when it is none of them."""
        self._options = tuple(options)
        self.refresh()

    def render(self) -> Content:
        """Such as ``‹ minilm-l6 ›``."""
        label = next((label for value, label, _ in self._options if value == self.value), None)
        shown = one_line(
            self.value if label is None else label, max(self.content_size.width - 4, 1)
        )
        return Content(f"‹ {shown} ›")

    def action_before(self) -> None:
        """The value before."""
        self._move(-1)

    def action_after(self) -> None:
        """The next value."""
        self._move(1)

    def _move(self, by: int) -> None:
        values = [value for value, _, _ in self._options]
        if not values:
            return
        here = values.index(self.value) if self.value in values else -by if by > 0 else 0
        self._take(values[(here + by) % len(values)])

    def _take(self, value: str) -> None:
        if value != self.value:
            self.value = value
            self.post_message(self.Changed(self))

    def action_all(self) -> None:
        """All values with what there is to say of each."""
        from studio.tui.dialogs.ask import Choose

        rows = [Row(f"={value}", (label, note)) for value, label, note in self._options]
        columns = (Column("", 30), Column(""))
        ask = Choose(self._title, columns, rows, current=f"={self.value}")
        self.app.push_screen(ask, self._chosen)

    def _chosen(self, key: str | None) -> None:
        if key is not None:
            self._take(key.removeprefix("="))
