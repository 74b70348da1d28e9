"""What loading a model must not let pass: raw exceptions, and weights that are not the file's."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from studio.llm.model_folders import UnusableModel, check_folder
from studio.records import StudioError

ANOTHER = "Give a folder, a name on the model hub, or one of those of 'studio models list'."

_FETCHED = ["*.json", "*.jinja", "*.safetensors", "*.txt", "*.model", "*.tiktoken", "*.bpe"]
_FETCHED += ["*.codes"]
"""What is fetched from the hub: no pickles and no code."""


Loaded = TypeVar("Loaded")
LONGEST_SAID = 300
"""Characters of a library's words."""
LOOKS_S = 0.25
"""Seconds between looks at whether somebody still waits for weights."""


class LoadingStopped(StudioError):
    """Nobody waits any more for a model that loads."""


def loaded(
    load: Callable[[], Loaded],
    should_stop: Callable[[], bool],
    on_wait: Callable[[int], None] = lambda seconds: None,
) -> Loaded:
    """What ``load`` gives; a cancel is heard meanwhile.

    Loading itself cannot be stopped: it is left behind in its thread, and ends with the process.

    Args:
        load: reads the weights.
        should_stop: asked four times a second.
        on_wait: told as often how many seconds it has taken so far.

    Raises:
        LoadingStopped: a stop was asked for; else whatever ``load`` raises.
    """
    found: Future[Loaded] = Future()
    started = time.monotonic()
    threading.Thread(target=_into, args=(found, load), daemon=True, name="loading").start()
    while not wait([found], LOOKS_S).done:
        if should_stop():
            raise LoadingStopped("Stopped while the model was loading.")
        on_wait(int(time.monotonic() - started))
    return found.result()


def _into(found: Future[Loaded], load: Callable[[], Loaded]) -> None:
    try:
        found.set_result(load())
    except BaseException as error:
        found.set_exception(error)


def hub_folder(name: str) -> Path:
    """The folder of a name on the model hub; fetched if need be, unless HF_HUB_OFFLINE is set."""
    from huggingface_hub import snapshot_download

    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    return Path(
        snapshot_download(
            name,
            allow_patterns=_FETCHED,
            ignore_patterns=["onnx/*", "openvino/*"],
            local_files_only=offline,
        )
    )


def from_folder(auto_class: Any, folder: Path, **options: Any) -> Any:
    """A transformers model, in float32 unless ``options`` say else, or a tokenizer.

    Raises:
        UnusableModel: it is broken, or its weights are not safetensors (or the GGUF file that
            ``gguf_file`` names).
    """
    import torch
    from transformers.utils import logging

    # Its progress bars would be drawn over a terminal program's screen.
    logging.disable_progress_bar()
    # It reports every weight of the new layer as missing: that layer is what is trained.
    logging.set_verbosity_error()
    is_tokenizer = "Tokenizer" in auto_class.__name__
    if "gguf_file" not in options:
        check_folder(folder)
    if not is_tokenizer:
        options = {"use_safetensors": True, "dtype": torch.float32} | options
    with refusing_missing_weights():
        loaded = auto_class.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True, **options
        )
    if not is_tokenizer:
        check_weights(loaded)
    return loaded


def best_device() -> str:
    """``cuda``, else ``mps``, else ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def sees_gpu() -> bool:
    """Whether there is an NVIDIA GPU, told without loading torch."""
    return Path("/dev/nvidia0").exists()


def has_bf16(device: str) -> bool:
    """Whether the device is a GPU that computes in bfloat16 by itself."""
    import torch

    return device.startswith("cuda") and bool(torch.cuda.is_bf16_supported())


@contextmanager
def named_in_errors(what: str, remedy: str = ANOTHER) -> Iterator[None]:
    """Whatever a library meets in a folder becomes a sentence that names the folder."""
    try:
        yield
    except UnusableModel as error:
        raise StudioError(f"{what} could not be loaded: {error}") from error
    except StudioError:
        raise
    except Exception as error:
        raise StudioError(f"{what} could not be loaded: {_first_line(error)} {remedy}") from error


@contextmanager
def refusing_missing_weights() -> Iterator[None]:
    """transformers fills weights that do not fit with random ones, and says so in its log alone.

    A pooler and the new layer on top are let pass: encoders do not use the one, and training makes
    the other.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import PreTrainedModel

    loading = PreTrainedModel.from_pretrained.__func__

    def from_pretrained(cls: Any, *args: Any, **options: Any) -> Any:
        told = {"output_loading_info": True, "ignore_mismatched_sizes": True}
        try:
            model, report = loading(cls, *args, **options | told)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            if "gguf_file" in options:
                raise
            raise UnusableModel(_odd_config(error)) from error
        inner = f"{cls.base_model_prefix}." if hasattr(model, cls.base_model_prefix) else ""
        unlike = {str(name) for name, *_ in report["mismatched_keys"]}
        lost = sorted(
            name
            for name in unlike | set(report["missing_keys"])
            if name.startswith(inner) and "pooler" not in name
        )
        if lost:
            raise UnusableModel(
                f"its files lack {len(lost)} of the weights that config.json calls for, or have "
                f"them in another shape, such as {lost[0]}. Fetch the folder again."
            )
        return model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)
    try:
        yield
    except StrictDataclassError as error:
        raise UnusableModel(_odd_config(error)) from error
    finally:
        PreTrainedModel.from_pretrained = classmethod(loading)


def _odd_config(error: Exception) -> str:
    said = " ".join(str(error).split())[:LONGEST_SAID].rstrip(".")
    return f"no network can be made as its config.json says: {said}. Fetch the folder again."


def check_weights(model: Any) -> None:
    """Refuse weights that are no numbers: every score would be one of chance.

    Raises:
        UnusableModel: a weight is NaN or infinite.
    """
    import torch

    for name, weights in model.named_parameters():
        if weights.numel() and not torch.isfinite(torch.stack(torch.aminmax(weights))).all():
            raise UnusableModel(
                f"its weights {name} are no numbers (NaN or infinite), so the file is damaged or a "
                "training went astray. Fetch or train it again."
            )


def check_words(module: Any) -> None:
    """Refuse a tokenizer of another model: its words would have no row, or another word's.

    module: the first one that texts pass. Added tokens may be without a row: nobody meets them.

    Raises:
        UnusableModel: the tokenizer has words that the table of embeddings has no row for.
    """
    network = getattr(module, "auto_model", None)
    table = network.get_input_embeddings() if network is not None else module.embedding
    backend = getattr(module.tokenizer, "backend_tokenizer", module.tokenizer)
    if not hasattr(table, "num_embeddings") or not hasattr(backend, "to_str"):
        return
    last = max(backend.get_vocab(with_added_tokens=False).values(), default=0)
    if last >= table.num_embeddings:
        raise UnusableModel(
            f"its tokenizer has {last + 1:,} words and its weights {table.num_embeddings:,}, so "
            "they are not of one model. Fetch the folder again."
        )


def _first_line(error: BaseException) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"{line}."
