"""Cells that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

# Full-width signs too: East Asian versions of Excel take them for the plain ones.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def safe_cell(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet might run it.

    Apostrophes that are already in front of such a text get one more, so that
    :func:`unsafe_cell` gives back exactly what went in.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unsafe_cell(cell: object) -> object:
    """What :func:`safe_cell` was given."""
    if isinstance(cell, str) and cell.startswith("'") and _FORMULA.match(cell):
        return cell[1:]
    return cell


def table_row(cells: Sequence[object], delimiter: str = ",") -> str:
    """One CSV row with its line end, cells quoted where they must be."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerow(cells)
    return buffer.getvalue()
