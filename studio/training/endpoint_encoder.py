"""An OpenAI-compatible embedding endpoint as an encoder, for evaluation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from studio.evaluation.embeddings import Prefixes, Role
from studio.llm import failures
from studio.llm.client import NO_KEY
from studio.llm.endpoints import api_key, at_address, stranger
from studio.records import StudioError
from studio.servers import is_loopback

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

_BATCH = 64
"""Texts in one call: small servers refuse more."""


class EndpointEncoder:
    """``/v1/embeddings`` of a server, with the key that such an endpoint has; never stored."""

    def __init__(self, model: str, base_url: str, prefixes: Prefixes) -> None:
        """``model`` as the server calls it, ``base_url`` up to and with ``/v1``."""
        from openai import DefaultHttpxClient, OpenAI

        self.model = model
        self.base_url = base_url
        self.prefixes = prefixes
        self._endpoint = at_address(base_url, model)
        if told := stranger(self._endpoint):
            log.warning(told)
        self._client = OpenAI(
            base_url=base_url,
            # Never empty: the SDK would then send OPENAI_API_KEY to whatever server this is.
            api_key=api_key(self._endpoint) or NO_KEY,
            http_client=DefaultHttpxClient(
                trust_env=not is_loopback(base_url), follow_redirects=False
            ),
        )

    @property
    def at_once(self) -> int:
        """As many as one call takes."""
        return _BATCH

    def identity(self, role: Role) -> str:
        """Name, address and prompt: the server's weights cannot be seen."""
        prompt = self.prefixes.of(role)
        return f"openai:{self.model}@{self.base_url}" + (f"\x1f{prompt}" if prompt else "")

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """N×d, each row of length 1. The protocol knows no roles: their prompt is put before.

        Raises:
            StudioError: the endpoint does not answer, or answers with something else.
        """
        import numpy as np

        prompt = self.prefixes.of(role)
        parts = [
            self._call([prompt + text for text in texts[start : start + _BATCH]])
            for start in range(0, len(texts), _BATCH)
        ]
        if not parts:
            return np.zeros((0, 0), dtype=np.float32)
        matrix = np.concatenate(parts)
        if not np.isfinite(matrix).all():
            raise StudioError(
                f"The embedding endpoint {self.base_url} answered with vectors that are no numbers "
                f"(NaN or infinite) for the model {self.model}; look at the server's log."
            )
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
            raise failures.from_exception(error, self._endpoint, self.base_url) from error
        rows = sorted(answer.data, key=lambda row: row.index)
        if len(rows) != len(texts) or len({len(row.embedding) for row in rows}) != 1:
            raise StudioError(
                f"The embedding endpoint {self.base_url} answered {len(texts)} texts with "
                f"{len(rows)} vectors; it does not speak the embeddings protocol."
            )
        return np.array([row.embedding for row in rows], dtype=np.float32)
