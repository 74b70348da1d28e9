"""How fast a training went on this machine, so that the next one's time can be told."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field
from typing import Any

from studio.training.settings import TrainingPoint


@dataclass(slots=True)
class TrainingSpeed:
    """Watches the points of a training's loss curve."""

    began: float = field(default_factory=time.monotonic)
    _first: tuple[int, float] | None = None
    _last: tuple[int, float] | None = None

    def see(self, point: TrainingPoint) -> None:
        """A point of a curve has come."""
        if point.loss is None:
            return
        self._last = (point.step, time.monotonic())
        self._first = self._first or self._last

    def found(self, steps: int) -> dict[str, Any]:
        """``step_s`` seconds a step and ``rest_s`` seconds for all else; empty when too short.

        steps: those that this run and the ones before it have made.
        """
        if self._first is None or self._last is None or self._last[0] <= self._first[0]:
            return {}
        step_s = (self._last[1] - self._first[1]) / (self._last[0] - self._first[0])
        done_here = steps - self._first[0]
        rest_s = time.monotonic() - self.began - step_s * done_here
        return {
            "machine": platform.node(),
            "step_s": round(step_s, 4),
            "rest_s": round(max(rest_s, 0.0), 1),
        }
