"""GoldGen, S3's own control (Wang, Zhou and Sachan 2023, §4): extrapolation over all gold rows.

The same extrapolation as S3's, but from every gold validation item, whether the small model errs on
it or not, to the same number of records: what is left of S3's gain is the choice of errors.
"""

from __future__ import annotations

from studio.methods.protocol import Method
from studio.methods.s3 import FORM, Extrapolation, Rationales, S3Settings, Seed
from studio.records import LABELLED_TEXT, QUESTION, SENTENCE_PAIR

METHODS = tuple(
    Method(
        name="goldgen",
        paper="Wang, Zhou and Sachan 2023, Let's Synthesize Step by Step (arXiv:2310.13671),"
        " baseline",
        about="extrapolates all of gold validation",
        tasks=(task,),
        stages=(*before, Extrapolation(makes, feedback="gold")),
        form=FORM,
        settings=S3Settings,
        prompts="s3",
    )
    for task, makes, before in (
        (
            "classification",
            LABELLED_TEXT,
            (Rationales(), Seed(LABELLED_TEXT, explains=True)),
        ),
        ("nli", SENTENCE_PAIR, (Seed(SENTENCE_PAIR),)),
        ("qa", QUESTION, (Seed(QUESTION),)),
    )
)
