"""Cancelling a training within about a second, also in the middle of a long step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from studio.records import StudioError

_POLL_S = 0.5
"""A cancel request is a look into a database: not more often than this."""
_PATIENCE_S = 1.0
"""A step that lasts longer than this after the request is broken off."""


class TrainingStoppedError(Exception):
    """Raised inside the network's forward pass to leave a long step; its work is lost."""


class StopWatch:
    """Asks whether to stop, at most twice a second, and remembers since when."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        """``should_stop`` is the caller's question."""
        self._should_stop = should_stop
        self._asked = 0.0
        self._since: float | None = None

    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        now = time.monotonic()
        if self._since is None and now - self._asked >= _POLL_S:
            self._asked = now
            if self._should_stop():
                self._since = now
        return self._since is not None

    @property
    def stopped(self) -> bool:
        """Whether a stop was seen, without asking again."""
        return self._since is not None

    def overdue(self) -> bool:
        """Whether the stop was asked for so long ago that the step has to be broken off."""
        return self.stopping() and time.monotonic() - (self._since or 0.0) >= _PATIENCE_S

    def before_forward(self, *_: Any) -> None:
        """A forward pre-hook for the network."""
        if self.overdue():
            raise TrainingStoppedError


def nothing_trained() -> StudioError:
    """A training that was stopped too early to leave a model."""
    return StudioError(
        "The training was cancelled before its first step was done, so there is no model."
    )
