"""GoldGen, S3's own control (Wang, Zhou and Sachan 2023, §4): extrapolation over all gold rows.

The same extrapolation as S3's, but from every gold validation item, whether the small model errs on
it or not, to the same number of records: what is left of S3's gain is the choice of errors.
"""

from __future__ import annotations

from studio.methods.synthesis import PublishedMethod

SYNTHESIS = PublishedMethod(
    name="goldgen",
    paper="Wang, Zhou and Sachan 2023, Let's Synthesize Step by Step (arXiv:2310.13671), baseline",
    explains=True,
    extrapolates="gold",
)
