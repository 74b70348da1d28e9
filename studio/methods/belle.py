"""BELLE (Ji et al. 2023, arXiv:2303.14742, and its code): Alpaca in Chinese, from three Chinese
seeds, with word lists and lengths of its own.

Where this differs: the original calls two instructions alike when BM25 is over 18, an unbounded
score that depends on everything else in the pool and is slow; here it is ROUGE-L over characters,
as for every other method. Both colons, ``：`` and ``:``, are read, as there.
"""

from __future__ import annotations

from typing import Final

from studio.methods.alpaca import AlpacaSettings, Tasks, form_of
from studio.methods.protocol import Method

METHOD: Final = Method(
    name="belle",
    paper="Ji et al. 2023, Exploring the Impact of Instruction Data Scaling on Large Language"
    " Models (arXiv:2303.14742)",
    about="Alpaca in Chinese",
    tasks=("instructions",),
    stages=(Tasks(),),
    form=form_of("belle"),
    settings=AlpacaSettings,
)
