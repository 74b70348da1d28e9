"""Which examples stand in front of a document: deterministic, even, and fitted to the context.

A fixed pool of shot sets is drawn once; each request takes one of them. Servers that cache prefixes
then read each set once and only the document anew.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from studio.calls import Message, Style
from studio.prompting.templates import Template, render
from studio.prompting.words import count_words, cut_words
from studio.records import Example, StudioError

POOL_SIZE = 8
"""Shot sets in a pool: enough variety, few enough for a server's prefix cache."""
MESSAGE_TOKENS = 8
"""What a chat format adds around each turn, at most."""


@dataclass(frozen=True, slots=True)
class ShotSet:
    """Some examples in the order in which a prompt shows them."""

    examples: tuple[Example, ...]
    """In order; the last one stands next to the document."""
    id: int = 0
    """Its row in the store; 0 before it is stored."""

    @property
    def revision_ids(self) -> tuple[int, ...]:
        """The exact wordings, in order."""
        return tuple(example.revision_id for example in self.examples)


def stable_number(*parts: object) -> int:
    """A whole number below 2⁶⁴ that the parts decide, the same on every machine and Python."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])


def shot_pool(
    examples: Sequence[Example], k: int, pool_size: int = POOL_SIZE, seed: int = 0
) -> tuple[ShotSet, ...]:
    """Draw up to ``pool_size`` different sets of ``k`` out of the enabled examples.

    Each set takes the examples that the sets before it used least, ties broken by a hash, so that
    all examples are used about equally often. The wording alone counts, not rows or order.
    """
    distinct = {(e.document_text, e.query): e for e in examples if e.enabled}
    candidates = sorted(distinct.values(), key=lambda e: (e.document_text, e.query))
    size = min(k, len(candidates))
    if size <= 0:
        return (ShotSet(()),)
    wanted = min(pool_size, math.comb(len(candidates), size))
    pool: dict[frozenset[int], ShotSet] = {}
    used = [0] * len(candidates)
    # Each round most often brings a new set; the bound is for pools that hold nearly all sets.
    for number in range(64 * pool_size):
        members = _least_used(candidates, used, size, number, seed)
        if frozenset(members) not in pool:
            pool[frozenset(members)] = ShotSet(tuple(candidates[i] for i in members))
        for i in members:
            used[i] += 1
        if len(pool) == wanted:
            break
    return tuple(pool.values())


def _least_used(
    candidates: Sequence[Example], used: Sequence[int], size: int, number: int, seed: int
) -> list[int]:
    def lot(i: int) -> int:
        return stable_number(seed, number, candidates[i].document_text, candidates[i].query)

    chosen = sorted(range(len(candidates)), key=lambda i: (used[i], lot(i)))[:size]
    return sorted(chosen, key=lot)


def pick(pool: Sequence[ShotSet], prompt_sha: str, document_id: int, draw: int, seed: int) -> int:
    """The place in the pool of the shots for one draw; a stable hash of all four decides."""
    return stable_number("shots", prompt_sha, document_id, draw, seed) % len(pool)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A rendered request that fits its context window."""

    messages: tuple[Message, ...]
    note: str
    """What was cut, for people; empty if nothing."""
    tokens: int
    """The prompt's tokens by the counter that was given."""
    shots: int
    """How many examples it shows."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """One way of making a prompt shorter."""

    shots: int
    example_words: int
    document_words: int


def fit(
    template: Template,
    shots: Sequence[Example],
    document_text: str,
    context_tokens: int,
    count: Callable[[str], int],
    style: Style | None = None,
    max_tokens: int | None = None,
) -> Fitted:
    """Render a request so that prompt and answer fit into ``context_tokens``.

    Over-long examples are truncated first, then fewer are shown, then the document is cut; the note
    says so. ``max_tokens`` is room left for the answer (the template's own by default).

    Raises:
        StudioError: not even the instruction and a few words of the document fit.
    """
    style = style or template.style
    answer = template.decoding_for(style).max_tokens if max_tokens is None else max_tokens
    examples = () if template.zero_shot else tuple(shots)[: template.shots[1]]
    needed = 0
    for cut in _ladder(template, len(examples)):
        shown = [_shortened(e, cut.example_words) for e in examples[: cut.shots]]
        text = cut_words(document_text, cut.document_words)
        messages = render(template, shown, text, style)
        needed = sum(count(message.content) + MESSAGE_TOKENS for message in messages)
        if needed + answer <= context_tokens:
            note = _note(cut, examples, document_text)
            return Fitted(messages, note, needed, cut.shots)
    raise StudioError(
        f"A context of {context_tokens} tokens is too small for the prompt “{template.name}”: it "
        f"needs at least {needed + answer} with its answer; shorten the instruction, lower "
        "max_tokens, or choose an endpoint with a larger context."
    )


def _ladder(template: Template, shots: int) -> Iterator[_Cut]:
    """All cuts from none to the hardest, in the order in which they are tried."""
    limit, own = template.document_words, template.example_words
    halves = [words for words in (limit // 2, limit // 4) if words >= 8] or [limit]
    shorter = [words for words in (own // 2, own // 4) if words >= 8] or [own]
    fewest = min(shots, max(1, template.shots[0]))
    yield _Cut(shots, own, limit)
    for words in shorter if shots else ():
        yield _Cut(shots, words, limit)
    for fewer in range(shots - 1, fewest - 1, -1):
        yield _Cut(fewer, shorter[-1], limit)
    for words in halves:
        yield _Cut(fewest, shorter[-1], words)
    for fewer in range(fewest - 1, -1, -1):
        yield _Cut(fewer, shorter[-1], halves[-1])
    yield _Cut(0, shorter[-1], min(8, limit))


@lru_cache(maxsize=256)
def _shortened(example: Example, words: int) -> Example:
    return replace(example, document_text=cut_words(example.document_text, words))


def _note(cut: _Cut, examples: Sequence[Example], document_text: str) -> str:
    remarks = []
    shown = examples[: cut.shots]
    long = sum(_words_of(e.document_text) > cut.example_words for e in shown)
    if long:
        remarks.append(f"{long} of {cut.shots} examples cut to {cut.example_words} words")
    if cut.shots < len(examples):
        remarks.append(f"{cut.shots} of {len(examples)} examples shown")
    total = count_words(document_text)
    if total > cut.document_words:
        remarks.append(f"document cut to {cut.document_words} of {total} words")
    return "; ".join(remarks)


_words_of = lru_cache(maxsize=256)(count_words)
"""The same examples stand before document after document."""
