"""A terminal too small for the panes: one calm sentence until it grows."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

WIDTH, HEIGHT = 80, 24
SPARED = 1
"""Lines that may be missing: tmux's status line takes one of the smallest usual terminal."""


def is_too_small(size: Size) -> bool:
    """Whether the panes would not be whole at this size."""
    return size.width < WIDTH or size.height < HEIGHT - SPARED


class TooSmall(ModalScreen[None]):
    """Over whatever is in front; that stays as it is, and takes no key meanwhile."""

    BINDINGS: ClassVar[list[Any]] = [("q,ctrl+q", "app.quit", "Quit")]
    CSS = """
    TooSmall { align: center middle; background: $background; }
    TooSmall > Static { width: 100%; height: auto; text-align: center; }
    """

    _making_way = False

    def compose(self) -> ComposeResult:
        """The sentence."""
        yield Static()

    def on_resize(self, event: events.Resize) -> None:
        """Say the size, or make way."""
        if not is_too_small(event.size):
            # Two sizes may come before the first has taken effect.
            if not self._making_way:
                self._making_way = True
                self.dismiss()
            return
        self.query_one(Static).update(
            f"The terminal is {event.size.width}×{event.size.height}; "
            f"Studio needs {WIDTH}×{HEIGHT}.\nMake it larger, or leave with q. Nothing is lost."
        )
