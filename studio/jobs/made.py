"""What a run has made so far, as its stages ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studio.jobs.context import JobContext
from studio.methods.protocol import Missed
from studio.records import Gold, Record
from studio.runs import Run


@dataclass(slots=True)
class MadeSoFar:
    """What a run has made before a batch; see :class:`studio.methods.protocol.Made`."""

    context: JobContext
    run: Run
    stage: str = ""
    """The stage that asks."""
    batch: int = 0
    """Its batch: what this one has made already, before a kill, does not count."""
    asked_places: dict[str, int] = field(default_factory=dict)
    """Stage → the first place after all that were asked."""
    shared: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    """Stage → (batch, place, record) of records that other runs had made for equal requests."""
    errors: Sequence[Missed] = ()
    gold: Sequence[Gold] = ()
    helpful: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    room: int | None = None

    def asked(self, stage: str) -> int:
        """The first place after all that the earlier batches of a stage have asked."""
        return self.asked_places.get(stage, 0)

    def kept(self, stage: str) -> list[Record]:
        """The kept records of the earlier batches of a stage, by batch, place and part."""
        records = self.context.store.records
        before = self.batch if stage == self.stage else None
        placed = [
            ((r.batch, r.place, r.part), r)
            for r in records.of_stage(self.run.id, stage, before=before)
        ]
        shared = [one for one in self.shared.get(stage, ()) if before is None or one[0] < before]
        found = {record.id: record for record in records.many([row for *_, row in shared])}
        placed += [
            ((batch, place, found[row].part), found[row])
            for batch, place, row in shared
            if row in found and found[row].kept
        ]
        return [record for _, record in sorted(placed, key=lambda one: one[0])]

    def count(self, stage: str) -> int:
        """How many they are."""
        if self.shared.get(stage):
            return len(self.kept(stage))
        counts = self.context.store.records.run_counts(self.run.id)
        return sum(
            kept
            for (name, batch), (kept, _) in counts.items()
            if name == stage and (name != self.stage or batch < self.batch)
        )
