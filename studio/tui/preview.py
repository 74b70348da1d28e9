"""Live generations for a few documents: requests, streams, and a running score. No Textual here.

The requests are those of a run with default settings, but draw shots and sampling seeds by document
and draw alone: an edit of the template then shows what the edit does, not what other shots do, and
neither does a preview take an answer out of a run nor a run one out of a preview.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from studio.records import Answer, Document, Example, Prompt, Request, StudioError

if TYPE_CHECKING:
    from studio.llm.client import LLMClient
    from studio.llm.endpoints import Serving
    from studio.project import Project
    from studio.settings import Endpoint

DRAWN_BY = "preview"
"""Stands for the template's hash where shots and seeds are drawn."""
BM25_LIMIT = 20_000
"""Documents that the preview's BM25 ranks among; a bigger corpus is sampled, and that is said."""
REASON = "preview"
"""Why a previewed answer made no record."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One document's request, ready to send and to show."""

    document: Document
    request: Request
    shots: tuple[Example, ...]
    tokens: int
    """The prompt's tokens, estimated."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one preview."""

    document_id: int
    query: str
    """Empty when nothing could be read out of the answer."""
    reason: str
    """Why not."""
    raw: str
    cost: float | None
    hit: bool | None = None
    """Whether BM25 ranks the source document first; None while it is not known."""


def plan(
    project: Project, template: str, endpoint: Endpoint, documents: Sequence[Document], draw: int
) -> list[Planned]:
    """The requests for these documents with the template as it stands, saved or not.

    Raises StudioError for a faulty template or too few examples.
    """
    from studio import methods
    from studio.jobs.generating import plan_for
    from studio.jobs.params import GenerateParams
    from studio.prompting.templates import parse
    from studio.prompting.tokens import count_tokens

    draft = Prompt(parse(template).name, template)
    params = GenerateParams(queries_per_document=draw + 1)
    full = plan_for(project, draft, params, endpoint)
    full = replace(full, prompt_id=None, prompt_sha=DRAWN_BY)
    method = methods.get(params.method)
    planned = []
    for document in documents:
        request = list(method.requests([document], full))[draw]
        shots = next((s.examples for s in full.pool if s.id == request.shot_set_id), ())
        tokens = sum(count_tokens(message.content) for message in request.messages)
        planned.append(Planned(document, request, tuple(shots), tokens))
    return planned


def parse_answer(project: Project, template: str, planned: Planned, answer: Answer) -> Outcome:
    """What a run would make of this answer."""
    from studio import methods
    from studio.prompting.templates import parse

    if answer.finish_reason == "error":
        return Outcome(planned.document.id, "", answer.error or "error", answer.text, answer.cost)
    method = methods.get("promptagator")
    parsed = method.parse(planned.request, answer, planned.shots, planned.document, parse(template))
    query = parsed.texts[0] if parsed.texts else ""
    return Outcome(planned.document.id, query, parsed.reason, answer.text, answer.cost)


def rendered_text(planned: Planned) -> str:
    """The messages as one text to read, each under its role."""
    names = {"system": "── instruction", "user": "── user", "assistant": "── assistant"}
    return "\n\n".join(
        f"{names.get(message.role, '── prompt')}\n{message.content}"
        for message in planned.request.messages
    )


@dataclass(slots=True)
class Wire:
    """The endpoint that previews stream from: opened on first use, closed with the pane."""

    project: Project
    name: str = ""
    """The endpoint's name; empty is the settings' one."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _serving: Serving | None = None
    _client: LLMClient | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    def endpoint(self) -> Endpoint:
        """The endpoint as settings name it. Raises StudioError for an unknown one."""
        from studio.llm.endpoints import resolve

        if self._serving is not None:
            return self._serving.endpoint
        name, model = choice(self.name)
        return resolve(self.project.settings, name or None, model=model or None)

    async def client(self) -> LLMClient:
        """A client of the endpoint; an embedded model is started in a thread the first time."""
        async with self._opening:
            if self._client is None:
                from studio.llm.client import LLMClient

                opened = await asyncio.to_thread(self._open)
                self._serving = opened
                self._client = LLMClient(opened.endpoint, opened.api_key)
        return self._client

    def _open(self) -> Serving:
        from studio.llm.endpoints import serving

        log = self.project.logs_dir / "llm-preview.log"
        opened = serving(self.endpoint(), self.project.settings, log)
        return self._stack.enter_context(opened)

    async def close(self) -> None:
        """Close connections and stop an embedded server."""
        client, self._client, self._serving = self._client, None, None
        if client is not None:
            await client.close()
        stack, self._stack = self._stack, ExitStack()
        await asyncio.to_thread(stack.close)


def choice(text: str) -> tuple[str, str]:
    """(name or URL, model) of what was typed for an endpoint; the model only after a URL."""
    words = text.split()
    if len(words) == 2 and "://" in words[0]:
        return words[0], words[1]
    return text.strip(), ""


async def stream(wire: Wire, request: Request) -> AsyncIterator[str | Answer]:
    """Pieces of the answer, then the answer. Raises StudioError when the endpoint cannot answer."""
    from studio.llm.failures import CallFailed

    client = await wire.client()
    try:
        async for item in client.stream(request):
            yield item if isinstance(item, Answer) else item.text
    except CallFailed as failed:
        raise StudioError(str(failed)) from failed


@dataclass(slots=True)
class Score:
    """How the previews of one template do so far."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Request hash → outcome."""

    def lines(self, examples: Sequence[Example], among: str) -> list[str]:
        """Three lines for the screen, each rate with its n. ``among``: what BM25 ranks."""
        from studio.prompting.words import count_words

        found = list(self.outcomes.values())
        if not found:
            return ["No generation of this template yet."]
        good = [outcome for outcome in found if outcome.query]
        reasons = Counter(outcome.reason for outcome in found if not outcome.query)
        why = "; " + ", ".join(f"{n} {reason}" for reason, n in reasons.most_common(3))
        first = f"n = {len(found)} · parsed {rate(len(good), len(found))}{why if reasons else ''}"
        judged = [outcome for outcome in good if outcome.hit is not None]
        hits = sum(bool(outcome.hit) for outcome in judged)
        if judged:
            first += f" · BM25 round trip, first of {among}: {rate(hits, len(judged))}"
        lengths = [count_words(outcome.query) for outcome in good]
        shown = [count_words(example.query) for example in examples if example.query.strip()]
        second = f"words {spread(lengths)} · examples {spread(shown)}{_price(found, hits)}"
        third = (
            f"first words {openings([outcome.query for outcome in good])}"
            f" · examples {openings([example.query for example in examples])}"
        )
        return [first, second, third]


def _price(found: Sequence[Outcome], hits: int) -> str:
    costs = [outcome.cost for outcome in found if outcome.cost is not None]
    if len(costs) < len(found) or not hits or not sum(costs):
        return ""
    return f" · ${1000 * sum(costs) / hits:.2f} per 1,000 that BM25 keeps"


def rate(part: int, whole: int) -> str:
    """Such as ``11/12 (92%)``."""
    return f"{part}/{whole} ({100 * part / whole:.0f}%)" if whole else "0/0"


def spread(lengths: Sequence[int]) -> str:
    """Mean and range, such as ``9.1 (4–14)``."""
    if not lengths:
        return "—"
    return f"{sum(lengths) / len(lengths):.1f} ({min(lengths)}–{max(lengths)})"


def openings(queries: Sequence[str], most: int = 4) -> str:
    """The commonest first words with their counts, such as ``how 3, can 2``."""
    from studio.prompting.words import words

    first = Counter(found[0] for query in queries if (found := words(query)))
    return ", ".join(f"{word} {count}" for word, count in first.most_common(most)) or "—"


class Bm25:
    """BM25 over the corpus, built in a thread on first use."""

    def __init__(self) -> None:
        self._ranker: Any = None
        self.among = ""
        """What it ranks, in words."""

    def hit(self, path: Any, language: str, query: str, document: Document) -> bool:
        """Whether the query's own document comes first. Runs in a thread."""
        if self._ranker is None:
            self._build(path, language)
        from studio.evaluation.bm25 import Bm25Ranker

        ranker: Bm25Ranker[int] = self._ranker
        try:
            return ranker.rank_of([(query, document.id)])[0] == 1
        except KeyError:
            # A document outside the sample of a big corpus.
            self._build(path, language, document)
            return bool(self._ranker.rank_of([(query, document.id)])[0] == 1)

    def _build(self, path: Any, language: str, extra: Document | None = None) -> None:
        from studio.evaluation.bm25 import Bm25Ranker
        from studio.store import Store

        store = Store(path)
        try:
            total = store.documents.count()
            found = {document.id: document for document in store.documents.page(limit=BM25_LIMIT)}
        finally:
            store.close()
        if extra is not None:
            found[extra.id] = extra
        self.among = f"{len(found):,} documents"
        if total > len(found):
            self.among += f" out of {total:,}"
        texts = [document.full_text for document in found.values()]
        self._ranker = Bm25Ranker(list(found), texts, language=language)
