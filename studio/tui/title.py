"""The terminal's own title, set while the studio runs, and word to whoever looks elsewhere."""

from __future__ import annotations

from studio.safe_text import one_line

SAVE = "\x1b[22;2t"
"""Asks the terminal to put its title on a stack."""
RESTORE = "\x1b[23;2t"
"""Asks it to take the title from there again."""
LONGEST = 120
"""Cells."""


def sequence(project: str) -> str:
    """OSC 2 with the program's and the project's name; nothing in the name can end it early."""
    safe = _printable(project)
    return f"\x1b]2;{f'Studio — {safe}' if safe else 'Studio'}\x1b\\"


def notification(text: str, terminal: str, *, tmux: bool) -> str:
    """OSC 9, which the desktop shows; empty for a terminal that would print it.

    terminal: ``$TERM``. tmux passes it on where ``allow-passthrough`` is set.
    """
    if terminal in ("", "dumb", "linux") or terminal.startswith("vt"):
        return ""
    plain = f"\x1b]9;{_printable(text)}\x07"
    return "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\" if tmux else plain


def _printable(text: str) -> str:
    return "".join(character for character in one_line(text, LONGEST) if character.isprintable())
