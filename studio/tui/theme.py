"""Four themes. No colour is ever the only carrier of a meaning: words and symbols say it too."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

_QUIET = {
    "scrollbar": "$border-blurred",
    "scrollbar-hover": "$border",
    "scrollbar-active": "$border",
    "scrollbar-background": "$background",
    "scrollbar-background-hover": "$background",
    "scrollbar-background-active": "$background",
    "scrollbar-corner-color": "$background",
    "footer-background": "$panel",
    "block-cursor-text-style": "none",
    "block-cursor-blurred-text-style": "none",
}

DARK = Theme(
    name="studio-dark",
    primary="#82aaca",
    secondary="#97a6b8",
    accent="#d9b36c",
    success="#93b881",
    warning="#d9b36c",
    error="#d8807a",
    foreground="#d5d9e0",
    background="#14171c",
    surface="#191d23",
    panel="#20252d",
    dark=True,
    variables={
        **_QUIET,
        "border": "#82aaca",
        "border-blurred": "#2f3640",
        "block-cursor-background": "#2e4257",
        "block-cursor-foreground": "#eef2f6",
        "block-cursor-blurred-background": "#252c35",
        "block-cursor-blurred-foreground": "#d5d9e0",
        "input-selection-background": "#82aaca 35%",
    },
)
LIGHT = Theme(
    name="studio-light",
    primary="#2c6486",
    secondary="#566472",
    accent="#8a5a00",
    success="#2f6b34",
    warning="#8a5a00",
    error="#a32d2a",
    foreground="#23272e",
    background="#faf9f6",
    surface="#f4f2ed",
    panel="#e9e6df",
    dark=False,
    variables={
        **_QUIET,
        "border": "#2c6486",
        "border-blurred": "#cfcbc1",
        "block-cursor-background": "#cfdfe9",
        "block-cursor-foreground": "#10161c",
        "block-cursor-blurred-background": "#e4e1d9",
        "block-cursor-blurred-foreground": "#23272e",
        "input-selection-background": "#2c6486 25%",
    },
)
CONTRAST = Theme(
    name="studio-contrast",
    primary="#ffffff",
    secondary="#ffffff",
    accent="#ffff00",
    success="#00ff66",
    warning="#ffff00",
    error="#ff8080",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    text_alpha=1.0,
    variables={
        **_QUIET,
        "border": "#ffff00",
        "border-blurred": "#ffffff",
        "block-cursor-background": "#ffff00",
        "block-cursor-foreground": "#000000",
        "block-cursor-blurred-background": "#ffffff",
        "block-cursor-blurred-foreground": "#000000",
        "text-muted": "#ffffff",
        "text-disabled": "#ffffff",
    },
)


def _ansi() -> Theme:
    """The terminal's own sixteen colours, from Textual's theme for them."""
    base = BUILTIN_THEMES["ansi-dark"]
    fields = {name: getattr(base, name) for name in base.__dataclass_fields__}
    return Theme(**{**fields, "name": "studio-ansi"})


ANSI = _ansi()
THEMES = (DARK, LIGHT, ANSI, CONTRAST)
"""In the order in which the theme key walks through them."""


def next_name(current: str) -> str:
    """The theme after ``current``; the first one for a name that is not ours."""
    names = [theme.name for theme in THEMES]
    return names[(names.index(current) + 1) % len(names)] if current in names else names[0]
