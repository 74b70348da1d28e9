"""How verbs speak: results on stdout, progress and errors on stderr, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from studio import safe_text

out = Console(emoji=False)
err = Console(stderr=True, emoji=False)

PROJECT_VARIABLE = "STUDIO_PROJECT"
ProjectOption = Annotated[
    Path,
    typer.Option(
        "--project",
        "-p",
        envvar=PROJECT_VARIABLE,
        readable=False,
        help="The project's folder.",
        show_default=".",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DetachOption = Annotated[
    bool, typer.Option("--detach", help="Start the job and return; `studio jobs` follows it.")
]


def visible(text: object) -> str:
    """Outside text, safe for a terminal: controls become visible symbols, markup is off."""
    return escape(safe_text.visible(str(text)))


def local_time(stamp: str | None) -> str:
    """A stored moment in this machine's time, such as ``2026-11-27 07:21``."""
    return f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M}" if stamp else ""


def emit(result: Any, as_json: bool, show: Callable[[], None]) -> None:
    """Print the result as JSON or let it be shown for people."""
    if as_json:
        sys.stdout.write(json_line(result, unicode=_writes_unicode()) + "\n")
    else:
        show()


def json_line(result: Any, *, unicode: bool = True) -> str:
    """The result on one line; what could harm a terminal is escaped, the values are unchanged."""
    return _harmful().sub(_escaped, json.dumps(result, ensure_ascii=not unicode, default=str))


def _writes_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


@cache
def _harmful() -> re.Pattern[str]:
    return re.compile("[" + "".join(re.escape(chr(code)) for code in safe_text.HARMFUL) + "]")


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def show_rows(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], if_none: str
) -> None:
    """A table, or what to do when there is nothing to list."""
    if rows:
        out.print(table(title, columns, rows))
    else:
        out.print(if_none, highlight=False, soft_wrap=True, markup=False)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A plain table; every cell is outside text."""
    grid = Table(title=visible(title) or None, title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
        grid.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*("" if cell is None else visible(cell) for cell in row))
    return grid
