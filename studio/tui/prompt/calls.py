"""Calls under way: started, cancelled, queued. What comes of them is told as messages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from textual.containers import Container
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker

from studio.calls import Answer
from studio.records import StudioError
from studio.tui.pane import endpoint_session as wire
from studio.tui.pane.endpoint_session import EndpointSession
from studio.tui.prompt.sampling import REASON, Planned

if TYPE_CHECKING:
    from studio.project import Project
    from studio.tui.app import StudioApp

FRAME_S = 0.1
"""Seconds between two frames of what streams, and between two messages of one call."""
AT_A_TIME = 4
"""Calls under way for documents that are not shown."""


@dataclass(slots=True)
class Flight:
    """One call under way."""

    planned: Planned
    text: str = ""
    shown: bool = True
    """Whether a column waits for it; else it is only for the score."""
    worker: Worker[None] | None = field(default=None, repr=False)


class AnswerPiece(Message):
    """Some text came in for a request."""

    def __init__(self, sha: str, text: str) -> None:
        super().__init__()
        self.sha, self.text = sha, text


class AnswerEnded(Message):
    """An answer is whole, or its call failed with a sentence."""

    def __init__(self, planned: Planned, answer: Answer | None, error: str = "") -> None:
        super().__init__()
        self.planned, self.answer, self.error = planned, answer, error


class Calls(Container):
    """The calls that a widget has under way, each request once, whoever waits for it."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._wires: dict[str, EndpointSession] = {}
        self._flights: dict[str, Flight] = {}
        """Request hash → the call."""
        self._waiting: list[tuple[Planned, str]] = []
        """Requests for the score alone, with their endpoints."""
        self._clock: Timer | None = None

    async def on_unmount(self) -> None:
        """Stop the embedded servers that the preview started."""
        self._cancel(list(self._flights))
        for opened in self._wires.values():
            await opened.close()

    @property
    def project(self) -> Project:
        """The open project."""
        project = cast("StudioApp", self.app).project
        assert project is not None
        return project

    def wire_of(self, name: str) -> EndpointSession:
        """The wire to an endpoint by its name; empty is the settings' own."""
        return self._wires.setdefault(name, EndpointSession(self.project, name))

    @property
    def busy(self) -> int:
        """Calls for the score alone that run or wait."""
        return len(self._waiting) + sum(not flight.shown for flight in self._flights.values())

    @property
    def streaming(self) -> bool:
        """Whether any call is under way or waits."""
        return bool(self._flights or self._waiting)

    def _close_others(self, used: set[str]) -> None:
        """Close the wires to endpoints that nobody asks any more."""
        for name in [name for name in self._wires if name not in used]:
            self.run_worker(self._wires.pop(name).close(), group="closing")

    def stop_more(self) -> bool:
        """Cancel those; whether there were any."""
        was = bool(self.busy)
        self._waiting.clear()
        self._cancel([sha for sha, flight in self._flights.items() if not flight.shown])
        return was

    def _pump(self) -> None:
        while self._waiting and sum(not f.shown for f in self._flights.values()) < AT_A_TIME:
            planned, endpoint = self._waiting.pop(0)
            if planned.request.sha not in self._flights:
                self._launch(planned, endpoint, shown=False)

    def _launch(self, planned: Planned, endpoint: str, *, shown: bool) -> None:
        if planned.request.sha in self._flights:
            # Two sides whose requests are equal pay for one.
            return
        flight = self._flights[planned.request.sha] = Flight(planned, shown=shown)
        flight.worker = self.run_worker(
            self._stream(planned, self.wire_of(endpoint)), group="stream"
        )
        if self._clock is not None:
            self._clock.resume()

    def _cancel(self, shas: Sequence[str]) -> None:
        for sha in shas:
            flight = self._flights.pop(sha)
            if flight.worker is not None:
                flight.worker.cancel()

    async def _stream(self, planned: Planned, opened: EndpointSession) -> None:
        sha, pieces, told = planned.request.sha, "", time.monotonic()
        try:
            async for item in wire.stream_once(opened, planned.request, REASON):
                if isinstance(item, Answer):
                    self.post_message(AnswerEnded(planned, item))
                    return
                pieces += item
                # A message for each token would cost more than drawing them.
                if time.monotonic() - told >= FRAME_S:
                    self.post_message(AnswerPiece(sha, pieces))
                    pieces, told = "", time.monotonic()
        except StudioError as error:
            self.post_message(AnswerEnded(planned, None, str(error)))
