"""Human-labelled items: each text stands in one split only, so that nothing leaks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.labelled import GoldItem, Item
from studio.records import Split, content_sha
from studio.store.db import one, rows, storable, value, write

if TYPE_CHECKING:
    from studio.store.db import Database

COLUMNS = "id, outside_id, split, text, context, label, answers, origin"


def _gold_item(row: sqlite3.Row) -> GoldItem:
    item = Item(
        text=row["text"],
        label=row["label"],
        context=row["context"],
        answers=tuple(json.loads(row["answers"])),
        id=row["id"],
    )
    return GoldItem(
        item=item,
        split=row["split"],
        outside_id=row["outside_id"],
        origin=row["origin"],
        id=row["id"],
    )


@dataclass(frozen=True, slots=True)
class GoldItems:
    """All gold items of the project."""

    db: Database

    def add(self, items: Iterable[GoldItem]) -> list[GoldItem]:
        """Store items; returns those that were left out: their text or outside id is there."""
        left_out = []
        with write(self.db) as conn:
            for gold in items:
                item = gold.item
                cursor = conn.execute(
                    "INSERT OR IGNORE INTO gold_items(outside_id, split, text, context, label,"
                    " answers, origin, sha) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        storable(gold.outside_id),
                        gold.split,
                        storable(item.text),
                        storable(item.context),
                        storable(item.label),
                        json.dumps([storable(answer) for answer in item.answers]),
                        storable(gold.origin),
                        sha_of(item),
                    ),
                )
                if not cursor.rowcount:
                    left_out.append(gold)
        return left_out

    def get(self, gold_id: int) -> GoldItem | None:
        """One item."""
        row = one(self.db, f"SELECT {COLUMNS} FROM gold_items WHERE id = ?", (gold_id,))
        return _gold_item(row) if row else None

    def many(self, gold_ids: Sequence[int]) -> dict[int, GoldItem]:
        """Row → item, for those that are there."""
        found: dict[int, GoldItem] = {}
        for start in range(0, len(gold_ids), 500):
            chunk = tuple(gold_ids[start : start + 500])
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT {COLUMNS} FROM gold_items WHERE id IN ({marks})"
            found |= {row["id"]: _gold_item(row) for row in rows(self.db, sql, chunk)}
        return found

    def all(self, split: Split | None = None) -> list[GoldItem]:
        """Every item, or those of a split, in order."""
        condition, parameters = ("", ()) if split is None else (" WHERE split = ?", (split,))
        sql = f"SELECT {COLUMNS} FROM gold_items{condition} ORDER BY id"
        return [_gold_item(row) for row in rows(self.db, sql, parameters)]

    def by_text(self, item: Item) -> GoldItem | None:
        """The stored item with the same text and context."""
        sql = f"SELECT {COLUMNS} FROM gold_items WHERE sha = ?"
        row = one(self.db, sql, (sha_of(item),))
        return _gold_item(row) if row else None

    def counts(self) -> dict[tuple[Split, str], int]:
        """(split, label) → items."""
        sql = "SELECT split, label, count(*) FROM gold_items GROUP BY split, label"
        return {(row[0], row[1]): int(row[2]) for row in rows(self.db, sql)}

    def count(self, split: Split) -> int:
        """How many items a split has."""
        return int(value(self.db, "SELECT count(*) FROM gold_items WHERE split = ?", (split,)))


def sha_of(item: Item) -> str:
    """What makes two items the same: text and context, whatever the label."""
    return content_sha(storable(" ".join(item.text.split())), storable(item.context))
