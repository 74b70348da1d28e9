"""The prompt as it is sent, for the request in view."""

from __future__ import annotations

from textual.app import ComposeResult

from studio.plurals import so_many
from studio.tui.prompt.sampling import Planned, rendered_text
from studio.tui.widgets.text_pane import Section, TextPane


class RenderedPrompt(Section):
    """Title and text of one rendered prompt."""

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        yield TextPane(id="rendered")

    def on_mount(self) -> None:
        """Nothing is rendered yet."""
        self.titled("Rendered prompt")

    @property
    def text_pane(self) -> TextPane:
        """The text."""
        return self.query_one(TextPane)

    def show(self, planned: Planned | None) -> None:
        """Show a request; None while there is none."""
        if planned is None:
            self.titled("Rendered prompt")
            self.text_pane.show("")
            return
        note = f" · {planned.request.note}" if planned.request.note else ""
        self.titled(f"Prompt for {planned.title} · ~{so_many(planned.tokens, 'tokens')}{note}")
        text = rendered_text(planned)
        if text != self.text_pane.plain:
            self.text_pane.show(text)
