"""The editor of templates: lines are numbered and coloured, what is unknown is underlined."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text

from studio.prompting.forms import TemplateNames
from studio.prompting.template_set import is_head
from studio.prompting.template_source import FENCE
from studio.tui.prompt.highlight import spans, zone_of
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.ink import ink


class TemplateEditor(Editor):
    """An editor that knows what stands where in a template."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "template--fence",
        "template--key",
        "template--text",
        "template--number",
        "template--comment",
        "template--heading",
        "template--brace",
        "template--name",
        "template--unknown",
    }
    DEFAULT_CSS = """
    TemplateEditor {
        & > .text-area--gutter { color: $text-muted; background: $background; }
        & > .template--fence { color: $text-muted; }
        & > .template--key { color: $primary; }
        & > .template--text { color: $success; }
        & > .template--number { color: $accent; }
        & > .template--comment { color: $text-muted; text-style: italic; }
        & > .template--heading { color: $primary; text-style: bold; }
        & > .template--brace { color: $accent; }
        & > .template--name { color: $accent; text-style: bold; }
        & > .template--unknown { color: $error; text-style: bold underline; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.show_line_numbers = True
        self._known: TemplateNames | None = None

    def speak(self, known: TemplateNames) -> None:
        """Colour by the names of another form."""
        if known != self._known:
            self._known = known
            self.notify_style_update()
            self.refresh()

    def get_line(self, line_index: int) -> Text:
        """The line as drawn, coloured; every editor character is one character of it."""
        line = super().get_line(line_index)
        if self._known is None:
            return line
        zone = zone_of(self.document.lines, line_index)
        for start, end, kind in spans(line.plain, zone, self._known):
            style = ink(self, f"template--{kind}")
            line.stylize(style, start, end)
        return line

    def show_text(self) -> None:
        """Stand on the first line of the text; the settings are above it, out of sight."""
        if (fence := self._fence) is not None:
            self.move_cursor((fence + 1, 0))
            self._put_on_top(fence)

    @property
    def _fence(self) -> int | None:
        """The line that ends the settings; None where no text follows it."""
        lines = self.document.lines
        fences = [number for number, line in enumerate(lines) if line.strip() == FENCE][:2]
        return fences[1] if len(fences) == 2 and fences[1] + 1 < len(lines) else None

    def _put_on_top(self, line: int) -> None:
        top = self.wrapped_document.location_to_offset((line, 0)).y
        self.scroll_to(y=top, animate=False, immediate=True)

    def show_member(self, place: int) -> None:
        """Stand on the share of a member of a set, with its settings and text below."""
        heads = [number for number, line in enumerate(self.document.lines) if is_head(line)]
        if place < len(heads):
            self.move_cursor((heads[place], len(self.document.get_line(heads[place]))))
            self._put_on_top(heads[place])

    def on_resize(self) -> None:
        """Lines are wrapped anew: who has not moved yet still sees the beginning of the text."""
        fence = self._fence
        if fence is not None and self.cursor_location == (fence + 1, 0):
            self.call_after_refresh(self._put_on_top, fence)

    def show_line(self, number: int) -> None:
        """Put the cursor into a line, from 1, in sight, and take the keys."""
        last = self.document.line_count - 1
        self.focus()
        self.move_cursor((min(max(number - 1, 0), last), 0), center=True)
