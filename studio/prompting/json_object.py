"""One JSON object with named texts out of an answer: as it was asked for, or a reason why not."""

from __future__ import annotations

import json
from collections.abc import Sequence

from studio.prompting.answer_words import is_refusal
from studio.prompting.answers import spoken
from studio.prompting.words import one_line
from studio.records import Reason


def read_object(
    answer: str, keys: Sequence[str], *, cut_off: bool = False
) -> tuple[dict[str, str], str]:
    """The texts under the keys of the first object of an answer, and why they cannot be used.

    What stands around the object (talk, a fence) does not matter. Nothing else is mended: a key
    that is missing, is empty or holds no text makes the object one that was not asked for.

    cut_off: the answer ended at its token limit.
    """
    said = spoken(answer)
    start = said.find("{")
    if start < 0:
        refused = is_refusal(one_line(said))
        empty = Reason.REFUSAL if refused else Reason.NOT_JSON if said.strip() else Reason.EMPTY
        return {}, Reason.TRUNCATED if cut_off else empty
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(said, start)
    except (ValueError, RecursionError):
        return {}, Reason.TRUNCATED if cut_off else Reason.NOT_JSON
    texts = {
        key: content.strip()
        for key in keys
        if isinstance(content := found.get(key), str) and content.strip()
    }
    return texts, "" if len(texts) == len(keys) else Reason.NO_FIELD
