"""Lines of ten million characters, in every pane: keys are still answered, and nothing is cut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import Document, Example
from studio.tui.app import StudioApp
from studio.tui.widgets.text_pane import Section
from tests.support.hostile import assert_harmless, attack_record, copied, set_job
from tests.support.waiting import quiet
from tests.support.work_time import slowness

LONGEST = 10_000_000
WORDS, WORD = ("ab 汉é" * (LONGEST // 5))[:LONGEST], "x" * LONGEST
HELD_UP_S = 5.0
"""The longest that such a text may keep a key waiting, on a machine that has other work too."""


@pytest.fixture(scope="module")
def long_lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project that has them in every place."""
    home = tmp_path_factory.mktemp("long")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_DATA", str(home))
        project = Project.create(home / "long", title=WORDS)
        fill(project)
        project.close()
    return home / "long"


def fill(project: Project) -> None:
    store = project.store
    store.documents.begin_import()
    store.documents.stage(
        Document(f"d{n}", line, f"findme {line}") for n, line in enumerate((WORDS, WORD))
    )
    store.documents.stage([Document("short", "", "findme too")])
    store.documents.commit_import()
    store.examples.add([Example(f"document {WORD}", f"query {WORDS}")])
    attack_record(project, 1, WORDS)
    job = store.jobs.submit("train", {})
    set_job(project, job, state="failed", message=WORDS)
    (project.logs_dir / queue.log_path(project, job).name).write_text(WORD, "utf-8")
    store.drafts.set("prompt", builtin("question-answering"))


@pytest.mark.parametrize(
    ("pane", "keys"),
    [
        ("home", ["j", "f5", "escape"]),
        ("examples", ["e", "x", "escape", "E", "x", "escape", "slash", *"find", "enter", "escape"]),
        ("examples", ["t", "escape", "f", "x", "escape", "y", "f5", "escape"]),
        ("prompt", ["p", "l", "v", "escape", "e", "escape"]),
        ("review", ["z", "z", "z", "z", "e", "escape", "f", "u"]),
        ("jobs", ["l", "G", "g", "escape", "k"]),
    ],
)
async def test_every_key_is_answered_every_line_aligned_and_nothing_cut(
    long_lines: Path, tmp_path: Path, pane: str, keys: list[str]
) -> None:
    project = copied(long_lines, tmp_path / "long")
    app = StudioApp(project, screen=pane)
    held_up: dict[str, float] = {}
    slow = slowness()
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        for key in keys:
            async with watched(held_up, key):
                await pilot.press(key)
            assert_harmless(app)
    assert max(held_up.values()) < HELD_UP_S * slow, held_up
    example = project.store.examples.all()[0]
    assert (example.query, example.document_text) == (f"query {WORDS}", f"document {WORD}")
    assert [document.text for document in project.store.documents.all()][1] == f"findme {WORD}"
    project.close()


@asynccontextmanager
async def watched(held_up: dict[str, float], key: str) -> AsyncIterator[None]:
    """Note the longest work, in processor seconds, in which nothing could have been answered.

    Pilot's own waiting is no measure: it goes on for as long as a thread works beside the screen.
    """

    async def watch() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.02)
            held_up[key] = max(held_up.get(key, 0.0), time.thread_time() - began)

    watching = asyncio.create_task(watch())
    yield
    watching.cancel()


async def test_letters_for_a_text_too_long_to_edit_are_no_keys_of_the_pane(
    long_lines: Path, tmp_path: Path
) -> None:
    project = copied(long_lines, tmp_path / "long")
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("e", "x", "q", "8")
        assert app.current_mode == "examples"
        assert app.focused is app.screen.query_one("#query")
        said = "This text is too long to edit here; f4 opens all of it in $EDITOR."
        assert [told.text for told in app.said][-3:] == [said] * 3
    assert project.store.examples.all()[0].query == f"query {WORDS}"
    project.close()


async def test_only_the_beginning_of_a_long_query_is_counted(
    long_lines: Path, tmp_path: Path
) -> None:
    project = copied(long_lines, tmp_path / "long")
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        title = str(app.screen.query_one("#query-section", Section).border_title)
        assert title.startswith("Query · 7999+ words ▲ too long · ")
    project.close()
