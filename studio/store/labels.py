"""The classes of a labelled project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.records import Label
from studio.store.db import rows, storable, write

if TYPE_CHECKING:
    from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class Labels:
    """All labels of the project, in order."""

    db: Database

    def all(self) -> list[Label]:
        """Every label in order."""
        sql = "SELECT id, name, wording, position FROM labels ORDER BY position"
        return [Label(**dict(row)) for row in rows(self.db, sql)]

    def set(self, labels: Sequence[Label]) -> None:
        """Put these labels there, in this order; one that is not among them goes."""
        with write(self.db) as conn:
            conn.execute("DELETE FROM labels")
            conn.executemany(
                "INSERT INTO labels(name, wording, position) VALUES (?, ?, ?)",
                [
                    (storable(label.name), storable(label.wording), place)
                    for place, label in enumerate(labels)
                ],
            )
