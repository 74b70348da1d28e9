"""The terminal's own title: set while the studio runs, given back when it leaves."""

from __future__ import annotations

from studio.tui.safe_text import one_line

SAVE = "\x1b[22;2t"
"""Asks the terminal to put its title on a stack."""
RESTORE = "\x1b[23;2t"
"""Asks it to take the title from there again."""
LONGEST = 120
"""Cells."""


def sequence(project: str) -> str:
    """OSC 2 with the program's and the project's name; nothing in the name can end it early."""
    name = one_line(project, LONGEST)
    safe = "".join(character for character in name if character.isprintable())
    return f"\x1b]2;{f'Studio — {safe}' if safe else 'Studio'}\x1b\\"
