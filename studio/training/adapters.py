"""Low-rank adapters on an encoder (LoRA, Hu et al. 2022), through PEFT, for any transformer.

They are put into the network's linear layers, trained alone, and merged into its weights at the
end, so that the saved model is like any other and is loaded without PEFT.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.llm.causal_folders import INSTALL
from studio.records import StudioError
from studio.training.encoders import is_static
from studio.training.two_sided import side

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FILE: Final = "adapters.safetensors"
"""The adapters' weights in a checkpoint."""
LEARNING_RATE: Final = 1e-4
"""E5's with adapters of rank 16 (Wang et al. 2024): few weights take larger steps than all."""


class EncoderAdapters:
    """The adapters of one training."""

    def __init__(self, model: SentenceTransformer, rank: int) -> None:
        """Put adapters into every network whose weights are trained; the rest is frozen.

        Raises:
            StudioError: PEFT is not there, or the encoder has no linear layers.
        """
        if is_static(model):
            raise StudioError(
                "LoRA trains the linear layers of a transformer, and a static encoder has none; "
                "set the LoRA rank to 0, or choose another encoder."
            )
        if find_spec("peft") is None:
            raise StudioError(f"LoRA needs the package peft: {INSTALL}.")
        from peft import LoraConfig, get_peft_model

        networks = {id(first.auto_model): first.auto_model for first in _first_modules(model)}
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
        self._wrapped = [get_peft_model(network, config) for network in networks.values()]

    def merge(self) -> None:
        """Add what was learnt to the weights; the network is as it was before, but for them."""
        for wrapped in self._wrapped:
            wrapped.merge_and_unload()


def _first_modules(model: SentenceTransformer) -> list[Any]:
    return [
        first
        for first in (side(model, "query")[0], side(model, "document")[0])
        if any(weight.requires_grad for weight in first.parameters())
    ]


def save_adapters(model: SentenceTransformer, folder: Path) -> None:
    """Write what is trained into a checkpoint."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    trained = {name: weight for name, weight in model.state_dict().items() if "lora_" in name}
    save_file({name: weight.contiguous() for name, weight in trained.items()}, folder / FILE)


def load_adapters(model: SentenceTransformer, folder: Path) -> None:
    """Read it back into a model with the same adapters."""
    from safetensors.torch import load_file

    model.load_state_dict(load_file(folder / FILE), strict=False)
