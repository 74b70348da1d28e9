"""Curves as text."""

from __future__ import annotations

import math

import pytest
from rich.cells import cell_len

from studio.tui.plots.plot import PlotMark, Series, chart, number, plain

FALLING = Series("loss", [(step, 4 / step) for step in range(1, 50)])
RISING = Series("validation", [(0, 0.3), (10, 0.5), (20, 0.45)])
NAN, INF = float("nan"), float("inf")


def drawn(*series: Series, width: int = 60, height: int = 10, **more: object) -> list[str]:
    lines = chart(series, width, height, **more)  # type: ignore[arg-type]
    return ["".join(piece.text for piece in line) for line in lines]


def symbols(lines: list[str], symbol: str) -> int:
    return sum(line.count(symbol) for line in lines[1:])


@pytest.mark.parametrize("cells", ["braille", "block"])
@pytest.mark.parametrize("width", [1, 7, 24, 40, 61, 150])
@pytest.mark.parametrize("height", [1, 2, 5, 9, 30])
def test_every_line_is_exactly_as_wide_as_asked_for(width: int, height: int, cells: str) -> None:
    for data in (
        [FALLING, RISING],
        [],
        [Series("空", [])],
        [Series("训练 🧾", [(1, 1e300), (2, -1e300)])],
        [Series("one", [(3, 2)])],
    ):
        lines = drawn(*data, width=width, height=height, title="损失 Loss 📉", cells=cells)
        assert len(lines) == height
        assert [cell_len(line) for line in lines] == [width] * height


def test_a_falling_curve_starts_at_the_top_left_and_ends_at_the_bottom_right() -> None:
    lines = drawn(FALLING, height=12)
    plot = [line.partition("│")[2] for line in lines if "│" in line]
    assert plot[0].strip()
    assert not plot[0][20:].strip()
    assert plot[-1].rstrip().endswith("●")


def test_axes_carry_round_numbers_and_the_first_and_last_step() -> None:
    lines = drawn(Series("x", [(0, 0), (100, 1)]), height=12, x_label="step")
    assert [line.split("│")[0].strip() for line in lines if "│" in line if line[0] != " "] == [
        "1.0", "0.8", "0.6", "0.4", "0.2", "0.0",
    ]  # fmt: skip
    assert lines[-1].split() == ["0", "step", "100"]


def test_series_differ_by_symbol_and_by_colour() -> None:
    lines = chart([FALLING, RISING, Series("base", [(0, 0.3), (50, 0.3)])], 70, 12)
    legend = [piece for piece in lines[0] if piece.text.strip()]
    assert [piece.text.split()[0] for piece in legend] == ["●", "▲", "■"]
    assert len({piece.tone for piece in legend}) == 3
    text = plain(lines)
    assert all(symbol in text.partition("\n")[2] for symbol in "●▲■")


def test_the_legend_ends_with_the_last_value() -> None:
    assert "▲ validation 0.450" in drawn(FALLING, RISING)[0]


def test_numbers_that_are_none_are_left_out() -> None:
    ragged = Series("x", [(1, 1), (2, NAN), (3, INF), (NAN, 3), (INF, 2), (4, 2), (-INF, 0)])
    assert drawn(ragged) == drawn(Series("x", [(1, 1), (4, 2)]))


def test_no_points_say_so() -> None:
    for data in ([], [Series("x", [])], [Series("x", [(1, NAN)])]):
        assert "no points yet" in "\n".join(drawn(*data))


def test_one_point_stands_in_the_middle() -> None:
    lines = drawn(Series("x", [(7, 3)]), width=41, height=9)
    (row,) = [number for number, line in enumerate(lines[1:], 1) if "●" in line]
    assert 3 <= row <= 5


def test_a_constant_is_a_level_line_with_its_value_at_the_axis() -> None:
    lines = drawn(Series("x", [(0, 5), (10, 5)]))
    (line,) = [line for line in lines[1:] if "●" in line]
    assert line.split("│")[0].strip() == "5.0"
    assert symbols(drawn(Series("x", [(0, 0), (10, 0)])), "●") == 2


def test_a_later_point_at_the_same_step_replaces_the_first() -> None:
    assert drawn(Series("x", [(1, 9), (2, 9), (1, 1), (2, 2)])) == drawn(
        Series("x", [(1, 1), (2, 2)])
    )


def test_huge_and_tiny_numbers_are_drawn() -> None:
    for low, high in ((-1.7e308, 1.7e308), (1e-300, 3e-300), (1e15, 1e15 + 1)):
        assert symbols(drawn(Series("x", [(0, low), (1, high)])), "●") == 2


def test_a_mark_is_a_dotted_line_with_its_words_below() -> None:
    lines = drawn(RISING, marks=[PlotMark(10, "best: step 10")])
    assert "best: step 10" in lines[-1]
    assert sum("┊" in line for line in lines) >= 3
    assert "┴" in lines[-2]


def test_a_mark_beyond_all_points_widens_the_axis_and_one_at_nothing_is_ignored() -> None:
    assert drawn(RISING, marks=[PlotMark(40, "end")])[-1].split()[-1] == "40"
    assert drawn(RISING, marks=[PlotMark(NAN, "x")]) == drawn(RISING)


def test_an_axis_can_go_on_where_a_curve_still_grows() -> None:
    last = drawn(RISING, until=100)[-1].split()
    assert (last[0], last[-1]) == ("0", "100")


def test_words_of_a_mark_never_cover_the_ends_of_the_axis() -> None:
    for place in (0, 1, 19, 20):
        last = drawn(RISING, width=40, marks=[PlotMark(place, "best: step 10")])[-1].split()
        assert (last[0], last[-1]) == ("0", "20")


def test_hostile_names_draw_no_control() -> None:
    bad = "\x1b[31m[bold]\x07\u202e\n\x00汉字"
    text = "".join(drawn(Series(bad, [(0, 1), (1, 2)]), title=bad, x_label=bad, width=90))
    assert not [c for c in text if ord(c) < 32 or c == "\u202e"]
    assert "[bold]" in text


def test_block_cells_need_no_braille() -> None:
    text = "\n".join(drawn(FALLING, cells="block"))
    assert "▄" in text
    assert not any(0x2800 <= ord(character) < 0x2900 for character in text)


def test_numbers_read_as_people_write_them() -> None:
    assert number(0.41304) == "0.413"
    assert number(1234.5) == "1,234"
    assert number(0.4, 0.1) == "0.4"
    assert number(0.41, 0.02) == "0.41"
    assert number(3e-5) == "3.0e-5"
    assert number(math.nan) == "—"
