"""Asking again: one more extrapolation of an error streams in, and is stored when it is whole."""

from __future__ import annotations

from functools import partial

from textual.timer import Timer

from studio.jobs.retry_error import Kept, Question, keep, question
from studio.records import Answer, StudioError
from studio.tui.pane.daemon_thread import run_in_daemon_thread
from studio.tui.pane.endpoint_session import EndpointSession, stream
from studio.tui.rounds.core import RoundsCore

DRAW_S = 0.1
"""Between two drawings of what streams in: keys come before it."""


class Asking(RoundsCore):
    """The key that asks the LLM once more."""

    def __init__(self) -> None:
        super().__init__()
        self._wires: dict[str, EndpointSession] = {}
        self._drawing: Timer | None = None

    async def action_ask_again(self) -> None:
        """Have the LLM write one more extrapolation of the error under the cursor."""
        row = await self.errors.settled()
        if row is None:
            self.studio.tell("There is no error here to ask about.")
        elif row.id in self._asking:
            self.studio.tell("One is being written for this error already.")
        else:
            self._asking[row.id] = ""
            self._draw_soon()
            self.run_worker(self._ask(row.id), group="asking")

    async def _ask(self, error_id: int) -> None:
        kept = None
        try:
            asked = await run_in_daemon_thread(
                partial(question, self.project.store.path, self.project, error_id)
            )
            answer = await self._streamed(asked, error_id)
            # Paid: on the store's thread, whose work the program's end waits for.
            kept = await self._store_thread.run(lambda store: keep(store, asked, answer))
        except StudioError as error:
            self.studio.tell(str(error), bad=True)
        finally:
            self._asking.pop(error_id, None)
        await self._after(error_id, kept)

    async def _streamed(self, asked: Question, error_id: int) -> Answer:
        """The whole answer; its pieces are shown as they come."""
        async for piece in stream(self._wire_of(asked), asked.ask.request):
            if isinstance(piece, Answer):
                return piece
            self._asking[error_id] = self._asking.get(error_id, "") + piece
        raise StudioError("The endpoint ended its answer before it was whole. Ask again.")

    def _wire_of(self, asked: Question) -> EndpointSession:
        params = asked.run.params
        url = str(params.get("base_url") or "")
        name = f"{url} {params.get('model')}" if url else str(params.get("endpoint") or "")
        if name not in self._wires:
            self._wires[name] = EndpointSession(self.project, name)
        return self._wires[name]

    async def _after(self, error_id: int, kept: Kept | None) -> None:
        if kept is not None and kept.record_id is None:
            self.studio.tell(f"The answer gave no text: {kept.reason}.", bad=True)
        place = self.position_of(error_id)
        if place is not None:
            await self.reread_row(place)
        row = self.errors.current
        if row is not None and row.id == error_id:
            await self.read_beside(error_id, choose=kept.record_id if kept else None)
        self.read_look()

    def _draw_soon(self) -> None:
        """Draw what streams in at a steady pace, however fast it comes."""
        if self._drawing is None:
            self._drawing = self.set_interval(DRAW_S, self._draw)
        self.show_beside()

    def _draw(self) -> None:
        if not self._asking and self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        self.show_streaming()

    def show_streaming(self) -> None:
        """Draw what streams in for the error in hand."""

    async def close_wires(self) -> None:
        """Close connections, stop embedded models."""
        for wire in self._wires.values():
            await wire.close()
