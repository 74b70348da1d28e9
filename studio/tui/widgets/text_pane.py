"""Scrolling text that is only read: documents, rendered prompts, logs, streams."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from studio.tui.actions import bindings
from studio.tui.safe_content import content
from studio.tui.textual_patches import put_title
from studio.tui.widgets.beside import go_beside


class TextPane(VerticalScroll, can_focus=True):
    """Outside text as it may be shown; it takes the focus so that keys can scroll it."""

    BINDINGS: ClassVar[list[Any]] = [
        *bindings("text"),
        Binding("escape", "screen.leave", show=False),
    ]
    DEFAULT_CSS = """
    TextPane { padding: 0 1; scrollbar-size-vertical: 1; background: $background; }
    TextPane > Static { width: 1fr; height: auto; }
    """

    def __init__(self, *, id: str | None = None, classes: str = "", follow: bool = False) -> None:
        super().__init__(id=id, classes=classes)
        self._body = Static("", markup=False)
        self.follow = follow
        """Whether it stays at the end as text is added."""
        self.plain = ""
        """The text that is shown, unchanged: what a copy takes."""

    def compose(self) -> ComposeResult:
        """The text alone."""
        yield self._body

    def show(self, text: str, style: str = "") -> None:
        """Replace the text."""
        self.plain = text
        self.put(content(text, style))

    def put(self, shown: Content, plain: str | None = None) -> None:
        """Replace what is shown by styled content, and what a copy takes by ``plain``."""
        if plain is not None:
            self.plain = plain
        # A layout of the whole screen is what costs; a text as tall as before needs none.
        width = self._body.size.width
        same = width > 0 and shown.get_height({}, width) == self._body.size.height
        self._body.update(shown, layout=not same)
        if self.follow and not same:
            self.scroll_end(animate=False)

    def action_down(self) -> None:
        """One line down."""
        self.scroll_relative(y=1, animate=False)

    def action_up(self) -> None:
        """One line up."""
        self.scroll_relative(y=-1, animate=False)

    def action_first(self) -> None:
        """The beginning."""
        self.scroll_home(animate=False)

    def action_last(self) -> None:
        """The end."""
        self.scroll_end(animate=False)

    def action_half_down(self) -> None:
        """Half a screen down."""
        self.scroll_relative(y=max(self.size.height // 2, 1), animate=False)

    def action_half_up(self) -> None:
        """Half a screen up."""
        self.scroll_relative(y=-max(self.size.height // 2, 1), animate=False)

    def action_left(self) -> None:
        """The list or text to the left."""
        go_beside(self, -1)

    def action_right(self) -> None:
        """The list or text to the right."""
        go_beside(self, 1)


class Section(VerticalScroll, can_focus=False):
    """A titled part of a pane: one line above it, brighter while the focus is inside."""

    DEFAULT_CSS = """
    Section {
        border-top: solid $border-blurred;
        border-title-color: $text-muted;
        border-title-style: none;
        border-subtitle-color: $text-muted;
        height: 1fr;
        overflow: hidden;
        padding: 0;
    }
    Section:focus-within {
        border-top: solid $border;
        border-title-color: $primary;
        border-title-style: bold;
    }
    """

    _told = ""

    def titled(self, title: str) -> Section:
        """Set the title; outside text in it is safe."""
        shown = content(title.replace("\\n", " "), limit=300)
        if not self.is_mounted:
            self.border_title = shown
        elif shown.plain != self._told:
            put_title(self, shown)
        self._told = shown.plain
        return self
