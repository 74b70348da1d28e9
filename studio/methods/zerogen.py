"""ZeroGen (Ye et al. 2022, arXiv:2202.07922): texts for labels, without reasons or feedback.

An LLM writes each text from its label alone (or from a context and label, or a context and an
answer), and a small model learns from that. The original's GPT2-XL prompts and self-debiasing are
those of a base model of its time; here the same question is put to whatever endpoint is chosen. As
in the original, questions must end in a question mark and must not contain their answer.
"""

from __future__ import annotations

from studio.methods.protocol import Method
from studio.methods.s3 import FORM, Seed, SeedSettings
from studio.records import LABELLED_TEXT, QUESTION, SENTENCE_PAIR

METHODS = tuple(
    Method(
        name="zerogen",
        paper="Ye et al. 2022, ZeroGen: Efficient Zero-shot Learning via Dataset Generation"
        " (arXiv:2202.07922)",
        about="the seed alone, without rationales",
        tasks=(task,),
        stages=(Seed(makes, alone=True),),
        form=FORM,
        settings=SeedSettings,
        prompts="s3",
    )
    for task, makes in (
        ("classification", LABELLED_TEXT),
        ("nli", SENTENCE_PAIR),
        ("qa", QUESTION),
    )
)
