"""What a row of instruction data says besides its texts: kept with the record, and written again.

A format that has a column for a detail gets it there; what it has none for goes into one more
column, ``details``, as JSON. So no format loses any, and trainers pass over a column that they do
not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from studio.formats.data_card import Feature
from studio.formats.json_values import unpacked
from studio.formats.rows import ExportRow
from studio.records import Reason

Details = dict[str, Any]

ORIGIN, DETAILS = "origin", "details"
NAMES: Final = {
    "system": ("system", "system_prompt"),
    "is_classification": ("is_classification",),
    "answer_choices": ("answer_choices",),
    "split": ("split",),
    "task_name": ("task_name_in_eng", "task_name"),
    "task_type": ("task_type",),
    "domain": ("domain",),
    "category": ("category",),
    "tags": ("tags",),
    "filename": ("filename",),
    ORIGIN: (ORIGIN,),
    "model": ("model",),
    "prompt_name": ("prompt_name",),
    "prompt_version": ("prompt_version",),
    "note": ("note",),
}
"""Detail → what files call it."""
WRITERS: Final = {"model": "model", "prompt": "prompt_name", "prompt_version": "prompt_version"}
"""What stands in the column ``other`` of our own rows of COIG-PC → detail."""
KINDS: Final = {"classes": True, "instances": False}
"""What Self-Instruct asked for a record with → whether its instruction is a classification."""
NESTED: Final = ("answer_choices", "task_type", "domain", "category", "tags")
"""What tables have as JSON."""
MOST: Final = 20_000
"""Characters of one detail as JSON: what is longer is no detail."""
IS_TRUE, IS_FALSE = ("true", "1", "yes"), ("false", "0", "no", "off")
COLUMNS: Final[dict[str, Feature]] = {
    ORIGIN: "string",
    "id": "string",
    "is_classification": "bool",
    DETAILS: "string",
}
"""Column → type, of what any format of instructions can have."""


def details_of(row: Mapping[str, object]) -> Details:
    """The details that a row has, clean enough to be stored; those that say nothing are none."""
    cells = {name.strip().lower(): content for name, content in row.items()}
    found = {
        name: _clean(next((cells[one] for one in usual if one in cells), None), name in NESTED)
        for name, usual in NAMES.items()
    }
    other = cells.get("other")
    if isinstance(other, dict) and "record_id" in other:
        found |= {name: _clean(other.get(key)) for key, name in WRITERS.items()}
    else:
        found["other"] = _clean(other)
    told = found["is_classification"]
    found["is_classification"] = True if is_true(told) else False if is_false(told) else None
    version = found["prompt_version"]
    found["prompt_version"] = int(version) if str(version).isdecimal() else None
    more = cells.get(DETAILS)
    more = unpacked(more) if isinstance(more, str) else more
    if isinstance(more, dict):
        found |= {str(name): _clean(one) for name, one in more.items()}
    return {name: one for name, one in found.items() if _says(one)}


def reason_of(row: Mapping[str, object]) -> str:
    """Why an export of ours has the row as dropped; empty for a kept one."""
    reason = row.get("reason")
    return str(reason) if is_false(row.get("kept", True)) and reason in [*Reason] else ""


def is_true(content: object) -> bool:
    """Whether a cell says yes."""
    return str(content).strip().lower() in IS_TRUE


def is_false(content: object) -> bool:
    """Whether a cell says no."""
    return str(content).strip().lower() in IS_FALSE


def _clean(content: object, nested: bool = False) -> Any:
    """The same as plain JSON without halves of surrogate pairs; None for what is none."""
    if nested and isinstance(content, str):
        content = unpacked(content)
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return json.loads(text.encode("utf-8", "replace")) if len(text) <= MOST else None


def _says(content: Any) -> bool:
    if isinstance(content, dict | list):
        return any(map(_says, content.values() if isinstance(content, dict) else content))
    return content is not None and content != ""


def completed(row: ExportRow) -> ExportRow:
    """The row with what is known from both sides: who wrote it, from the details of a file; that
    it is a classification, from what its method asked for."""
    known, details = row.details, row.details
    if row.purpose in KINDS:
        details = {"is_classification": KINDS[row.purpose], **details}
    kinds = {"model": str, "prompt_name": str, "prompt_version": int, "note": str}
    told: Details = {
        name: known[name]
        for name, kind in kinds.items()
        if isinstance(known.get(name), kind) and not getattr(row, name)
    }
    return replace(row, details=details, **told)


def columns_of(row: ExportRow, *told: str) -> Details:
    """The columns that a row has behind those of its format; empty ones are left out.

    told: details that the format has columns of its own for.
    """
    found: Details = {ORIGIN: row.origin} if row.origin else {}
    for name, kind in (("id", str), ("is_classification", bool)):
        if isinstance(row.details.get(name), kind) and name not in told:
            found[name] = row.details[name]
    rest = packed(row.details, *told, *found)
    return found | ({DETAILS: rest} if rest else {})


def packed(details: Mapping[str, Any], *told: str) -> str:
    """All but those that are told elsewhere, as JSON; empty where there are none."""
    rest = {name: one for name, one in details.items() if name not in told}
    return json.dumps(rest, ensure_ascii=False) if rest else ""
