"""S3, Synthesis Step by Step (Wang, Zhou and Sachan 2023, arXiv:2310.13671).

Seed data: for each label an LLM is asked once for a list of rationales; a text is then written from
k of them, drawn without repetition, for a label drawn evenly ("explain, then generate"). Sentence
pairs and questions are written for a context instead, without rationales. Error extrapolation: for
q in 0 … R−1 (R = 2) a small model is trained from scratch on all data so far and predicts the gold
validation set; for each item that it gets wrong the LLM writes one more like it, with the gold
label kept (and the context, and the answer). The last model is trained on everything.
"""

from __future__ import annotations

from studio.methods.synthesis import PublishedMethod

SYNTHESIS = PublishedMethod(
    name="s3",
    paper="Wang, Zhou and Sachan 2023, Let's Synthesize Step by Step (arXiv:2310.13671)",
    explains=True,
    extrapolates="errors",
    tasks=("classification", "nli", "qa", "retrieval"),
)
