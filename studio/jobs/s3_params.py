"""What a run of S3 or its kin can be told, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studio.params import Params, option
from studio.records import Style
from studio.training.small_settings import Kind

Approve = Literal["all", "person"]


@dataclass(frozen=True, slots=True)
class S3Params(Params):
    """Seed, rounds, final model."""

    method: str = "s3"
    """``s3``, ``zerogen``, ``goldgen`` or ``gold``."""
    run_id: int | None = None
    """The run to go on with; None begins one."""
    seed_records: int = 200
    """Items of the seed set that are kept after parsing and duplicates."""
    rounds: int = 2
    """R: how often errors are extrapolated. 0 trains on the seed alone."""
    records: int | None = None
    """Items in all: extrapolation ends there. For goldgen and comparisons; None is without end."""
    rationales: int = 20
    """Reasons asked for each label, at least."""
    explain: bool = True
    """False: no rationales, the ablation."""
    extrapolate: bool = True
    """False: no error extrapolation; the seed grows to the same size instead, the ablation."""
    approve: Approve = "all"
    """``person``: the run rests after each extrapolation until it is told to go on."""
    patience: int = 1
    """Stop after so many rounds without a better validation score; 0 runs all rounds."""
    add_records: str = ""
    """A file of items put on top of the seed: another data set's additions."""
    train_file: str = ""
    """For method ``gold``: the human-labelled training set."""
    top_k: int = 10
    """Retrievers: a query whose right document is not among so many is an error."""
    hard_negatives: int = option(
        1,
        "Hard negatives",
        "retrievers: wrong documents that came first, written for too",
        least=0,
        most=5,
        older=("confusers",),
    )
    kind: Kind = "finetune"
    """``head`` trains a linear layer on a frozen encoder, in seconds."""
    base: str = ""
    """The checkpoint to start from; empty takes the default."""
    epochs: float | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    max_length: int | None = None
    class_weights: bool = False
    seeds: int = 1
    """Trainings per round, with seeds that follow each other: for mean and spread. Errors are those
    of the first."""
    seed: int = 13
    prompt_id: int | None = None
    """The prompt version; None is the newest of this task, else the bundled one."""
    style: Style | None = None
    temperature: float | None = None
    endpoint: str = ""
    base_url: str = ""
    model: str = ""
    budget_usd: float | None = None
    budget_tokens: int | None = None
    max_concurrency: int | None = None
