"""A field of search words that remembers, in the project, what was searched for before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.binding import BindingType
from textual.widgets import Input

from studio.api_keys import blotted
from studio.records import StudioError
from studio.tui.actions import bindings
from studio.tui.widgets.editor import Field

if TYPE_CHECKING:
    from studio.tui.app import StudioApp


class RecalledField(Field):
    """Up and down walk through the earlier entries; what is left there or sent is the newest."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("recall")]

    def __init__(self, name: str, value: str = "", **options: Any) -> None:
        """``name``: fields of one name share their entries."""
        super().__init__(value, **options)
        self._entries_of = name
        self._entries: Sequence[str] = ()
        self._place = 0
        """The entry that is shown, from 1 for the newest; 0 for what is typed."""
        self._typed = self._recalled = ""
        self._new = ""
        """The words that a person has put there since some were last remembered."""

    @property
    def _core(self) -> StudioApp:
        return cast("StudioApp", self.app)

    def action_earlier(self) -> None:
        """What was searched for before that."""
        self._walk(1)

    def action_later(self) -> None:
        """What was searched for after that; at last what is being typed."""
        self._walk(-1)

    def _walk(self, by: int) -> None:
        project = self._core.project
        if self._place == 0 and project is not None:
            known = self._core.guarded(lambda: project.store.searches.of(self._entries_of))
            self._typed = self.value
            self._entries = [entry for entry in known or () if entry != self.value.strip()]
        self._place = min(max(self._place + by, 0), len(self._entries))
        self._recalled = self._entries[self._place - 1] if self._place else self._typed
        self.value = self._recalled
        self.cursor_position = len(self.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Words that are typed are new ones, wherever the walk had come to."""
        if event.value != self._recalled:
            self._place = 0
        # Where leaving the field empties it, they were searched for all the same.
        if self.has_focus and event.value.strip():
            self._new = event.value.strip()

    def on_input_submitted(self) -> None:
        """They are searched for."""
        self._remember()

    def on_blur(self) -> None:
        """They were searched for as they were typed."""
        self._remember()

    def on_unmount(self) -> None:
        """The same at the program's end."""
        self._remember()

    def _remember(self) -> None:
        words, project = blotted(self._new), self._core.project
        self._new = ""
        if not words or project is None:
            return
        with suppress(StudioError):
            # A project that can only be read is searched all the same.
            project.store.is_free()
            add = partial(project.store.searches.add, self._entries_of, words)
            self._core.write(add, name=f"searches:{self._entries_of}:{words}")
