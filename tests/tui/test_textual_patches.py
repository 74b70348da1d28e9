"""Textual's private names: those that the patches stand on are there, and nothing else has any."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from textual import events
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.content import Content
from textual.css.stylesheet import Stylesheet
from textual.strip import Strip
from textual.widget import Widget

import studio.tui
from studio.tui import textual_patches
from studio.tui.textual_patches import CACHES, is_stopped, key_of, put_title

PATCHED = Path(textual_patches.__file__)


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (
            App,
            ("_display", "_driver", "_screen_stacks", "_clipboard", "_exception", "_fatal_error"),
        ),
        (Stylesheet, ("_parse_cache", "_variables", "_rules", "_process_component_classes")),
        (
            Widget,
            (
                *("_selector_names", "_is_mounted", "_has_hover_style", "_has_focus_within"),
                *("_has_order_style", "_has_odd_or_even"),
            ),
        ),
        (lambda: Widget().styles.base, ("_rules",)),
        (lambda: App().animator, ("_animations", "_scheduled")),
        (lambda: events.Key("a", "a"), ("_stop_propagation",)),
        (Widget, ("_border_title",)),
        (lambda: ChopsUpdate([], [], []), ("chops", "spans", "chop_ends")),
    ],
    ids=[
        *("App", "Stylesheet", "styles of a widget", "Styles", "Animator"),
        *("Message", "Widget", "ChopsUpdate"),
    ],
)
def test_textual_has_the_names(made: Any, names: tuple[str, ...]) -> None:
    there = made()
    assert [name for name in names if not hasattr(there, name)] == []


def test_a_line_has_what_textual_gives_it() -> None:
    slots = ("_segments", "_cell_length", "_render_cache", "_link_ids", "_cell_count")
    assert {*Strip.__slots__} == {*slots, *CACHES}
    code = (
        "from textual.strip import Strip; made = Strip([]);"
        f"print({{name: getattr(made, name)._maxsize for name in {[*CACHES]}}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert ast.literal_eval(done.stdout.decode()) == CACHES
    assert not hasattr(Strip([]), "_no_cache")


def test_the_way_to_the_terminal_takes_what_it_took() -> None:
    assert list(inspect.signature(App._display).parameters) == ["self", "screen", "renderable"]


def test_a_stopped_message_says_so() -> None:
    key = events.Key("a", "a")
    assert not is_stopped(key)
    key.stop()
    assert is_stopped(key)


@pytest.mark.parametrize(
    ("character", "key"), [("?", "question_mark"), (",", "comma"), (" ", "space"), ("ä", "ä")]
)
def test_a_character_has_a_key(character: str, key: str) -> None:
    assert key_of(character) == key


async def test_a_title_is_what_textual_would_show() -> None:
    app = App[None]()
    async with app.run_test():
        ours, theirs = Widget(), Widget()
        await app.mount(ours, theirs)
        title = Content("two\nlines")
        put_title(ours, title)
        theirs.border_title = title
        assert ours.border_title == theirs.border_title == "two"


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(studio.tui.__path__, "studio.tui."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            if Path(str(module.__file__)) != PATCHED:
                yield module


@cache
def private_names(base: type) -> set[str]:
    """What one of Textual's classes keeps to itself: methods and what they put on ``self``."""
    return set(re.findall(r"(?:self\.|def |^    )(_[a-z]\w*)", inspect.getsource(base), re.M))


def touched(module: ModuleType) -> Iterator[str]:
    """Private names of Textual that a module calls, overrides, imports, or takes for its own."""
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual"):
            whole = [f"{node.module}.{one.name}" for one in node.names]
            yield from (name for name in whole if "._" in name)
        elif isinstance(node, ast.ClassDef) and hasattr(module, node.name):
            bases = getattr(module, node.name).__mro__
            ours = [one for one in bases if re.match(r"textual\b", one.__module__)]
            theirs = set().union(*map(private_names, ours))
            for part in ast.walk(node):
                name = getattr(part, "attr", getattr(part, "name", ""))
                if name in theirs and not _is_of_another(part):
                    yield f"{node.name}: {name}"
        elif isinstance(node, ast.Attribute) and _is_of_another(node):
            whole = ast.unparse(node)
            yield from (name for name in [whole] if re.search(r"\._[a-z]\w*$", name))


def _is_of_another(node: ast.AST) -> bool:
    """``one._name``, where ``one`` is a name and not ``self``."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Name | ast.Attribute) and ast.unparse(value) not in ("self", "cls")


def test_no_other_module_touches_private_names_of_textual() -> None:
    found = {module.__name__: sorted(set(touched(module))) for module in modules()}
    found.pop("studio.tui.page.server", None)  # textual-serve, a program of its own
    assert {name: names for name, names in found.items() if names not in ([], ["os._exit"])} == {}


def test_the_search_for_private_names_finds_them() -> None:
    found = set(touched(textual_patches))
    assert {"PatchedApp: _display", "PatchedApp: _driver", "ParsedOnce: _parse_cache"} <= found
    assert {"message._stop_propagation", "textual.keys._character_to_key"} <= found
    assert "textual._compositor.ChopsUpdate" in found
