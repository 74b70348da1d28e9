"""A set of templates on the screens: its members in Prompt, what each has written in Review."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from studio.jobs import runs
from studio.jobs.plans import run_row
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.tui.app import StudioApp
from studio.tui.generate import words as generate_words
from studio.tui.jobs import outcome
from studio.tui.prompt.template import TemplatePart
from studio.tui.records.filter_dialog import FilterDialog
from studio.tui.records.table import RecordTable
from tests.support.claimed import claimed
from tests.support.prompt_pane import settled, streams
from tests.support.waiting import quiet, until_shown

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


@pytest.fixture
def wired_set(wired: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose prompt is the bundled set."""
    monkeypatch.setenv("STUDIO_REVIEWER", "anna")
    wired.store.prompts.save("x", builtin("query-types"), "four kinds")
    return wired


@pytest.fixture
def written(wired_set: Project) -> Project:
    """The same after a run of two queries for each document."""
    # One at a time: in the order in which they are asked they come in, too.
    row = run_row(wired_set, queries_per_document=2, max_concurrency=1)
    runs.run(claimed(wired_set, "generate", **row))
    with wired_set.store.write() as conn:
        conn.execute("UPDATE jobs SET state = 'done', pid = NULL")
    return wired_set


def head(app: StudioApp) -> str:
    return str(app.screen.query_one("#sides", Static).render())


async def next_member(pilot: Pilot[int], name: str) -> None:
    await pilot.press("s")
    await until_shown(pilot, lambda: f"▸ {name}" in head(pilot.app))  # type: ignore[arg-type]
    await settled(pilot)


async def test_s_goes_through_the_members_and_their_shares_are_edited_where_they_stand(
    wired_set: Project,
) -> None:
    app = StudioApp(wired_set, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "Set  ▸ questions 40%  keywords 20%  claims 20%  titles 20%" in head(app)
        await next_member(pilot, "keywords")
        planned = streams(app).cells[0].planned
        assert planned is not None
        assert "search\nbox" in planned.request.messages[-1].content
        # The cursor stands behind the member's share.
        await pilot.press("e", "backspace", "6", "escape")
        await until_shown(pilot, lambda: "keywords 60%" in head(app))
        assert "questions 20%" in head(app)
        text = app.screen.query_one(TemplatePart).text
        assert text.count("=== share 6\n") == 1
        await pilot.press("ctrl+s", *"more keywords", "enter")
        await until_shown(pilot, lambda: len(wired_set.store.prompts.own()) == 3)
        assert wired_set.store.prompts.own()[0].template == text


async def test_review_shows_who_wrote_a_query_and_shows_one_kind_alone(written: Project) -> None:
    app = StudioApp(written, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        table = app.screen.query_one(RecordTable)
        assert "query type" in [column.title for column in table.columns]
        assert table.window is not None
        assert {row.query_type for row in table.window.at(0, 50)} <= {
            "questions", "keywords", "claims", "titles",
        }  # fmt: skip
        await pilot.press("d")
        await until_shown(pilot, lambda: isinstance(app.screen, FilterDialog))
        await quiet(pilot)
        await pilot.press("j", "j", "right", "enter")
        await until_shown(pilot, lambda: table.view.prompt_id is not None)
        await quiet(pilot)
        assert table.window is not None
        assert len({row.query_type for row in table.window.at(0, 50)}) == 1


async def test_generate_and_jobs_tell_what_was_kept_of_each_kind(written: Project) -> None:
    job = written.store.jobs.all()[0]
    told = generate_words.lines(job, 100)
    assert "kept of  questions " in told
    assert told.count("%") >= 5
    shown = outcome.result_text(job)
    assert all(name in shown for name in ("questions", "keywords", "claims", "titles"))


@SIZES
def test_prompt_with_a_set(
    snap_compare: Compare, wired_set: Project, size: tuple[int, int]
) -> None:
    async def look(pilot: Pilot[int]) -> None:
        await settled(pilot)
        await next_member(pilot, "keywords")
        await pilot.app.workers.wait_for_complete()
        await quiet(pilot)

    app = StudioApp(wired_set, screen="prompt")
    assert snap_compare(app, terminal_size=size, run_before=look)


@SIZES
def test_review_with_query_types(
    snap_compare: Compare, written: Project, size: tuple[int, int]
) -> None:
    async def look(pilot: Pilot[int]) -> None:
        await quiet(pilot)

    app = StudioApp(written, screen="review")
    assert snap_compare(app, terminal_size=size, run_before=look)
