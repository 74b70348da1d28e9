"""Requests on their way to a server: in which order they go out, and when again."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from studio.calls import Request
from studio.llm.failures import FailureKind


@dataclass(slots=True)
class Turn:
    """A request on its way, with what it went through."""

    request: Request
    place: int = 0
    """Where it stands among all."""
    attempts: Counter[FailureKind] = field(default_factory=Counter)
    answered_before: int = -1
    """Answers of the run when the server was last too busy for this one."""


class RequestQueue:
    """Requests in their order, but a document with a call in flight waits its turn.

    Then the next draw of a document finds the server with the document's prefix in its cache,
    instead of several slots reading the same document at once.
    """

    def __init__(self, source: Iterator[Request], lookahead: int, most_waiting: int) -> None:
        """lookahead: how many may be passed over for one whose document is free; most_waiting:
        requests that may wait to be sent again while new ones go out."""
        self.lookahead = lookahead
        self.most_waiting = most_waiting
        self._source = source
        self._busy: Counter[int | None] = Counter()
        """Document → its requests that were taken and not let go."""
        self._passed: defaultdict[int | None, deque[Turn]] = defaultdict(deque)
        """Document → its requests that were passed over, in their order."""
        self._free: list[tuple[int, int | None]] = []
        """Places and documents of such requests that may go out now: a heap, with some that no
        longer may."""
        self._later: list[tuple[float, int, Turn]] = []
        self._tie = itertools.count()
        self._pulled = 0
        self._exhausted = False

    def empty(self) -> bool:
        """Whether nothing is left to send."""
        if self._passed or self._later:
            return False
        if turn := self._pull():
            self._pass(turn)
        return not turn

    @property
    def is_waiting(self) -> bool:
        """Whether there are requests whose time has not come yet."""
        return bool(self._later)

    def take(self, now: float) -> Turn | None:
        """The next request that may go out now; its document is let go with :meth:`free`."""
        turn = self._due(now) if self._later else None
        if turn is None and len(self._later) < self.most_waiting:
            turn = self._first_free()
        if turn is not None:
            self._busy[turn.request.document_id] += 1
        return turn

    def put_back(self, turn: Turn) -> None:
        """It does not go out; it stays the next."""
        document_id = turn.request.document_id
        self._passed[document_id].appendleft(turn)
        self.free(document_id)

    def retry(self, turn: Turn, at: float) -> None:
        """Send it again, not before ``at``."""
        heapq.heappush(self._later, (at, next(self._tie), turn))

    def free(self, document_id: int | None) -> None:
        """A request of the document was let go."""
        self._busy[document_id] -= 1
        if self._busy[document_id] <= 0:
            del self._busy[document_id]
        self._offer(document_id)

    def _due(self, now: float) -> Turn | None:
        return heapq.heappop(self._later)[2] if self._later[0][0] <= now else None

    def _first_free(self) -> Turn | None:
        while self._free:
            place, document_id = heapq.heappop(self._free)
            passed = self._passed.get(document_id)
            if passed and passed[0].place == place and not self._is_busy(document_id):
                return self._passed_over(document_id)
        passed_over = sum(map(len, self._passed.values()))
        for _ in range(self.lookahead - passed_over):
            if (turn := self._pull()) is None:
                break
            if not self._is_busy(turn.request.document_id):
                return turn
            self._passed[turn.request.document_id].append(turn)
        if not self._passed:
            return None
        return self._passed_over(min(self._passed, key=lambda one: self._passed[one][0].place))

    def _is_busy(self, document_id: int | None) -> bool:
        return document_id is not None and self._busy[document_id] > 0

    def _passed_over(self, document_id: int | None) -> Turn:
        passed = self._passed[document_id]
        turn = passed.popleft()
        if not passed:
            del self._passed[document_id]
        self._offer(document_id)
        return turn

    def _offer(self, document_id: int | None) -> None:
        passed = self._passed.get(document_id)
        if passed and not self._is_busy(document_id):
            heapq.heappush(self._free, (passed[0].place, document_id))

    def _pass(self, turn: Turn) -> None:
        self._passed[turn.request.document_id].append(turn)
        self._offer(turn.request.document_id)

    def _pull(self) -> Turn | None:
        if self._exhausted:
            return None
        request = next(self._source, None)
        if request is None:
            self._exhausted = True
            return None
        self._pulled += 1
        return Turn(request, self._pulled)
