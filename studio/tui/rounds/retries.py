"""Asking again: one more extrapolation of an error streams in, and is stored when it is whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from textual.timer import Timer

from studio.calls import Answer
from studio.jobs.ledger import end_one
from studio.jobs.retry_error import Kept, Question, keep, question
from studio.records import StudioError
from studio.tui.pane.base import Pane
from studio.tui.pane.daemon_thread import run_in_daemon_thread
from studio.tui.pane.endpoint_session import EndpointSession, stream
from studio.tui.pane.store_access import StoreAccess
from studio.tui.rounds.errors import ErrorList
from studio.tui.rounds.side import ErrorSide

DRAW_S = 0.1
"""Between two drawings of what streams in: keys come before it."""


class ErrorRetries:
    """Asks the LLM once more about errors. It owns the sessions at endpoints."""

    def __init__(
        self, pane: Pane, access: StoreAccess, errors: ErrorList, side: ErrorSide,
        changed: Callable[[], None], drawn: Callable[[], None],
    ) -> None:  # fmt: skip
        """``changed`` hears when something was stored, ``drawn`` when more has streamed in."""
        self._pane, self._access, self._errors, self._side = pane, access, errors, side
        self._changed, self._drawn = changed, drawn
        self._sessions: dict[str, EndpointSession] = {}
        self._drawing: Timer | None = None

    async def ask_again(self) -> None:
        """Have the LLM write one more extrapolation of the error under the cursor."""
        row = await self._errors.rows.settled()
        if row is None:
            self._access.tell("There is no error here to ask about.")
        elif row.id in self._side.live:
            self._access.tell("One is being written for this error already.")
        else:
            self._side.live[row.id] = ""
            if self._drawing is None:
                self._drawing = self._pane.set_interval(DRAW_S, self._draw)
            self._side.show()
            self._pane.run_worker(self._ask(row.id), group="asking")

    async def _ask(self, error_id: int) -> None:
        kept = asked = None
        try:
            project = self._access.project
            asked = await run_in_daemon_thread(
                partial(question, project.store.path, project, error_id)
            )
            answer = await self._streamed(asked, error_id)
            # Paid: on the store's thread, whose work the program's end waits for.
            kept = await self._access.front.run(lambda store: keep(store, asked, answer))
        except StudioError as error:
            self._access.tell(str(error), bad=True)
        finally:
            self._side.live.pop(error_id, None)
            if asked is not None and kept is None:
                end = partial(end_one, self._access.project.store.path, asked.reserved, paid=True)
                threading.Thread(target=end, daemon=True).start()
        await self._after(error_id, kept)

    async def _streamed(self, asked: Question, error_id: int) -> Answer:
        """The whole answer; its pieces are shown as they come."""
        live = self._side.live
        async for piece in stream(self._session_of(asked), asked.ask.request):
            if isinstance(piece, Answer):
                return piece
            live[error_id] = live.get(error_id, "") + piece
        raise StudioError("The endpoint ended its answer before it was whole. Ask again.")

    def _session_of(self, asked: Question) -> EndpointSession:
        params = asked.run.params
        url = str(params.get("base_url") or "")
        name = f"{url} {params.get('model')}" if url else str(params.get("endpoint") or "")
        if name not in self._sessions:
            self._sessions[name] = EndpointSession(self._access.project, name)
        return self._sessions[name]

    async def _after(self, error_id: int, kept: Kept | None) -> None:
        if kept is not None and kept.record_id is None:
            self._access.tell(f"The answer gave no text: {kept.reason}.", bad=True)
        place = self._errors.position_of(error_id)
        if place is not None:
            await self._errors.reread(place)
        await self._side.read(error_id, choose=kept.record_id if kept else None)
        self._changed()

    def _draw(self) -> None:
        """What streams in, at a steady pace, however fast it comes."""
        if not self._side.live and self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        self._side.show_live()
        self._drawn()

    async def close(self) -> None:
        """Close connections, stop embedded models."""
        for session in self._sessions.values():
            await session.close()
