"""$EDITOR and $PAGER: the text goes out and comes back exactly, and no edit is lost."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from studio.project import Project
from studio.records import StudioError
from studio.tui import own_programs
from studio.tui.app import StudioApp
from studio.tui.widgets.editor import Editor
from tests.support.hostile import HOSTILE
from tests.support.waiting import quiet


def program(tmp_path: Path, body: str) -> str:
    """A shell script as somebody's editor."""
    file = tmp_path / "program"
    file.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    file.chmod(0o755)
    return str(file)


TEXTS = {**HOSTILE, "newlines": "a\r\nb\rc\n\n", "empty": "", "one newline": "\n", "tab": "\ta"}


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_an_untouched_text_comes_back_exactly(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    assert own_programs.edited(text) == text
    assert own_programs.left_behind() == []


def test_the_file_is_the_person_s_alone_and_outside_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", program(tmp_path, 'ls -ld "$1" "$(dirname "$1")" > "$1"'))
    told = own_programs.edited("x")
    assert sorted(line[:10] for line in told.splitlines()) == ["-rw-------", "drwx------"]


def test_visual_comes_before_editor_and_may_have_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = program(tmp_path, 'echo "$1" > "$2"')
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("VISUAL", f"{script} --wait")
    assert own_programs.edited("x") == "--wait"


def test_a_crash_keeps_the_edit_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", program(tmp_path, 'echo "two hours of work" > "$1"; kill -9 $$'))
    with pytest.raises(StudioError, match="it is kept in") as caught:
        own_programs.edited("before")
    (kept,) = own_programs.left_behind()
    assert str(kept) in str(caught.value)
    assert kept.read_text() == "two hours of work\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_crash_without_an_edit_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "false")
    with pytest.raises(StudioError, match="the text is as it was"):
        own_programs.edited("before")
    assert own_programs.left_behind() == []


def test_what_is_no_utf_8_is_kept_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", program(tmp_path, "printf 'caf\\351' > \"$1\""))
    with pytest.raises(StudioError, match="no UTF-8"):
        own_programs.edited("before")
    assert own_programs.left_behind()[0].read_bytes() == b"caf\xe9"


@pytest.mark.parametrize(
    ("command", "sentence"), [("no-such-editor", "cannot be started"), ("'", "is no command")]
)
def test_an_editor_that_does_not_start_is_named(
    command: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", command)
    with pytest.raises(StudioError, match=sentence):
        own_programs.edited("before")
    assert own_programs.left_behind() == []


def test_the_pager_gets_harmless_text_in_secure_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("LESS", "-R")
    monkeypatch.setenv("LESSOPEN", "|evil %s")
    monkeypatch.setenv(
        "PAGER", program(tmp_path, f'{{ cat "$1"; echo "$LESSSECURE $LESS $LESSOPEN"; }} > {seen}')
    )
    own_programs.paged("\x1b[31mred\x1b[0m \x9b5m \u202egnp 汉字")
    shown = seen.read_text("utf-8")
    assert "␛[31mred␛[0m ␦5m ⇠gnp 汉字" in shown
    assert "1 -M --tilde \n" in shown
    assert "\x1b" not in shown


async def test_f4_edits_the_field_and_the_edit_is_stored(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", program(tmp_path, "printf 'from outside 税\\001' > \"$1\""))
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("e", "f4")
        await app.workers.wait_for_complete()
        await quiet(pilot)
        editor = app.screen.query_one("#query", Editor)
        assert editor.value == "from outside 税\x01"
        assert project.store.examples.all()[0].query == "from outside 税\x01"
        await pilot.press("ctrl+z")
        assert editor.value == "can i write off the spare room i work in"


async def test_f4_outside_a_field_says_what_to_do(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f4")
        assert "text field first" in [one.text for one in app.said][-1]


async def test_a_failing_editor_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "no-such-editor")
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("e", "f4")
        await app.workers.wait_for_complete()
        assert "no-such-editor cannot be started" in [one.text for one in app.said][-1]


async def test_f3_reads_list_field_and_text(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("PAGER", program(tmp_path, f'cat "$1" > {seen}'))
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f3")
        await app.workers.wait_for_complete()
        assert "网上买的衣服不合适能退吗" in seen.read_text("utf-8")
        await pilot.press("e", "f3")
        await app.workers.wait_for_complete()
        assert seen.read_text("utf-8") == "can i write off the spare room i work in\n"


async def test_an_edit_that_a_crash_left_is_named_at_the_next_start(project: Project) -> None:
    kept = own_programs.keep("half a sentence")
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(100, 30)):
        assert str(kept) in [one.text for one in app.said][-1]
