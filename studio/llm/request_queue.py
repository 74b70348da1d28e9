"""Requests on their way to a server: in which order they go out, and when again."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from studio.calls import Request
from studio.llm.failures import FailureKind


@dataclass(slots=True)
class Turn:
    """A request on its way, with what it went through."""

    request: Request
    attempts: Counter[FailureKind] = field(default_factory=Counter)
    answered_before: int = -1
    """Answers of the run when the server was last too busy for this one."""


class RequestQueue:
    """Requests in their order, but a document with a call in flight waits its turn.

    Then the next draw of a document finds the server with the document's prefix in its cache,
    instead of several slots reading the same document at once.
    """

    def __init__(self, source: Iterator[Request], lookahead: int) -> None:
        """lookahead: how far a request may be looked for whose document is free."""
        self.busy: Counter[int | None] = Counter()
        self._source = source
        self.lookahead = lookahead
        self._ahead: deque[Turn] = deque()
        self._later: list[tuple[float, int, Turn]] = []
        self._tie = itertools.count()
        self._exhausted = False

    def empty(self) -> bool:
        """Whether nothing is left to send."""
        return not self._ahead and not self._later and not self._pull()

    def take(self, now: float, most_waiting: int) -> Turn | None:
        """The next request that may go out now."""
        if self._later and self._later[0][0] <= now:
            return heapq.heappop(self._later)[2]
        if len(self._later) >= most_waiting:
            return None
        for place in range(self.lookahead):
            if place >= len(self._ahead) and not self._pull():
                break
            document_id = self._ahead[place].request.document_id
            if document_id is None or not self.busy[document_id]:
                return self._remove(place)
        return self._ahead.popleft() if self._ahead else None

    def put_back(self, turn: Turn) -> None:
        """It could not go out; it stays the next."""
        self._ahead.appendleft(turn)

    def retry(self, turn: Turn, at: float) -> None:
        """Send it again, not before ``at``."""
        heapq.heappush(self._later, (at, next(self._tie), turn))

    def free(self, document_id: int | None) -> None:
        """A call for the document ended."""
        self.busy[document_id] -= 1
        if self.busy[document_id] <= 0:
            del self.busy[document_id]

    def _remove(self, place: int) -> Turn:
        turn = self._ahead[place]
        del self._ahead[place]
        return turn

    def _pull(self) -> bool:
        if self._exhausted:
            return False
        request = next(self._source, None)
        if request is None:
            self._exhausted = True
            return False
        self._ahead.append(Turn(request))
        return True
