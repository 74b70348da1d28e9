"""From what a person asked for to a plan: prompt, endpoint, documents and shots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from studio import methods, servers
from studio.calls import Prompt, Request
from studio.jobs.base_encoders import default_encoder
from studio.jobs.leaks import shown_demonstrations, shown_examples
from studio.jobs.params import RoundParams, RunParams, cap_words, run_params
from studio.jobs.stored_corpus import StoredCorpus
from studio.llm.endpoints import at_address, resolve, stranger
from studio.llm.prices import in_batches
from studio.methods.fixed_corpus import FixedCorpus
from studio.methods.mixing import asks_of
from studio.methods.protocol import Method, Missed, Plan, PlanMember, SizedStage, Stage
from studio.params import Params
from studio.project import Project
from studio.prompting.builtin import builtin, builtin_names, localised_name
from studio.prompting.shots import ShotSet, shot_pool
from studio.prompting.staged import StagedTemplate
from studio.prompting.templates import DOCUMENT_FORM, Template, TemplateMember
from studio.records import Document, Example, Gold, Record, StudioError
from studio.settings import Endpoint
from studio.tasks import Task


@dataclass(frozen=True, slots=True)
class Beginning:
    """A run that has made nothing yet; ``notes`` stand in for what its first stages would make."""

    notes: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    """Stage → records."""
    errors: Sequence[Missed] = ()
    gold: Sequence[Gold] = ()
    helpful: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    room: int | None = None

    def asked(self, stage: str) -> int:
        """Nothing."""
        return 0

    def kept(self, stage: str) -> Sequence[Record]:
        """What stands in for the stage's records."""
        return self.notes.get(stage, ())

    def count(self, stage: str) -> int:
        """How many they are."""
        return len(self.kept(stage))


def first_method(task: Task, language: str, *, examples: bool, documents: bool) -> Method:
    """What a project takes where no method is named: the task's own; where that draws from
    examples and there are none, one that writes from the documents or from nothing."""
    own = methods.get(task.method, task.name)
    if examples or task.needs_documents or "shots" not in own.settings.options():
        return own
    fits = (
        one
        for one in methods.of_task(task.name).values()
        if (one.of_documents if documents else one.from_nothing)
        and "shots" not in one.settings.options()
        and default_template(task, one, language)
    )
    return next(fits, own)


def own_method(project: Project) -> str:
    """The method that a run of the project takes where none is named."""
    store = project.store
    has_examples = any(one.enabled for one in store.examples.all())
    has_documents = project.task.has_corpus and store.documents.count() > 0
    return first_method(
        project.task, project.language, examples=has_examples, documents=has_documents
    ).name


def method_of(project: Project, name: str) -> Method:
    """The method asked for, or the project's own.

    Raises StudioError when there is none of this name for the project's task.
    """
    return methods.get(name or own_method(project), project.task.name)


def asked_by(project: Project, prompt: Prompt) -> Method:
    """The method that asks with a prompt version; the task's own where none knows it."""
    found = methods.of_template(prompt.template, project.task.name, project.task.method)
    return found or method_of(project, "")


def prompt_of(
    project: Project, method: Method, prompt_id: int | None, *, keep: bool = True
) -> Prompt:
    """The prompt version asked for; else the newest that the method can ask with; else its bundled
    template where its demonstrations are in itself. That becomes the project's first version, or
    of a method other than the task's own a version on the side.

    keep: store that version; an estimate need not.

    Raises StudioError when there is no such version, or none and no bundled template.
    """
    prompts = project.store.prompts
    if prompt_id is not None:
        if (chosen := prompts.get(prompt_id)) is None:
            raise StudioError(
                f"There is no prompt version {prompt_id} in this project. `studio prompt list` "
                "shows them."
            )
        return chosen
    versions = prompts.own()
    for prompt in versions:
        found = methods.of_template(prompt.template, project.task.name, method.name)
        if found is not None and found.form == method.form:
            return prompt
    name = default_template(project.task, method, project.language)
    if not name and method.form is not DOCUMENT_FORM:
        there = ", ".join(builtin_names(method.prompts_folder)) or "none"
        raise StudioError(
            f"The method {method.name} has no template in the project's language, "
            f"{project.language} (it has {there}). Choose another method, or write a template of "
            "your own and keep it with `studio prompt set FILE`."
        )
    # What shows a person's examples is chosen by that person.
    if not name or method.form is DOCUMENT_FORM:
        raise StudioError(
            "The project has no prompt yet. Choose a template with `studio prompt set NAME`."
        )
    text = builtin(name, method.prompts_folder)
    if not keep:
        return prompts.of_text(text) or Prompt(name, text)
    # A method on the side must not become what Generate and Prompt work with.
    if versions or method.name != own_method(project):
        return prompts.save(name, text, f"bundled, for {method.name}", aside=True)
    return prompts.save(name, text, "bundled")


def default_template(task: Task, method: Method, language: str) -> str:
    """The bundled template that a project without a prompt begins with; empty if there is none."""
    known = builtin_names(method.prompts_folder)
    for name in (task.name, method.name, "generic"):
        localised = localised_name(name, language, known)
        if localised in known:
            return localised
    return ""


def endpoint_of(project: Project, params: RunParams) -> Endpoint:
    """Who writes, at what price. Raises StudioError for a name that is not in the settings."""
    found = resolve(
        project.settings,
        params.endpoint or None,
        base_url=params.base_url or None,
        model=params.model or None,
    )
    return in_batches(found) if params.engine == "batch" else found


def capped(project: Project, params: RunParams) -> RunParams:
    """The params under the person's own cap, unless that person typed another for this project.

    The row of a job may come from a stranger, like everything in a project.
    """
    own, told = project.settings.own_budget_usd, params.budget_usd
    lifted = own is not None and (told is None or told > own)
    if not lifted or (told is not None and project.was_said(cap_words(told))):
        return params
    return replace(params, budget_usd=own)


def strangers(project: Project, kind: str, params: Mapping[str, Any]) -> list[str]:
    """A sentence for each server that such a job asks and that only the project names.

    Raises StudioError for an endpoint that is not there.
    """
    told = [str(value) for value in params.values()]
    if "encoder" in params:
        told.append(default_encoder(project))
    asked = []
    for url in sorted(servers.urls_in(*told)):
        # A model or a search may be called anything: what is no address is asked for nothing.
        with suppress(StudioError):
            asked.append(at_address(url, "m"))
    run = run_params(kind, params)
    if "endpoint" in run:
        asked.append(endpoint_of(project, RunParams.from_row(run)))
    return list(dict.fromkeys(said for one in asked if (said := stranger(one))))


def shown_template(project: Project, method: Method, prompt: Prompt) -> tuple[Any, tuple[str, ...]]:
    """A prompt version as an LLM may see it, and a sentence on each thing that it may not."""
    template: Any = method.form.parse(prompt.template)
    if isinstance(template, StagedTemplate):
        return shown_demonstrations(project.store, template, project.task.record)
    return template, ()


def plan_for(
    project: Project,
    method: Method,
    prompt: Prompt,
    params: RunParams,
    settings: Params,
    endpoint: Endpoint,
    *,
    keep_shots: bool = True,
) -> Plan:
    """The plan of a run. Raises StudioError when a few-shot template has too few examples.

    keep_shots: store the shot sets, so that requests can point at them; an estimate need not.
    """
    template, remarks = shown_template(project, method, prompt)
    style = params.style or endpoint.style
    decoding = template.decoding_for(style or template.style, endpoint.model)
    if params.temperature is not None:
        decoding = replace(decoding, temperature=params.temperature)
    members = tuple(
        PlanMember(
            one.share,
            plan_for(project, method, version, params, settings, endpoint, keep_shots=keep_shots),
        )
        for one, version in _member_versions(project, template, prompt, keep=keep_shots)
    )
    return Plan(
        template=template,
        model=endpoint.model,
        corpus=StoredCorpus(project.store, params),
        settings=settings,
        labels=tuple(project.store.labels.all()) if project.task.has_labels else (),
        pool=_pool(project, template, params, settings, keep=keep_shots),
        context_tokens=endpoint.context_window,
        seed=params.seed,
        prompt_id=prompt.id or None,
        prompt_sha=prompt.sha,
        style=style,
        decoding=decoding,
        remarks=remarks,
        members=members,
    )


def _member_versions(
    project: Project, template: Any, prompt: Prompt, *, keep: bool
) -> Iterator[tuple[TemplateMember, Prompt]]:
    """The members of a set with the prompt version that each is, kept on the side."""
    prompts = project.store.prompts
    for one in getattr(template, "members", ()):
        found = prompts.of_text(one.text) or Prompt(one.template.name, one.text)
        if keep and prompt.id and not found.id:
            note = f"of the set v{prompt.version}"
            found = prompts.save(one.template.name, one.text, note, aside=True)
        yield one, found


def _pool(
    project: Project, template: Any, params: RunParams, settings: Params, *, keep: bool
) -> tuple[ShotSet, ...]:
    """Shots are for templates that show the project's examples."""
    if not isinstance(template, Template):
        return _seeds(project, settings, params, keep=keep)
    if template.zero_shot:
        return (ShotSet(()),)
    examples, gold = shown_examples(project.store)
    examples = [e for e in examples if e.query.strip() and e.document_text.strip()]
    fewest, most = template.shots
    if len(examples) < fewest:
        raise StudioError(
            f"The template {template.name!r} shows at least {fewest} examples and the project has "
            f"{len(examples)} that are switched on{_besides(gold)}. Write some in the Examples "
            "pane or with `studio examples add`, or choose the zero-shot template."
        )
    k = min(getattr(settings, "shots", None) or most, most)
    pool = shot_pool(examples, k, getattr(settings, "shot_sets", 1), params.seed)
    return _kept(project, pool) if keep else pool


def _seeds(
    project: Project, settings: Params, params: RunParams, *, keep: bool
) -> tuple[ShotSet, ...]:
    """Draws of the project's examples, for methods that begin with them."""
    k = getattr(settings, "shots", 0)
    if not k:
        return (ShotSet(()),)
    examples, gold = shown_examples(project.store)
    begun = [example for example in examples if example.query.strip()]
    examples = [example for example in begun if not example.unwritten]
    if not examples:
        lacking = begun[0].unwritten[0] if begun else ""
        without = f" and has its {lacking} ({len(begun)} have none)" if lacking else ""
        raise StudioError(
            f"The method begins with examples, and the project has none that is switched on"
            f"{without}{_besides(gold)}. Write some in the Examples pane or bring some with "
            "`studio examples import FILE`, or choose a method that needs none."
        )
    pool = shot_pool(examples, k, getattr(settings, "shot_sets", 1), params.seed)
    return _kept(project, pool) if keep else pool


def _kept(project: Project, pool: Sequence[ShotSet]) -> tuple[ShotSet, ...]:
    """With their rows in the store, so that requests can point at them."""
    return tuple(replace(s, id=project.store.shot_sets.save(s.revision_ids)) for s in pool)


def _besides(gold: Sequence[Example]) -> str:
    """Why examples that are switched on do not count."""
    return f" and are no gold ({len(gold)} are, and would leak)" if gold else ""


def planned(
    project: Project, row: dict[str, Any], *, keep_shots: bool = True
) -> tuple[Method, Plan, Endpoint]:
    """Method, plan and endpoint of a run's row. Raises StudioError where it could not ask."""
    params = RunParams.from_row(row)
    method = method_of(project, params.method)
    prompt = prompt_of(project, method, params.prompt_id, keep=keep_shots)
    endpoint = endpoint_of(project, params)
    settings = method.settings.from_row(row)
    return (
        method,
        plan_for(project, method, prompt, params, settings, endpoint, keep_shots=keep_shots),
        endpoint,
    )


def run_row(project: Project, *, trains: bool = False, **told: Any) -> dict[str, Any]:
    """The row of a run: what every run has, the method's own settings, and of one that trains its
    rounds, each with its default unless told.

    Raises StudioError for a method that there is not, KeyError for a setting that it does not have.
    """
    name = told.get("method") or own_method(project)
    row = RunParams().to_row()
    if name in methods.of_task(project.task.name):
        method = methods.get(name, project.task.name)
        trains = trains or method.has_feedback
        row |= method.settings().to_row()
    if trains:
        row |= RoundParams().to_row()
    if strangers := sorted(set(told) - set(row)):
        raise KeyError(f"the method {name} has no setting {strangers[0]!r}")
    return {**row, **told, "method": name}


def rendered(project: Project, prompt: Prompt, document: Document, draw: int = 0) -> Request:
    """The request that a run with default settings would make for this document and draw.

    Raises StudioError for a method that does not ask about documents one by one.
    """
    method = asked_by(project, prompt)
    settings: Any = method.settings()
    stage = method.stages[0]
    if not isinstance(stage, SizedStage):
        raise StudioError(
            f"The method {method.name} does not ask about one document alone. The live preview "
            "shows its requests."
        )
    endpoint = endpoint_of(project, RunParams())
    plan = plan_for(project, method, prompt, RunParams(), settings, endpoint)
    # A set shares out all that a document is asked.
    least = plan.template.queries_per_document if plan.members else 0
    plan = replace(
        plan,
        corpus=FixedCorpus([document]),
        settings=replace(settings, queries_per_document=max(draw + 1, least)),
    )
    return list(asks_of(stage, plan, 0, Beginning()))[draw].request


def requests_of(stage: Stage, plan: Plan) -> int | None:
    """How many requests a stage has; None where that comes out on the way."""
    return stage.size(plan) if isinstance(stage, SizedStage) else None
