"""Four themes. No colour is ever the only carrier of a meaning: words and symbols say it too."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme


def _variables(background: str, border: str, line: str, **others: str) -> dict[str, str]:
    """What all our themes set: quiet scrollbars, borders, no bold cursor."""
    return {
        "block-cursor-text-style": "none",
        "block-cursor-blurred-text-style": "none",
        "border": border,
        "border-blurred": line,
        "scrollbar": line,
        "scrollbar-hover": border,
        "scrollbar-active": border,
        "scrollbar-background": background,
        "scrollbar-background-hover": background,
        "scrollbar-background-active": background,
        "scrollbar-corner-color": background,
        **{name.replace("_", "-"): value for name, value in others.items()},
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
    variables=_variables(
        "#14171c",
        "#82aaca",
        "#2f3640",
        block_cursor_background="#2e4257",
        block_cursor_foreground="#eef2f6",
        block_cursor_blurred_background="#252c35",
        block_cursor_blurred_foreground="#d5d9e0",
        input_selection_background="#82aaca 35%",
    ),
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
    panel="#eae8e3",
    dark=False,
    variables=_variables(
        "#faf9f6",
        "#2c6486",
        "#cfcbc1",
        block_cursor_background="#cfdfe9",
        block_cursor_foreground="#10161c",
        block_cursor_blurred_background="#e4e1d9",
        block_cursor_blurred_foreground="#23272e",
        input_selection_background="#2c6486 25%",
    ),
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
    variables=_variables(
        "#000000",
        "#ffff00",
        "#ffffff",
        block_cursor_background="#ffff00",
        block_cursor_foreground="#000000",
        block_cursor_blurred_background="#ffffff",
        block_cursor_blurred_foreground="#000000",
        text_muted="#ffffff",
        text_disabled="#ffffff",
    ),
)

PLAIN = Theme(
    name="studio-plain",
    primary="#c0c0c0",
    secondary="#c0c0c0",
    accent="#c0c0c0",
    success="#c0c0c0",
    warning="#c0c0c0",
    error="#c0c0c0",
    foreground="#c0c0c0",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    text_alpha=1.0,
    variables=_variables(
        "#000000",
        "#c0c0c0",
        "#c0c0c0",
        # Read by the filter that drops colours: white becomes reverse, grey becomes underlined.
        block_cursor_background="#ffffff",
        block_cursor_foreground="#000000",
        block_cursor_blurred_background="#808080",
        block_cursor_blurred_foreground="#ffffff",
        input_selection_background="#ffffff",
        scrollbar="#000000",
    ),
)
"""For NO_COLOR: none of its colours reaches the terminal."""


def _ansi() -> Theme:
    """The terminal's own sixteen colours, from Textual's theme for them."""
    base = BUILTIN_THEMES["ansi-dark"]
    fields = {name: getattr(base, name) for name in base.__dataclass_fields__}
    # Sixteen colours have no second ground for a cursor at rest.
    rest = {"block-cursor-blurred-text-style": "underline"}
    return Theme(**{**fields, "name": "studio-ansi", "variables": {**base.variables, **rest}})


ANSI = _ansi()
THEMES = (DARK, LIGHT, ANSI, CONTRAST)
"""In the order in which the theme key walks through them."""


def next_name(current: str) -> str:
    """The theme after ``current``; the first one for a name that is not ours."""
    names = [theme.name for theme in THEMES]
    return names[(names.index(current) + 1) % len(names)] if current in names else names[0]
