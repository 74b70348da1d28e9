"""What a tuned LLM's folder holds: merged weights, tokenizer, adapter, card, and a GGUF."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.llm.causal import CausalModel
from studio.llm.causal_folders import CausalFolder
from studio.training.checkpoints import put_in_place
from studio.training.instruction_gguf import can_write, write_gguf
from studio.training.instruction_settings import InstructionSettings

CARD = "instruction.json"
"""How it was made."""
GGUF_FILE = "model-f16.gguf"
"""The whole model for the embedded runtime, where the base came as a GGUF."""
ADAPTER = "adapter"
"""The folder of the adapter alone."""


def save_tuned(
    tuned: CausalModel, source: CausalFolder, settings: InstructionSettings, out: Path
) -> None:
    """Put all of it in its place in one step.

    Args:
        tuned: with its adapter, which is merged: the model is of no use to a training afterwards.
        source: where its base came from.
        settings: of the training.
        out: the folder.
    """
    adapted = tuned.model
    adapted.peft_config["default"].base_model_name_or_path = Path(settings.base).name
    with put_in_place(out) as folder:
        adapted.save_pretrained(str(folder / ADAPTER), save_embedding_layers=False)
        merged = adapted.merge_and_unload()
        # A GGUF that lies beside other weights need not be theirs, nor whole.
        with suppress(ValueError):
            if (base := source.file) is not None and can_write(base):
                write_gguf(merged, tuned.tokenizer.chat_template, base, folder / GGUF_FILE)
        merged.to(_stored_kind(source)).save_pretrained(str(folder))
        tuned.tokenizer.save_pretrained(str(folder))
        (folder / CARD).write_text(json.dumps({"settings": settings.as_row()}, indent=1), "utf-8")


def _stored_kind(source: CausalFolder) -> Any:
    """The precision that the base's file has; half of it for what was quantised."""
    import torch

    kinds = {"float16": torch.float16, "bfloat16": torch.bfloat16}
    if source.gguf:
        return torch.float16
    config = json.loads((source.path / "config.json").read_text("utf-8"))
    return kinds.get(str(config.get("dtype") or config.get("torch_dtype")), torch.float32)
