"""Scrolling text that is only read: documents, rendered prompts, logs, streams."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from studio.tui.safe_text import content


class TextPane(VerticalScroll, can_focus=True):
    """Outside text as it may be shown; it takes the focus so that keys can scroll it."""

    BINDINGS: ClassVar[list[Any]] = [Binding("escape", "screen.leave", show=False)]
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
        self._body.update(shown)
        if self.follow:
            self.scroll_end(animate=False)


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

    def titled(self, title: str) -> Section:
        """Set the title; outside text in it is safe."""
        self.border_title = content(title.replace("\\n", " "), limit=300)
        return self
