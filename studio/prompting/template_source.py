"""A template's text taken apart: the front matter's settings and the body's parts, with lines."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from studio.prompting.template_set import member_texts

FENCE = "+++"
LONGEST = 500_000
"""Characters of a template."""
PART_NAMES = ("instruction", "document", "query", "ask")

_HEADING = re.compile(r"#\s+(\w+)\s*$")


class SourceFault(ValueError):
    """The text cannot be taken apart; ``line`` says where."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """What stands in a template's text."""

    settings: dict[str, Any]
    """The front matter as TOML gives it."""
    parts: dict[str, str]
    """Part → its Jinja2 source; text before any heading is the ``instruction``."""
    part_lines: dict[str, int] = field(default_factory=dict)
    """Part → the line of the text that its source starts in, from 1."""
    front: tuple[str, ...] = ()
    """The lines of the front matter."""

    def line_of(self, key: str) -> int:
        """The line of a setting, or the first line when it is nowhere."""
        pattern = re.compile(rf"\s*\[?[\w.]*\b{re.escape(key)}\b\s*[\]=.]")
        for number, line in enumerate(self.front, start=2):
            if pattern.match(line):
                return number
        return 1


def read(text: str, part_names: tuple[str, ...] = PART_NAMES) -> TemplateSource:
    """Take a template's text apart; text before any heading is the first of ``part_names``. Of a
    set it is its first member's.

    Raises:
        SourceFault: there is no front matter, it is no TOML, or the text is too long.
    """
    if len(text) > LONGEST:
        raise SourceFault(1, f"it has more than {LONGEST:,} characters; shorten it.")
    text = member_texts(text)[0].text
    lines = text.replace("\r\n", "\n").removeprefix("\ufeff").split("\n")
    if lines[0].strip() != FENCE:
        raise SourceFault(1, f"it must start with a line “{FENCE}” and its settings in TOML")
    end = next((i for i, line in enumerate(lines) if i and line.strip() == FENCE), None)
    if end is None:
        raise SourceFault(len(lines), f"the settings are not closed by a line “{FENCE}”")
    front = tuple(lines[1:end])
    parts, part_lines = _parts(lines[end + 1 :], end + 2, part_names)
    return TemplateSource(_settings(front), parts, part_lines, front)


def _settings(front: tuple[str, ...]) -> dict[str, Any]:
    try:
        return tomllib.loads("\n".join(front))
    except tomllib.TOMLDecodeError as fault:
        found = re.search(r"\(at line (\d+), column \d+\)$", str(fault))
        line = int(found[1]) + 1 if found else len(front) + 1
        raise SourceFault(line, f"the settings are not TOML: {fault}") from fault
    except (RecursionError, ValueError) as fault:
        message = "the settings are nested too deeply, or a number in them is too long."
        raise SourceFault(1, message) from fault


def _parts(
    lines: list[str], first_line: int, names: tuple[str, ...]
) -> tuple[dict[str, str], dict[str, int]]:
    collected: dict[str, list[str]] = {}
    starts: dict[str, int] = {}
    current = names[0]
    for number, line in enumerate(lines, start=first_line):
        heading = _HEADING.match(line)
        if heading and heading[1].lower() in names:
            current = heading[1].lower()
            continue
        starts.setdefault(current, number)
        collected.setdefault(current, []).append(line)
    texts = {part: "\n".join(found).strip() for part, found in collected.items()}
    kept = {part: text for part, text in texts.items() if text}
    for part in kept:
        blank = next(i for i, line in enumerate(collected[part]) if line.strip())
        starts[part] += blank
    return kept, {part: starts[part] for part in kept}
