"""Review: a million records shown, decided, undone, measured.

The parts stand in modules of their own: views become SQL in ``review_query``, are opened by
``review_window``, decided on by ``review_changes``; ``review_scores`` moves thresholds,
``review_people`` counts and compares reviewers, ``review_provenance`` goes back to the source.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from studio.records import Reason, Record, StudioError
from studio.store.db import rows, storable
from studio.store.labels import Labels
from studio.store.records import Records
from studio.store.review_changes import ChangePlan, OnStep, ReviewChanges, Step
from studio.store.review_people import People
from studio.store.review_provenance import Provenances
from studio.store.review_scores import Rule, StoredScores
from studio.store.review_shapes import (
    Agreement,
    Bin,
    BulkPreview,
    Change,
    ChangeKind,
    PromptUse,
    Provenance,
    ReviewProgress,
    ScoreInfo,
    View,
)
from studio.store.review_steps import (
    clear_step,
    edit_step,
    flag_step,
    note_step,
    threshold_step,
    word_step,
)
from studio.store.review_window import Window, read_rows

if TYPE_CHECKING:
    from studio.store.db import Database

Target = View | Window | Sequence[int]
"""What a change is about: all that a view has now, all that an open window shows, or record ids."""
SAMPLE = 8
"""Records that a preview shows."""
LOOKED_AT = 2_000
"""Records whose fields tell which values there are."""
MOST_VALUES = 30
"""Values from which a person can choose one."""
CHUNK = 50_000
"""Ids that are counted at once."""


@dataclass(frozen=True, slots=True)
class Review:
    """All that Review asks of a project's file. Each thread takes a Store of its own."""

    db: Database
    path: Path
    """The file: each window opens it again, so that nothing waits for a long search."""

    def open(self, view: View) -> Window:
        """Open a view; comes back with the first rows. Close it when another takes its place."""
        return Window(self.path, view)

    def accept(self, target: Target, reviewer: str, on_step: OnStep | None = None) -> Change:
        """Keep these records, whatever filters say.

        Changes on more than a few thousand records are written in steps; on_step hears of each and
        may end the change there. All raise StudioError when the file cannot be written.
        """
        step = word_step(reviewer, kept=True, reason="")
        return self._do("accept", "Accepted", target, reviewer, step, on_step)

    def reject(
        self,
        target: Target,
        reviewer: str,
        reason: str = Reason.PERSON,
        on_step: OnStep | None = None,
    ) -> Change:
        """Drop these records, for this reason."""
        step = word_step(reviewer, kept=False, reason=storable(reason) or Reason.PERSON)
        return self._do("reject", "Rejected", target, reviewer, step, on_step)

    def clear(self, target: Target, reviewer: str, on_step: OnStep | None = None) -> Change:
        """Take people's words back: the records are undecided, and the filters' word holds."""
        step = clear_step(reviewer)
        return self._do("clear", "Cleared", target, reviewer, step, on_step)

    def flag(
        self, target: Target, reviewer: str, on: bool = True, on_step: OnStep | None = None
    ) -> Change:
        """Flag these records to come back to, or take the flag away; what is kept stays so."""
        words = "Flagged" if on else "Unflagged"
        kind: ChangeKind = "flag" if on else "unflag"
        return self._do(kind, words, target, reviewer, flag_step(on=on), on_step)

    def edit(self, record_id: int, text: str, reviewer: str, field: str = "") -> Change:
        """Give a record another text in a field, or in its first; the former one stays as history.

        Raises StudioError when the first field is left empty, when the record has no such field,
        when a label is none of the project's, or when there is no such record.
        """
        text = storable(text)
        record = Records(self.db).get(record_id)
        if record is None:
            raise StudioError(f"There is no record {record_id} in this project.")
        first, *others = record.type.fields
        if field not in ("", first, *others):
            raise StudioError(
                f"Record {record_id} has no field “{field}”. It has: "
                f"{', '.join(record.type.fields)}."
            )
        if field not in others and not text.strip():
            raise StudioError(
                f"Record {record_id} cannot be left without text. Write one, or reject the record."
            )
        labels = [one.name for one in Labels(self.db).all()] if field == "label" else []
        if labels and record.type.is_trained_on and text not in labels:
            raise StudioError(
                f"The project has no label “{text}”. It has: {', '.join(labels)}. Type one of them."
            )
        step = edit_step(text, field if field in others else "")
        return self._do("edit", "Edited", [record_id], reviewer, step)

    def note(self, record_id: int, text: str, reviewer: str) -> Change:
        """Write a note on a record in place of the one before; a blank one takes it off.

        Raises StudioError when there is no such record.
        """
        if Records(self.db).get(record_id) is None:
            raise StudioError(f"There is no record {record_id} in this project.")
        text = storable(text) if text.strip() else ""
        words = "Wrote a note on" if text else "Took the note off"
        return self._do("note", words, [record_id], reviewer, note_step(text))

    def _do(
        self,
        kind: ChangeKind,
        words: str,
        target: Target,
        reviewer: str,
        step: Step,
        on_step: OnStep | None = None,
    ) -> Change:
        plan = ChangePlan(kind, storable(reviewer), words, step)
        return ReviewChanges(self.db).carry_out(plan, self._ids(target), on_step)

    accept_view = accept
    reject_view = reject
    flag_view = flag

    def _ids(self, target: Target) -> Sequence[int]:
        if isinstance(target, Window):
            return target.ids()
        if not isinstance(target, View):
            return target
        window = self.open(replace(target, sort="id"))
        try:
            return window.ids()
        finally:
            window.close()

    def preview_bulk(self, target: Target) -> BulkPreview:
        """What a change on this would touch; changes nothing."""
        ids = self._ids(target)
        sql = (
            "SELECT r.person, r.kept, count(*) FROM json_each(?) j"
            " CROSS JOIN records r INDEXED BY records_review ON r.id = j.value GROUP BY 1, 2"
        )
        counts: dict[tuple[int, int], int] = {}
        for start in range(0, len(ids), CHUNK):
            for person, kept, count in rows(
                self.db, sql, (json.dumps(list(ids[start : start + CHUNK])),)
            ):
                counts[person, kept] = counts.get((person, kept), 0) + count
        sample = read_rows(self.db, ids[:: max(1, len(ids) // SAMPLE)][:SAMPLE], "")
        return BulkPreview(
            count=sum(counts.values()),
            undecided=counts.get((0, 0), 0) + counts.get((0, 1), 0),
            accepted=counts.get((1, 1), 0),
            rejected=counts.get((1, 0), 0),
            sample=tuple(sample),
        )

    def undo(self, reviewer: str, on_step: OnStep | None = None) -> Change | None:
        """Take back this reviewer's last change, of whatever size and age; None without one."""
        return ReviewChanges(self.db).undo(storable(reviewer), on_step)

    def redo(self, reviewer: str, on_step: OnStep | None = None) -> Change | None:
        """Do again what was undone last; None without, or when a new change came after it."""
        return ReviewChanges(self.db).redo(storable(reviewer), on_step)

    def last_changes(self, count: int) -> list[Change]:
        """The latest changes of everybody, the newest first, undone ones too."""
        return ReviewChanges(self.db).last(count)

    def scores(self) -> list[ScoreInfo]:
        """The filters with stored scores, in the order of the chain."""
        return StoredScores(self.db).all()

    def histogram(
        self,
        filter_name: str,
        bins: int,
        view: View | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> list[Bin]:
        """A filter's scores in at most so many columns; see :meth:`StoredScores.histogram`."""
        return StoredScores(self.db).histogram(filter_name, bins, view, low, high)

    def rule(self, filter_name: str) -> Rule:
        """What a filter keeps, its threshold open. Raises StudioError without stored scores."""
        return StoredScores(self.db).rule(filter_name)

    def would_keep(self, filter_name: str, threshold: float) -> tuple[int, int]:
        """(kept, dropped) by this filter alone, with its threshold there."""
        return StoredScores(self.db).would_keep(filter_name, threshold)

    def move_threshold(
        self, filter_name: str, threshold: float, reviewer: str, on_step: OnStep | None = None
    ) -> Change:
        """Judge again by the stored scores; people's words stay. It can be undone like any change.

        ``warning`` says so when records come back that later filters never judged. Raises
        StudioError when the filter has stored no scores.
        """
        scores = StoredScores(self.db)
        open_rule = scores.rule(filter_name)
        rule = open_rule.at(threshold)
        bounds = (rule.low, rule.high)
        plan = ChangePlan(
            "threshold",
            storable(reviewer),
            f"Moved {filter_name} to {threshold:g}",
            threshold_step(filter_name, bounds, scores.reason(filter_name, open_rule)),
            filter=filter_name,
            better=rule.better,
            warning=self._warning(scores, filter_name, rule),
        )
        return ReviewChanges(self.db).carry_out(plan, scores.turning(filter_name, rule), on_step)

    def _warning(self, scores: StoredScores, filter_name: str, rule: Rule) -> str:
        count, later = scores.unjudged(filter_name, rule)
        if not count:
            return ""
        return (
            f"{count:,} of the records that come back were never judged by {', '.join(later)}. "
            "Run the filters again to have them judged."
        )

    def tally(self, reviewer: str, since: datetime | None = None) -> ReviewProgress:
        """What this reviewer has decided since then, and what is left."""
        return People(self.db).tally(storable(reviewer), since)

    def agreement(self, first: str = "", second: str = "") -> Agreement:
        """Cohen's kappa of two reviewers; without names, of those who share the most records."""
        return People(self.db).agreement(first, second)

    def provenance(self, record_id: int) -> Provenance:
        """All that made a record. Raises StudioError when there is none of that number."""
        return Provenances(self.db).of(record_id)

    def neighbours(self, record: Record, limit: int = 10) -> list[Record]:
        """Records that share the rarest words with this one, the nearest first."""
        return Provenances(self.db).neighbours(record, limit)

    def reasons(self) -> dict[str, int]:
        """Reason → dropped records, the most first."""
        return Records(self.db).reasons()

    def values(self, type: str, field: str) -> list[str]:
        """What a field of a type holds among its first records; empty when that differs too much
        to choose from."""
        sql = (
            f"SELECT DISTINCT fields ->> ? FROM (SELECT fields FROM records WHERE type = ? LIMIT"
            f" {LOOKED_AT}) LIMIT {MOST_VALUES + 1}"
        )
        found = [row[0] for row in rows(self.db, sql, (f'$."{field}"', type)) if row[0]]
        return sorted(found) if len(found) <= MOST_VALUES else []

    def prompts(self) -> list[PromptUse]:
        """The prompt versions that were used, the newest first."""
        sql = (
            "SELECT p.id, p.name, p.version, count(g.id) FROM prompts p"
            " JOIN generations g ON g.prompt_id = p.id GROUP BY p.id ORDER BY p.version DESC"
        )
        return [PromptUse(*row) for row in rows(self.db, sql)]
