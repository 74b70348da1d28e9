"""What the job that improves a prompt can be told."""

from __future__ import annotations

from dataclasses import dataclass

from studio.jobs.params import RunParams
from studio.params import Params, as_in, option


@dataclass(frozen=True, slots=True)
class ImproveParams(Params):
    """Look for a better wording of a prompt."""

    documents: int = option(
        24, "Documents", "half to learn from, half to choose a wording by", least=4
    )
    held_out: int = option(40, "Held out", "documents that only the last table sees", least=4)
    proposals: int = option(8, "Proposals", "wordings that the LLM may propose", least=1)
    best: int = option(3, "Handed over", "of them, the best so many at most", least=1)
    prompt_id: int | None = None
    """The prompt version to improve; None is the newest."""
    endpoint: str = as_in(RunParams, "endpoint")
    base_url: str = ""
    model: str = ""
    seed: int = as_in(RunParams, "seed")
    budget_usd: float | None = as_in(RunParams, "budget_usd")
    budget_tokens: int | None = as_in(RunParams, "budget_tokens")
    max_concurrency: int | None = as_in(RunParams, "max_concurrency")
