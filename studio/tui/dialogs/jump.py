"""Jump mode: a letter on every part of the screen that takes keys; the letter goes there."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.geometry import Offset
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from studio.tui.actions import BY_ID, PANES
from studio.tui.widgets.text_pane import Section

LETTERS = "asdfghjklqwertyuiopzxcvbnm"
"""The nearest keys first."""


class Jump(ModalScreen[None]):
    """The screen behind stays in sight; letters lie on its parts. Digits go to the panes."""

    BINDINGS: ClassVar[list[Any]] = [("escape,ctrl+o", "leave", "Stay")]
    AUTO_FOCUS = ""
    CSS = """
    Jump { background: transparent; }
    Jump > .letter {
        position: absolute;
        width: 3;
        height: 1;
        color: $accent;
        background: $background;
        text-style: bold reverse;
    }
    Jump > .about {
        dock: bottom;
        width: 100%;
        height: 1;
        padding: 0 1;
        background: $panel;
        color: $text;
    }
    """

    def __init__(self, behind: Screen[Any]) -> None:
        super().__init__()
        self._behind = behind
        self._parts = dict(zip(LETTERS, _parts_in_sight(behind), strict=False))

    def compose(self) -> ComposeResult:
        """A letter at the top left of each part."""
        taken: set[Offset] = set()
        for letter, part in self._parts.items():
            place = _place(part, taken)
            taken.add(place)
            mark = Static(f" {letter} ", classes="letter", markup=False)
            mark.styles.offset = place
            yield mark
        yield Static("A letter goes there · a digit goes to a pane · esc stays", classes="about")

    def on_key(self, event: events.Key) -> None:
        """Go where the key says; a key that names no place does nothing."""
        if event.character is None or not event.is_printable:
            return
        event.stop()
        part = self._parts.get(event.character.lower())
        pane = self._pane_of(event.key)
        if part is not None:
            self.dismiss()
            self._behind.set_focus(part)
        elif pane:
            self.dismiss()
            self.app.simulate_key(event.key)

    def action_leave(self) -> None:
        """Stay where the focus was."""
        self.dismiss()

    def _pane_of(self, key: str) -> bool:
        from studio.tui.base_app import BaseApp

        keys_of = cast("BaseApp", self.app).keys_of
        return any(key in keys_of(f"app.{name}") for name in PANES if f"app.{name}" in BY_ID)


def _parts_in_sight(behind: Screen[Any]) -> list[Widget]:
    """What takes the focus and has a cell on the screen, in the order of tab."""
    return [
        part
        for part in behind.focus_chain
        if part.region.area and behind.region.overlaps(part.region)
    ]


def _place(part: Widget, taken: set[Offset]) -> Offset:
    """The top left of the part's titled section, or of the part where that has a letter already."""
    section = next((up for up in part.ancestors if isinstance(up, Section)), None)
    if section is not None and section.region.offset not in taken:
        return section.region.offset
    return part.region.offset
