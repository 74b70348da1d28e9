"""How a small LLM is tuned on instructions: LoRA (Hu et al. 2021, arXiv:2106.09685)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from studio.records import StudioError

BASE = "smollm2-135m"


@dataclass(frozen=True, slots=True)
class InstructionSettings:
    """How an LLM is tuned."""

    base: str = BASE
    """The LLM to start from: a catalogue name, a folder, a GGUF file or a hub name."""
    rank: int = 16
    """Of the adapter's matrices, which stand beside all linear layers but the last."""
    alpha: int = 32
    """The adapter is multiplied by alpha / rank."""
    dropout: float = 0.0
    """Of the adapter's inputs."""
    learning_rate: float = 2e-4
    """AdamW's peak; it falls linearly to 0."""
    batch_size: int = 4
    """Instructions in a batch."""
    epochs: float = 3.0
    """Passes over the instructions, unless ``max_steps`` is given."""
    max_steps: int | None = None
    """Batches in all."""
    max_length: int = 512
    """Tokens of an instruction and its answer; longer ones are cut."""
    packing: bool = False
    """Several instructions in one row of ``max_length`` tokens, which do not see one another: a
    batch is then so many rows."""
    warmup_share: float = 0.05
    """The share of steps in which the rate rises."""
    evaluations: int = 6
    """How often validation is scored, and how often a checkpoint is saved."""
    patience: int = 0
    """Stop after so many evaluations without a lower loss; 0 never stops early."""
    gradient_checkpointing: bool = False
    """Compute activations twice and hold them once: less memory, slower, the same result."""
    bf16: bool | None = None
    """Half precision inside the network. None: on a GPU that has it."""
    device: str | None = None
    """``cpu``, ``cuda`` …; None takes the best there is."""
    log_every: int = 5
    """Steps between two points of the loss curve."""
    seed: int = 13
    """Decides the adapter's first weights, the order and dropout."""

    def as_row(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> InstructionSettings:
        """The settings of a row; what an older studio did not write has its default."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in row.items() if name in known})

    def check(self) -> None:
        """Raise StudioError for numbers that make no sense."""
        for name in ("rank", "alpha", "learning_rate", "batch_size", "epochs", "evaluations"):
            if not getattr(self, name) > 0:
                raise StudioError(f"The training setting {name} must be greater than 0.")
        if self.max_steps is not None and self.max_steps < 1:
            raise StudioError("The training setting max_steps must be 1 or more.")
        if self.max_length < 32:
            raise StudioError("The training setting max_length must be 32 tokens or more.")
        if not 0 <= self.dropout < 1 or not 0 <= self.warmup_share < 1:
            raise StudioError("dropout and warmup_share are shares: from 0 to less than 1.")
