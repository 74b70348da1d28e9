"""What scoring a reranker will take, told before: pairs to read, and how long that takes here."""

from __future__ import annotations

from dataclasses import dataclass

from studio.evaluation.systems import System
from studio.jobs import train_time
from studio.jobs.datasets import gold_set
from studio.jobs.project_systems import depth_here
from studio.jobs.train_time import TimeEstimate
from studio.plurals import so_many
from studio.project import Project
from studio.records import Split
from studio.runs import RERANKER
from studio.store import Store

SAMPLED = 200
"""Documents whose mean length stands for all of them."""


@dataclass(frozen=True, slots=True)
class ScoringPlan:
    """Queries, and the documents that are read for each."""

    queries: int
    depth: int
    time: TimeEstimate

    @property
    def pairs(self) -> int:
        """Of a query and a document."""
        return self.queries * self.depth

    def words(self, split: Split) -> str:
        """Such as ``196 test queries × 30 documents = 5,880 pairs, about 2 min``."""
        queries = so_many(self.queries, f"{split} queries")
        return (
            f"{queries} × {so_many(self.depth, 'documents')} = "
            f"{so_many(self.pairs, 'pairs')}, about {train_time.in_words(self.time.seconds)}"
        )

    @property
    def source(self) -> str:
        """Where the time is from."""
        if self.time.measured_on:
            return f"as fast as {self.time.measured_on} read here"
        return "a guess: none like it has read here yet"


def scoring_plan(
    store: Store, split: Split, base: str, max_length: int, depth: int | None = None, most: int = 0
) -> ScoringPlan:
    """What scoring a reranker on a split of the gold comes to.

    base: what the reranker was trained from. depth: documents for each query; None: as many as
    this machine reads in time. most: queries that are read at most, evenly spread; 0: all.
    """
    depth = min(depth or depth_here(), store.documents.count())
    queries = len(gold_set(store, split).queries)
    if most and queries:
        queries = len(range(0, queries, -(-queries // most)))
    time = train_time.of_scoring(
        queries * depth, base, max_length, mean_length(store), store.models.of_learner(RERANKER)
    )
    return ScoringPlan(queries, depth, time)


def plan_of_system(project: Project, system: System, split: Split) -> ScoringPlan:
    """The same for a reranker that is a system of the project's."""
    models = project.store.models.of_learner(RERANKER)
    own = [model.base for model in models if str(project.path / model.path) == system.source]
    base = own[0] if own else system.source
    return scoring_plan(project.store, split, base, system.max_length, system.depth)


def mean_length(store: Store) -> float:
    """Characters of a document, on a few of them."""
    some = store.documents.page(limit=SAMPLED)
    return sum(len(document.full_text) for document in some) / max(len(some), 1)
