"""Ask an LLM for queries at scale: answers are stored as they come, none is paid twice."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from studio import methods
from studio.jobs.context import JobContext
from studio.jobs.params import GenerateParams
from studio.jobs.under_way import Meter, RunCounters, live
from studio.llm.budget import Budget
from studio.llm.client import clients_for
from studio.llm.endpoints import Serving, resolve, serving
from studio.llm.engine import Concurrency, Order, RunStats
from studio.llm.engine import run as run_engine
from studio.llm.estimate import Estimate, estimate
from studio.methods.base import GenerationPlan, Method, Parsed
from studio.project import Project
from studio.prompting.shots import ShotSet, shot_pool
from studio.prompting.templates import Template, parse
from studio.records import Answer, Document, Prompt, Reason, Request, StudioError
from studio.settings import Endpoint
from studio.store.generations import Finished

ROWS_PER_WRITE = 64
ESTIMATE_SAMPLE = 50
"""Prompts rendered, and earlier answers read, for an estimate."""
WRITE_EVERY_S = 0.05
"""Answers are committed in windows of this time, or this many rows."""
SHOW_EVERY_S = 0.5
"""Seconds between two sets of figures for the screens that watch."""

STANDING = Concurrency(0, 0, 0)

log = logging.getLogger("studio.generate")


def run(context: JobContext) -> None:
    """The job ``generate``."""
    generate(context, GenerateParams.from_row(context.job.params))


def generate(context: JobContext, params: GenerateParams) -> None:
    """Plan, call, store. A resumed job asks only what has no stored answer."""
    started = time.monotonic()
    project = context.project
    prompt = prompt_of(project, params.prompt_id)
    document_ids = documents_for(project, params)
    context.store.generations.forget_errors(context.job.id)
    with ExitStack() as stack:
        context.progress(0, None, "starting the model")
        log = project.logs_dir / f"llm-{context.job.id}.log"
        wanted = resolve(project.settings, **endpoint_choice(params))
        server = stack.enter_context(serving(wanted, project.settings, log))
        plan = plan_for(project, prompt, params, server.endpoint)
        asked = len(document_ids) * plan.queries_per_document
        run_ = _Run(
            context, methods.get(params.method), plan, document_ids, asked, server.endpoint.name
        )
        run_.begin()
        stats = asyncio.run(_ask(run_, server, params))
    if run_.unwritten is not None:
        raise run_.unwritten
    context.check()
    spent = asdict(context.store.generations.spent(context.job.id))
    context.keep(
        documents=len(document_ids),
        requests=asked,
        generated=context.store.records.count_of_job(context.job.id),
        reused=run_.reused,
        generation_drops=context.store.generations.reasons(context.job.id),
        spent=spent,
        stopped_by=stats.stopped_by,
        answers_s=run_.meter.mean and round(run_.meter.mean, 3),
        model=server.endpoint.model,
        endpoint=server.endpoint.name,
        prompt_version=prompt.version,
        seconds_generate=round(time.monotonic() - started, 1),
    )
    if not (context.result["generated"] or run_.reused):
        raise StudioError(_nothing_came(context))


def _nothing_came(context: JobContext) -> str:
    reasons = context.result["generation_drops"]
    worst = next(iter(reasons), "")
    samples = context.store.generations.with_reason(worst, 1) if worst else []
    said = f" The last answer was {samples[0]['answer'][:80]!r}." if samples else ""
    if samples and samples[0]["error"]:
        said = f" {samples[0]['error']}"
    return (
        f"None of the {context.result['requests']:,} requests gave a query"
        f" (most often: {worst or 'no answer'}).{said} Look at the prompt with the live preview."
    )


def endpoint_choice(params: GenerateParams) -> dict[str, str | None]:
    """What the params say of the endpoint, for :func:`studio.llm.endpoints.resolve`."""
    return {
        "name": params.endpoint or None,
        "base_url": params.base_url or None,
        "model": params.model or None,
    }


def estimate_for(project: Project, params: GenerateParams) -> Estimate:
    """What a run with these params would take, from a sample of its own rendered prompts."""
    prompt = prompt_of(project, params.prompt_id)
    endpoint = resolve(project.settings, **endpoint_choice(params))
    plan = plan_for(project, prompt, params, endpoint, keep_shots=False)
    ids = documents_for(project, params)
    sampled = ids[:: max(1, len(ids) // ESTIMATE_SAMPLE)][:ESTIMATE_SAMPLE]
    documents = project.store.documents.many(sampled)
    once = replace(plan, queries_per_document=1)
    method = methods.get(params.method)
    sample = list(method.requests([documents[row] for row in sampled], once))
    answered = project.store.generations.answered_sample(prompt.id, endpoint.model, ESTIMATE_SAMPLE)
    total = len(ids) * plan.queries_per_document
    return estimate(sample, total, endpoint, plan.count, answered=answered)


def prompt_of(project: Project, prompt_id: int | None) -> Prompt:
    """A prompt version, or the newest. Raises StudioError when there is none."""
    prompts = project.store.prompts
    prompt = prompts.latest() if prompt_id is None else prompts.get(prompt_id)
    if prompt is None:
        raise StudioError(
            "The project has no prompt yet. Choose a template with `studio prompt set NAME`."
        )
    return prompt


def plan_for(
    project: Project,
    prompt: Prompt,
    params: GenerateParams,
    endpoint: Endpoint,
    *,
    keep_shots: bool = True,
) -> GenerationPlan:
    """The plan of a run. Raises StudioError when a few-shot template has too few examples.

    keep_shots: store the shot sets, so that requests can point at them; an estimate need not.
    """
    template = parse(prompt.template)
    style = params.style or endpoint.style
    decoding = template.decoding_for(style or template.style, endpoint.model)
    if params.temperature is not None:
        decoding = replace(decoding, temperature=params.temperature)
    return GenerationPlan(
        template=template,
        pool=_pool(project, template, params, keep=keep_shots),
        model=endpoint.model,
        context_tokens=endpoint.context_window,
        queries_per_document=params.queries_per_document or template.queries_per_document,
        seed=params.seed,
        prompt_id=prompt.id,
        prompt_sha=prompt.sha,
        style=style,
        decoding=decoding,
    )


def _pool(
    project: Project, template: Template, params: GenerateParams, *, keep: bool
) -> tuple[ShotSet, ...]:
    if template.zero_shot:
        return (ShotSet(()),)
    examples = project.store.examples.all(enabled_only=True)
    examples = [e for e in examples if e.query.strip() and e.document_text.strip()]
    fewest, most = template.shots
    if len(examples) < fewest:
        raise StudioError(
            f"The template {template.name!r} shows at least {fewest} examples and the project has "
            f"{len(examples)} that are switched on. Write some in the Examples pane or with "
            "`studio examples add`, or choose the zero-shot template."
        )
    k = min(params.shots or most, most)
    pool = shot_pool(examples, k, params.shot_sets, params.seed)
    if not keep:
        return tuple(pool)
    return tuple(replace(s, id=project.store.shot_sets.save(s.revision_ids)) for s in pool)


def documents_for(project: Project, params: GenerateParams) -> list[int]:
    """The rows of the documents to ask about, without those that examples were written for."""
    store = project.store
    shown = {e.document_id for e in store.examples.all() if e.document_id}
    if params.search:
        limit = params.documents or store.documents.count()
        ids = [document.id for document in store.documents.search(params.search, limit)]
    else:
        ids = store.documents.sample_ids(store.documents.count(), params.seed)
    chosen = [document_id for document_id in ids if document_id not in shown]
    if not chosen:
        raise StudioError(_nothing_to_ask(params.search, bool(ids)))
    return chosen[: params.documents]


def _nothing_to_ask(search: str, all_shown: bool) -> str:
    if all_shown:
        return (
            "Each of the documents has an example written for it, and those are not asked about. "
            "Import more documents, or write examples for other texts."
        )
    if search:
        return f"No document matches {search!r}. Search for other words."
    return "There are no documents to ask about. Import some with `studio import`."


def preview_request(project: Project, prompt: Prompt, document: Document, draw: int = 0) -> Request:
    """The request that a run with default params would make for this document and draw."""
    endpoint = resolve(project.settings)
    plan = plan_for(project, prompt, GenerateParams(), endpoint)
    plan = replace(plan, queries_per_document=draw + 1)
    method = methods.get(GenerateParams().method)
    return list(method.requests([document], plan))[draw]


@dataclass(slots=True)
class _Run:
    """One generate job under way."""

    context: JobContext
    method: Method
    plan: GenerationPlan
    document_ids: list[int]
    total: int
    endpoint: str
    counters: RunCounters = field(default_factory=RunCounters)
    meter: Meter = field(default_factory=lambda: Meter(time.monotonic()))
    buffer: list[Finished] = field(default_factory=list)
    pace: Concurrency = STANDING
    shown: dict[str, Any] = field(default_factory=dict)
    """The figures that screens were given last."""
    shown_at: float = 0.0
    note: str = ""
    """The latest change of pace, in words."""
    unwritten: Exception | None = None
    """Why the last window could not be written; nothing more is asked after it."""
    reused: int = 0
    """Requests whose equal was answered before, by this job or another."""

    def begin(self) -> None:
        """Count from what the job did before it was interrupted."""
        store, job_id = self.context.store, self.context.job.id
        self.counters.begin_with(
            store.generations.spent(job_id),
            store.records.count_of_job(job_id),
            store.generations.reasons(job_id),
        )
        self.meter.begin(time.monotonic(), self.counters)

    def requests(self) -> Iterator[Request]:
        """What has no stored answer yet, in the method's order; loaded in windows."""
        store = self.context.store
        documents = self._documents()
        for request in self.method.requests(documents, self.plan):
            if store.generations.answered([request.sha]):
                self.counters.answered += 1
                self.reused += 1
                continue
            yield request

    def _documents(self) -> Iterator[Document]:
        for start in range(0, len(self.document_ids), 1_000):
            window = self.document_ids[start : start + 1_000]
            found = self.context.store.documents.many(window)
            yield from (found[document_id] for document_id in window)

    def take(self, request: Request, answer: Answer) -> None:
        """Parse one answer and store it with its window."""
        parsed = self._parse(request, answer)
        self.counters.add(answer, parsed)
        self.buffer.append(Finished(request, answer, parsed.reason, parsed.texts))
        if len(self.buffer) >= ROWS_PER_WRITE:
            self.flush()
        elif len(self.buffer) == 1:
            # By the clock, not by the next answer: a kill may come before there is one.
            asyncio.get_running_loop().call_later(WRITE_EVERY_S, self._flush_window)

    def _parse(self, request: Request, answer: Answer) -> Parsed:
        if answer.finish_reason == "error":
            return Parsed((), Reason.ERROR)
        document = self.context.store.documents.get(request.document_id or 0)
        assert document is not None
        shots = next((s.examples for s in self.plan.pool if s.id == request.shot_set_id), ())
        return self.method.parse(request, answer, shots, document, self.plan.template)

    def _flush_window(self) -> None:
        """What the clock calls: it has nobody to raise to."""
        try:
            self.flush()
        except Exception as error:
            self.unwritten = error

    def should_stop(self) -> bool:
        """Asked for, or pointless: what comes in cannot be kept."""
        return self.unwritten is not None or self.context.should_stop()

    def noted(self, line: str) -> None:
        """The engine says why its pace has changed."""
        log.info("%s", line)
        self.note = line

    def go_on(self, pace: Concurrency) -> Order:
        """Show how it goes, and take what people have asked for since."""
        now, orders = time.monotonic(), self.context.orders
        self.pace = pace
        self.meter.tick(
            now, self.counters, self.reused, resting=orders.paused and not pace.in_flight
        )
        if now - self.shown_at >= SHOW_EVERY_S:
            self.shown_at = now
            self.show(pace)
        return Order(paused=orders.paused, concurrency=orders.concurrency)

    def show(self, pace: Concurrency) -> None:
        """Put the figures into the row when they have changed; screens can do without them."""
        found = live(
            self.counters,
            self.meter,
            pace,
            asked=self.total,
            reused=self.reused,
            note=self.note,
            resting=self.context.orders.paused,
            endpoint=self.endpoint,
            model=self.plan.model,
        )
        if found == self.shown:
            return
        # What is shown is stored: whoever sees a run at rest may pull the plug.
        self._flush_window()
        if self.unwritten is not None:
            return
        self.shown = found
        try:
            # A run that rests from here on has no later chance to say how far it came.
            self._progress(at_once=True)
            self.context.show(found)
        except StudioError as error:
            log.warning("the figures were not written: %s", error)

    def _progress(self, *, at_once: bool = False) -> None:
        resting = "paused · " if self.context.orders.paused else ""
        line = resting + self.counters.line()
        self.context.progress(self.counters.answered, self.total, line, at_once=at_once)

    def flush(self) -> None:
        """One durable transaction for the window."""
        if self.buffer:
            self.context.store.generations.save(self.buffer, self.context.job.id)
            self.buffer.clear()
        self._progress()


def _budget(context: JobContext, params: GenerateParams) -> Budget:
    """The caps, less what this job spent before it was interrupted."""
    spent = context.store.generations.spent(context.job.id)
    usd, tokens = params.budget_usd, params.budget_tokens
    return Budget(
        cap_usd=None if usd is None else max(0.0, usd - (spent.cost or 0.0)),
        cap_tokens=None
        if tokens is None
        else max(0, tokens - spent.prompt_tokens - spent.completion_tokens),
    )


async def _ask(run_: _Run, server: Serving, params: GenerateParams) -> RunStats:
    budget = _budget(run_.context, params)
    endpoint = server.endpoint
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(client)
            for client in clients_for(endpoint, server.api_key)
        ]
        try:
            stats = await run_engine(
                run_.requests(),
                clients,
                budget=budget,
                on_answer=run_.take,
                should_stop=run_.should_stop,
                max_concurrency=params.max_concurrency or endpoint.max_concurrency,
                on_note=run_.noted,
                on_pace=run_.go_on,
            )
        finally:
            run_.flush()
            run_.show(replace(run_.pace, in_flight=0))
    return stats
