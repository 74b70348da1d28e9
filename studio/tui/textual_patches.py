"""Everything that stands on Textual's private names, each with the reason beside it.

The version of Textual is pinned for their sake. A test looks whether the names are there, and that
no other module of the screens touches any.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from rich.control import Control
from rich.text import Text
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.app import App
from textual.cache import FIFOCache, LRUCache
from textual.css.model import SelectorType
from textual.css.stylesheet import Stylesheet
from textual.drivers import linux_driver
from textual.events import Paste
from textual.geometry import Region
from textual.keys import _character_to_key
from textual.strip import Strip
from textual.widget import Widget
from textual.worker import WorkerFailed

from studio.crash import last_words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.segment import Segment
    from textual.content import Content
    from textual.css.model import RuleSet
    from textual.css.styles import RulesMap
    from textual.dom import DOMNode
    from textual.driver import Driver
    from textual.message import Message
    from textual.screen import Screen

SHEETS = 4_096
"""Sheets whose rules are remembered: each widget class has one of its own."""
PLACES = 1_024
"""Places on the screen, of parts with the same names, whose styles are remembered."""

OF_A_PART = {"hover", "focus", "blur", "can-focus", "disabled", "enabled"}
"""What rules can ask of a part whatever else is there."""
OF_THE_PROGRAM = {"dark", "light", "inline", "ansi", "nocolor"}
"""What is so for all parts."""


State = tuple[frozenset[str], tuple[Hashable, ...]]
"""What rules can ask of a part: its names, and what holds for it by itself."""
MARK = {SelectorType.CLASS: ".", SelectorType.ID: "#"}
"""What stands before a name in a style sheet."""


class Candidates:
    """The rules that may hold for parts with the same names, and which styles came of them."""

    def __init__(self, rules: tuple[RuleSet, ...]) -> None:
        pseudo_classes = frozenset[str]().union(*(rule.pseudo_classes for rule in rules))
        self.asks = bool(pseudo_classes)
        """Whether it counts what holds for a part by itself, beside its names."""
        self.hover = "hover" in pseudo_classes
        self.by_order = not pseudo_classes <= OF_A_PART | OF_THE_PROGRAM
        """Whether it also counts what else is there; nothing is remembered then."""
        self.names = {".-textual-system"} | {
            MARK.get(one.type, "") + one.name
            for rule in rules
            for chosen in rule.selector_set
            for one in chosen.selectors
        }
        """All names that they ask for, in a part and in what it stands in."""
        self.styles: LRUCache[Hashable, tuple[RulesMap, RulesMap]] = LRUCache(PLACES)
        """Place → the styles as the rules say them, and as a part has them then."""

    def place(self, path: tuple[State, ...]) -> Hashable:
        """What they can tell of a part, by what it is and stands in: many parts look the same."""
        names, asks = self.names, self.asks
        return tuple((own & names, holds if asks else ()) for own, holds in path)


class ParsedOnce(Stylesheet):
    """A stylesheet that parses a rule once in each theme, for all programs of the process, and
    looks once which rules hold in a place.

    Textual 8.2 reads every style sheet of the program anew whenever a screen is shown for the first
    time, twice: 40 ms of processor time for each pane. At each change of the focus it compares all
    parts of the screen with all rules, and sets each of their styles anew: half of what a key cost.
    """

    _parsed: ClassVar[dict[frozenset[tuple[str, str]], LRUCache[Any, Any]]] = {}
    """Variables (the theme) → rules by sheet. Textual's own cache holds 64: fewer than there are
    sheets."""
    _of_rules: ClassVar[LRUCache[tuple[RuleSet, ...], Candidates]] = LRUCache(SHEETS)

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._by_names: dict[frozenset[str], Candidates] = {}
        self._positions: dict[RuleSet, int] = {}
        self._states: dict[DOMNode, State] | None = None
        self._paths: WeakKeyDictionary[DOMNode, tuple[State, ...]] = WeakKeyDictionary()
        """What was to tell of a part when the styles of what it draws in it were set."""
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

    def parse(self) -> None:
        """Take in what was added; which rules have which names is to be found anew."""
        super().parse()
        self._by_names = {}
        self._paths.clear()
        self._positions = {rule: position for position, rule in enumerate(self._rules)}

    def apply(
        self,
        node: DOMNode,
        *,
        animate: bool = False,
        cache: dict[tuple[Any, ...], RulesMap] | None = None,
    ) -> None:
        """Textual's way, once for each place; after that, what came of it."""
        candidates = self._candidates(node)
        if candidates.by_order:
            # What a rule asks of the order in which things stand may change without their place.
            self._paths.pop(node, None)
            if node.parent is not None:
                self._paths.pop(node.parent, None)
            super().apply(node, animate=animate, cache=cache)
            return
        path = tuple(map(self._state, node.css_path_nodes))
        place = candidates.place(path)
        known = candidates.styles.get(place)
        if known is None:
            found: dict[tuple[Any, ...], RulesMap] = {}
            self._paths[node] = path
            super().apply(node, animate=animate, cache=found)
            if found and not (animate and self._animates(node)):
                candidates.styles[place] = (found.popitem()[1], node.styles.base.get_rules())
            return
        node._has_hover_style = candidates.hover
        node._has_focus_within = node._has_order_style = node._has_odd_or_even = False
        self._set_styles(node, *known, animate=animate)
        if self._paths.get(node) != path:
            self._paths[node] = path
            self._process_component_classes(node)

    def update_nodes(self, nodes: Iterable[DOMNode], animate: bool = False) -> None:
        """Textual's way; meanwhile no part changes."""
        self._states = {}
        try:
            super().update_nodes(nodes, animate)
        finally:
            self._states = None

    def _state(self, node: DOMNode) -> State:
        """All that rules can ask of a part by itself."""
        if self._states is None:
            return _state_of(node)
        if (state := self._states.get(node)) is None:
            state = self._states[node] = _state_of(node)
        return state

    def _set_styles(
        self, node: DOMNode, rules: RulesMap, settled: RulesMap, *, animate: bool
    ) -> None:
        """Give a part its styles, with no more work than it takes."""
        base = node.styles.base
        if not (base._rules or animate or node._is_mounted):
            base.merge_rules(settled)
        elif base._rules != settled or (animate and self._animates(node)):
            self.replace_rules(node, rules, animate=animate)
            return
        node.notify_style_update()

    @staticmethod
    def _animates(node: DOMNode) -> bool:
        animator = node.app.animator
        return bool(animator._animations or animator._scheduled)

    def _candidates(self, node: DOMNode) -> Candidates:
        positions = self._positions if self.rules else {}
        rules_map = self.rules_map
        names = frozenset(rules_map.keys() & node._selector_names)
        if (found := self._by_names.get(names)) is None:
            rules = {rule for name in names for rule in rules_map[name]}
            ordered = tuple(sorted(rules, key=positions.__getitem__))
            if (found := self._of_rules.get(ordered)) is None:
                found = self._of_rules[ordered] = Candidates(ordered)
            self._by_names[names] = found
        return found


def _state_of(node: DOMNode) -> State:
    names = {f"#{node.id}", *node._css_type_names, *(f".{name}" for name in node._classes)}
    holds: tuple[Hashable, ...] = ()
    if isinstance(node, Widget):
        holds = (node.mouse_hover, node.has_focus, node.allow_focus(), node.disabled)
    elif isinstance(node, App):
        holds = tuple(is_so(node) for is_so in node._PSEUDO_CLASSES.values())
    return frozenset(names), holds


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


CACHES = {
    "_divide_cache": 4,
    "_crop_cache": 16,
    "_style_cache": 16,
    "_filter_cache": 4,
    "_line_length_cache": 4,
    "_crop_extend_cache": 4,
    "_offsets_cache": 4,
}
"""What a line of a widget remembers → how many results."""


def _begin_strip(self: Strip, segments: Iterable[Segment], cell_length: int | None = None) -> None:
    """A line without its caches: Textual makes seven for each, and most are never asked.

    Fourteen objects for each piece of each line were a sixth of the processor time of a screen.
    """
    self._segments, self._cell_length = list(segments), cell_length
    self._render_cache = self._link_ids = self._cell_count = None


def _cache_of_strip(self: Strip, name: str) -> FIFOCache[Any, Any]:
    """A cache, when it is first asked."""
    if name not in CACHES:
        raise AttributeError(name)
    cache: FIFOCache[Any, Any] = FIFOCache(CACHES[name])
    setattr(self, name, cache)
    return cache


Strip.__init__ = _begin_strip  # type: ignore[method-assign]
Strip.__getattr__ = _cache_of_strip  # type: ignore[attr-defined]


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
