"""What verbs print: safe on a terminal, unchanged for programs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from studio.cli.following import parts_of, plain_line
from studio.cli.output import json_line, table
from studio.runs import Job, JobState
from studio.safe_text import HARMFUL

HARM = frozenset(map(chr, HARMFUL))
NASTY = [
    "\x1b]52;c;aGk=\x07 copies to your clipboard",
    "\x1b[31mred\x1b[0m",
    "\x9b31mred in one C1 character",
    "\u202eright to left\u202c",
    "delete \x7f, null \x00, bell \x07, back \x08, return \r",
    "half a pair \ud800, a zero width space \u200b, a tag \U000e0041",
]
MARKUP = [
    "[bold]not bold[/]",
    "[link=http://a.b]x[/link]",
    "[/] closes nothing",
    r"\[red] back",
    ":100:",
]


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("text", [*NASTY, *MARKUP, "größe 税", "two\nlines"])
def test_json_is_harmless_on_a_terminal_and_keeps_every_value(text: str, unicode: bool) -> None:
    line = json_line({"text": text}, unicode=unicode)
    assert not HARM & set(line)
    assert "\n" not in line
    assert json.loads(line) == {"text": text}


@given(st.text(st.characters(exclude_categories=())))
def test_json_of_any_text_is_harmless_and_exact(text: str) -> None:
    line = json_line([text])
    assert not HARM & set(line)
    assert json.loads(line) == [text]


def test_json_keeps_letters_readable_where_the_terminal_can() -> None:
    assert json_line("税") == '"税"'
    assert json_line("税", unicode=False) == '"\\u7a0e"'


def printed(*cells: str) -> str:
    console = Console(width=200, emoji=False)
    with console.capture() as captured:
        console.print(table(cells[0], ("what",), [[cell] for cell in cells]))
    return captured.get()


@pytest.mark.parametrize("text", NASTY)
def test_a_table_shows_controls_as_symbols(text: str) -> None:
    shown = printed(text)
    assert not (HARM | {"\x1b"}) & set(shown)


@pytest.mark.parametrize("text", MARKUP)
def test_a_table_shows_markup_as_it_was_written(text: str) -> None:
    assert text in printed(text)


def job(message: str = "", done: int = 0, total: int | None = None) -> Job:
    return Job("path", {}, id=1, state=JobState.RUNNING, done=done, total=total, message=message)


def test_a_line_of_progress_has_rate_and_time_left() -> None:
    line = plain_line(job("generate: 38 queries", 40, 112), done=40, seconds=4.0)
    assert line == "generate 40/112 · 10.0/s · 7 s left · 38 queries"


def test_a_line_of_progress_has_what_the_server_does() -> None:
    live = {"tokens_s": [90.0, 110.0], "latency_s": [0.81, 2.14], "retries": 3}
    line = plain_line(replace(job("38 queries", 40, 112), live=live), done=40, seconds=4.0)
    assert "100 tokens/s · answers take 0.8 s, 1 in 20 over 2.1 s · 3 calls made again" in line


def test_a_line_of_progress_says_only_what_is_known() -> None:
    assert plain_line(job("", 0, None), 0, 0.0) == "path"
    assert plain_line(job("starting", 0, 10), 0, 5.0) == "path 0/10 · starting"


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("train: loss 0.3", ("train", "loss 0.3")),
        ("loss 0.3", ("path", "loss 0.3")),
        ("31 queries · dropped: 2 empty", ("path", "31 queries · dropped: 2 empty")),
        ("", ("path", "")),
    ],
)
def test_a_stage_stands_before_the_colon(message: str, parts: tuple[str, str]) -> None:
    assert parts_of(job(message)) == parts
