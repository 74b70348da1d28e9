"""Which template of a set wrote a query: the prompt version of the call that it was read out of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studio.store.db import rows

if TYPE_CHECKING:
    from studio.store.db import Database

IN_SET = (
    "char(10) || s.template LIKE '%' || char(10) || '=== share %'"
    " AND instr(s.template, rtrim(p.template, char(10)))"
)
"""Whether the version s is a set, and p a member of it (or s itself)."""
WRITERS = (
    f"SELECT p.id FROM prompts p JOIN prompts s ON p.id = s.id OR {IN_SET} WHERE s.version = ?"
)
"""The rows of all that ask for a version: of a set its members."""

OTHERS: Final = "others"
"""Records of a snapshot that no set wrote."""


@dataclass(frozen=True, slots=True)
class QueryTypes:
    """The query types of all sets of templates, and what was written of each."""

    db: Database

    def all(self) -> dict[int, str]:
        """Row of a prompt version → its name, of those that are members of a set."""
        sql = (
            "SELECT DISTINCT p.id, p.name FROM prompts p JOIN prompts s"
            f" ON s.id != p.id AND {IN_SET} ORDER BY p.version"
        )
        return {row[0]: row[1] for row in rows(self.db, sql)}

    def of_records(self, record_ids: Sequence[int]) -> dict[int, str]:
        """Record → its query type; without those that no set wrote."""
        types = self.all()
        sql = (
            "SELECT r.id, g.prompt_id FROM json_each(?) j CROSS JOIN records r ON r.id = j.value"
            " JOIN generations g ON g.id = r.generation_id"
        )
        found = rows(self.db, sql, (json.dumps(list(record_ids)),)) if types else []
        return {row: types[prompt] for row, prompt in found if prompt in types}

    def of_job(self, job_id: int) -> dict[str, tuple[int, int]]:
        """Query type → what one job has asked of it, and its kept records."""
        sql = (
            "SELECT g.prompt_id, count(DISTINCT g.id), coalesce(sum(r.kept), 0) FROM generations g"
            " LEFT JOIN records r ON r.generation_id = g.id WHERE g.job_id = ? GROUP BY 1"
        )
        types, found = self.all(), dict[str, tuple[int, int]]()
        for prompt, asked, kept in rows(self.db, sql, (job_id,)):
            if name := types.get(prompt):
                # An edited member is another version of the same type.
                before = found.get(name, (0, 0))
                found[name] = (before[0] + asked, before[1] + kept)
        return found

    def of_snapshot(self, snapshot_id: int | None) -> dict[str, int]:
        """Query type → how many records of a snapshot, on which a model was trained, are of it;
        those of none, as ``others``, come last. Empty where no set wrote any."""
        sql = (
            "SELECT g.prompt_id, count(*) FROM snapshot_records x JOIN records r"
            " ON r.id = x.record_id LEFT JOIN generations g ON g.id = r.generation_id"
            " WHERE x.snapshot_id = ? GROUP BY 1"
        )
        types, found, others = self.all(), Counter[str](), 0
        for prompt, count in rows(self.db, sql, (snapshot_id,)):
            if name := types.get(prompt):
                found[name] += count
            else:
                others += count
        return {**found, **({OTHERS: others} if found and others else {})}
