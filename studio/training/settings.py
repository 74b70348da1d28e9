"""What a training takes in, says on its way, and gives back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from studio.evaluation.counting import Counting
from studio.evaluation.embeddings import OWN_PREFIXES, Prefixes, instructed
from studio.training.encoders import MAX_LENGTH, STATIC_NAMES

STATIC_LEARNING_RATE = 2e-2
"""For bags of word vectors, whose few weights take large steps."""
BANK_LIMIT = 20_000
"""The most documents of a corpus that stand against queries: their vectors stay in memory."""
LEARNING_RATE = 3e-5
"""For transformers."""


@dataclass(frozen=True, slots=True)
class TrainingPair:
    """One query with the document that answers it."""

    query: str
    document_id: int | str
    """Two pairs of one document never meet in a batch."""
    document_text: str
    """Title joined, as :func:`studio.records.joined_text` does."""
    negatives: tuple[str, ...] = ()
    """Texts of documents that do not answer the query, hardest first."""
    instruction: str = ""
    """The task in words, which stands before the query; empty for a plain query."""
    group: str = ""
    """The kind of task, such as ``short-long``."""

    @property
    def asked(self) -> str:
        """The query as the encoder reads it."""
        return instructed(self.instruction, self.query)


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """Judged queries that decide when to stop and which checkpoint is kept; never the test set."""

    queries: Mapping[str, str]
    """Query id → text."""
    documents: Mapping[str, str]
    """Document id → text: the corpus, or a part of it that holds the relevant ones."""
    relevant: Mapping[str, Mapping[str, int]]
    """Query id → what counts, such as a document id → grade."""
    counting: Counting = field(default_factory=Counting)
    """What one place of a ranking is."""

    def sampled(self, documents: int, seed: int = 0) -> ValidationSet:
        """The same queries over at most so many documents: all relevant ones and a random rest.

        A smaller corpus is easier, so its scores compare checkpoints and nothing else.
        """
        judged = {name for grades in self.relevant.values() for name in grades}
        needed = {name for name in self.documents if judged.intersection(self.counting.names(name))}
        rest = sorted(name for name in self.documents if name not in needed)
        room = max(0, documents - len(needed))
        chosen = set(random.Random(seed).sample(rest, min(room, len(rest)))) | needed
        kept = {name: text for name, text in self.documents.items() if name in chosen}
        return replace(self, documents=kept)


@dataclass(frozen=True, slots=True)
class RetrieverSettings:
    """How a retriever is trained. The numbers of a schedule come in here."""

    base: str = "minilm-l6"
    """The encoder to start from: a catalogue name, a folder or a hub name."""
    batch_size: int = 32
    """Pairs in a batch, at most one per document; the others' documents are the negatives."""
    mini_batch: int | None = None
    """Texts that pass the network at once, which decides the memory. None: 32; on a GPU 256."""
    learning_rate: float | None = None
    """Peak rate. None: 2e-2 for static encoders, 3e-5 for the others."""
    epochs: float = 2.0
    """Passes over the pairs, unless ``max_steps`` is given."""
    max_steps: int | None = None
    """Batches in all."""
    warmup: float = 0.1
    """The share of steps in which the rate rises; it falls linearly to 0 after."""
    weight_decay: float = 0.0
    """AdamW's."""
    scale: float = 20.0
    """Cosines are multiplied by it before the softmax: 1 / temperature."""
    trained_side: Literal["both", "query"] = "both"
    """``query``: documents keep the vectors of the base, which are computed once, and queries learn
    to find them among those of the batch and of ``corpus_negatives``."""
    freeze_words: bool | None = None
    """Hold the word vectors as they are. None: where they are more than half of the weights, as in
    encoders of many languages: some hundred pairs meet few of 250,000 words, and steps over all
    of them would take a gigabyte and most of the time."""
    symmetric: bool = False
    """Also let each document find its query among the batch's."""
    negatives: int = 0
    """Hard negatives used per query, of those that the pairs bring."""
    corpus_negatives: int = 0
    """Documents drawn from the whole corpus at each step to stand against every query; a number
    above the corpus's takes all of it, and 0 none."""
    distillation: float = 0.0
    """The share of a teacher in the loss: 0 is the published cross-entropy alone, 1 the teacher
    alone. The student's softmax over the candidates is drawn to the teacher's by Kullback-Leibler
    divergence (knowledge distillation, Hinton, Vinyals and Dean 2015), so that a document is not
    simply wrong because the query was written from another one. Needs ``corpus_negatives``."""
    margins: bool = False
    """Learn the teacher's margins between a query's own document and each other by squared error
    (MarginMSE, as GPL, Wang et al. 2022), and not its softmax over all of them."""
    teacher: str = ""
    """What the teacher is called, for the model card: others should know whom a model learnt from.
    """
    teacher_temperature: float = 1.0
    """The teacher's scores are divided by it before its softmax: higher is less sure."""
    interpolation: float | Literal["validation"] = 1.0
    """The share of trained weights in the result, the rest being the anchor's (WiSE-FT, Wortsman et
    al. 2022). ``validation`` tries several and keeps the best."""
    anchor: str = ""
    """The encoder to interpolate with; empty: the one that this training started from."""
    max_length: int = MAX_LENGTH
    """Tokens read of each text."""
    query_prompt: str = ""
    """Put in front of every query, in training and ever after; empty: the base's own."""
    document_prompt: str = ""
    """Put in front of every document, likewise."""
    evaluations: int = 6
    """How often the validation set is scored."""
    patience: int = 0
    """Stop after so many evaluations without a better score; 0 never stops early."""
    checkpoint_every: int = 100
    """Steps between two checkpoints when there is no validation set."""
    widths: tuple[int, ...] = ()
    """Leading numbers of a vector that are to do on their own too (Matryoshka, Kusupati et al.
    2022): the loss is the mean over these and the whole; empty: the whole alone."""
    lora_rank: int = 0
    """Of low-rank adapters on the network's linear layers (LoRA), which are merged into the saved
    weights; 0 trains all weights."""
    log_every: int = 5
    """Steps between two points of the loss curve."""
    bf16: bool | None = None
    """Half precision inside the network. None: on a GPU that has it, not on a CPU."""
    device: str | None = None
    """``cpu``, ``cuda`` …; None takes the best there is."""
    seed: int = 13
    """Decides batches and dropout: the same seed gives the same weights on the same machine."""

    def as_dict(self) -> dict[str, Any]:
        """For the store and the model card."""
        return asdict(self)


def recommended(base: str, *, static: bool | None = None) -> RetrieverSettings:
    """What gained most on validation queries of real collections with some hundred synthetic pairs.

    Both learn against all documents of a small corpus, and are averaged with their base by the
    share that the validation set chooses, so that a small or hard set falls back towards the base.
    A static encoder is trained whole; a transformer trains its query side alone. Half of the loss
    is a teacher's: for static encoders that was better than all of it.
    """
    if static if static is not None else base in STATIC_NAMES:
        return RetrieverSettings(
            base=base,
            learning_rate=1e-2,
            epochs=8,
            corpus_negatives=2000,
            distillation=0.5,
            interpolation="validation",
        )
    return RetrieverSettings(
        base=base,
        learning_rate=5e-5,
        epochs=4,
        trained_side="query",
        corpus_negatives=BANK_LIMIT,
        distillation=0.5,
        interpolation="validation",
    )


def for_triplets(base: str) -> RetrieverSettings:
    """E5's objective (Wang et al. 2024): cosine / 0.02, in-batch and the triplets' own negatives.

    Averaged with the base by the share that validation chooses, as :func:`recommended` does.
    """
    return RetrieverSettings(base=base, scale=50.0, interpolation="validation")


@dataclass(frozen=True, slots=True)
class TrainingPoint:
    """A point of the curves."""

    step: int
    """Batches so far."""
    steps: int
    """Batches in all."""
    epoch: float
    """Passes so far."""
    loss: float | None = None
    """Mean over the steps since the last point; None at an evaluation."""
    learning_rate: float | None = None
    """At this step."""
    score: float | None = None
    """Of the validation set, at an evaluation: nDCG@10 of a retriever, the metric of the task of a
    small model, the loss of an instruction model. Step 0 is the untrained base."""
    seconds: float = 0.0
    """Since this run began."""


@dataclass(frozen=True, slots=True)
class TrainedRetriever:
    """What came of a training."""

    path: Path
    """A sentence-transformers folder."""
    steps: int
    """Batches trained, before and after an interruption."""
    best_step: int
    """The step whose weights were kept; the last one without a validation set."""
    best_score: float | None
    """nDCG@10 of the saved model on the validation set; None without one."""
    seconds: float
    """This run's; what was done before an interruption is not in it."""
    base_score: float | None = None
    """nDCG@10 of the untrained encoder on the validation set."""
    share: float = 1.0
    """The interpolation that was used."""
    cancelled: bool = False
    """Stopped by a person: the best so far was saved, and the training can be resumed."""
    prefixes: Prefixes = OWN_PREFIXES
    """What was put before queries and documents, and is by the saved model."""
