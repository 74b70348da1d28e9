"""Copying over SSH and in tmux."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from studio.records import StudioError
from studio.tui import clipboard


@pytest.fixture
def outside_tmux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)


@pytest.mark.usefixtures("outside_tmux")
def test_the_terminal_is_asked_by_osc_52() -> None:
    written: list[str] = []
    said = clipboard.copy("汉字 \x1b", written.append)
    assert "terminal clipboard" in said
    payload = written[0].removeprefix("\x1b]52;c;").removesuffix("\x07")
    assert base64.b64decode(payload).decode() == "汉字 \x1b"


@pytest.mark.usefixtures("outside_tmux")
def test_what_is_too_long_for_the_terminal_is_refused_with_a_way_out() -> None:
    with pytest.raises(StudioError, match="write it to a file"):
        clipboard.copy("x" * 80_000, lambda _text: None)


def test_inside_tmux_its_buffer_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = str(tmp_path / "tmux")
    tmux = ["tmux", "-S", socket, "-f", "/dev/null"]
    try:
        subprocess.run([*tmux, "new-session", "-d", "sleep 60"], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("tmux is not installed")
    try:
        monkeypatch.setenv("TMUX", f"{socket},{os.getpid()},0")
        said = clipboard.copy("from the studio 汉字", lambda _text: None)
        assert "tmux buffer" in said
        shown = subprocess.run([*tmux, "show-buffer"], capture_output=True, check=True)
        assert shown.stdout.decode() == "from the studio 汉字"
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


def test_a_file_takes_any_text(tmp_path: Path) -> None:
    path = clipboard.write_to_file("汉字\x1b\n", tmp_path / "exports")
    assert path.read_text("utf-8") == "汉字\x1b\n"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudioError, match="cannot be written"):
        clipboard.write_to_file("x", tmp_path / "file")
