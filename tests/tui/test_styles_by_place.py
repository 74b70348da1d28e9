"""Styles that are remembered are those that Textual would find by looking at all rules again."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from textual.app import ComposeResult
from textual.containers import Container
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets import Input

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.textual_patches import ParsedOnce, PatchedApp
from studio.tui.widgets.text_pane import Section
from tests.support.waiting import quiet

KEYS = ("1", "slash", "a", "escape", "2", "f2", "3", "question_mark", "escape", "5", "8", "1", "e")


def styles_of(app: StudioApp) -> dict[DOMNode, tuple[Any, ...]]:
    """All parts that there are, with their styles and those of what is in them."""
    return {
        node: (
            node.styles.base.get_rules(),
            {name: one.base.get_rules() for name, one in node._component_styles.items()},
            node._has_hover_style,
            node._has_focus_within,
            node._has_order_style,
            node._has_odd_or_even,
        )
        for screen in (app.screen, app.screen_stack[0])
        for node in screen.walk_children(with_self=True)
    }


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_after_each_key_all_styles_are_what_textual_finds(
    project: Project, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = StudioApp(project, screen="home")
    async with app.run_test(size=size) as pilot:
        for key in KEYS:
            await pilot.press(key)
            await quiet(pilot)
            ours = styles_of(app)
            with monkeypatch.context() as patch:
                patch.setattr(ParsedOnce, "apply", Stylesheet.apply)
                for node in ours:
                    app.stylesheet.apply(node)
            assert styles_of(app) == ours, key


class Inked(Widget):
    COMPONENT_CLASSES: ClassVar[set[str]] = {"inked--word"}


class InkedWhileFocused(PatchedApp):
    """The rules of a part ask nothing of what else is there, but those of what is in it do."""

    CSS = """
    Inked > .inked--word { color: red; }
    Container:focus-within Inked > .inked--word { color: blue; }
    """

    def compose(self) -> ComposeResult:
        with Container():
            yield Inked()
            yield Input()


async def test_a_part_s_ink_follows_the_focus_beside_it() -> None:
    app = InkedWhileFocused()
    async with app.run_test() as pilot:
        seen = []
        for focused in (app.query_one(Input), None, app.query_one(Input)):
            app.screen.set_focus(focused)
            await pilot.pause()
            app.stylesheet.update(app.screen)
            ink = app.query_one(Inked).get_component_styles("inked--word").color
            seen.append(ink.hex)
        assert seen == ["#0000FF", "#FF0000", "#0000FF"]


async def test_a_second_visit_compares_nothing_with_rules(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("8", "1", "slash", "escape", "slash", "escape")
        await quiet(pilot)
        looked: list[type] = []
        textual = Stylesheet._check_rule.__func__  # type: ignore[attr-defined]

        def noted(cls: type, rule: Any, nodes: list[DOMNode]) -> Any:
            looked.append(type(nodes[-1]))
            return textual(cls, rule, nodes)

        monkeypatch.setattr(Stylesheet, "_check_rule", classmethod(noted))
        await pilot.press("slash", "escape")
        await quiet(pilot)
        # Their frames say whether what is in them has the keys: that is looked at each time.
        assert {kind for kind in looked if not issubclass(kind, Section)} == set()
