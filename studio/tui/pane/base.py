"""What all panes share: the bars, leaving a field, copying, writing what was typed, polling."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from studio.tui.actions import key_name
from studio.tui.pane.divider import Divider, KeptSizes, divider_at
from studio.tui.widgets.bars import KeyBar, TopBar

if TYPE_CHECKING:
    from studio.project import Project
    from studio.tui.app import StudioApp

WIDTHS: list[tuple[int, str]] = [(0, "-narrow"), (100, "-wide")]
"""Cells of the screen's width → class for the style sheet."""
HEIGHTS: list[tuple[int, str]] = [(0, "-low"), (32, "-high")]
LOOK_S = 0.5
"""Seconds without a key after which a person has seen the box that came up."""


class Pane(Screen[None]):
    """A pane of the studio. It shows the store's rows and keeps none of its own."""

    NAME: ClassVar[str] = ""
    """The mode's name, as in ``app.NAME``."""
    AUTO_FOCUS: ClassVar[str | None] = "RowList"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    _was_away = False
    ready = False
    """Whether its widgets are there: messages of the screen can come before them."""

    def on_mount(self) -> None:
        """Begin, unless the program is ending before the widgets came to be."""
        if self.app.is_running:
            self.ready = True
            self.begin()

    def begin(self) -> None:
        """Show what the store has, for the first time."""

    @cached_property
    def _sizes(self) -> KeptSizes:
        return KeptSizes(self, self.NAME)

    @property
    def _room(self) -> str:
        """How much room there is, in the words of the style sheet."""
        across, down = self.app.size
        return next(name for cells, name in reversed(WIDTHS) if across >= cells) + next(
            name for cells, name in reversed(HEIGHTS) if down >= cells
        )

    def on_resize(self) -> None:
        """Parts have the sizes that were chosen for this room."""
        self._sizes.give(self._room)

    @cached_property
    def _line_steps(self) -> Counter[Divider]:
        """How far lines are to move once what moved last is laid out."""
        return Counter()

    def move_line(self, direction: int) -> None:
        """Move the line beside or below the part in focus: left or up (-1), right or down (1).

        Presses that come before the last one was laid out are one move: a key may be held down.
        """
        at = self.focused or self.main_list()
        divider = divider_at(at) if at is not None else None
        if divider is None:
            self.studio.tell("There is no line to move here.")
            return
        if not self._line_steps:
            self.call_after_refresh(self._move_lines)
        self._line_steps[divider] += direction

    def _move_lines(self) -> None:
        moves = [(divider, steps) for divider, steps in self._line_steps.items() if steps]
        self._line_steps.clear()
        for divider, steps in moves:
            if (weights := divider.move(steps)) is not None:
                self._sizes.keep(self._room, divider, weights)
                # What comes after a refresh now waits for the layout.
                self.refresh(layout=True)
            else:
                self.studio.tell("The part there would have no room for what it shows.")

    @property
    def studio(self) -> StudioApp:
        """The program."""
        return cast("StudioApp", self.app)

    @property
    def project(self) -> Project:
        """The open project. Only panes that need one may ask."""
        project = self.studio.project
        assert project is not None, "this pane is only shown with an open project"
        return project

    def key(self, action: str) -> str:
        """The key in force for one of the pane's actions, as a person reads it."""
        return key_name(self.studio.keys_of(f"{self.NAME}.{action}")[0])

    def compose(self) -> ComposeResult:
        """Bar, body, keys."""
        yield TopBar(self.NAME)
        with Container(id="body"):
            yield from self.compose_body()
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """What stands between the bars."""
        yield from ()

    def main_list(self) -> Widget | None:
        """Where the focus goes when a field is left."""
        found = self.query("RowList")
        return found.first() if found else None

    def action_leave(self) -> None:
        """Write what was typed and give the focus to the list."""
        self.flush()
        self.set_focus(self.main_list())

    def flush(self) -> None:
        """Write at once what was typed and is not yet in the store."""

    def finish(self) -> None:
        """Wait a moment for what is under way on the store's threads, for the program's end."""

    def open_at(self, **place: Any) -> None:
        """Another pane leads here: show what it names. Panes say which names they know."""

    def offers(self, action_id: str) -> bool:
        """Whether the footer should name the action now; its key works all the same."""
        return True

    def store_changed(self) -> None:
        """Another process or pane has written: read again what is shown."""

    def on_screen_resume(self) -> None:
        """Coming back to the pane, show what is true now."""
        if self.ready and self._was_away:
            self.query_one(TopBar).refresh()
            self.store_changed()

    def on_screen_suspend(self) -> None:
        """Leaving the pane writes what was typed in it."""
        self._was_away = True
        if self.ready:
            self.flush()

    async def chosen_records(self) -> tuple[str, Sequence[int]] | None:
        """What an export is about, in words and row ids; None for all records."""
        return None

    def copy_text(self) -> str:
        """What a copy takes when nothing is selected; empty when there is nothing."""
        return ""


class Dialog(ModalScreen[Any]):
    """A box over the pane; esc closes it without doing anything."""

    BINDINGS: ClassVar[list[Any]] = [("escape", "leave", "Close")]
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    is_seen = False
    """Whether the last key came after a pause: one of a row of keys was typed for what is behind
    the box, and is no answer to a question that cannot be asked again."""
    _last_key = 0.0

    def on_mount(self) -> None:
        """From now on it can be seen."""
        self._last_key = time.monotonic()

    def on_key(self, event: events.Key) -> None:
        """A letter that was typed before the field came to be is for the field."""
        now = time.monotonic()
        self.is_seen, self._last_key = now - self._last_key >= LOOK_S, now
        field = self.focused
        if field is not None and field.check_consume_key(event.key, event.character):
            event.stop()
            event.prevent_default()
            field.post_message(events.Key(event.key, event.character))

    def action_leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)

    @property
    def studio(self) -> StudioApp:
        """The program."""
        return cast("StudioApp", self.app)
