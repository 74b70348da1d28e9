"""A person's own keys: what works, and what is refused with the place to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.records import StudioError
from studio.tui import keymap


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "keymap.toml"
    file.write_text(text, "utf-8")
    return file


def test_no_file_is_no_keymap(tmp_path: Path) -> None:
    assert keymap.load(tmp_path / "keymap.toml") == {}


def test_one_key_or_several(tmp_path: Path) -> None:
    file = written(tmp_path, 'examples.new = "a"\n"app.jobs" = ["8", "f8"]\n')
    assert keymap.load(file) == {"examples.new": "a", "app.jobs": "8,f8"}


def test_a_table_for_each_pane_works_too(tmp_path: Path) -> None:
    file = written(tmp_path, '[jobs]\nresume = "f5"\n')
    assert keymap.load(file) == {"jobs.resume": "f5"}


def test_a_key_may_be_written_as_the_character_it_types(tmp_path: Path) -> None:
    file = written(tmp_path, 'examples.new = "?"\napp.jump = ["ctrl+g", "f12"]\n')
    assert keymap.load(file) == {"examples.new": "question_mark", "app.jump": "ctrl+g,f12"}


@pytest.mark.parametrize("key", ["slash", "space", "f8", "shift+f3", "alt+x", "+", "é", "汉", "G"])
def test_what_is_a_key(tmp_path: Path, key: str) -> None:
    assert keymap.load(written(tmp_path, f'home.forget = "{key}"\n'))


def test_two_actions_may_swap_their_keys(tmp_path: Path) -> None:
    file = written(tmp_path, 'jobs.cancel = "r"\njobs.resume = "c"\n')
    assert keymap.effective(keymap.load(file))["jobs.cancel"] == ("r",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('examples.nwe = "a"', "no action examples.nwe. Did you mean examples.new?"),
        ("examples.new = 3", "examples.new = 3 is no key"),
        ('examples.new = ""', "is no key"),
        ("examples.new = []", "is no key"),
        ('examples.new = "ctrl+m"', "a terminal sends it as enter"),
        ('app.theme = ["ctrl+b"]', "tmux's prefix"),
        ('jobs.cancel = "contrl+x"', "is no key"),
        ('jobs.cancel = "dwon"', "is no key"),
        ('app.palette = "p"', "works while one types, so it cannot have p"),
        ('app.jump = ["f9", ";"]', "cannot have semicolon"),
        ('text.half-dwon = "d"', "Did you mean text.half-down?"),
        ('jobs.cancel = "r"', "r would mean both jobs.cancel and jobs.resume"),
        ("examples.new =", "not valid TOML"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(StudioError) as caught:
        keymap.load(file)
    assert sentence in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keymap.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudioError, match="cannot be read"):
        keymap.load(file)
