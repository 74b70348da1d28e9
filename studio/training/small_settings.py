"""How small models for labelled tasks are trained: S3's numbers for each task, and our own.

S3 (Wang, Zhou and Sachan 2023, "Let's Synthesize Step by Step") fine-tunes DistilBERT; its numbers
are the defaults here. A second kind, a linear head on a frozen encoder, takes seconds on a
processor: every table names the kind that made it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal

from studio.llm.catalogue import default_encoder
from studio.records import StudioError
from studio.tasks import TASKS

Kind = Literal["finetune", "head"]
PAPER_BASE = "distilbert/distilbert-base-uncased"
"""The paper's; taken where the machine has it already."""
EMBEDDED_BASE = "minilm-l6"
OF_A_HEAD: Final = (
    *("task", "kind", "base", "max_length"),
    *("class_weights", "regularisation", "device", "seed"),
)
"""Settings of a linear head: it knows no batches, no rate and no epochs."""
THIN: Final = (EMBEDDED_BASE, "multilingual-e5-small")
"""Embedded encoders of 384 dimensions."""


@dataclass(frozen=True, slots=True)
class SmallSettings:
    """How a small model is trained."""

    task: str = "classification"
    kind: Kind = "finetune"
    """``finetune`` trains all weights; ``head`` only a linear layer on a frozen encoder."""
    base: str = EMBEDDED_BASE
    """The checkpoint to start from: a catalogue name, a folder or a hub name."""
    batch_size: int = 8
    learning_rate: float = 5e-6
    """AdamW's peak; it falls linearly to 0."""
    weight_decay: float = 2e-8
    epochs: float = 6.0
    """Passes over the items, unless ``max_steps`` is given."""
    max_steps: int | None = None
    warmup_steps: int = 100
    """Steps in which the rate rises; at most a tenth of all."""
    max_length: int = 512
    """Tokens read of an item."""
    stride: int = 170
    """Tokens that two windows of a long context share; for qa only."""
    class_weights: bool = False
    """Weigh rare labels up, by their inverse share."""
    evaluations: int = 0
    """How often validation is scored; 0 is once an epoch."""
    patience: int = 0
    """Stop after so many evaluations without a better score; 0 never stops early."""
    regularisation: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)
    """Inverse strengths that a head tries; validation chooses. For heads only."""
    bf16: bool | None = None
    """Half precision inside the network. None: on a GPU that has it, not on a CPU."""
    device: str | None = None
    """``cpu``, ``cuda`` …; None takes the best there is."""
    log_every: int = 5
    """Steps between two points of the loss curve."""
    seed: int = 13
    """Decides the new layer's weights, the order and dropout."""

    def as_row(self) -> dict[str, Any]:
        """Plain values for JSON; of a head only those that decide it."""
        row = asdict(self)
        return {name: row[name] for name in OF_A_HEAD} if self.kind == "head" else row

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> SmallSettings:
        """The settings of a row; what an older studio did not write has its default."""
        known = {field.name for field in fields(cls)}
        kept = {name: value for name, value in row.items() if name in known}
        if "regularisation" in kept:
            kept["regularisation"] = tuple(kept["regularisation"])
        return cls(**kept)


PAPER: Final[dict[str, SmallSettings]] = {
    "classification": SmallSettings(),
    "nli": SmallSettings(
        task="nli", batch_size=16, learning_rate=1e-5, weight_decay=1e-2, epochs=20
    ),
    "qa": SmallSettings(
        task="qa", batch_size=8, learning_rate=1e-5, weight_decay=1e-2, epochs=10, warmup_steps=0
    ),
}
"""Task → what the paper trains IMDb, RTE and Adversarial QA with."""
EMBEDDED_RATE = 5e-5
"""For the embedded encoders: their thin layers need larger steps than DistilBERT's."""
EMBEDDED_LENGTH = 256
"""Tokens that an embedded encoder reads, and any encoder below a head."""


def defaults(
    task: str, kind: Kind = "finetune", base: str = "", language: str = "en"
) -> SmallSettings:
    """The paper's numbers for its own checkpoint; for embedded encoders, what trains them well.

    language: of the texts, which decides the base where none is named.
    """
    chosen = replace(PAPER[task], kind=kind, base=base or default_base(kind, language))
    if kind == "head":
        return replace(chosen, max_length=EMBEDDED_LENGTH)
    if chosen.base not in THIN:
        return chosen
    return replace(chosen, learning_rate=EMBEDDED_RATE, max_length=EMBEDDED_LENGTH, stride=85)


def default_base(kind: Kind = "finetune", language: str = "en") -> str:
    """DistilBERT for English where the hub's cache of this machine has it, else the embedded
    encoder of the language."""
    from huggingface_hub import try_to_load_from_cache

    embedded = default_encoder(language)
    here = embedded == EMBEDDED_BASE and try_to_load_from_cache(PAPER_BASE, "model.safetensors")
    return PAPER_BASE if kind == "finetune" and isinstance(here, str) else embedded


def check_kind(task: str, kind: Kind) -> None:
    """Refuse a kind that cannot learn the task, before anything is paid for."""
    if TASKS[task].gold == "answers" and kind == "head":
        raise StudioError(
            "A linear head cannot point at spans of a text; train questions with kind finetune."
        )
