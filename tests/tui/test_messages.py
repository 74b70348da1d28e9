"""What was told stays: in a list of the session, and in a log without keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.dialogs.messages import Messages
from studio.tui.message_log import LONGEST_LOG, MessageLog
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane
from tests.support.hostile import HOSTILE, assert_harmless


async def test_f5_lists_what_was_told_with_errors_marked(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        app.tell("all is well 税务")
        app.tell("The endpoint does not answer. " * 40, bad=True)
        await pilot.press("f5")
        await pilot.pause()
        rows = app.screen.query_one(RowList).rows
        assert [row.cells[1] for row in rows] == ["✗", "·"]
        whole = app.screen.query_one(TextPane).plain
        assert whole.count("does not answer") == 40
        assert "error" in whole
        await pilot.press("j")
        await pilot.pause()
        assert "all is well 税务" in app.screen.query_one(TextPane).plain
        await pilot.press("y", "escape")
        assert not isinstance(app.screen, Messages)
        assert app.clipboard == "all is well 税务"


async def test_without_messages_it_says_what_the_list_is_for(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f5")
        assert "Nothing was told yet" in app.screen.query_one(RowList).empty
        await pilot.press("f5")
        assert not isinstance(app.screen, Messages)


async def test_textual_s_own_notifications_are_kept_too(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)):
        app.notify("from a widget", severity="error")
        assert [(one.text, one.bad) for one in app.said] == [("from a widget", True)]


async def test_hostile_messages_are_harmless(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        for text in HOSTILE.values():
            app.tell(text[:5_000], bad=True)
        await pilot.press("f5")
        for _ in HOSTILE:
            await pilot.press("j")
            await pilot.pause()
            assert_harmless(app)
    log = (project.path / "logs" / "studio.log").read_text("utf-8")
    assert all(line.isprintable() for line in log.splitlines())


async def test_an_error_stays_in_sight_for_ten_seconds(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        app.tell("no", bad=True)
        await pilot.pause()
        assert next(iter(app._notifications)).timeout >= 10


def test_the_log_holds_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "very-secret-value")
    said = MessageLog(lambda: tmp_path / "studio.log")
    said.add("401 for Bearer abcdef0123456789 and sk-proj-abcdef0123456789 and very-secret-value")
    log = said.file.read_text("utf-8")
    assert log.count("•••") == 3
    assert "abcdef" not in log
    assert "very-secret" not in log
    assert "very-secret" not in next(iter(said)).text


def test_a_long_log_begins_anew_and_the_older_one_is_kept(tmp_path: Path) -> None:
    said = MessageLog(lambda: tmp_path / "studio.log")
    said.file.write_text("x" * (LONGEST_LOG + 1))
    said.add("fresh")
    assert said.file.stat().st_size < 100
    assert (tmp_path / "studio.log.1").stat().st_size > LONGEST_LOG


def test_a_log_that_cannot_be_written_loses_no_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = MessageLog(lambda: tmp_path / "file" / "studio.log")
    said.add("kept")
    assert [one.text for one in said] == ["kept"]
