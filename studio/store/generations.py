"""LLM calls: what was asked, what came back, what became of it. Each text is stored once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from studio.calls import Answer, Decoding, Generation, Message, Request, Reservation
from studio.records import Record, content_sha
from studio.store.db import from_json, now, one, rows, storable, value, write
from studio.store.records import Records
from studio.store.reservations import settle

if TYPE_CHECKING:
    from studio.store.db import Database

FAILED = "reason = 'error' AND finish_reason = 'error'"
"""Calls that failed for good: nothing was answered, and nothing is known to have been billed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One call to store, with the records that were read out of it."""

    request: Request
    answer: Answer
    reason: str
    """Why no record came of it; empty when one did."""
    records: tuple[Record, ...] = ()
    """What was read out of it; they get the call's row."""
    most: Reservation | None = None
    """What the call may have taken; it stands in where the endpoint did not say."""
    reserved: int | None = None
    """The reservation's row, which goes with it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """An answer that made no record, to be looked at."""

    id: int
    document: str
    """The outside id of the document that was asked about."""
    answer: str
    """What the LLM said, unchanged."""
    finish_reason: str
    error: str
    """One sentence when the call failed; empty otherwise."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls have cost."""

    calls: int
    prompt_tokens: int
    """As far as endpoints said, here and below."""
    completion_tokens: int
    cached_tokens: int
    cost: float | None
    """US dollars, with what the untold calls may have cost; None when any price is unknown."""
    untold_calls: int = 0
    """Calls that nobody said the tokens of: without usage, lost, or in flight at a kill."""
    untold_tokens: int = 0
    """The most that they can have taken."""
    priced: float = 0.0
    """US dollars of the calls whose price is known."""
    unpriced_tokens: int = 0
    """The most that the other calls can have taken."""

    @property
    def tokens(self) -> int:
        """The most that all can have taken together."""
        return self.prompt_tokens + self.completion_tokens + self.untold_tokens


@dataclass(frozen=True, slots=True)
class Generations:
    """The log of every call."""

    db: Database

    def save(self, finished: Iterable[Finished], job_id: int | None = None) -> list[int]:
        """Store calls and their records in one durable transaction; returns the calls' rows.

        A call whose equal is stored already keeps its row, so that no answer counts twice. What
        was read out of it for a run is added where its place there is free.
        """
        items = list(finished)
        saved: list[int] = []
        records: list[Record] = []
        texts: dict[str, int] = {}
        with write(self.db, durable=True) as conn:
            stored = self.stored([item.request.sha for item in items])
            for item in items:
                sha = item.request.sha
                known = stored.get(sha)
                row = self._insert(conn, item, job_id, texts) if known is None else known
                if item.answer.finish_reason != "error":
                    stored[sha] = row
                settle(conn, item.reserved, told=known is None)
                saved.append(row)
                records += [
                    replace(record, generation_id=row)
                    for record in item.records
                    if known is None or record.run_id is not None
                ]
            if records:
                Records(self.db).add(records, job_id)
        return saved

    def _insert(
        self, conn: sqlite3.Connection, item: Finished, job_id: int | None, texts: dict[str, int]
    ) -> int:
        """texts: rows of contents that the same transaction has found or made."""
        request, answer = item.request, item.answer
        most = None if answer.is_counted or answer.finish_reason == "error" else item.most
        # A call that failed must not keep out the answer that an equal one has got since.
        conn.execute(f"DELETE FROM generations WHERE request_sha = ? AND {FAILED}", (request.sha,))
        messages = [[m.role, _content(conn, m.content, texts)] for m in request.messages]
        cursor = conn.execute(
            "INSERT INTO generations(request_sha, job_id, prompt_id, document_id,"
            " shot_set_id, draw, endpoint, model, decoding, seed, messages, answer_id, note,"
            " finish_reason, prompt_tokens, completion_tokens, cached_tokens, cost, latency_s,"
            " reason, error, created, purpose, most_tokens, most_cost)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                request.sha,
                job_id,
                request.prompt_id,
                request.document_id,
                request.shot_set_id,
                request.draw,
                answer.endpoint,
                request.model,
                _decoding(request.decoding),
                request.seed,
                json.dumps(messages),
                _content(conn, answer.text, texts),
                storable(request.note),
                storable(answer.finish_reason),
                answer.prompt_tokens,
                answer.completion_tokens,
                answer.cached_tokens,
                answer.cost,
                answer.latency_s,
                item.reason,
                storable(answer.error),
                now(),
                request.purpose,
                most and most.tokens,
                most and most.cost,
            ),
        )
        return int(cursor.lastrowid or 0)

    def forget_errors(self, job_id: int) -> int:
        """Free the requests of a job whose calls failed, so that a resumed job asks them again."""
        with write(self.db) as conn:
            return conn.execute(
                f"DELETE FROM generations WHERE job_id = ? AND {FAILED}", (job_id,)
            ).rowcount

    def answered(self, request_shas: Iterable[str]) -> set[str]:
        """Those of the requests that have a stored answer; a call that failed is none."""
        sql = f"SELECT 1 FROM generations WHERE request_sha = ? AND NOT ({FAILED})"
        return {sha for sha in request_shas if value(self.db, sql, (sha,))}

    def stored(self, request_shas: Sequence[str]) -> dict[str, int]:
        """Request → the row of the stored call of an equal one; a call that failed is none."""
        sql = (
            "SELECT g.request_sha, g.id FROM json_each(?) j CROSS JOIN generations g"
            f" ON g.request_sha = j.value WHERE NOT ({FAILED})"
        )
        found = rows(self.db, sql, (json.dumps(list(request_shas)),))
        return {row[0]: int(row[1]) for row in found}

    def row_of(self, request_sha: str) -> int | None:
        """The stored call of an equal request, unless it failed."""
        sql = f"SELECT id FROM generations WHERE request_sha = ? AND NOT ({FAILED})"
        found = value(self.db, sql, (request_sha,))
        return None if found is None else int(found)

    def answer_of(self, request_sha: str) -> Answer | None:
        """The stored answer of an equal request, so that it is not paid again."""
        row = one(
            self.db,
            "SELECT g.*, c.text AS answer FROM generations g"
            " LEFT JOIN contents c ON c.id = g.answer_id"
            f" WHERE g.request_sha = ? AND NOT ({FAILED})",
            (request_sha,),
        )
        return _answer(row) if row else None

    def get(self, generation_id: int) -> Generation | None:
        """One call, whole."""
        row = one(
            self.db,
            "SELECT g.*, c.text AS answer FROM generations g"
            " LEFT JOIN contents c ON c.id = g.answer_id WHERE g.id = ?",
            (generation_id,),
        )
        if row is None:
            return None
        return Generation(
            request=self._request(row),
            answer=_answer(row),
            id=row["id"],
            job_id=row["job_id"],
            reason=row["reason"],
            created=row["created"],
        )

    def _request(self, row: sqlite3.Row) -> Request:
        messages = tuple(
            Message(role, str(value(self.db, "SELECT text FROM contents WHERE id = ?", (content,))))
            for role, content in from_json(row["messages"], "generations.messages", list)
        )
        decoding = from_json(row["decoding"], "generations.decoding")
        decoding["stop"] = tuple(decoding["stop"])
        return Request(
            messages=messages,
            model=row["model"],
            decoding=Decoding(**decoding),
            seed=row["seed"],
            document_id=row["document_id"],
            prompt_id=row["prompt_id"],
            shot_set_id=row["shot_set_id"],
            draw=row["draw"],
            note=row["note"],
        )

    def answered_sample(
        self, prompt_id: int, model: str, limit: int
    ) -> list[tuple[Request, Answer]]:
        """The latest calls of a prompt version to a model, to estimate the next ones from."""
        sql = (
            "SELECT id FROM generations WHERE prompt_id = ? AND model = ? AND reason != 'error'"
            " ORDER BY id DESC LIMIT ?"
        )
        found = [self.get(row[0]) for row in rows(self.db, sql, (prompt_id, model, limit))]
        return [(item.request, item.answer) for item in found if item is not None]

    def reasons(
        self, job_id: int | None = None, *, without_records: bool = False
    ) -> dict[str, int]:
        """Reason → number of calls that made no good record, previews aside; for one job or all.

        without_records: only those whose answer is no record at all, not even a dropped one.
        """
        condition, parameters = ("AND job_id = ?", (job_id,)) if job_id else ("", ())
        if without_records:
            made = "SELECT 1 FROM records WHERE generation_id = generations.id"
            condition += f" AND NOT EXISTS ({made})"
        sql = (
            "SELECT reason, count(*) FROM generations"
            f" WHERE reason NOT IN ('', 'preview') {condition} GROUP BY reason ORDER BY 2 DESC"
        )
        return {row[0]: row[1] for row in rows(self.db, sql, parameters)}

    def with_reason(self, reason: str, limit: int = 5) -> list[dict[str, Any]]:
        """Raw answers that ended for this reason, the latest first, as samples to look at."""
        sql = (
            "SELECT g.id, g.document_id, c.text AS answer, g.error FROM generations g"
            " LEFT JOIN contents c ON c.id = g.answer_id WHERE g.reason = ?"
            " ORDER BY g.id DESC LIMIT ?"
        )
        return [dict(row) for row in rows(self.db, sql, (reason, limit))]

    def dropped(self, job_id: int, reason: str, limit: int = 50) -> list[Dropped]:
        """Answers of one job that made no record for this reason, the latest first."""
        sql = (
            "SELECT g.id, coalesce(d.outside_id, ''), coalesce(c.text, ''), g.finish_reason,"
            " g.error FROM generations g LEFT JOIN contents c ON c.id = g.answer_id"
            " LEFT JOIN documents d ON d.id = g.document_id"
            " WHERE g.job_id = ? AND g.reason = ? AND g.reason != '' ORDER BY g.id DESC LIMIT ?"
        )
        return [Dropped(*row) for row in rows(self.db, sql, (job_id, reason, limit))]

    def spent(self, job_id: int | Collection[int] | None = None) -> Spent:
        """Calls, tokens and dollars, whatever is known of them; for one job, some or all."""
        condition, parameters = "", tuple[str, ...]()
        if job_id is not None:
            jobs = [job_id] if isinstance(job_id, int) else list(job_id)
            condition = "WHERE job_id IN (SELECT value FROM json_each(?1))"
            parameters = (json.dumps(jobs),)
        row = one(self.db, _SPENT.format(condition=condition, FAILED=FAILED), parameters)
        assert row is not None
        priced, is_unpriced = row["priced"], row["unpriced"]
        return Spent(
            row["calls"],
            row["prompt_tokens"],
            row["completion_tokens"],
            row["cached_tokens"],
            None if is_unpriced else priced,
            row["untold_calls"],
            row["untold_tokens"],
            priced,
            row["unpriced_tokens"],
        )


_SPENT = """
WITH called AS (
  SELECT 1 AS stored, job_id, most_tokens IS NOT NULL AS untold, most_tokens AS most,
    CASE WHEN most_tokens IS NULL THEN prompt_tokens END AS prompt_tokens,
    CASE WHEN most_tokens IS NULL THEN completion_tokens END AS completion_tokens,
    cached_tokens, coalesce(most_cost, cost, CASE WHEN {FAILED} THEN 0 END) AS cost
  FROM generations {condition}
  UNION ALL
  SELECT 0, job_id, 1, tokens, NULL, NULL, NULL, cost FROM reservations {condition}
)
SELECT coalesce(sum(stored), 0) AS calls,
  coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
  coalesce(sum(completion_tokens), 0) AS completion_tokens,
  coalesce(sum(cached_tokens), 0) AS cached_tokens,
  coalesce(sum(untold), 0) AS untold_calls,
  coalesce(sum(most), 0) AS untold_tokens,
  coalesce(sum(cost), 0.0) AS priced,
  count(*) > count(cost) AS unpriced,
  coalesce(sum(CASE WHEN cost IS NULL THEN
    coalesce(most, coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)) END), 0)
    AS unpriced_tokens
FROM called
"""


def _content(conn: sqlite3.Connection, text: str, known: dict[str, int]) -> int:
    """The row of a text, which is stored once; the shots of a run stand in every request."""
    if (there := known.get(text)) is not None:
        return there
    said = storable(text)
    sha = content_sha(said)
    row = conn.execute("SELECT id FROM contents WHERE sha = ?", (sha,)).fetchone()
    if row is None:
        cursor = conn.execute("INSERT INTO contents(sha, text) VALUES (?, ?)", (sha, said))
    known[text] = int(row[0]) if row else int(cursor.lastrowid or 0)
    return known[text]


@lru_cache(maxsize=64)
def _decoding(decoding: Decoding) -> str:
    return json.dumps(asdict(decoding))


def _answer(row: sqlite3.Row) -> Answer:
    return Answer(
        text=row["answer"] or "",
        finish_reason=row["finish_reason"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cached_tokens=row["cached_tokens"],
        cost=row["cost"],
        latency_s=row["latency_s"],
        endpoint=row["endpoint"],
        error=row["error"],
    )
