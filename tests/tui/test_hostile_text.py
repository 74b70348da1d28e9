"""Hostile text in every place where outside text shows: no control in any frame, all aligned."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from studio.jobs import queue
from studio.project import Project
from studio.records import Document, Example, JobState
from studio.tui.app import StudioApp
from studio.tui.safe_text import BIDI
from studio.tui.screens.dialogs import AskText, Choose
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import Column, Row
from studio.tui.widgets.streams import Streams
from tests.support.openai_server import OpenAIServer
from tests.tui.conftest import use_endpoint

HOSTILE = {
    "escape": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "osc 52": "\x1b]52;c;ZXZpbA==\x07",
    "c1": "\x9b31m\x9d0;x\x9c\x85",
    "bidi": "abc\u202egnp.exe\u2066x\u2069\u200f",
    "markup": "[bold]b[/bold] [red]r[/] [/] [",
    "action": "[@click=app.quit]click[/]",
    "jinja": "{{ ''.__class__ }} {% for x in y %}",
    "nul": "a\x00b\x08c\x7f",
    "surrogate": "a\ud800b",
    "long line": "x" * 100_000,
    "right to left": "שלום עולם مرحبا",
    "combining": "e" + "\u0301" * 60,
    "han": "汉字漢字かなカナ한글",
    "emoji": "👨\u200d👩\u200d👧 ❤\ufe0f 🇫🇷 👍🏽",
    "zero width": "a\u200bb\u200dc\ufeffd\u2060e",
    "separators": "a\u2028b\u2029c\x0bd\x0ce\rf",
}


def frame(app: StudioApp) -> list[str]:
    """The lines of the screen as they go to the terminal."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


def assert_harmless(app: StudioApp) -> None:
    width = app.size.width
    for line in frame(app):
        bad = [c for c in line if unicodedata.category(c) in ("Cc", "Cs") or ord(c) in BIDI]
        assert not bad, f"{bad!r} in {line!r}"
        assert cell_len(line) == width, line


def storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


@pytest.fixture(params=HOSTILE.values(), ids=list(HOSTILE))
def hostile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def hostile_project(project: Project, hostile: str) -> Project:
    """The text as title, document, id, query, note, job message, result and log."""
    text, store = storable(hostile), project.store
    store.values.set("title", text)
    store.documents.begin_import()
    store.documents.stage([Document("id" + text[:300], text, "text " + text)])
    store.documents.commit_import()
    store.examples.add([Example("document " + text, "query " + text)])
    job_id = store.jobs.submit("generate", {"search": text})
    result = '{"gold": "x", "dropped": {"REASON": 1}, "scores": {"bm25": {"nDCG@10": 0.1}}}'
    with store.write() as conn:
        conn.execute(
            "UPDATE jobs SET state = ?, message = ?, result = ? WHERE id = ?",
            (JobState.FAILED.value, text, result, job_id),
        )
    queue.log_path(project, job_id).write_bytes(hostile.encode("utf-8", "surrogatepass"))
    return project


async def walk(pilot: Pilot[int], *keys: str) -> None:
    app = pilot.app
    assert isinstance(app, StudioApp)
    await pilot.pause(0.3)
    assert_harmless(app)
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.05)
        assert_harmless(app)


async def test_examples_pane(hostile_project: Project, hostile: str) -> None:
    app = StudioApp(hostile_project, screen="examples")
    async with app.run_test(size=(80, 24)) as pilot:
        await walk(pilot, "G", "e", "escape", "E", "escape", "slash", "enter", "G")
        kept = hostile_project.store.examples.all()[-1]
        assert kept.query == "query " + storable(hostile)


async def test_jobs_pane(hostile_project: Project) -> None:
    app = StudioApp(hostile_project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await walk(pilot, "enter", "l", "question_mark")


async def test_prompt_pane(hostile_project: Project, hostile: str) -> None:
    def say(_body: object) -> str:
        return hostile

    text = storable(hostile)
    with OpenAIServer(words=say) as server:
        use_endpoint(hostile_project, server.url)
        opened = Project.open(hostile_project.path)
        opened.store.prompts.save("x", text + " version", text)
        opened.store.drafts.set("prompt", opened.store.prompts.all()[-1].template)
        app = StudioApp(opened, screen="prompt")
        async with app.run_test(size=(100, 30)) as pilot:
            for _ in range(80):
                await pilot.pause(0.1)
                assert_harmless(app)
                states = {column.state for column in app.screen.query_one(Streams)._columns}
                if states <= {"done", "stored"} or any("too small" in state for state in states):
                    break
            # A word of 100,000 letters fits no context window, and the columns say so.
            assert server.paid.calls == 3 or len(hostile) == 100_000
            await walk(pilot, "l", "l", "v", "j", "enter", "e", "escape")
        opened.close()


async def test_notifications_and_dialogs(project: Project, hostile: str) -> None:
    app = StudioApp(project, screen="home")
    async with app.run_test(size=(80, 24)) as pilot:
        app.tell(hostile)
        app.tell(hostile, bad=True)
        await walk(pilot)
        app.push_screen(AskText(hostile, hint=hostile, value=hostile[:200]))
        await walk(pilot)
        app.push_screen(Choose(hostile, [Column(hostile)], [Row("x", (hostile,))]))
        await walk(pilot)


async def test_pasted_text(project: Project, hostile: str) -> None:
    from textual.events import Paste

    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        editor = app.screen.query_one("#query", Editor)
        editor.post_message(Paste(hostile[:2_000]))
        await walk(pilot, "escape")
        pasted = hostile[:2_000].replace("\r\n", "\n").replace("\r", "\n")
        kept = project.store.examples.all()[0].query
        assert kept == "can i write off the spare room i work in" + storable(pasted)
        await pilot.press("slash")
        app.screen.query_one("#search").post_message(Paste(hostile[:2_000]))
        await walk(pilot)


async def test_the_click_action_in_a_text_does_nothing(
    project: Project, job: Callable[..., int]
) -> None:
    job("train", JobState.FAILED, message=HOSTILE["action"] * 3)
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.2)
        await pilot.click("#facts", offset=(4, 1))
        await pilot.pause()
        assert app.is_running
        assert app._exit is False
