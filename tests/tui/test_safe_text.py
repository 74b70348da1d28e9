"""Text from outside: nothing that a terminal obeys gets through, and an editor loses nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from studio.safe_text import BIDI, EditorCodec, cut, one_line, padded, visible
from studio.tui.safe_content import ControlGuard, content, label

ANYTHING = st.text(st.characters(codec=None), max_size=200)
NASTY = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from(
            "\x00\x07\x08\x1b\x7f\x85\x90\x9b\x9c\x9d\u202e\u2066\u200f\ud800\u200d\ufe0f"
        ),
    ),
    max_size=200,
)


def is_obeyed(character: str) -> bool:
    """Whether a terminal would act on the character instead of drawing it."""
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character != "\n"
    ) or ord(character) in BIDI


@given(NASTY)
def test_no_control_reaches_the_output(text: str) -> None:
    for shown in (visible(text), one_line(text), padded(text, 30), content(text).plain):
        assert not any(is_obeyed(character) for character in shown)


@given(NASTY)
def test_one_line_is_one_line(text: str) -> None:
    assert "\n" not in one_line(text)
    assert "\n" not in label(text).plain


@given(ANYTHING, st.integers(0, 40))
def test_a_cut_line_fits_its_cells(text: str, width: int) -> None:
    assert cell_len(one_line(text, width)) <= width


@given(ANYTHING, st.integers(1, 40))
def test_a_padded_cell_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert cell_len(padded(text, width)) == width


@given(NASTY)
def test_the_editor_gives_text_back_unchanged(text: str) -> None:
    codec = EditorCodec(text)
    assert codec.decode(codec.encode(text)) == text


@given(NASTY)
def test_the_editor_holds_and_draws_no_control(text: str) -> None:
    codec = EditorCodec(text)
    held = codec.encode(text)
    assert not any(is_obeyed(c) for c in held.replace("\t", ""))
    drawn = held.translate(codec.symbols)
    assert cell_len(drawn) == cell_len(held)
    assert len(drawn) == len(text)


def test_text_with_private_use_characters_gets_another_block() -> None:
    text = "\U000f0000\x1b[31m\U000f0005"
    codec = EditorCodec(text)
    assert codec.decode(codec.encode(text)) == text


def test_a_codec_knows_what_it_cannot_hold() -> None:
    codec = EditorCodec("plain")
    assert codec.holds("\x1b any \x00 thing")
    assert not codec.holds(codec.encode("\x1b"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("a\x00b", "a␀b"),
        ("\x7f", "␡"),
        ("\x9b31m", "␦31m"),
        ("abc\u202egnp.exe", "abc⇠gnp.exe"),
        ("\u2066x\u2069", "⇢x⇢"),
        ("a\u200bb", "a·b"),
        ("\ud800", "�"),
        ("one\r\ntwo", "one\ntwo"),
        ("one\rtwo", "one␍two"),
        ("a\tb", "a    b"),
        ("a\u2028b", "a␤b"),
        ("[bold]x[/bold] [@click=app.quit]y[/]", "[bold]x[/bold] [@click=app.quit]y[/]"),
        ("שלום", "שלום"),
        ("汉字 📄", "汉字 📄"),
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("❤\ufe0f", "❤"),
        ("क\u094d\u200dष", "क\u094d\u200dष"),
        ("e" + "\u0301" * 40, "e" + "\u0301" * 3),
    ],
)
def test_what_a_person_sees(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_ten_megabyte_line_is_cut_and_the_rest_announced() -> None:
    shown = visible("x" * 10_000_000)
    assert len(shown) < 21_000
    assert shown.endswith("9,980,000 more characters not shown")


def test_cutting_counts_cells_not_characters() -> None:
    assert cut("汉字汉字汉字", 6) == "汉字…"
    assert cut("汉字汉", 6) == "汉字汉"
    assert cut("abcdef", 1) == "…"
    assert cut("abcdef", 0) == ""


def test_markup_is_never_read() -> None:
    shown = content("[bold]x[/bold] [@click=app.quit]y[/]")
    assert shown.plain == "[bold]x[/bold] [@click=app.quit]y[/]"
    assert not shown.spans


@given(NASTY)
def test_the_guard_lets_no_control_through_and_keeps_the_width(text: str) -> None:
    guarded = ControlGuard().apply([Segment(text)], Color(0, 0, 0))
    out = "".join(segment.text for segment in guarded)
    assert not any(is_obeyed(c) for c in out.replace("\n", ""))
