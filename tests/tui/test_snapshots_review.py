"""What Review looks like, at the smallest and the usual size, dark and in 16 colours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.tui.app import StudioApp
from tests.support.data import query_for
from tests.support.waiting import quiet
from tests.tui.test_review_pane import QUERIES, judge, opened

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
THEMES = pytest.mark.parametrize("theme", ["studio-dark", "studio-ansi"])
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def anna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_REVIEWER", "anna")


@pytest.fixture
def reviewed(project: Project) -> Project:
    """Decided, flagged, edited and dropped records in three scripts."""
    judge(project, QUERIES)
    review = project.store.review
    project.store.records.add([query_for(document_id=1, text="may i deduct the spare room 🏠")])
    review.accept([2], "bo")
    review.reject([5], "bo")
    review.flag([3, 4], "bo")
    review.edit(3, "网上买的衣服七天内可以无理由退货吗", "bo")
    review.note(3, "退货 means sending goods back: seven days is right", "bo")
    return project


def shot(project: Project, compare: Compare, size: tuple[int, int], *keys: str, theme: str) -> bool:
    """The pane after these keys; ``@`` waits until all is quiet."""

    async def press(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await opened(pilot)
        await quiet(pilot)
        for key in keys:
            await (quiet(pilot) if key == "@" else pilot.press(key))
        await quiet(pilot)

    return compare(StudioApp(project, screen="review"), terminal_size=size, run_before=press)


@SIZES
@THEMES
def test_review(
    snap_compare: Compare, reviewed: Project, size: tuple[int, int], theme: str
) -> None:
    assert shot(reviewed, snap_compare, size, theme=theme)


@SIZES
def test_a_range_and_what_made_the_record(
    snap_compare: Compare, reviewed: Project, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.tui.records.words.when", lambda _stamp: "2026-03-01 09:00")
    keys = ("space", "j", "v", "j", "j", "z")
    assert shot(reviewed, snap_compare, size, *keys, theme="studio-dark")


@SIZES
def test_writing_a_note(
    snap_compare: Compare, reviewed: Project, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.tui.records.words.when", lambda _stamp: "2026-03-01 09:00")
    keys = ("j", "j", "z", "z", "@", "m", *" Ask Bo.")
    assert shot(reviewed, snap_compare, size, *keys, theme="studio-dark")


@SIZES
def test_editing_and_what_was_said_of_the_record(
    snap_compare: Compare, reviewed: Project, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.tui.records.words.when", lambda _stamp: "2026-03-01 09:00")
    keys = ("j", "z", "z", "@", "e")
    assert shot(reviewed, snap_compare, size, *keys, theme="studio-dark")


@SIZES
@THEMES
def test_the_threshold(
    snap_compare: Compare, reviewed: Project, size: tuple[int, int], theme: str
) -> None:
    assert shot(reviewed, snap_compare, size, "t", "@", "right", "right", theme=theme)


@SIZES
def test_the_categories(snap_compare: Compare, mill: Project, size: tuple[int, int]) -> None:
    assert shot(mill, snap_compare, size, "b", "@", theme="studio-dark")


@SIZES
def test_a_threshold_by_category(
    snap_compare: Compare, mill: Project, size: tuple[int, int]
) -> None:
    keys = ("t", "@", "c", "c", "@", "right", "right")
    assert shot(mill, snap_compare, size, *keys, theme="studio-dark")


@SIZES
def test_the_filters(snap_compare: Compare, reviewed: Project, size: tuple[int, int]) -> None:
    keys = ("d", "@", "right", "right", "right")
    assert shot(reviewed, snap_compare, size, *keys, theme="studio-dark")


@SIZES
def test_the_preview_of_a_bulk_deed(
    snap_compare: Compare, reviewed: Project, size: tuple[int, int]
) -> None:
    assert shot(reviewed, snap_compare, size, "A", theme="studio-dark")


@SIZES
def test_no_record_yet(snap_compare: Compare, project: Project, size: tuple[int, int]) -> None:
    async def wait(pilot: Pilot[int]) -> None:
        await quiet(pilot)

    app = StudioApp(project, screen="review")
    assert snap_compare(app, terminal_size=size, run_before=wait)


@SIZES
def test_a_search_without_hits(
    snap_compare: Compare, reviewed: Project, size: tuple[int, int]
) -> None:
    async def search(pilot: Pilot[int]) -> None:
        await quiet(pilot)
        await pilot.press("slash", *"无此词")
        await quiet(pilot)
        await pilot.press("enter")
        await quiet(pilot)
        await pilot.app.workers.wait_for_complete()

    app = StudioApp(reviewed, screen="review")
    assert snap_compare(app, terminal_size=size, run_before=search)
