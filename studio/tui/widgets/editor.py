"""Text fields that hold outside text safely and give it back unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive
from textual.widget import Widget
from textual.widgets import Input, TextArea

from studio.safe_text import LONGEST_SHOWN, EditorCodec, visible
from studio.tui.actions import bindings

if TYPE_CHECKING:
    from studio.tui.base_app import BaseApp


LONGEST_LINE = 2_000
"""Characters that a field of one line takes at once."""


class Editor(TextArea):
    """A text area whose controls are visible symbols and whose ``value`` is what came in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("field"),
        Binding("ctrl+home", "document_start", show=False),
        Binding("ctrl+end", "document_end", show=False),
    ]
    DEFAULT_CSS = """
    Editor {
        border: none;
        padding: 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
        & > .text-area--placeholder { color: $text-muted; }
    }
    """

    class Typed(Message):
        """The person changed the text."""

        def __init__(self, editor: Editor) -> None:
            super().__init__()
            self.editor = editor

        @property
        def control(self) -> Editor:
            """The editor, for ``@on`` selectors."""
            return self.editor

    class Left(Typed):
        """The focus went elsewhere: time to write what was typed."""

    def __init__(self, *, id: str | None = None, placeholder: str = "") -> None:
        super().__init__(
            "",
            id=id,
            soft_wrap=True,
            tab_behavior="focus",
            show_line_numbers=False,
            placeholder=placeholder,
            highlight_cursor_line=False,
        )
        # A blinking cursor wakes the terminal, and an SSH link, twice a second for nothing.
        self.cursor_blink = False
        self._codec = EditorCodec()
        self._loaded = ""
        self._whole: str | None = None

    @property
    def value(self) -> str:
        """The text, character for character as it was put in and edited since."""
        return self._codec.decode(self.text) if self._whole is None else self._whole

    @value.setter
    def value(self, text: str) -> None:
        # Wrapping megabytes at each key would stop the screen: such a text is shown, not edited.
        self._whole = text if len(text) > LONGEST_SHOWN else None
        self.read_only = self._whole is not None
        self._codec = EditorCodec(text[:LONGEST_SHOWN])
        self._loaded = visible(text) if self._whole else self._codec.encode(text)
        self.load_text(self._loaded)

    def replace_all(self, text: str) -> None:
        """Put another text there as one edit, so that ctrl+z brings the old one back."""
        if self._whole is not None or len(text) > LONGEST_SHOWN or not self._codec.holds(text):
            self.value = text
            return
        end = self.document.end
        self._loaded = self._codec.encode(text)
        self.replace(self._loaded, (0, 0), end)
        self.move_cursor((0, 0))

    @property
    def may_be_edited(self) -> bool:
        """Whether the text may change; one too long for the screen can in another editor."""
        return not self.read_only or self._whole is not None

    def take(self, text: str) -> None:
        """A person's edit from elsewhere: as if it had been typed here."""
        self.replace_all(text)
        self.post_message(self.Typed(self))

    def get_line(self, line_index: int) -> Text:
        """The line as drawn: one visible cell for each character that must not be drawn."""
        held = self.document.get_line(line_index)
        return Text(held.translate(self._codec.symbols), end="", no_wrap=True)

    def action_document_start(self) -> None:
        """The cursor to the beginning of the text."""
        self.move_cursor((0, 0))

    def action_document_end(self) -> None:
        """The cursor to the end of the text."""
        self.move_cursor(self.document.end)

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Letters are for the text, also for one that is too long to take them."""
        typed = character is not None and character.isprintable()
        return (typed and self._whole is not None) or super().check_consume_key(key, character)

    def on_key(self, event: events.Key) -> None:
        """A text that is too long to edit says so."""
        # Left to the pane, a letter would do what it does there, such as delete the example.
        if self._whole is not None and event.is_printable:
            event.prevent_default()
            event.stop()
            self._tell_too_long()

    def _tell_too_long(self) -> None:
        core = cast("BaseApp", self.app)
        key = core.keys_of("app.editor")[0]
        core.tell(f"This text is too long to edit here; {key} opens all of it in $EDITOR.")

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text is outside text."""
        event.prevent_default()
        event.stop()
        if self._whole is not None:
            self._tell_too_long()
        if self.read_only or _is_too_much(self, event.text, LONGEST_SHOWN - len(self.text)):
            return
        if not self._codec.holds(event.text):
            self._choose_codec_again(event.text)
        pasted = self._codec.encode(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        result = self.replace(pasted, *self.selection, maintain_selection_offset=False)
        self.move_cursor(result.end_location)
        self.focus()

    def _choose_codec_again(self, incoming: str) -> None:
        value, cursor = self.value, self.cursor_location
        self._codec = EditorCodec(value + incoming)
        self.load_text(self._codec.encode(value))
        self.move_cursor(cursor)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Tell a person's edits from loading."""
        event.stop()
        if self.text != self._loaded:
            self._loaded = self.text
            self.post_message(self.Typed(self))

    def on_blur(self) -> None:
        """Leaving the field writes it."""
        self.post_message(self.Left(self))

    def action_copy(self) -> None:
        """Copy the selection as it is stored, not as it is drawn."""
        if self.selected_text:
            self.app.copy_to_clipboard(self._codec.decode(self.selected_text))


class Field(Input):
    """A one-line input whose value never holds a control."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("field")]
    DEFAULT_CSS = """
    Field {
        border: none; border-left: outer $secondary;
        height: 1; padding: 0 1 0 0; background: $panel;
    }
    Field:focus { border: none; border-left: outer $primary; }
    Field > .input--placeholder { color: $text-muted; }
    """

    # A longer text leaves the field as large as it was: Textual's own would lay out the whole
    # screen at each letter.
    virtual_size = Reactive(Size(0, 0))

    def __init__(self, value: str = "", **options: Any) -> None:
        super().__init__(visible(value), **options)
        self.cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text is outside text, and goes on one line."""
        event.prevent_default()
        event.stop()
        if not _is_too_much(self, event.text, LONGEST_LINE):
            self.insert_text_at_cursor(" ".join(visible(event.text).split("\n")).strip())


def _is_too_much(field: Widget, pasted: str, room: int) -> bool:
    """Whether a paste is no text for a field: told, and nothing of it taken. A part of it would be
    a text that nobody wrote."""
    if len(pasted) <= room:
        return False
    cast("BaseApp", field.app).tell(
        f"What was pasted has {len(pasted):,} characters, and there is room for {max(room, 0):,}: "
        "nothing of it was taken. Bring in a long text as a file.",
        bad=True,
    )
    return True
