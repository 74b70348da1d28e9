"""Every byte that the program sends to a real terminal while it shows a project full of attacks."""

from __future__ import annotations

import re
import sys
import unicodedata
from pathlib import Path

import pytest

from studio.safe_text import BIDI
from studio.tui import memory
from tests.support.hostile import HOSTILE, attack
from tests.support.screen import Screen

PANES = {"2": "Prompt", "3": "Generate", "4": "Review", "6": "Train", "7": "Search", "8": "Jobs"}
F5 = "\x1b[15~"
WALK = ("j", "j", "j", "G", "k", "k", "g", "escape", F5, "escape", "?", "escape")
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""A control sequence, such as a colour or a place; strings with an end are looked at apart."""
TITLE = re.compile(r"\x1b\]2;(Studio[^\x1b\x07]*)\x1b\\")
POINTER = re.compile(r"\x1b\]22;[a-z-]+\x07")
"""The shape of the mouse's pointer, which Textual sets."""


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> str:
    """All that was sent from the start to the end of a walk through every pane."""
    home = tmp_path_factory.mktemp("walk")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STUDIO_CONFIG", "STUDIO_DATA", "STUDIO_STATE"):
            patch.setenv(name, str(home / name))
        memory.keep(toured=True)
        attack(home / "hostile", "http://127.0.0.1:1/v1")
        return walked(home / "hostile")


class Wire(Screen):
    """A screen that keeps every byte."""

    sent = b""

    def _draw(self) -> None:
        self.sent += b"".join(self._pieces)
        super()._draw()


def walked(project: Path) -> str:
    with Wire([sys.executable, "-m", "studio", str(project)], columns=120, lines=40) as screen:
        screen.wait(lambda seen: "Quit" in seen.text)
        screen.settle(0.5)
        for pane in ("1", *PANES, "0"):
            screen.press(pane)
            screen.settle(0.7)
            for key in WALK:
                screen.press(key)
                # What follows an escape at once is one key with it.
                screen.settle(0.4 if key == "escape" else 0.1)
        screen.press("q")
        screen.settle(1.5)
        assert not screen.child.isalive(), screen.text
        screen._draw()
        return screen.sent.decode("utf-8")


def test_the_walk_has_shown_the_attacks(sent: str) -> None:
    for shown in ("␛[2J␛[31mred", "␛]52;c;ZXZpbA==␇", "[@click=app.quit]click[/]", "汉字漢字"):
        assert shown in sent
    assert all(f"{key} {name}" in CONTROL.sub("", sent) for key, name in PANES.items())


def test_no_text_has_become_a_control(sent: str) -> None:
    for name in ("escape", "osc 52", "osc 2", "c1", "bidi", "nul", "separators"):
        assert HOSTILE[name] not in sent
    left = POINTER.sub("", CONTROL.sub("", TITLE.sub("", sent)))
    controls = {c for c in left if unicodedata.category(c) in ("Cc", "Cs") or ord(c) in BIDI}
    assert controls <= {"\r", "\n"}


def test_the_terminals_own_title_is_one_line_of_plain_text(sent: str) -> None:
    titles = TITLE.findall(sent)
    assert titles
    assert all(title.isprintable() for title in titles)
    assert "\x1b]52" not in sent
