"""One key after the other, each to what has the focus once the one before has done its work.

A terminal hands over what was typed fast, or over a slow line, in one piece. Textual gives all of
it to the widget that has the focus at that moment: of ``/tax`` the list would get ``tax``, and take
each letter for an action. So a key waits here until the one before has gone its whole way: the
widget, what stands around it, the action, and the focus that the action has moved.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from textual import events
from textual.dom import DOMNode
from textual.message_pump import MessagePump

from studio.tui.base_app import BaseApp
from studio.tui.textual_patches import is_stopped

PATIENCE_S = 1.0
"""A key whose end is not heard of in this time, such as of a widget that went away, holds no
other key back."""

Typed = events.Key | events.Paste


class KeysInOrder(BaseApp):
    """Holds keys and pasted text back while the one before is under way."""

    _given: float | None = None
    """When the key under way was given; None while there is none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: deque[Typed] = deque()
        self._target: DOMNode | None = None

    async def on_event(self, event: events.Event) -> None:
        """Give the key now, or when the one before is done."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        self._waiting.append(event)
        if self._given is None or time.monotonic() - self._given > PATIENCE_S:
            await self._give_next()
        elif len(self._waiting) == 1:
            self.set_timer(PATIENCE_S, partial(self._go_on, self._given))

    async def _give_next(self) -> None:
        if not self._waiting:
            self._given = None
            return
        event = self._waiting.popleft()
        self._given = time.monotonic()
        self._target = target = self.focused or self.screen
        await super().on_event(event)
        if not event.is_forwarded or not _after(target, partial(self._follow, event, target)):
            self._finish()

    def on_key(self, event: events.Key) -> None:
        """A letter that came before the box it was meant for was open goes to the box's field."""
        if not self.screen_stack:
            # The program is ending; the key came too late.
            event.prevent_default()
            return
        field = self.focused
        late = field is not None and field is not self._target
        if field is not None and late and field.check_consume_key(event.key, event.character):
            event.prevent_default()
            field.post_message(events.Key(event.key, event.character))

    def _follow(self, event: Typed, node: DOMNode) -> None:
        """``node`` has had the key; go where it has gone from there."""
        parent = node.parent
        ends_here = is_stopped(event) or parent is None or parent is self
        if parent is None or ends_here or not _after(parent, partial(self._follow, event, parent)):
            self._finish()

    def _finish(self) -> None:
        """Once the program has done the key's action, and then moved the focus as it asked for."""
        _after(self, lambda: _after(self, self._give_next))

    async def _go_on(self, given: float) -> None:
        """The key that was given then was never heard of again."""
        if self._given == given:
            await self._give_next()


def _after(node: MessagePump, call: Callable[[], Any]) -> bool:
    """Call once ``node`` has done all that it has been told so far; False when it has ended."""
    return node.post_message(events.Callback(callback=call))
