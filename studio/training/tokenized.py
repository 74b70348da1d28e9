"""Texts that are encoded again and again while a model trains: read into tokens once.

On a GPU the network is done with a text before the tokenizer is: reading the validation documents
anew at each check took most of a training's time there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from studio.evaluation.embeddings import Role
from studio.training.encoders import at_once, in_precision, sound
from studio.training.two_sided import role_prompt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer


class TokenizedTexts:
    """The tokens of some texts, for as long as the tokenizer, the prompt and the length stay."""

    def __init__(self, model: SentenceTransformer, texts: Sequence[str], role: Role) -> None:
        """Texts of like length lie together in a batch, which is padded to its longest."""
        self._role = role
        self._order = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
        size, prompt = at_once(model), role_prompt(model, role)
        self._batches = [
            model.preprocess(
                [texts[row] for row in self._order[start : start + size]], prompt=prompt, task=role
            )
            for start in range(0, len(texts), size)
        ]

    def vectors(self, model: SentenceTransformer, *, bf16: bool) -> NDArray[np.float32]:
        """N×d float32 embeddings of length 1 in the texts' order, as ``encode`` gives them."""
        import numpy as np
        import torch
        from sentence_transformers.util import batch_to_device, truncate_embeddings
        from torch.nn import functional

        parts, was_training = [], model.training
        model.eval()
        with torch.inference_mode(), in_precision(model, bf16):
            for batch in self._batches:
                # The network writes what it finds into the features that it is given.
                features = batch_to_device(dict(batch), model.device)
                found = model(features, task=self._role)["sentence_embedding"]
                parts.append(functional.normalize(truncate_embeddings(found, model.truncate_dim)))
        model.train(was_training)
        vectors = np.empty((len(self._order), parts[0].shape[1]), dtype=np.float32)
        vectors[self._order] = torch.cat(parts).float().cpu().numpy()
        return sound(vectors)
