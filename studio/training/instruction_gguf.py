"""A tuned LLM as one GGUF file in half precision, which the embedded runtime serves.

Vocabulary and description are those of the base's GGUF; its tensors are replaced by the tuned ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WRITABLE: Final = frozenset({"llama", "qwen2", "qwen3"})
"""Architectures whose tensors go into a GGUF as they are, or with llama's order of rows."""
_MOSTLY_F16 = 1
_OWN = ("general.architecture", "general.file_type", "general.quantization_version")
_TEMPLATE = "tokenizer.chat_template"


def can_write(base: Path) -> bool:
    """Whether this GGUF is of an architecture that can be written."""
    from gguf import GGUFReader

    return _architecture(GGUFReader(str(base))) in WRITABLE


def write_gguf(model: Any, template: str, base: Path, target: Path) -> None:
    """Write the tuned model.

    Args:
        model: of transformers, without an adapter.
        template: the chat template that it was tuned with.
        base: the GGUF that it was made from, of one of :data:`WRITABLE`.
        target: the file, which must not be there.

    Raises:
        ValueError: the model and the base have other tensors.
    """
    import gguf

    reader = gguf.GGUFReader(str(base))
    arch = _architecture(reader)
    tuned = _tuned(model, reader, arch)
    writer = gguf.GGUFWriter(str(target), arch)
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in (*_OWN, _TEMPLATE):
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], inner)
    writer.add_file_type(_MOSTLY_F16)
    writer.add_chat_template(template)
    # One tensor after the other, so that no second model is held in memory.
    for tensor in reader.tensors:
        kind = _kind(tensor, tensor.name in tuned)
        size = kind.itemsize * int(tensor.n_elements)
        shape = tuple(map(int, reversed(tensor.shape)))
        if tensor.name in tuned:
            writer.add_tensor_info(tensor.name, shape, kind, size)
        else:
            own = tensor.data
            writer.add_tensor_info(
                tensor.name, own.shape, own.dtype, own.nbytes, tensor.tensor_type
            )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in reader.tensors:
        made = tuned.get(tensor.name)
        kind = _kind(tensor, made is not None)
        writer.write_tensor_data(made().astype(kind) if made else tensor.data)
    writer.close()


def _architecture(reader: Any) -> str:
    field = reader.fields.get("general.architecture")
    return str(field.contents()) if field else ""


def _kind(tensor: Any, is_tuned: bool) -> np.dtype[Any]:
    """Matrices in half precision, the few others in full."""
    import numpy as np

    half = is_tuned and sum(int(size) > 1 for size in tensor.shape) > 1
    return np.dtype(np.float16 if half else np.float32)


def _tuned(model: Any, reader: Any, arch: str) -> Mapping[str, Callable[[], NDArray[np.float32]]]:
    """Tensor of the GGUF → the model's values in the order of its rows."""
    import gguf

    number = next(one for one, name in gguf.MODEL_ARCH_NAMES.items() if name == arch)
    blocks = int(reader.fields[f"{arch}.block_count"].contents())
    names = gguf.get_tensor_name_map(number, blocks)
    shapes = {tensor.name: list(map(int, reversed(tensor.shape))) for tensor in reader.tensors}
    found: dict[str, Callable[[], NDArray[np.float32]]] = {}
    for name, weights in model.state_dict().items():
        place = names.get_name(name, try_suffixes=(".weight", ".bias"))
        # Of two tied matrices the file has one.
        if place not in shapes:
            continue
        if list(weights.shape) != shapes[place]:
            raise ValueError(f"{name} is {list(weights.shape)}, the base's {shapes[place]}")
        found[place] = _values(weights, _heads(reader, arch, place))
    return found


def _values(weights: Any, heads: int) -> Callable[[], NDArray[np.float32]]:
    def values() -> NDArray[np.float32]:
        plain: NDArray[np.float32] = weights.detach().float().cpu().numpy()
        if not heads:
            return plain
        # llama.cpp turns neighbouring pairs where transformers turns the two halves of a head.
        halves = plain.reshape(heads, 2, plain.shape[0] // heads // 2, *plain.shape[1:])
        return halves.swapaxes(1, 2).reshape(plain.shape)

    return values


def _heads(reader: Any, arch: str, place: str) -> int:
    """The heads whose rows have another order in the file; 0 where they do not."""
    if arch != "llama" or not any(part in place for part in (".attn_q.", ".attn_k.")):
        return 0
    count = reader.fields[f"{arch}.attention.head_count"]
    if ".attn_k." in place:
        count = reader.fields.get(f"{arch}.attention.head_count_kv", count)
    return int(count.contents())
