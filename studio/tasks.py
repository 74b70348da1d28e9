"""The table of tasks: one row says all that differs between them, and the words for people.

A new task is a row here, a record type in :mod:`studio.records`, and a learner.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal

from studio.records import (
    INSTRUCTION,
    LABELLED_TEXT,
    QUERY,
    QUESTION,
    SENTENCE_PAIR,
    TRIPLET,
    RecordType,
    StudioError,
)

GoldShape = Literal["documents", "label", "answers", "output", "positive"]


@dataclass(frozen=True, slots=True)
class Task:
    """What a project trains for."""

    name: str
    """As the command line and the store write it."""
    title: str
    """For lists, such as ``Search over documents``."""
    about: str
    """One line: what goes in and what comes out."""
    record: RecordType
    """What its methods make, what it is trained on, and what its gold consists of."""
    gold: GoldShape
    """What is right for a gold datum: relevant documents, its label, its answers, an output to hold
    others against, or the text that belongs to it."""
    method: str
    """The method that is taken unless another one is named."""
    learner: str
    """What trains its models."""
    metrics: tuple[str, ...]
    """What its models are scored by; the first one decides."""
    home_pane: str
    """The pane that its projects open on."""
    trained_by: str = ""
    """The kind of job that trains a model on the kept records; empty where rounds do."""
    reranked_by: str = ""
    """The kind of job that trains a second model to put in order what the first one finds."""
    has_labels: bool = False
    """Whether there are classes to tell apart."""
    has_path: bool = False
    """Whether one job goes the whole path: generate, filter, train, evaluate."""
    has_rounds: bool = False
    """Whether a run trains its model itself, round by round."""
    has_examples: bool = False
    """Whether people write its examples one by one, and the prompts show some of them."""
    needs_documents: bool = False
    """Whether its methods write for documents of a corpus."""
    takes_documents: bool = False
    """Whether one of its methods writes for documents, and others do without."""

    @property
    def has_corpus(self) -> bool:
        """Whether documents are of any use to it."""
        return self.needs_documents or self.takes_documents

    @property
    def takes_records(self) -> bool:
        """Whether what others have made can come in as its records."""
        return self.gold in ("output", "positive")

    @property
    def is_trained_alone(self) -> bool:
        """Whether one job trains on the kept records, and no path or round leads there."""
        return bool(self.trained_by) and not self.has_path

    @property
    def verb(self) -> str:
        """The command by which its records come."""
        return "studio s3" if self.has_rounds else "studio generate"


TASKS: Final = {
    task.name: task
    for task in (
        Task(
            name="retrieval",
            title="Search over documents",
            about="documents and a few example queries in, a trained retriever out",
            record=QUERY,
            gold="documents",
            method="promptagator",
            learner="retriever",
            metrics=("ndcg@10", "recall@10"),
            home_pane="examples",
            trained_by="train",
            reranked_by="rerank",
            has_path=True,
            has_examples=True,
            needs_documents=True,
        ),
        Task(
            name="classification",
            title="Texts with a label",
            about="labels and gold texts in, a trained classifier out",
            record=LABELLED_TEXT,
            gold="label",
            method="s3",
            learner="classifier",
            metrics=("accuracy",),
            home_pane="rounds",
            has_rounds=True,
            has_labels=True,
        ),
        Task(
            name="nli",
            title="Pairs of sentences",
            about="premises, labels and gold pairs in, a model of how two sentences stand out",
            record=SENTENCE_PAIR,
            gold="label",
            method="s3",
            learner="classifier",
            metrics=("accuracy",),
            home_pane="rounds",
            has_rounds=True,
            has_labels=True,
            needs_documents=True,
        ),
        Task(
            name="qa",
            title="Questions on passages",
            about="passages and gold questions in, a model that points at the answer out",
            record=QUESTION,
            gold="answers",
            method="s3",
            learner="reader",
            metrics=("f1", "em"),
            home_pane="rounds",
            has_rounds=True,
            needs_documents=True,
        ),
        Task(
            name="instructions",
            title="Instructions and answers",
            about="seed tasks, documents or nothing in, a tuned small LLM out",
            record=INSTRUCTION,
            gold="output",
            method="self-instruct",
            learner="instruction model",
            metrics=("rouge_l", "loss"),
            home_pane="examples",
            trained_by="tune",
            has_examples=True,
            takes_documents=True,
        ),
        Task(
            name="embedding",
            title="Texts that belong together",
            about="nothing or triplets of others in, a trained encoder that heeds instructions out",
            record=TRIPLET,
            gold="positive",
            method="e5",
            learner="retriever",
            metrics=("ndcg@10", "spearman"),
            home_pane="generate",
            trained_by="train",
        ),
    )
}
"""Task name → its row."""


def task(name: str) -> Task:
    """One row of the table. Raises StudioError for a name that is not there."""
    if name not in TASKS:
        near = get_close_matches(name, TASKS, n=1) or list(TASKS)
        raise StudioError(f"There is no task “{name}”; choose one of: {', '.join(near)}.")
    return TASKS[name]
