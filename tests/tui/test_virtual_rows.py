"""The virtual list: a million rows, read by block, placeholders meanwhile, flat memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from studio.records import StudioError
from studio.tui.safe_content import ControlGuard
from studio.tui.widgets.rows import Column
from studio.tui.widgets.virtual_rows import BLOCK, BLOCKS_KEPT, UNREAD, Cell, VirtualRows
from tests.support.hostile import HOSTILE
from tests.support.waiting import PATIENCE_S, quiet, until_shown

COLUMNS = (Column("id", 9, "right"), Column("text"), Column("far", 6, "right", from_width=60))


@dataclass(frozen=True)
class Item:
    id: int
    text: str


class Numbers:
    """A source of ``count`` rows that can be held back, and that notes what was asked of it."""

    def __init__(self, count: int, text: str = "row {} 汉字 🧾") -> None:
        self.count = count
        self.text = text
        self.asked: list[int] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.refuse = ""

    def at(self, position: int, limit: int) -> list[Item]:
        self.asked.append(position)
        self.threads.add(threading.get_ident())
        self.gate.wait(PATIENCE_S)
        if self.refuse:
            raise StudioError(self.refuse)
        last = min(position + limit, self.count)
        return [Item(n * 10, self.text.replace("{}", str(n))) for n in range(position, last)]


class Shown(App[None]):
    """The list alone."""

    def __init__(self, source: Numbers) -> None:
        super().__init__()
        self.source = source
        self.moved: list[int | None] = []
        self.said = ""

    def compose(self) -> ComposeResult:
        yield VirtualRows(COLUMNS, draw, in_thread, waiting="Nothing yet: press 3 to generate.")

    def get_line_filters(self) -> list[Any]:
        return [*super().get_line_filters(), ControlGuard()]

    def on_mount(self) -> None:
        self.rows.focus()
        self.rows.show(self.source, self.source.count)

    @property
    def rows(self) -> VirtualRows[Item]:
        return self.query_one(VirtualRows)

    @property
    def lines(self) -> list[str]:
        strips = self.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    def on_virtual_rows_moved(self, event: VirtualRows.Moved) -> None:
        item = event.rows.current
        self.moved.append(item.id if item else None)

    def on_virtual_rows_failed(self, event: VirtualRows.Failed) -> None:
        self.said = event.words


def draw(item: Item) -> list[Cell]:
    return [Cell(f"{item.id:,}"), Cell(item.text, "good"), Cell("far")]


async def in_thread(call: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(call)


async def test_only_what_is_near_the_screen_is_read() -> None:
    source = Numbers(1_000_000)
    app = Shown(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        assert "row 0 汉字" in app.lines[1]
        assert set(source.asked) == {0}
        assert threading.get_ident() not in source.threads


async def test_the_last_row_of_a_million_is_one_key_away() -> None:
    source = Numbers(1_000_000)
    app = Shown(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("G")
        await quiet(pilot)
        assert app.rows.current == Item(9_999_990, "row 999999 汉字 🧾")
        assert "9,999,990" in app.lines[-1]
        assert len(source.asked) <= 4
        await pilot.press("g")
        await quiet(pilot)
        assert "row 0 " in app.lines[1]


async def test_rows_that_are_being_read_are_quiet_placeholders_and_keys_go_on() -> None:
    source = Numbers(10_000)
    app = Shown(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        source.gate.clear()
        await pilot.press("G")
        await pilot.pause(0.05)
        assert app.rows.current is None
        assert app.lines[-1].split() == [UNREAD, UNREAD, UNREAD]
        await pilot.press("k", "k")
        assert app.rows.cursor == 9_997
        waiting = asyncio.create_task(app.rows.settled())
        await pilot.pause(0.05)
        assert not waiting.done()
        source.gate.set()
        assert (await waiting) == Item(99_970, "row 9997 汉字 🧾")


async def test_a_jump_elsewhere_is_read_before_what_was_left_behind() -> None:
    source = Numbers(1_000_000)
    app = Shown(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        source.gate.clear()
        for place in range(100_000, 900_000, 10_000):
            app.rows.cursor = place
        await pilot.press("G")
        source.gate.set()
        await app.rows.settled()
        assert app.rows.current is not None
        assert len(source.asked) < 10


async def test_memory_stays_flat_while_scrolling_through_all() -> None:
    source = Numbers(100_000)
    app = Shown(source)
    async with app.run_test(size=(80, 24)) as pilot:
        for place in range(0, 100_000, BLOCK):
            app.rows.cursor = place
            await app.rows.settled()
        await quiet(pilot)
        assert len(app.rows._blocks) <= BLOCKS_KEPT


async def test_the_cursor_stays_on_the_screen_and_below_the_heading() -> None:
    app = Shown(Numbers(1_000))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*["ctrl+d"] * 5, *["k"] * 60)
        await quiet(pilot)
        assert app.rows.cursor == 5 * 22 - 60
        assert app.lines[0].split() == ["id", "text", "far"]
        assert f" {app.rows.cursor * 10} " in app.lines[1]


async def test_marks_and_a_range_show_beside_the_rows() -> None:
    app = Shown(Numbers(100))
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        app.rows.toggle_mark()
        await pilot.press("j", "j")
        app.rows.begun = 2
        await pilot.press("j", "j")
        await quiet(pilot)
        assert [line[0] for line in app.lines[1:7]] == ["●", " ", "┃", "┃", "┃", " "]
        assert app.rows.span == (2, 4)
        assert app.rows.marks == {0: 0}
        assert app.rows.unselect()
        assert app.rows.span is None
        assert app.rows.unselect()
        assert not app.rows.marks
        assert not app.rows.unselect()


async def test_a_changed_row_is_drawn_where_it_stands() -> None:
    app = Shown(Numbers(100))
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        app.rows.put(3, Item(30, "decided"))
        await quiet(pilot)
        assert "decided" in app.lines[4]


async def test_reading_again_keeps_the_cursor_and_shows_what_is_true_now() -> None:
    source = Numbers(100)
    app = Shown(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "j")
        source.text = "now {}"
        app.rows.again()
        await quiet(pilot)
        assert app.rows.cursor == 2
        assert "now 2" in app.lines[3]


async def test_a_row_that_changes_while_it_is_read_is_read_again() -> None:
    source = Numbers(100)
    app = Shown(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        source.gate.clear()
        before = len(source.asked)
        app.rows.again()
        await until_shown(pilot, lambda: len(source.asked) > before)
        app.rows.put(0, Item(0, "written meanwhile"))
        asked = len(source.asked)
        source.gate.set()
        await quiet(pilot)
        assert len(source.asked) == asked + 1


async def test_without_rows_it_says_what_to_do() -> None:
    app = Shown(Numbers(0))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "G", "ctrl+d", "enter")
        await quiet(pilot)
        assert "press 3 to generate" in app.lines[0]
        assert app.rows.current is None
        assert await app.rows.settled() is None


async def test_a_source_that_cannot_be_read_is_told_of() -> None:
    source = Numbers(1_000)
    source.refuse = "The disk cannot be read."
    app = Shown(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        assert app.said == "The disk cannot be read."
        assert await app.rows.settled() is None


async def test_moving_tells_the_screen_and_so_does_reading() -> None:
    app = Shown(Numbers(1_000))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "j", "G")
        await quiet(pilot)
        assert app.moved[-1] == 9_990
        assert 20 in app.moved


async def test_a_click_moves_the_cursor() -> None:
    app = Shown(Numbers(100))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click(VirtualRows, offset=(10, 5))
        assert app.rows.cursor == 4
        await pilot.click(VirtualRows, offset=(10, 0))
        assert app.rows.cursor == 4


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (200, 60)])
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=list(HOSTILE))
async def test_hostile_text_keeps_every_line_aligned(hostile: str, size: tuple[int, int]) -> None:
    app = Shown(Numbers(50, "{} " + hostile))
    async with app.run_test(size=size) as pilot:
        await pilot.press("j", "G")
        await quiet(pilot)
        for line in app.lines:
            assert cell_len(line) == size[0]
            assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in line)
            assert "\u202e" not in line
