"""Typed text is written a moment after the last key, and at once when the focus or the tty goes."""

from __future__ import annotations

from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget

DELAY_S = 0.3
"""The longest that typed text stays unwritten."""


class Autosave:
    """Calls ``save`` at most ``DELAY_S`` after the first unwritten change; ``flush`` at once.

    ``save`` looks itself whether anything changed: at a signal, the message that tells of the last
    key may still be under way.
    """

    def __init__(self, owner: Widget, save: Callable[[], None]) -> None:
        self._owner = owner
        self._save = save
        self._timer: Timer | None = None

    @property
    def pending(self) -> bool:
        """Whether something typed is not yet written."""
        return self._timer is not None

    def touch(self) -> None:
        """Something changed."""
        if self._timer is None:
            self._timer = self._owner.set_timer(DELAY_S, self.flush)

    def flush(self) -> None:
        """Write now what is not yet written."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._save()
