"""What lists of rows share: a cursor, the keys and clicks that move it, and how it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.reactive import reactive
from textual.scroll_view import ScrollView

from studio.tui.actions import bindings
from studio.tui.widgets.beside import go_beside


class CursorList(ScrollView, can_focus=True):
    """Rows with a cursor. Keys come from the registry's ``list`` scope."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--title",
        "rows--cursor",
        "rows--cursor-blurred",
        "rows--muted",
        "rows--good",
        "rows--bad",
        "rows--warn",
    }
    DEFAULT_CSS = """
    CursorList {
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & > .rows--title { color: $text-muted; }
        & > .rows--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        & > .rows--cursor-blurred {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
        }
        & > .rows--muted { color: $text-muted; }
        & > .rows--good { color: $success; }
        & > .rows--bad { color: $error; }
        & > .rows--warn { color: $warning; }
    }
    """

    cursor = reactive(0)

    heading = 1
    """Lines above the rows that stay in place."""

    if TYPE_CHECKING:

        @property
        def length(self) -> int:
            """How many rows there are."""

        def tell_chosen(self) -> None:
            """Say that the row under the cursor is meant."""

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(cursor, self.length - 1))

    def action_down(self) -> None:
        """Next row."""
        self.cursor += 1

    def action_up(self) -> None:
        """Row before."""
        self.cursor -= 1

    def action_first(self) -> None:
        """First row."""
        self.cursor = 0

    def action_last(self) -> None:
        """Last row."""
        self.cursor = self.length - 1

    def action_page_down(self) -> None:
        """One screen down."""
        self.cursor += max(self.size.height - self.heading - 1, 1)

    def action_page_up(self) -> None:
        """One screen up."""
        self.cursor -= max(self.size.height - self.heading - 1, 1)

    def action_left(self) -> None:
        """The list or text to the left."""
        go_beside(self, -1)

    def action_right(self) -> None:
        """The list or text to the right."""
        go_beside(self, 1)

    def action_choose(self) -> None:
        """Tell the screen that the row is meant."""
        if self.length:
            self.tell_chosen()

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses."""
        place = event.y + int(self.scroll_offset.y) - self.heading
        if event.y >= self.heading and 0 <= place < self.length:
            self.cursor = place
            if event.chain == 2:
                self.action_choose()
