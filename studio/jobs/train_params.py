"""On which records a model is trained; what the training of a retriever, and its scoring, can be
told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from studio.evaluation.embeddings import Prefixes
from studio.params import Params, option
from studio.records import Split

Recipe = Literal["recommended", "published"]
TaughtBy = Literal["hybrid", "reranker"]
Lesson = Literal["order", "margins"]


@dataclass(frozen=True, slots=True)
class DataParams(Params):
    """Which records a training takes."""

    kept_by: str = option(
        "",
        "Kept by",
        "what the chain up to this filter keeps, or a person",
        empty="all filters and people",
    )
    score_of: str = option(
        "", "Score of", "the filter whose score is bounded", empty="that of kept by"
    )
    min_score: float | None = option(None, "Lowest score", "of that filter", empty="any")
    max_score: float | None = option(None, "Highest score", "of that filter", empty="any")
    prompt_version: int | None = option(
        None, "Prompt version", "only records that this version made", least=1, empty="any"
    )
    from_job: int | None = option(
        None, "Made by job", "only records that this job made", least=1, empty="any", flag="job"
    )


@dataclass(frozen=True, slots=True)
class TrainParams(DataParams):
    """Train a retriever on the kept records."""

    encoder: str = option(
        "",
        "Base encoder",
        "the model to start from: a catalogue name, a hub name or a folder",
        empty="the settings' own",
    )
    continue_round_trip: bool = option(
        True,
        "After round trip",
        "go on from the round trip's model, as published, where there is one",
        flag="stage-one",
    )
    recipe: Recipe = option(
        "recommended",
        "Recipe",
        "where the numbers below come from that are not set",
        choices=get_args(Recipe),
        notes=("what gained most on little data", "Promptagator's own numbers"),
    )
    epochs: float | None = option(
        None,
        "Epochs",
        "passes over the pairs; more can overfit",
        least=0.01,
        empty="the recipe's",
    )
    steps: int | None = option(
        None, "Steps", "of the optimiser, in place of epochs", least=1, empty="as the epochs say"
    )
    batch_size: int | None = option(
        None,
        "Batch size",
        "pairs a step; each also learns from the others' documents",
        least=2,
        empty="the recipe's",
    )
    learning_rate: float | None = option(
        None,
        "Learning rate",
        "how far each step goes; too high forgets",
        least=1e-12,
        empty="that of the encoder's kind",
    )
    temperature: float | None = option(
        None,
        "Temperature",
        "of the contrastive loss's softmax; lower is stricter",
        least=1e-3,
        empty="the trainer's own",
    )
    side: Literal["both", "query"] | None = option(
        None,
        "Train",
        "which vectors change",
        choices=("both", "query"),
        notes=("queries and documents", "queries alone: documents keep the base's vectors"),
        empty="the recipe's",
    )
    freeze_words: bool | None = option(
        None,
        "Hold words",
        "leave the word vectors as they are: less memory and time",
        empty="where they are most of the weights",
    )
    distillation: float | None = option(
        None,
        "Teacher's share",
        "of the loss: 0 learns from the pairs alone, 1 from the teacher",
        least=0,
        most=1,
        empty="the recipe's",
    )
    taught_by: TaughtBy = option(
        "hybrid",
        "Taught by",
        "who grades documents for each query, where the teacher has a share",
        choices=get_args(TaughtBy),
        notes=(
            "an encoder and BM25 added up: all documents, quickly",
            "a reranker: the first 32 found, closely read; it knows more than the student",
        ),
    )
    teacher: str = option(
        "",
        "Teacher",
        "an encoder; or a reranker by number, name, folder or hub name",
        empty="the base, MiniLM for a static one; the newest reranker",
    )
    lesson: Lesson = option(
        "order",
        "Learns its",
        "what of the teacher's grades is learnt",
        choices=get_args(Lesson),
        notes=(
            "order over the whole list (Kullback-Leibler)",
            "margins between the own document and each other (MarginMSE, as GPL)",
        ),
    )
    hard_negatives: int = option(
        0,
        "Hard negatives",
        "mined wrong documents per query, guarded against false ones",
        least=0,
        most=8,
    )
    instructions: bool = option(
        True, "Instructions", "put a triplet's task in words before its query"
    )
    written_negatives: bool = option(
        True, "LLM's negatives", "the ones that triplets bring; mined ones are mostly better"
    )
    widths: str = option(
        "", "Shorter vectors", "leading numbers that are to do alone: 64,128", empty="none"
    )
    lora_rank: int = option(
        0, "LoRA rank", "train low-rank adapters alone; 0 trains all weights", least=0, most=256
    )
    max_length: int = option(256, "Tokens read", "of each document; longer is slower", least=8)
    interpolate: bool = option(
        True, "Average with base", "mix the weights with the base's as validation prefers: safer"
    )
    patience: int = option(
        3, "Patience", "checks without a gain before it stops early; 0 never stops", least=0
    )
    query_prompt: str = option(
        "", "Query prefix", "put before each query, if the base wants one", empty="the base's own"
    )
    document_prompt: str = option(
        "", "Document prefix", "put before each document, likewise", empty="the base's own"
    )
    seed: int = option(
        13, "Seed", "the same seed gives the same model on the same machine", least=0
    )
    bf16: bool | None = option(
        None, "Half precision", "bfloat16 inside the network", empty="on a GPU that can"
    )
    evaluate: bool = option(
        False, "Score afterwards", "measure BM25, base and the new model on test gold"
    )
    name: str = option("", "Name", "what to call the model; also its folder", empty="retriever-JOB")

    @property
    def prefixes(self) -> Prefixes:
        """What goes before the texts of base and trained model alike."""
        return Prefixes(self.query_prompt, self.document_prompt)


@dataclass(frozen=True, slots=True)
class EvaluateParams(Params):
    """Score BM25, the base encoder, a trained one and whatever else is named on gold."""

    model_id: int | None = option(
        None, "Model", "the trained model's number", least=1, empty="the newest", flag="model"
    )
    split: Split = option(
        "test",
        "Gold split",
        "which gold to score on",
        choices=("test", "validation"),
        notes=("only ever scored: the number to report", "while you still choose"),
    )
    encoder: str = option(
        "",
        "Base encoder",
        "a catalogue name, a hub name or a folder",
        empty="the trained model's own base",
    )
    systems: str = option(
        "",
        "More systems",
        "to score beside them, with commas: hybrid, reranked, a model by number or name",
        empty="none",
    )
    reranker: str = option(
        "",
        "Reranker",
        "what reranked stands for: one by number or name, a folder, a hub name",
        empty="the newest one",
    )
    rerank: int | None = option(
        None,
        "Rerank",
        "how many of the first documents a reranker reads",
        least=1,
        most=1000,
        empty="100; on a CPU 30",
    )
    max_length: int | None = option(
        None,
        "Tokens read",
        "of each document; longer is slower",
        least=8,
        empty="as the model was trained",
    )
    query_prompt: str = option(
        "",
        "Query prefix",
        "put before each query by all encoders",
        empty="as trained, or their own",
    )
    document_prompt: str = option(
        "", "Document prefix", "put before each document", empty="as trained, or their own"
    )
    seed: int = option(13, "Seed", "decides every draw", least=0)

    @property
    def prefixes(self) -> Prefixes:
        """What goes before the texts of all encoders alike."""
        return Prefixes(self.query_prompt, self.document_prompt)
