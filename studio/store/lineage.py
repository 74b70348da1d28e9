"""From any thing back to what made it: every arrow of the data flow is a row that points back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.store.db import from_json, one, rows, value
from studio.store.record_types import RecordTypes, from_row

if TYPE_CHECKING:
    from studio.store.db import Database

CHOSEN_BY = ("kept_by", "score_of", "min_score", "max_score", "prompt_version", "from_job")
"""The settings of a training that say which records it takes."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Chains of provenance."""

    db: Database

    def of_record(self, record_id: int) -> dict[str, Any] | None:
        """The record with its generation, prompt version, shots, document, job and verdicts.

        ``fields`` is a dict; ``note`` is what was cut to fit the context window, ``reviewer_note``
        what a person wrote, ``details`` what its file said of it; what a record has none of is
        None or empty.
        """
        row = one(
            self.db,
            "SELECT r.id AS record, r.type, r.text, r.fields, r.kept, r.reason, r.run_id AS run,"
            " r.stage, r.batch, r.place, r.parent_id AS parent, r.generation_id AS generation,"
            " r.job_id AS job, d.outside_id AS document, d.title, s.outside_id AS source,"
            " p.name AS prompt, p.version AS prompt_version, g.model, g.endpoint, g.seed, g.draw,"
            " g.note, g.shot_set_id, r.note AS reviewer_note, r.details,"
            " json_extract(j.params, '$.records') AS brought_from"
            " FROM records r LEFT JOIN documents d ON d.id = r.document_id"
            " LEFT JOIN jobs j ON j.id = r.job_id AND j.kind = 'import'"
            " LEFT JOIN sources s ON s.id = d.source_id"
            " LEFT JOIN generations g ON g.id = r.generation_id"
            " LEFT JOIN prompts p ON p.id = g.prompt_id WHERE r.id = ?",
            (record_id,),
        )
        if row is None:
            return None
        found = dict(row)
        type = RecordTypes(self.db).known()[row["type"]]
        have = from_row(type, found.pop("text"), row["fields"])
        found["fields"] = {name: have.get(name, "") for name in type.fields}
        found["details"] = from_json(found["details"], "records.details")
        place, brought_from = found.pop("place"), found.pop("brought_from")
        found["origin"] = f"{brought_from}, row {place + 1}" if brought_from else None
        found["shots"] = self._shots(found.pop("shot_set_id"))
        sql = (
            "SELECT filter, kept, score, reason FROM verdicts"
            " WHERE record_id = ? AND in_force = 1 AND clears = 0 ORDER BY id"
        )
        found["verdicts"] = [dict(item) for item in rows(self.db, sql, (record_id,))]
        return found

    def _shots(self, shot_set_id: int | None) -> list[dict[str, Any]]:
        sql = (
            "SELECT v.example_id AS example, s.revision_id AS revision, v.type, v.query"
            " FROM shots s JOIN example_revisions v ON v.id = s.revision_id WHERE s.shot_set_id = ?"
            " ORDER BY s.position"
        )
        found = rows(self.db, sql, (shot_set_id,))
        types = RecordTypes(self.db).known() if found else {}
        return [
            {
                "example": row["example"],
                "revision": row["revision"],
                types[row["type"]].fields[0]: row["query"],
            }
            for row in found
        ]

    def of_model(self, model_id: int) -> dict[str, Any] | None:
        """The model with its parents and snapshot, and the prompts, LLMs and examples behind it."""
        row = one(
            self.db,
            "SELECT m.id AS model, m.name, m.path, m.base, m.parent_id AS parent, m.job_id AS job,"
            " m.snapshot_id AS snapshot, s.count AS records, m.created FROM models m"
            " LEFT JOIN snapshots s ON s.id = m.snapshot_id WHERE m.id = ?",
            (model_id,),
        )
        if row is None:
            return None
        found = dict(row)
        found["made_by"] = self._makers(found["snapshot"])
        found["examples"] = self._examples(found["snapshot"])
        found["chosen"] = self._chosen(found["job"])
        found["filters"] = self._filters(found["job"])
        found["parent"] = self.of_model(found["parent"]) if found["parent"] else None
        return found

    def _makers(self, snapshot_id: int | None) -> list[dict[str, Any]]:
        sql = (
            "SELECT count(*) AS records, count(DISTINCT r.document_id) AS documents,"
            " p.name AS prompt, p.version AS prompt_version, g.model, g.endpoint, r.job_id AS job"
            " FROM snapshot_records x JOIN records r ON r.id = x.record_id"
            " LEFT JOIN generations g ON g.id = r.generation_id"
            " LEFT JOIN prompts p ON p.id = g.prompt_id WHERE x.snapshot_id = ?"
            " GROUP BY p.id, g.model, g.endpoint, r.job_id ORDER BY 1 DESC"
        )
        return [dict(row) for row in rows(self.db, sql, (snapshot_id,))]

    def _chosen(self, job_id: int | None) -> dict[str, Any]:
        """How the job was told to choose among the records; empty when it took all that is kept."""
        text = value(self.db, "SELECT params FROM jobs WHERE id = ?", (job_id,))
        params = from_json(text or "{}", "jobs.params")
        told = params.get("train") or params
        return {name: told[name] for name in CHOSEN_BY if told.get(name) not in (None, "")}

    def _filters(self, job_id: int | None) -> list[dict[str, Any]]:
        """What the last chain of filters before the job's training judged and kept."""
        text = value(
            self.db,
            "SELECT json_extract(result, '$.chain') FROM jobs WHERE id <= ?"
            " AND kind IN ('filter', 'path') AND json_extract(result, '$.chain') IS NOT NULL"
            " ORDER BY id DESC LIMIT 1",
            (job_id,),
        )
        return [
            {name: link[name] for name in ("filter", "judged", "kept") if name in link}
            for link in from_json(text or "[]", "jobs.result", list)
        ]

    def _examples(self, snapshot_id: int | None) -> list[int]:
        sql = (
            "SELECT DISTINCT v.example_id FROM snapshot_records x"
            " JOIN records r ON r.id = x.record_id JOIN generations g ON g.id = r.generation_id"
            " JOIN shots s ON s.shot_set_id = g.shot_set_id"
            " JOIN example_revisions v ON v.id = s.revision_id"
            " WHERE x.snapshot_id = ? ORDER BY v.example_id"
        )
        return [int(row[0]) for row in rows(self.db, sql, (snapshot_id,))]
