"""Human-labelled data of every task. Validation is looked at; test is only ever scored.

What has a right label or answer stands in one split only, so that nothing leaks; what has right
documents goes by its outside id.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.records import QUERY, Datum, Gold, Split, content_sha
from studio.store.db import from_json, now, rows, storable, value, write
from studio.store.documents import SEARCH_WORD_LENGTH, SEARCH_WORDS
from studio.store.keyvalue import KeyValues
from studio.store.record_types import RecordTypes, from_row, to_row
from studio.tasks import TASKS

if TYPE_CHECKING:
    from studio.store.db import Database

BY_DOCUMENTS = frozenset(task.record.name for task in TASKS.values() if task.gold == "documents")
"""The types of which documents are right or wrong."""
NAMES = ", ".join(f"'{name}'" for name in sorted(BY_DOCUMENTS))
JUDGED = (
    f"(type NOT IN ({NAMES}) OR EXISTS"
    " (SELECT 1 FROM gold_relevant r WHERE r.gold_id = gold.id AND r.grade > 0))"
)
"""A query without a right document can score nothing."""
COLUMNS = "id, outside_id, type, split, text, fields, other_answers, origin"
VERSION = "gold.version"
"""The key of a number that grows with each change of gold."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was said of one document for one gold query."""

    document_id: int
    grade: int
    """1 and up: right; 0: wrong."""
    origin: str = "import"
    """``import``, or ``search`` when a person marked it here."""
    reviewer: str = ""
    marked: str = ""
    """ISO 8601, UTC; empty for imported ones."""
    source_id: int | None = None
    """The long document that was judged as a whole; None where the passage itself was."""


@dataclass(frozen=True, slots=True)
class GoldData:
    """All gold of the project."""

    db: Database

    def add(self, gold: Iterable[Gold]) -> list[Gold]:
        """Store gold; returns what was left out: its text or outside id is there already.

        A query is never left out: one that is there already (same outside id) is put anew, under
        its row. What a person has marked for it here stays, unless its words are others now. Where
        the other split has that id with other words, it is another query and gets a suffix.
        """
        left_out = []
        with write(self.db) as conn:
            for datum in gold:
                if datum.type.name in BY_DOCUMENTS:
                    self._put(conn, datum)
                elif _insert(conn, datum) is None:
                    left_out.append(datum)
            self._moved()
        return left_out

    def _put(self, conn: sqlite3.Connection, query: Gold) -> None:
        name, text = self._name(query), storable(query.text)
        found = conn.execute("SELECT id, text FROM gold WHERE outside_id = ?", (name,)).fetchone()
        if found is None:
            row = _insert(conn, query, name)
        else:
            row = found["id"]
            conn.execute(
                "UPDATE gold SET text = ?, split = ?, origin = ? WHERE id = ?",
                (text, query.split, query.origin, row),
            )
            conn.execute(
                "DELETE FROM gold_relevant WHERE gold_id = ? AND NOT (origin = 'search' AND ?)",
                (row, found["text"] == text),
            )
        conn.executemany(
            "INSERT OR IGNORE INTO gold_relevant(gold_id, document_id, grade, source_id)"
            " VALUES (?, ?, ?, ?)",
            [
                (row, document, grade, query.named.get(document))
                for document, grade in query.relevant.items()
            ],
        )

    def _name(self, query: Gold) -> str:
        sql = "SELECT 1 FROM gold WHERE outside_id = ? AND split != ? AND text != ?"
        taken = value(self.db, sql, (query.outside_id, query.split, storable(query.text)))
        return f"{query.outside_id}~{query.split}" if taken else query.outside_id

    def _moved(self) -> None:
        """Count the change, for whoever holds a copy."""
        KeyValues(self.db).set(VERSION, self.version() + 1)

    def version(self) -> int:
        """A number that differs after any import, mark, move or removal of gold."""
        return int(KeyValues(self.db).get(VERSION, 0))

    # -- read --

    def all(self, split: Split | None = None) -> list[Gold]:
        """All gold, or that of a split, in order; queries with right (1 up) and wrong (0)."""
        condition, parameters = ("", ()) if split is None else (" WHERE split = ?", (split,))
        sql = f"SELECT {COLUMNS} FROM gold{condition} ORDER BY id"
        return self._read(sql, parameters)

    def get(self, gold_id: int) -> Gold | None:
        """One gold datum."""
        found = self._read(f"SELECT {COLUMNS} FROM gold WHERE id = ?", (gold_id,))
        return found[0] if found else None

    def named(self, outside_id: str) -> Gold | None:
        """The gold datum with this outside id."""
        found = self._read(f"SELECT {COLUMNS} FROM gold WHERE outside_id = ?", (outside_id,))
        return found[0] if found else None

    def many(self, gold_ids: Sequence[int]) -> dict[int, Gold]:
        """Row → gold, for those that are there."""
        sql = f"SELECT {COLUMNS} FROM gold WHERE id IN (SELECT value FROM json_each(?))"
        return {one.id: one for one in self._read(sql, (json.dumps(list(gold_ids)),))}

    def same(self, gold: Gold) -> Gold | None:
        """What is stored with the same text and context, whatever its label."""
        found = self._read(f"SELECT {COLUMNS} FROM gold WHERE sha = ?", (sha_of(gold),))
        return found[0] if found else None

    def _read(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Gold]:
        found = rows(self.db, sql, parameters)
        types = RecordTypes(self.db).known()
        judged = self._judged([row["id"] for row in found if row["type"] in BY_DOCUMENTS])
        return [
            Gold(
                type=types[row["type"]],
                fields=from_row(types[row["type"]], row["text"], row["fields"]),
                split=row["split"],
                outside_id=row["outside_id"],
                relevant={d: grade for d, grade, _ in judged.get(row["id"], ())},
                named={d: source for d, _, source in judged.get(row["id"], ()) if source},
                other_answers=tuple(from_json(row["other_answers"], "gold.other_answers", list)),
                origin=row["origin"],
                id=row["id"],
            )
            for row in found
        ]

    def _judged(self, gold_ids: Sequence[int]) -> Mapping[int, list[tuple[int, int, int | None]]]:
        """Query → (document, grade, the long document that was named or None) of each judgement."""
        sql = (
            "SELECT gold_id, document_id, grade, source_id FROM gold_relevant"
            " WHERE gold_id IN (SELECT value FROM json_each(?))"
        )
        judged: dict[int, list[tuple[int, int, int | None]]] = {}
        for query, *judgement in rows(self.db, sql, (json.dumps(gold_ids),)) if gold_ids else ():
            judged.setdefault(query, []).append((judgement[0], judgement[1], judgement[2]))
        return judged

    def names_documents(self) -> bool:
        """Whether gold names the documents as they came, of which some were cut into passages.

        So it does where it names one that was cut, or where all that was imported names only such
        as were not, though others were: then it does not know the passages.
        """
        if value(self.db, "SELECT 1 FROM gold_relevant WHERE source_id IS NOT NULL LIMIT 1"):
            return True
        imported = (
            "SELECT count(*), count(d.source_id) FROM gold_relevant r"
            " JOIN documents d ON d.id = r.document_id WHERE r.origin = 'import'"
        )
        if not value(self.db, "SELECT 1 FROM sources LIMIT 1"):
            return False
        [(judged, of_passages)] = rows(self.db, imported)
        return judged > 0 and not of_passages

    # -- counted --

    def count(self, split: Split) -> int:
        """How much gold a split has."""
        return int(value(self.db, "SELECT count(*) FROM gold WHERE split = ?", (split,)))

    def counts(self) -> dict[tuple[Split, str], int]:
        """(split, label) → how many; the label is empty where there is none."""
        sql = (
            "SELECT split, coalesce(json_extract(fields, '$.label'), '') AS label, count(*)"
            " FROM gold GROUP BY split, label"
        )
        return {(row[0], row[1]): int(row[2]) for row in rows(self.db, sql)}

    def judged_counts(self) -> dict[str, int]:
        """Split → how much can be scored: queries that have no right document are left out."""
        sql = f"SELECT split, count(*) FROM gold WHERE {JUDGED} GROUP BY split"
        return {row[0]: row[1] for row in rows(self.db, sql)}

    def origins(self, split: Split) -> dict[str, int]:
        """Where what can be scored of a split comes from → number."""
        sql = f"SELECT origin, count(*) FROM gold WHERE split = ? AND {JUDGED} GROUP BY origin"
        return {row[0]: row[1] for row in rows(self.db, sql, (split,))}

    # -- marks of a person --

    def marks(self, outside_id: str) -> list[Mark]:
        """What was said of which documents for one query."""
        sql = (
            "SELECT r.document_id, r.grade, r.origin, r.reviewer, r.marked, r.source_id"
            " FROM gold_relevant r JOIN gold g ON g.id = r.gold_id"
            " WHERE g.outside_id = ? ORDER BY r.document_id"
        )
        return [Mark(*row) for row in rows(self.db, sql, (outside_id,))]

    def begin(self, text: str, split: Split) -> str:
        """Make a query gold that a person marks in Search; returns its outside id.

        The same wording has the same id, so beginning again changes nothing, not its split either.
        """
        name = f"search-{content_sha(storable(text))[:12]}"
        query = Gold(QUERY, {"query": text}, split, name, origin="search")
        with write(self.db) as conn:
            _insert(conn, query)
            self._moved()
        return name

    def move(self, outside_id: str, split: Split) -> None:
        """Put a query into the other split."""
        with write(self.db) as conn:
            conn.execute("UPDATE gold SET split = ? WHERE outside_id = ?", (split, outside_id))
            self._moved()

    def put_mark(self, outside_id: str, mark: Mark) -> None:
        """Say whether a document is right for a query; a former word on it is replaced."""
        with write(self.db) as conn:
            conn.execute(
                "INSERT OR REPLACE INTO gold_relevant"
                "(gold_id, document_id, grade, origin, reviewer, marked, source_id)"
                " SELECT id, ?, ?, ?, ?, ?, ? FROM gold WHERE outside_id = ?",
                (
                    mark.document_id,
                    mark.grade,
                    mark.origin,
                    mark.reviewer,
                    mark.marked or (now() if mark.origin == "search" else ""),
                    mark.source_id,
                    outside_id,
                ),
            )
            self._moved()

    def take_mark(self, outside_id: str, document_id: int) -> None:
        """Say nothing of a document any more; a query of Search that has no mark left is none."""
        with write(self.db) as conn:
            conn.execute(
                "DELETE FROM gold_relevant WHERE document_id = ? AND gold_id ="
                " (SELECT id FROM gold WHERE outside_id = ?)",
                (document_id, outside_id),
            )
            conn.execute(
                "DELETE FROM gold WHERE outside_id = ? AND origin = 'search'"
                " AND NOT EXISTS (SELECT 1 FROM gold_relevant WHERE gold_id = gold.id)",
                (outside_id,),
            )
            self._moved()

    def remove(self, outside_ids: Iterable[str]) -> int:
        """Take queries out of gold (they have become examples); returns how many there were.

        Errors that models made on them stay, and what was written from these errors.
        """
        with write(self.db) as conn:
            # Not total_changes: that counts the cascade to the relevant documents too.
            removed = conn.executemany(
                "DELETE FROM gold WHERE outside_id = ?", [(name,) for name in outside_ids]
            ).rowcount
            self._moved()
        return removed

    def records_like(self, text: str, runs: Sequence[str], limit: int = 200) -> dict[int, str]:
        """Kept records, row → text, that hold all these runs of letters: to be compared.

        Where no run is long enough for the index (three letters), the text is looked for as it is.
        """
        long = [run[:SEARCH_WORD_LENGTH] for run in runs if len(run) >= 3][:SEARCH_WORDS]
        if long:
            phrases = " ".join('"' + run.replace('"', '""') + '"' for run in long)
            sql = (
                "SELECT r.id, r.text FROM records_fts f JOIN records r ON r.id = f.rowid"
                " WHERE records_fts MATCH ? AND r.kept LIMIT ?"
            )
            return dict(map(tuple, rows(self.db, sql, (phrases, limit))))
        sql = "SELECT id, text FROM records WHERE text LIKE ? ESCAPE '\\' AND kept LIMIT ?"
        pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return dict(map(tuple, rows(self.db, sql, (pattern, limit))))


def _insert(conn: sqlite3.Connection, gold: Gold, name: str = "") -> int | None:
    text, fields = to_row(gold)
    cursor = conn.execute(
        f"INSERT OR IGNORE INTO gold({COLUMNS}, sha) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            storable(name or gold.outside_id),
            gold.type.name,
            gold.split,
            text,
            fields,
            json.dumps([storable(answer) for answer in gold.other_answers]),
            storable(gold.origin),
            None if gold.type.name in BY_DOCUMENTS else sha_of(gold),
        ),
    )
    return cursor.lastrowid if cursor.rowcount > 0 else None


def sha_of(gold: Datum) -> str:
    """What makes two gold data the same: text and context, whatever the label."""
    return content_sha(storable(" ".join(gold.text.split())), storable(gold.context))
