"""From a view to SQL: which records, in which order, by which index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from studio.store.db import storable
from studio.store.record_types import RecordTypes
from studio.store.review_shapes import View
from studio.store.verdicts import OF_RECORD

if TYPE_CHECKING:
    from studio.store.db import Database

SEARCH_WORDS = 32
"""Words of a search that count."""
SEARCH_WORD_LENGTH = 256
"""Characters of a word that count."""
TRIGRAM = 3
"""Shorter words are not in the index; they are looked for by scanning."""

VERDICTS = {
    "undecided": "r.person = 0",
    "kept": "r.kept = 1",
    "dropped": "r.kept = 0",
    "accepted": "r.person = 1 AND r.kept = 1",
    "rejected": "r.person = 1 AND r.kept = 0",
    "flagged": "r.flagged = 1",
    "edited": "r.edited = 1",
    "noted": "r.note != ''",
}
ORDERS = {
    "id": "r.id",
    "-id": "r.id DESC",
    "text": "r.text COLLATE NOCASE, r.id",
    "length": "length(r.text), r.id",
    "-length": "length(r.text) DESC, r.id DESC",
    "document": "r.document_id, r.id",
    "score": "v.score, v.record_id",
    "-score": "v.score DESC, v.record_id DESC",
}
BY_TEXT = ("text", "length", "-length")
NARROW = "records r INDEXED BY records_review"
WIDE = "records r NOT INDEXED"
"""The table itself, where the text is needed."""
NOTED = "records r INDEXED BY records_noted"
MATCH = "SELECT f.rowid FROM records_fts f WHERE f.records_fts MATCH ?"
FIELD = "EXISTS (SELECT 1 FROM records f WHERE f.id = r.id AND f.fields ->> ? = ?)"
"""By the table itself: the index that is walked through does not hold the fields."""
SCORES = "verdicts v INDEXED BY verdicts_in_force"
SCORED = "v.in_force = 1 AND v.filter = ?"
SCORE_OF = (
    f"EXISTS (SELECT 1 FROM {OF_RECORD}"
    " WHERE v.record_id = r.id AND v.filter = ? AND v.in_force = 1 AND v.score {})"
)


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT of record ids in order."""

    sql: str
    parameters: tuple[Any, ...]
    slow_start: bool
    """The first row comes only when all have been found and sorted."""

    def first(self, limit: int) -> Query:
        """Only the first rows; where all must be sorted, this needs no room for all."""
        return replace(self, sql=f"{self.sql} LIMIT {limit}")


@dataclass(frozen=True, slots=True)
class _Where:
    """Conditions and their parameters, in order."""

    conditions: list[str]
    parameters: list[Any]

    def add(self, condition: str, *parameters: Any) -> None:
        self.conditions.append(condition)
        self.parameters.extend(parameters)


def of_one_type(db: Database, view: View) -> View:
    """The view with its type settled: empty where the file has records of no other type."""
    return replace(view, type=RecordTypes(db).to_look_for(view.type))


def is_everything(view: View) -> bool:
    """Whether the view, its type settled, leaves nothing out."""
    return replace(view, sort="id", filter="", score_from=None, score_to=None) == View() and not (
        _bounded(view)
    )


def queries(view: View) -> list[Query]:
    """The SELECTs whose rows, one after another, are the view."""
    if view.sort in ("score", "-score") and view.filter:
        unscored = [] if _bounded(view) else [_plain(view, "id", unscored=True)]
        return [_by_score(view, view.sort), *unscored]
    sort = "id" if view.sort in ("score", "-score") else view.sort
    if _bounded(view) and not view.search.strip():
        return [_by_score(view, sort)]
    return [_plain(view, sort)]


def _plain(view: View, sort: str, *, unscored: bool = False) -> Query:
    """Walk through the records, or through those that match."""
    where = _of_records(view)
    long, short = search_words(view.search)
    for word in short:
        where.add("r.text LIKE ? ESCAPE '\\'", like(word))
    if _bounded(view):
        where.add(SCORE_OF.format("BETWEEN ? AND ?"), view.filter, *_bounds(view))
    if unscored:
        where.add("NOT " + SCORE_OF.format("IS NOT NULL"), view.filter)
    wide = bool(short) or sort in BY_TEXT
    if not long:
        return _select("r.id", _source(view, wide=wide), where, ORDERS[sort], sort)
    match = _Where(["f.records_fts MATCH ?", *where.conditions], [phrases(long), *where.parameters])
    source = "records_fts f"
    if where.conditions or wide or sort == "document":
        source += f" CROSS JOIN {WIDE if wide else NARROW} ON r.id = f.rowid"
    order = {"id": "f.rowid", "-id": "f.rowid DESC"}.get(sort, ORDERS[sort])
    return _select("f.rowid", source, match, order, sort)


def _by_score(view: View, sort: str) -> Query:
    """Walk through the scores, from the lowest or from the highest."""
    where = _of_records(view)
    long, short = search_words(view.search)
    for word in short:
        where.add("r.text LIKE ? ESCAPE '\\'", like(word))
    wide = bool(short) or sort in BY_TEXT
    source = SCORES
    if where.conditions or wide or sort == "document":
        source += f" CROSS JOIN {WIDE if wide else NARROW} ON r.id = v.record_id"
    if long:
        where.add(f"v.record_id IN ({MATCH})", phrases(long))
    where.add(SCORED, view.filter)
    where.add("v.score BETWEEN ? AND ?", *_bounds(view))
    order = {"id": "v.record_id", "-id": "v.record_id DESC"}.get(sort, ORDERS[sort])
    slow = sort not in ("score", "-score")
    return replace(_select("v.record_id", source, where, order, sort), slow_start=slow)


def _select(column: str, source: str, where: _Where, order: str, sort: str) -> Query:
    condition = f" WHERE {' AND '.join(where.conditions)}" if where.conditions else ""
    sql = f"SELECT {column} FROM {source}{condition} ORDER BY {order}"
    return Query(sql, tuple(where.parameters), slow_start=sort not in ("id", "-id"))


def _source(view: View, *, wide: bool) -> str:
    if view.document_id is not None:
        return "records r INDEXED BY records_document"
    if view.verdict == "noted":
        return NOTED
    return WIDE if wide else NARROW


def _of_records(view: View) -> _Where:
    """The conditions on the record itself."""
    where = _Where([], [])
    if view.type:
        where.add("r.type = ?", view.type)
    if view.verdict != "all":
        where.add(VERDICTS[view.verdict])
    if view.reason:
        where.add("r.kept = 0 AND r.reason = ?", view.reason)
    if view.job_id is not None:
        where.add("r.job_id = ?", view.job_id)
    if view.document_id is not None:
        where.add("r.document_id = ?", view.document_id)
    if view.field:
        where.add(FIELD, f'$."{view.field}"', view.value)
    if view.prompt_id is not None:
        where.add(
            "EXISTS (SELECT 1 FROM generations g INDEXED BY generations_prompt"
            " WHERE g.prompt_id = ? AND g.id = r.generation_id)",
            view.prompt_id,
        )
    return where


def _bounded(view: View) -> bool:
    return bool(view.filter) and (view.score_from is not None or view.score_to is not None)


def _bounds(view: View) -> tuple[float, float]:
    """Every score lies between them; NULL does not."""
    low = float("-inf") if view.score_from is None else view.score_from
    return low, float("inf") if view.score_to is None else view.score_to


def search_words(search: str) -> tuple[list[str], list[str]]:
    """The words that the trigram index can find, and the shorter ones."""
    # NUL would end the expression for SQLite; more words than these only cost time.
    words = list(dict.fromkeys(storable(search).replace("\0", " ").split()))[:SEARCH_WORDS]
    long = [word[:SEARCH_WORD_LENGTH] for word in words if len(word) >= TRIGRAM]
    return long, [word for word in words if len(word) < TRIGRAM]


def phrases(words: list[str]) -> str:
    """An FTS5 expression for texts that hold every word, whatever characters it has."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in words)


def like(word: str) -> str:
    """A LIKE pattern for texts that hold the word."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
