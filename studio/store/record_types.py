"""Which types of records a file has, and how a datum's fields stand in a row.

A type is written down when a record of it is first added, so that records of a method that is no
longer installed stay readable.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.records import QUERY, RECORD_TYPES, Datum, RecordType
from studio.store.db import from_json, one, rows, storable, write
from studio.tasks import TASKS

if TYPE_CHECKING:
    from studio.store.db import Database

COLUMNS = "name, fields, noun, nouns, context, is_trained_on"
UNTRAINED = "SELECT name FROM record_types WHERE NOT is_trained_on"


@dataclass(frozen=True, slots=True)
class RecordTypes:
    """The types of all records that were ever added."""

    db: Database

    def present(self) -> dict[str, RecordType]:
        """Name → type, of those that records were added of."""
        found = [_type(row) for row in rows(self.db, f"SELECT {COLUMNS} FROM record_types")]
        return {one.name: RECORD_TYPES.get(one.name, one) for one in found}

    def known(self) -> dict[str, RecordType]:
        """Name → type, of those and of the program's own."""
        return {**self.present(), **RECORD_TYPES}

    def of_project(self) -> RecordType:
        """What the project's task is trained on."""
        row = one(self.db, "SELECT value FROM settings WHERE key = 'task'")
        task = TASKS.get(from_json(row[0], "settings.task", str)) if row else None
        return task.record if task else QUERY

    def register(self, types: Iterable[RecordType]) -> None:
        """Write down types; one that is there already is as it says now."""
        present = {
            row[0]: _type(row) for row in rows(self.db, f"SELECT {COLUMNS} FROM record_types")
        }
        new = [one for one in types if present.get(one.name) != one]
        if not new:
            return
        with write(self.db) as conn:
            conn.executemany(
                f"INSERT OR REPLACE INTO record_types({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (t.name, json.dumps(t.fields), t.noun, t.nouns, t.context, t.is_trained_on)
                    for t in new
                ],
            )

    def to_look_for(self, name: str = "") -> str:
        """The type of that name, without one the project's; empty when there are no others."""
        wanted = name or self.of_project().name
        return "" if self.present().keys() <= {wanted} else wanted


def _type(row: Any) -> RecordType:
    return RecordType(
        name=row["name"],
        fields=tuple(from_json(row["fields"], "record_types.fields", list)),
        noun=row["noun"],
        nouns=row["nouns"],
        context=row["context"],
        is_trained_on=bool(row["is_trained_on"]),
    )


def to_row(datum: Datum) -> tuple[str, str]:
    """The first field, and the others that are not empty as JSON.

    Raises KeyError for a field that the type does not have.
    """
    first, *others = datum.type.fields
    if unknown := datum.fields.keys() - set(datum.type.fields):
        raise KeyError(f"a {datum.type.name} has no field {min(unknown)!r}")
    more = {name: storable(datum.fields[name]) for name in others if datum.fields.get(name)}
    return storable(datum.fields.get(first, "")), json.dumps(more, ensure_ascii=False)


def from_row(type: RecordType, text: str, more: str) -> dict[str, str]:
    """Field → text, the first field first."""
    first = {type.fields[0]: text}
    return first if more == "{}" else {**first, **from_json(more, "the fields of a record")}
