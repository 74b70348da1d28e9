"""Another program holds the project: keys go on, typing shows, nothing typed is lost."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import StudioError
from studio.store.db import BUSY_TIMEOUT_MS
from studio.tui import base_app
from studio.tui.app import StudioApp
from studio.tui.navigation import opened
from studio.tui.pane.plan_form import read_draft
from studio.tui.records.edit import RecordEdit
from studio.tui.widgets.form import Form
from studio.tui.write_queue import Write, WriteQueue
from tests.support import rounds
from tests.support.data import query_for
from tests.support.hostile import frame
from tests.support.waiting import quiet, until_shown

PANES = {
    "examples": ("e",),
    "prompt": ("e",),
    "generate": ("tab",),
    "review": ("e",),
    "train": ("n", "end", "up", "enter"),
    "search": ("slash",),
    "jobs": ("slash",),
}
"""Pane → the keys that lead into a text of it."""
RECORD = "is the spare room deductible"
BUILTIN = builtin("question-answering")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program writes, and does not end."""
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@contextmanager
def never_held_up() -> Iterator[None]:
    """The loop goes round all the time: nothing in it waited for the other program."""
    loop, gaps = asyncio.get_running_loop(), [0.0]

    async def tick() -> None:
        last = loop.time()
        while True:
            await asyncio.sleep(0.02)
            gaps.append(loop.time() - last)
            last = loop.time()

    task = loop.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
    assert max(gaps) < BUSY_TIMEOUT_MS / 2000


@pytest.fixture
def served(wired: Project) -> Iterator[Project]:
    """The project as the program opens it, with a record."""
    document = wired.store.documents.by_outside_id("t-1")
    assert document is not None
    wired.store.records.add([query_for(document.id, RECORD)])
    again = opened(wired.path)
    yield again
    again.close()


def shown(app: StudioApp, text: str) -> bool:
    return text in "\n".join(frame(app))


@pytest.mark.parametrize("pane", PANES)
async def test_typing_shows_in_every_pane_and_keys_go_on(served: Project, pane: str) -> None:
    app = StudioApp(served, screen=pane)
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        with held(served.store.path), never_held_up():
            await pilot.press(*PANES[pane])
            await until_shown(pilot, lambda: app.screen.focused is not None)
            await pilot.press(*"zqx")
            await until_shown(pilot, lambda: shown(app, "zqx"))
            # Out of the text, away and back: each of them writes what was typed.
            await pilot.press("escape", "escape", "f5")
            await until_shown(pilot, lambda: shown(app, "Messages"))
            await pilot.press("escape", "8")
            await until_shown(pilot, lambda: app.current_mode == "jobs")
        await until_shown(pilot, lambda: not app._writes)
        assert not app.kept
        assert [one.text for one in app.said if one.bad] == []


async def test_an_example_typed_meanwhile_is_written_when_the_other_lets_go(
    served: Project,
) -> None:
    app = StudioApp(served, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        first, second = (example.query for example in served.store.examples.all()[:2])
        with held(served.store.path), never_held_up():
            await pilot.press("e", *" one", "escape", "j", "e", *" two", "escape", "k")
            assert [e.query for e in served.store.examples.all()[:2]] == [first, second]
        await until_shown(
            pilot,
            lambda: (
                [e.query for e in served.store.examples.all()[:2]]
                == [first + " one", second + " two"]
            ),
        )
        await until_shown(pilot, lambda: shown(app, first + " one"))


async def test_a_template_and_a_plan_typed_meanwhile_are_written_later(served: Project) -> None:
    app = StudioApp(served, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        with held(served.store.path), never_held_up():
            await pilot.press("e", *"zqx", "escape", "3")
            await until_shown(pilot, lambda: app.current_mode == "generate")
            await pilot.press("tab", *"77")
            drafts = served.store.drafts
            assert (drafts.get("prompt"), drafts.get("generate")) == (None, None)
        await until_shown(pilot, lambda: "zqx" in (drafts.get("prompt") or ""))
        await until_shown(pilot, lambda: "77" in str(read_draft(drafts.get("generate")).values()))
        assert (drafts.get("prompt") or "").replace("zqx", "") == BUILTIN


async def test_an_edit_of_a_record_waits(served: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_REVIEWER", "anna")
    app = StudioApp(served, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        with held(served.store.path), never_held_up():
            await pilot.press("e", *" really", "escape")
            await until_shown(pilot, lambda: not app.screen.query_one(RecordEdit).is_open)
            assert _text(served) == RECORD
        await until_shown(pilot, lambda: _text(served) == f"{RECORD} really")
        await quiet(pilot)
        await pilot.press("u")
        await until_shown(pilot, lambda: _text(served) == RECORD)


def _text(project: Project) -> str:
    return project.store.records.page(limit=1)[0].text


async def test_deeds_are_done_in_their_order_and_the_wait_is_told(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_app, "TELL_S", 0.0)
    app = StudioApp(served, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        with held(served.store.path), never_held_up():
            await pilot.press("D", "x")
            await until_shown(pilot, lambda: any("waits for it" in one.text for one in app.said))
            assert len(served.store.examples.all()) == 3
        await until_shown(pilot, lambda: not app._writes)
        await quiet(pilot)
        assert [one.text for one in app.said][-2:] == [
            "Duplicated; e gives it another query.",
            "Taken off the list; u brings it back.",
        ]


async def test_leaving_while_the_other_writes_keeps_the_text_in_a_file(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_app, "LAST_S", 0.0)
    app = StudioApp(served, screen="examples")
    with held(served.store.path):
        async with app.run_test(size=(120, 40)) as pilot:
            await quiet(pilot)
            with never_held_up():
                await pilot.press("e", *" zqx", "escape", "q")
                await until_shown(pilot, lambda: bool(app.kept))
    assert " zqx" in app.kept[0].read_text("utf-8")


async def test_rounds_are_planned_meanwhile(tmp_path: Path) -> None:
    made = rounds.project(tmp_path / "p")
    made.close()
    project = opened(made.path)
    app = StudioApp(project, screen="rounds")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        with held(project.store.path), never_held_up():
            app.screen.query_one(Form).go_to("train_file")
            await pilot.press("enter", *"zqx")
            await until_shown(pilot, lambda: shown(app, "zqx"))
            await pilot.press("escape")
            assert "zqx" not in (project.store.drafts.get("rounds") or "")
        await until_shown(pilot, lambda: "zqx" in (project.store.drafts.get("rounds") or ""))
        assert read_draft(project.store.drafts.get("rounds"))["train_file"].endswith("zqx")
    project.close()


@pytest.mark.parametrize(
    ("pane", "kind"),
    [("jobs", "import"), ("generate", "generate"), ("train", "train"), ("rounds", "s3")],
)
async def test_a_job_that_is_told_to_stop_says_so_before_the_project_knows(
    tmp_path: Path, pane: str, kind: str
) -> None:
    made = rounds.project(tmp_path / "p")
    number = made.store.jobs.submit(kind, {"run_id": rounds.resting(made)} if kind == "s3" else {})
    made.store.jobs.claim(number, os.getpid())
    made.close()
    project = opened(made.path)
    app = StudioApp(project, screen=pane)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: shown(app, "running"))
        with held(project.store.path), never_held_up():
            await pilot.press("x")
            await until_shown(pilot, lambda: shown(app, "cancelling …"))
            await until_shown(pilot, lambda: f"{kind} cancelling" in frame(app)[0])
            assert not project.store.jobs.is_cancelled(number)
        await until_shown(pilot, lambda: project.store.jobs.is_cancelled(number))
        await until_shown(pilot, lambda: not app.job_watch.stopping)
    project.close()


@pytest.fixture
def queue() -> tuple[WriteQueue, list[tuple[str, str]]]:
    refused: list[tuple[str, str]] = []
    return WriteQueue(lambda error, typed: refused.append((str(error), typed))), refused


def test_a_later_write_of_the_same_name_takes_the_place_of_the_first(
    project: Project, queue: tuple[WriteQueue, list[tuple[str, str]]]
) -> None:
    store, done = opened(project.path).store, list[str]()
    writes, _ = queue

    def write(word: str, name: str = "") -> bool:
        return writes.do(store, Write(lambda: done.append(word), lambda _: None, name, word))

    with held(project.store.path):
        assert not any([write("a", "text"), write("b"), write("c", "text")])
        assert not done
    assert write("d")
    assert done == ["b", "c", "d"]
    store.close()


def test_what_cannot_be_written_later_is_given_back_with_its_text(
    project: Project, queue: tuple[WriteQueue, list[tuple[str, str]]]
) -> None:
    store = opened(project.path).store
    writes, refused = queue
    with held(project.store.path):
        writes.do(store, Write(_refuse, lambda _: None, typed="mine"))
    writes.go_on(store)
    assert refused == [("The disk is full.", "mine")]
    assert not writes
    store.close()


def _refuse() -> None:
    raise StudioError("The disk is full.")


def test_a_deed_of_several_writes_is_begun_once(project: Project, tmp_path: Path) -> None:
    """The second of its writes waits; the first is not done again."""
    store, begun = opened(project.path).store, list[int]()
    writes = WriteQueue(lambda error, _typed: pytest.fail(str(error)))

    def deed() -> None:
        begun.append(1)
        assert store.patience_ms > 500
        store.drafts.set("a", "1")
        store.drafts.set("b", "2")

    assert writes.do(store, Write(deed, lambda _: None))
    assert begun == [1]
    assert store.patience_ms < 500
    store.close()
