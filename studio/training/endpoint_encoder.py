"""An OpenAI-compatible embedding endpoint as an encoder, for evaluation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from studio.evaluation.embeddings import Role
from studio.records import StudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH = 64
"""Texts in one call: small servers refuse more."""


class EndpointEncoder:
    """``/v1/embeddings`` of a server. The key is taken from ``OPENAI_API_KEY`` and never stored."""

    def __init__(self, model: str, base_url: str) -> None:
        """``model`` as the server calls it, ``base_url`` up to and with ``/v1``."""
        from openai import OpenAI

        self.model = model
        self.base_url = base_url
        self._client = OpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY") or "none")

    def identity(self, role: Role) -> str:
        """Name and address: the server's weights cannot be seen."""
        return f"openai:{self.model}@{self.base_url}"

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """N×d, each row of length 1. The role is not sent: the protocol has no prompts.

        Raises:
            StudioError: the endpoint does not answer, or answers with something else.
        """
        import numpy as np

        parts = [
            self._call(list(texts[start : start + _BATCH]))
            for start in range(0, len(texts), _BATCH)
        ]
        if not parts:
            return np.zeros((0, 0), dtype=np.float32)
        matrix = np.concatenate(parts)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        return np.ascontiguousarray(matrix / np.maximum(lengths, 1e-12), dtype=np.float32)

    def _call(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np
        from openai import OpenAIError

        try:
            # Some servers refuse an empty string; a space has a vector of its own.
            inputs = [text or " " for text in texts]
            answer = self._client.embeddings.create(
                model=self.model, input=inputs, encoding_format="float"
            )
        except OpenAIError as error:
            raise StudioError(
                f"The embedding endpoint {self.base_url} did not answer for the model "
                f"{self.model}: {error} Check that the server runs, "
                "the model's name, and OPENAI_API_KEY."
            ) from error
        rows = sorted(answer.data, key=lambda row: row.index)
        if len(rows) != len(texts) or len({len(row.embedding) for row in rows}) != 1:
            raise StudioError(
                f"The embedding endpoint {self.base_url} answered {len(texts)} texts with "
                f"{len(rows)} vectors; it does not speak the embeddings protocol."
            )
        return np.array([row.embedding for row in rows], dtype=np.float32)
