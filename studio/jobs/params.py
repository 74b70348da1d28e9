"""What jobs can be told, with their defaults; terminal, screens and rows share these. What training
is told stands in files of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from studio.calls import Style
from studio.params import Params, as_in, option

Approve = Literal["all", "person"]
Kind = Literal["finetune", "head"]
Engine = Literal["live", "batch"]
RoundTripMode = Literal["trained", "base", "hybrid", "bm25", "off"]

STAGES = {"path": "generate", "s3-compare": "run", "evaluate": "judge"}
"""Kind of job → the part of its params that is what a run is told."""


def run_params(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What a job tells the run that asks an LLM: all of its params, or a part of them."""
    part = STAGES.get(kind)
    return dict((params.get(part) or {}) if part else params)


def cap_words(usd: float) -> str:
    """A cap as :meth:`Project.say` keeps it."""
    return f"budget_usd = {float(usd)}"


@dataclass(frozen=True, slots=True)
class RunParams(Params):
    """What every run of a method can be told, whichever method it is.

    A run's row holds these and the method's own settings (:attr:`Method.settings`) side by side.
    """

    method: str = option("", "Method", "how records are written", empty="the task's own")
    documents: int | None = option(
        None, "Documents", "how many to sample", least=1, empty="all of them"
    )
    search: str = option("", "Only about", "sample only those with these words", empty="anything")
    prompt_id: int | None = None
    """The prompt version; None is the newest that the method can ask with."""
    endpoint: str = option(
        "",
        "Endpoint",
        "a name of the settings, embedded:MODEL, or a URL with a model",
        empty="the settings' own",
    )
    base_url: str = ""
    """An endpoint named by its URL instead."""
    model: str = ""
    """The model at that URL."""
    style: Style | None = option(
        None,
        "Style",
        "chat turns or one completion",
        choices=("chat", "completion"),
        empty="the template's",
    )
    temperature: float | None = option(
        None,
        "Temperature",
        "higher is bolder and errs more",
        least=0,
        most=2,
        empty="the template's",
    )
    seed: int = option(13, "Seed", "decides documents, shots and sampling")
    budget_usd: float | None = option(
        None, "Cap in dollars", "the run stops before it is passed", least=0, empty="no cap"
    )
    budget_tokens: int | None = option(
        None, "Cap in tokens", "the same, for tokens in and out", least=1, empty="no cap"
    )
    engine: Engine = option(
        "live",
        "Engine",
        "how requests go out",
        choices=("live", "batch"),
        notes=(
            "each as a call of its own, answered at once",
            "in files, by the Batch API: often half the price, within a day",
        ),
    )
    max_concurrency: int | None = option(
        None,
        "Calls at a time",
        "can be changed under way",
        least=1,
        empty="as the endpoint allows",
        flag="concurrency",
    )


@dataclass(frozen=True, slots=True)
class RoundParams(Params):
    """What a run that trains can be told of its rounds."""

    run_id: int | None = None
    """The run to go on with; None begins one."""
    rounds: int = option(2, "Rounds", "how often errors are extrapolated", least=0)
    records: int | None = option(
        None, "Records in all", "extrapolation ends there", least=1, empty="without end"
    )
    approve: Approve = option(
        "all",
        "Extrapolations",
        "who lets them in",
        choices=("all", "person"),
        notes=(
            "all that the checks keep goes in at once",
            "the run rests after each extrapolation, you judge",
        ),
    )
    patience: int = option(
        1, "Patience", "rounds without a better validation score; 0 runs all", least=0
    )
    extrapolate: bool = option(
        True,
        "Extrapolate",
        "without it, the ablation, the seed grows to the same size instead",
        flag="extrapolate/without-extrapolation",
    )
    add_records: str = option(
        "", "Added records", "a file of labelled records put on top of the seed", empty="none"
    )
    train_file: str = option(
        "", "Training file", "for method gold: the human-labelled training set", empty="none"
    )
    top_k: int = option(
        10,
        "Top k",
        "retrievers: a query whose right document is not among them is an error",
        least=1,
    )
    kind: Kind = option(
        "finetune",
        "Small model",
        "how it is trained",
        choices=("finetune", "head"),
        notes=(
            "all weights, as the paper: minutes on a CPU",
            "a linear layer on a frozen encoder: seconds",
        ),
    )
    base: str = option("", "Start from", "an encoder's name, or a folder", empty="the default")
    epochs: float | None = option(
        None, "Epochs", "passes over the records", least=0, empty="the task's own"
    )
    learning_rate: float | None = option(
        None, "Learning rate", "how far each step goes", least=0, empty="the task's own"
    )
    batch_size: int | None = option(
        None, "Batch size", "records a step", least=1, empty="the task's own"
    )
    max_length: int | None = option(
        None, "Tokens read", "of each text; longer is slower", least=8, empty="the task's own"
    )
    class_weights: bool = option(False, "Class weights", "weigh rare labels up")
    seeds: int = option(
        1,
        "Trainings",
        "per round, with seeds that follow each other, for mean and spread",
        least=1,
    )
    seed: int = option(13, "Seed", "decides every draw")


@dataclass(frozen=True, slots=True)
class ImportParams(Params):
    """Bring documents, gold, examples and records into a project. At least one is named."""

    corpus: str | None = None
    """The documents: a file or a folder, by its full path as the next two."""
    gold: str | None = option(
        None, "Gold queries", "a BEIR folder, or one JSONL file", empty="none"
    )
    examples: str | None = option(
        None, "Examples", "few-shot examples: a JSONL or CSV file", empty="none"
    )
    records: str | None = option(
        None, "Records", "data that others have made, to clean and to export", empty="none"
    )
    passage_tokens: int = option(
        0,
        "Passage tokens",
        "cut longer documents into passages of so many encoder tokens; 0 keeps them whole",
        least=0,
    )
    overlap: int = option(32, "Overlap", "tokens that two passages share", least=0)
    fields: dict[str, str] | None = None
    """What a file's columns are called, and its ``encoding``; None takes what is usual."""
    train_as_validation: bool = option(
        False, "Train split", "read a BEIR train split as validation"
    )


@dataclass(frozen=True, slots=True)
class FilterParams(Params):
    """Judge the records by a chain of filters."""

    chain: str = option(
        "",
        "Filters",
        "with commas; +NAME adds to the usual ones, -NAME leaves out",
        empty="the usual ones for the records",
        flag="filters",
    )
    settings: str = option(
        "",
        "Their settings",
        "with commas, such as novelty.near=0.6,per-task.most=3",
        empty="as each filter has them",
        flag="set",
    )
    round_trip: RoundTripMode = option(
        "trained",
        "Round trip",
        "what must find a query's own document",
        choices=get_args(RoundTripMode),
        notes=(
            "the published filter: an encoder trained on these queries",
            "the base encoder: quicker, and judges less well",
            "the base encoder and BM25 added up",
            "BM25: quickest",
            "asks nothing",
        ),
    )
    k: int = option(1, "Keep in the top", "ranks that its own document may have", least=1)
    encoder: str = option(
        "",
        "Base encoder",
        "a catalogue name, a hub name or a folder",
        empty="the settings' own",
    )
    type: str = option(
        "", "Record type", "records of another type, such as note", empty="the task's own"
    )
    seed: int = option(13, "Seed", "decides every draw", least=0)
    train: dict[str, Any] | None = None
    """First-stage training settings; None is :class:`TrainParams`' own."""


@dataclass(frozen=True, slots=True)
class JudgeParams(Params):
    """Have an LLM rate the kept records."""

    by: str = option(
        "accuracy",
        "Judge",
        "what each record is rated for, from 0 to 5",
        choices=("accuracy", "helpfulness", "rubric", "answerable", "relabel"),
        notes=(
            "how right it is, as AlpaGasus rates",
            "how much it helps whoever asked",
            "how well it meets a rubric of your own",
            "queries: whether their document answers them, from 0 to 3",
            "queries: which of the nearest documents answer them; those are trained on",
        ),
    )
    keep_from: float | None = option(
        None,
        "Keep from",
        "the lowest score that is kept; can be moved later",
        least=0,
        most=5,
        empty="4.5; 2 of 3 for answerable",
    )
    rubric: str = option("", "Rubric", "for the judge rubric: what to rate by", empty="none")
    template: str = ""
    """The text of a template in place of the judge's own."""
    type: str = as_in(FilterParams, "type")
    endpoint: str = as_in(RunParams, "endpoint")
    base_url: str = ""
    model: str = ""
    engine: Engine = as_in(RunParams, "engine")  # noqa: RUF009 - it makes a field
    budget_usd: float | None = as_in(RunParams, "budget_usd")
    budget_tokens: int | None = as_in(RunParams, "budget_tokens")
    max_concurrency: int | None = as_in(RunParams, "max_concurrency")


@dataclass(frozen=True, slots=True)
class PathParams(Params):
    """The whole path in one job; each stage's params as in its own kind of job."""

    generate: dict[str, Any] | None = None
    filter: dict[str, Any] | None = None
    train: dict[str, Any] | None = None
    """Of a retriever; with :attr:`tune`, no retriever is trained."""
    tune: dict[str, Any] | None = None
    """Of a small LLM on instructions."""
    evaluate: dict[str, Any] | None = None
    corpus_import: dict[str, Any] | None = None
    """An import that comes first, if any."""
