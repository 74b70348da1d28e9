"""Everything that stands on Textual's private names, each with the reason beside it.

The version of Textual is pinned for their sake. A test looks whether the names are there, and that
no other module of the screens touches any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from rich.control import Control
from rich.text import Text
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.app import App
from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet
from textual.drivers import linux_driver
from textual.events import Paste
from textual.geometry import Region
from textual.keys import _character_to_key
from textual.worker import WorkerFailed

from studio.crash import last_words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from textual.content import Content
    from textual.driver import Driver
    from textual.message import Message
    from textual.screen import Screen
    from textual.strip import Strip
    from textual.widget import Widget

SHEETS = 4_096
"""Sheets whose rules are remembered: each widget class has one of its own."""


class ParsedOnce(Stylesheet):
    """A stylesheet that parses a rule once in each theme, for all programs of the process.

    Textual 8.2 reads every style sheet of the program anew whenever a screen is shown for the first
    time, twice: 40 ms of processor time for each pane.
    """

    _parsed: ClassVar[dict[frozenset[tuple[str, str]], LRUCache[Any, Any]]] = {}
    """Variables (the theme) → rules by sheet. Textual's own cache holds 64: fewer than there are
    sheets."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._parse_cache = self._parsed_with(self._variables)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take the theme's variables; the same ones change nothing."""
        # Textual empties the cache each time, and asks nobody what has changed.
        if variables != self._variables:
            self._parse_cache = LRUCache(1)
            super().set_variables(variables)
            self._parse_cache = self._parsed_with(variables)

    @classmethod
    def _parsed_with(cls, variables: dict[str, str]) -> LRUCache[Any, Any]:
        return cls._parsed.setdefault(frozenset(variables.items()), LRUCache(SHEETS))

    def reparse(self) -> None:
        """Take in what was added or, with other variables, everything."""
        self.parse()


class Painted:
    """What stands on the terminal, by line and first cell."""

    def __init__(self) -> None:
        self._lines: dict[int, dict[int, tuple[int, str]]] = {}

    def forget(self) -> None:
        """All is drawn anew, or something else has drawn on the terminal."""
        self._lines.clear()

    def is_new(self, y: int, x: int, end: int, sequence: str) -> bool:
        """Whether these cells show something else; remembers it."""
        line = self._lines.setdefault(y, {})
        if line.get(x) == (end, sequence):
            return False
        for start, (other, _) in list(line.items()):
            if start < end and other > x:
                del line[start]
        line[x] = (end, sequence)
        return True


class Changes(CompositorUpdate):
    """A partial update without what stands there already.

    Over a slow link every byte of a repaint is waited for. Textual draws each part anew that says
    it may look different, and sends all of it; here each piece is compared with what was sent to
    the same cells before. The compositor's update is the one place where a piece and its cells are
    known, and it has no public name.
    """

    def __init__(self, update: ChopsUpdate, painted: Painted) -> None:
        self._update = update
        self._painted = painted

    def render_segments(self, console: Console) -> str:
        """The escape sequences; this is called only when they are written at once."""
        sequences: list[str] = []
        for y, x, end, strip in self._pieces():
            sequence = strip.render(console)
            if self._painted.is_new(y, x, end, sequence):
                sequences += (Control.move_to(x, y).segment.text, sequence)
        return "".join(sequences)

    def _pieces(self) -> Iterator[tuple[int, int, int, Strip]]:
        """Line, first cell, end and content of every piece that the update asks for."""
        update = self._update
        for y, first, last in update.spans:
            pieces = zip(update.chop_ends[y], update.chops[y].items(), strict=False)
            for end, (x, strip) in pieces:
                if strip is None or x > last or end <= first:
                    continue
                shown = min(end, last)
                yield y, x, shown, strip if shown == end else strip.crop(0, shown - x)


class QuickPaste(XTermParser):
    """A parser that takes what is pasted as one piece.

    Textual's reads it letter by letter, each through a generator: nine seconds and 250 MB for 5 MB,
    while no key is answered.
    """

    _pasted: list[str] | None = None
    """The pieces of a paste that has begun."""

    def feed(self, data: str) -> Iterator[Message]:
        """The events of what the terminal sent; nothing ends the stream."""
        if not data:
            yield from super().feed(data)
        while data:
            if self._pasted is None:
                keys, start, data = data.partition(BRACKETED_PASTE_START)
                if keys:
                    yield from super().feed(keys)
                self._pasted = [] if start else None
                continue
            # The end may come in two pieces.
            held = self._pasted.pop() if self._pasted else ""
            inside, end, data = (held + data).partition(BRACKETED_PASTE_END)
            cut = max(len(inside) - len(BRACKETED_PASTE_END), 0)
            self._pasted += [inside] if end else [inside[:cut], inside[cut:]]
            if end:
                text, self._pasted = "".join(self._pasted), None
                yield Paste(text.replace("\0", ""))


linux_driver.XTermParser = QuickPaste  # type: ignore[attr-defined]


class PatchedApp(App[int]):
    """Textual's program with what it keeps to itself and the studio needs."""

    def __init__(self) -> None:
        super().__init__()
        self.stylesheet = ParsedOnce(variables=self.get_css_variables())
        self._painted = Painted()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Textual's way to the terminal, without what stands there already."""
        changes: Any = renderable
        if isinstance(renderable, ChopsUpdate):
            changes = Changes(renderable, self._painted)
        elif renderable is not None:
            self._painted.forget()
        super()._display(screen, changes)

    def _fatal_error(self) -> None:
        """Nobody has caught an error: end with a sentence. Textual would print a traceback with
        the values of all local names, a key among them."""
        error: BaseException = self._exception or RuntimeError("no reason was given")
        self.panic(Text(self.last_words(error.error if isinstance(error, WorkerFailed) else error)))

    def last_words(self, error: BaseException) -> str:
        """What is told of it; before that, what can be saved is."""
        return last_words(error)

    @property
    def terminal(self) -> Driver | None:
        """What writes to the terminal; None before the start. Titles and OSC 52 have no other way,
        and only it knows whether there is a shell behind to go back to."""
        return self._driver

    def screens_of(self, mode: str) -> list[Screen[Any]]:
        """The screens of a pane, from the bottom; none of a pane that was never shown. Textual
        tells those of the pane in front alone."""
        return self._screen_stacks.get(mode, [])

    def every_screen(self) -> Iterator[Screen[Any]]:
        """All screens of all panes that were shown."""
        for stack in list(self._screen_stacks.values()):
            yield from list(stack)

    def remember_copied(self, text: str) -> None:
        """What ``clipboard`` then gives back. Textual's way to say it writes OSC 52 at once, which
        tmux may not let through and a page does not read."""
        self._clipboard = text


def is_stopped(message: Message) -> bool:
    """Whether a message goes no further. Textual lets it be stopped, but not asked."""
    return message._stop_propagation


def key_of(character: str) -> str:
    """The key that types a character, such as ``question_mark``.

    Bindings do the same, but for a comma and a space.
    """
    return _character_to_key(character)


def put_title(widget: Widget, title: Content) -> None:
    """Another title on a border, and that line alone drawn anew.

    ``border_title`` draws all that is inside anew, for the one line above it.
    """
    widget._border_title = title.expand_tabs(4).split()[0]
    left, top = widget.content_offset
    widget.refresh(Region(-left, -top, widget.outer_size.width, 1))
