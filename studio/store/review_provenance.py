"""All that made a record and all that was said of it, with the records near to it."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.records import Document, Record, StudioError
from studio.store.db import one, rows
from studio.store.documents import Documents
from studio.store.examples import Examples
from studio.store.generations import Generations
from studio.store.gold import GoldData
from studio.store.prompts import Prompts, ShotSets
from studio.store.records import Records
from studio.store.review_query import TRIGRAM, phrases
from studio.store.review_shapes import (
    Call,
    Edit,
    Origin,
    PersonVerdict,
    Provenance,
    VerdictLine,
    WrittenNote,
    decision_of,
)
from studio.store.runs import Runs
from studio.store.verdicts import PERSON

if TYPE_CHECKING:
    from studio.store.db import Database

SIBLINGS = 50
"""Other records of the document that are shown."""
COMMON = 400
"""A word in so many records tells nothing about likeness."""
WORDS = 12
"""Words of a record by which its neighbours are looked for, the longest first."""
LONGEST = 64
"""Characters of a word that count."""
SPACED = re.compile(r"[^\W_\u0e00-\u0e7f\u2e80-\uffff\U00020000-\U0003ffff]{3,}")
SPACELESS = re.compile(r"[\u0e00-\u0e7f\u2e80-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]{3,}")
"""Runs of Chinese, Japanese, Thai …: no spaces between words."""


@dataclass(frozen=True, slots=True)
class Provenances:
    """From a record back to what made it."""

    db: Database

    def of(self, record_id: int) -> Provenance:
        """All of it. Raises StudioError when there is no such record."""
        record = Records(self.db).get(record_id)
        marks = one(self.db, "SELECT person, kept, flagged FROM records WHERE id = ?", (record_id,))
        if record is None or marks is None:
            raise StudioError(f"There is no record {record_id} in this project.")
        document_id = record.document_id
        same = Records(self.db).of_document(document_id, SIBLINGS + 1) if document_id else []
        return Provenance(
            record=record,
            flagged=bool(marks["flagged"]),
            word=decision_of(marks["person"], marks["kept"]),
            document=self._document(document_id),
            origin=self._origin(record),
            call=self._call(record.generation_id),
            verdicts=self._verdicts(record_id),
            decisions=self._decisions(record_id),
            edits=self._edits(record_id),
            notes=self._notes(record_id),
            siblings=tuple(item for item in same if item.id != record_id)[:SIBLINGS],
            neighbours=tuple(self.neighbours(record)),
        )

    def _document(self, document_id: int | None) -> Document:
        found = Documents(self.db).many([document_id]) if document_id else {}
        return found.get(document_id or 0, Document("", "", ""))

    def _origin(self, record: Record) -> Origin | None:
        runs, parents = Runs(self.db), Records(self.db)
        run = runs.get(record.run_id) if record.run_id else None
        if run is None:
            return None
        error = runs.error(record.error_id) if record.error_id else None
        made_in = runs.round(error.round_id) if error else None
        return Origin(
            run=run,
            parent=parents.get(record.parent_id) if record.parent_id else None,
            error=error,
            round=made_in.number if made_in else None,
            gold=GoldData(self.db).get(error.gold_id) if error else None,
        )

    def _call(self, generation_id: int | None) -> Call | None:
        found = Generations(self.db).get(generation_id) if generation_id else None
        if found is None:
            return None
        request, answer = found.request, found.answer
        prompt = Prompts(self.db).get(request.prompt_id) if request.prompt_id else None
        wordings = ShotSets(self.db).revision_ids(request.shot_set_id or 0)
        return Call(
            generation_id=found.id,
            prompt_id=request.prompt_id,
            prompt_name=prompt.name if prompt else "",
            prompt_version=prompt.version if prompt else None,
            endpoint=answer.endpoint,
            model=request.model,
            decoding=request.decoding,
            seed=request.seed,
            draw=request.draw,
            shots=tuple(Examples(self.db).revisions(wordings)),
            messages=request.messages,
            answer=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            cost=answer.cost,
            latency_s=answer.latency_s,
            note=request.note,
            created=found.created,
        )

    def _verdicts(self, record_id: int) -> tuple[VerdictLine, ...]:
        sql = (
            "SELECT filter, kept, score, reason, created FROM verdicts"
            " WHERE record_id = ? AND in_force = 1 AND clears = 0 ORDER BY id"
        )
        found = rows(self.db, sql, (record_id,))
        return tuple(
            VerdictLine(
                row["filter"],
                bool(row["kept"]),
                row["score"],
                row["reason"],
                row["created"],
                self._explanation(record_id, row["filter"]),
            )
            for row in found
        )

    def _explanation(self, record_id: int, filter_name: str) -> str:
        """What a judge said besides the score; empty for filters that are none."""
        # A threshold that was moved since has no job: the judge's own verdict is before it.
        sql = (
            "SELECT (SELECT run_id FROM records WHERE job_id = j.id AND stage = 'judgements'"
            " LIMIT 1) FROM verdicts v JOIN jobs j ON j.id = v.job_id WHERE v.record_id = ?"
            " AND v.filter = ? AND j.kind = 'judge' ORDER BY v.id DESC LIMIT 1"
        )
        judged = one(self.db, sql, (record_id, filter_name))
        if judged is None:
            return ""
        # A judgement has its record's row for its place, so that the index by run finds it.
        sql = (
            "SELECT json_extract(fields, '$.explanation') FROM records WHERE run_id = ?"
            " AND stage = 'judgements' AND batch IN (0, 1) AND place = ?"
            " ORDER BY batch DESC LIMIT 1"
        )
        said = one(self.db, sql, (judged[0], record_id))
        return str(said[0] or "") if said else ""

    def _decisions(self, record_id: int) -> tuple[PersonVerdict, ...]:
        sql = (
            "SELECT reviewer, CASE WHEN clears THEN 'cleared' WHEN kept THEN 'accepted'"
            " ELSE 'rejected' END, created, undone FROM verdicts"
            " WHERE record_id = ? AND filter = ? ORDER BY id"
        )
        found = rows(self.db, sql, (record_id, PERSON))
        return tuple(PersonVerdict(row[0], row[1], row[2], bool(row[3])) for row in found)

    def _edits(self, record_id: int) -> tuple[Edit, ...]:
        sql = (
            "SELECT c.reviewer, e.field, e.before, e.after, e.created, e.undone FROM record_edits e"
            " JOIN changes c ON c.id = e.change_id WHERE e.record_id = ? ORDER BY e.id"
        )
        found = rows(self.db, sql, (record_id,))
        return tuple(Edit(**{**dict(row), "undone": bool(row["undone"])}) for row in found)

    def _notes(self, record_id: int) -> tuple[WrittenNote, ...]:
        sql = (
            "SELECT c.reviewer, n.note, n.created, n.undone FROM record_notes n"
            " JOIN changes c ON c.id = n.change_id WHERE n.record_id = ? ORDER BY n.id"
        )
        found = rows(self.db, sql, (record_id,))
        return tuple(WrittenNote(**{**dict(row), "undone": bool(row["undone"])}) for row in found)

    def neighbours(self, record: Record, limit: int = 10) -> list[Record]:
        """Records that share words with this one, the rarer the better."""
        votes: Counter[int] = Counter()
        for word in telling_words(record.text):
            found = self._with_words([word])
            if len(found) < COMMON:
                weight = math.log(COMMON / max(len(found), 1)) + 1
                votes.update(dict.fromkeys(found, weight))
        if set(votes) <= {record.id}:
            # Common words only: those that share all of the longest ones.
            votes.update(dict.fromkeys(self._with_words(telling_words(record.text)[:3]), 1))
        votes.pop(record.id, None)
        nearest = sorted(votes, key=lambda record_id: (-votes[record_id], record_id))
        near = Records(self.db).many(nearest[: 2 * limit])
        return [item for item in near if item.type == record.type][:limit]

    def _with_words(self, words: list[str]) -> list[int]:
        if not words:
            return []
        sql = "SELECT rowid FROM records_fts WHERE records_fts MATCH ? LIMIT ?"
        return [row[0] for row in rows(self.db, sql, (phrases(words), COMMON))]


def telling_words(text: str) -> list[str]:
    """The longest words of a text, and stretches of three characters where there are no spaces."""
    found = dict.fromkeys(word.lower() for word in SPACED.findall(text[:2_000]))
    for run in SPACELESS.findall(text[:2_000]):
        found.update(dict.fromkeys(run[n : n + TRIGRAM] for n in range(len(run) - TRIGRAM + 1)))
    return [word[:LONGEST] for word in sorted(found, key=lambda word: -len(word))[:WORDS]]
