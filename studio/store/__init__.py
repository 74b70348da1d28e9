"""The only place with SQL. A :class:`Store` is an open file: an aggregate per word."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from studio.records import StudioError
from studio.store import db as _db
from studio.store.batches import Batches
from studio.store.choices import Choices
from studio.store.documents import Documents
from studio.store.example_changes import ExampleChanges
from studio.store.example_drafts import ExampleDrafts
from studio.store.examples import Examples
from studio.store.faults import Locked
from studio.store.generations import Generations
from studio.store.gold import GoldData
from studio.store.jobs import Jobs
from studio.store.keyvalue import Drafts, KeyValues, Searches
from studio.store.labels import Labels
from studio.store.lineage import Lineage
from studio.store.models import Evaluations, Models, Snapshots
from studio.store.prompts import Prompts, ShotSets
from studio.store.query_types import QueryTypes
from studio.store.record_types import RecordTypes
from studio.store.records import Records
from studio.store.reservations import Reservations
from studio.store.review import Review
from studio.store.runs import Runs
from studio.store.sources import Sources
from studio.store.verdicts import Verdicts

__all__ = ["Store"]


class Store:
    """One open ``studio.db``. Use one per thread or task that writes."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open the file, migrating it. Raises StudioError, with the reason, if not.

        create: make it where there is none.
        """
        self.path = path
        self.patience_ms = _db.BUSY_TIMEOUT_MS
        """How long it waits for another writer."""
        self.db = _db.connect(path, create=create)
        self._file = _db.identity(path)
        try:
            _db.migrate(self.db, path)
        except BaseException:
            self.db.close()
            raise

    @classmethod
    def create(cls, path: Path) -> Store:
        """Open the file, made where there is none."""
        return cls(path, create=True)

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction for all that happens inside; see :func:`studio.store.db.write`."""
        with _db.write(self.db, durable=durable) as conn:
            yield conn

    def be_patient(self, milliseconds: int) -> None:
        """Wait so long for another writer from now on."""
        self.patience_ms = milliseconds
        self.db.conn.execute(f"PRAGMA busy_timeout={milliseconds:d}")

    def serve_a_screen(self, milliseconds: int) -> None:
        """Hold nobody up: hardly wait for other writers, and leave the log's clearing to them."""
        self.be_patient(milliseconds)
        self.db.conn.execute("PRAGMA wal_autocheckpoint=0")

    def is_free(self) -> bool:
        """Whether no other connection is writing, after no more than the store's patience.

        Raises StudioError when nothing can be written at all.
        """
        try:
            with self.write():
                return True
        except Locked:
            return False

    def data_version(self) -> int:
        """A number that changes when another connection has committed: poll this, then read."""
        return int(_db.value(self.db, "PRAGMA data_version"))

    def check_in_place(self) -> None:
        """Raise StudioError when the open file is not the one at its path any more."""
        if _db.identity(self.path) != self._file:
            raise StudioError(
                f"{self.path} was deleted, moved or replaced while it was open. Nothing more is "
                "asked or written for it; open the project where it lies now."
            )

    def close(self) -> None:
        """Close the file. Later use raises."""
        self.db.close()

    @cached_property
    def values(self) -> KeyValues:
        """Project facts by name."""
        return KeyValues(self.db)

    @cached_property
    def drafts(self) -> Drafts:
        """Typed text that is not yet a version."""
        return Drafts(self.db)

    @cached_property
    def searches(self) -> Searches:
        """What people have searched for."""
        return Searches(self.db)

    @cached_property
    def documents(self) -> Documents:
        """The corpus."""
        return Documents(self.db)

    @cached_property
    def sources(self) -> Sources:
        """The long documents that passages were cut from."""
        return Sources(self.db)

    @cached_property
    def gold(self) -> GoldData:
        """Human-labelled data."""
        return GoldData(self.db)

    @cached_property
    def examples(self) -> Examples:
        """Few-shot examples and their wordings."""
        return Examples(self.db)

    @cached_property
    def example_changes(self) -> ExampleChanges:
        """What was done to the examples, to be undone."""
        return ExampleChanges(self.db)

    @cached_property
    def example_drafts(self) -> ExampleDrafts:
        """Wordings of examples that wait for a decision."""
        return ExampleDrafts(self.db)

    @cached_property
    def prompts(self) -> Prompts:
        """Immutable template versions."""
        return Prompts(self.db)

    @cached_property
    def query_types(self) -> QueryTypes:
        """What the templates of sets have written."""
        return QueryTypes(self.db)

    @cached_property
    def shot_sets(self) -> ShotSets:
        """Ordered example wordings that stood before a document."""
        return ShotSets(self.db)

    @cached_property
    def generations(self) -> Generations:
        """LLM calls with their answers."""
        return Generations(self.db)

    @cached_property
    def reservations(self) -> Reservations:
        """LLM calls under way, and those of which nobody said what they took."""
        return Reservations(self.db)

    @cached_property
    def batches(self) -> Batches:
        """Batches of LLM calls at a server."""
        return Batches(self.db)

    @cached_property
    def records(self) -> Records:
        """Synthetic data."""
        return Records(self.db)

    @cached_property
    def record_types(self) -> RecordTypes:
        """What the records consist of."""
        return RecordTypes(self.db)

    @cached_property
    def labels(self) -> Labels:
        """The classes of a labelled project."""
        return Labels(self.db)

    @cached_property
    def runs(self) -> Runs:
        """Runs of methods, with their rounds and errors."""
        return Runs(self.db)

    @cached_property
    def verdicts(self) -> Verdicts:
        """What filters and people said of records."""
        return Verdicts(self.db)

    @cached_property
    def choices(self) -> Choices:
        """Records by filter, score, prompt version and job."""
        return Choices(self.db)

    @cached_property
    def review(self) -> Review:
        """What people see of records and decide on them."""
        return Review(self.db, self.path)

    @cached_property
    def snapshots(self) -> Snapshots:
        """Frozen sets of records."""
        return Snapshots(self.db)

    @cached_property
    def models(self) -> Models:
        """Trained artefacts."""
        return Models(self.db)

    @cached_property
    def evaluations(self) -> Evaluations:
        """Scores of systems on gold."""
        return Evaluations(self.db)

    @cached_property
    def jobs(self) -> Jobs:
        """Durable long work."""
        return Jobs(self.db)

    @cached_property
    def lineage(self) -> Lineage:
        """From a thing to what made it."""
        return Lineage(self.db)
