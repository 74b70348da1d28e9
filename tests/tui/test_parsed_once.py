"""Style sheets: each is parsed once for each theme, however many panes are visited."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from textual.css import stylesheet

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.textual_patches import ParsedOnce
from tests.support.waiting import quiet


async def test_a_sheet_is_parsed_once_until_the_theme_changes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other programs of this process have parsed theirs.
    monkeypatch.setattr(ParsedOnce, "_parsed", {})
    parsed: Counter[Any] = Counter()
    parse = stylesheet.parse

    def counted(scope: str, css: str, read_from: Any, **more: Any) -> Any:
        parsed[(scope, css, read_from, more["tie_breaker"])] += 1
        return parse(scope, css, read_from, **more)

    monkeypatch.setattr(stylesheet, "parse", counted)
    app = StudioApp(project, screen="home")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("1", "8", "5", "0")
        await quiet(pilot)
        assert len(parsed) > 20
        assert max(parsed.values()) == 1
        before = app.screen.styles.background
        await pilot.press("f2")
        await quiet(pilot)
        assert max(parsed.values()) == 2, "other colours are other rules"
        assert app.screen.styles.background != before
