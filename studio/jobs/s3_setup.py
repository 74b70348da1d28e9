"""What a run of S3 begins with: its row, who writes, and with which prompt."""

from __future__ import annotations

from dataclasses import replace

from studio.jobs.context import JobContext
from studio.jobs.s3_params import S3Params
from studio.jobs.setup import save_template
from studio.labelled import Label, Run
from studio.llm.endpoints import resolve
from studio.methods.synthesis import SynthesisPlan
from studio.project import Project
from studio.prompting import synthesis
from studio.prompting.builtin import builtin
from studio.records import Prompt, StudioError
from studio.settings import Endpoint


def begun(context: JobContext, params: S3Params) -> Run:
    """The run that this job works on; a new one is written down at once."""
    runs = context.store.runs
    run_id = params.run_id or context.result.get("run_id")
    if run_id is None:
        run_id = runs.add(params.method, params.to_row())
    found = runs.get(int(run_id))
    if found is None:
        raise StudioError(f"There is no run {run_id} in this project. `studio s3 show` lists them.")
    context.keep(run_id=found.id)
    return found


def endpoint_of(project: Project, params: S3Params) -> Endpoint:
    """Who writes."""
    return resolve(
        project.settings,
        params.endpoint or None,
        base_url=params.base_url or None,
        model=params.model or None,
    )


def plan_for(
    project: Project,
    params: S3Params,
    task: str,
    labels: list[Label],
    endpoint: Endpoint,
) -> SynthesisPlan:
    """All that decides the run's requests."""
    prompt = prompt_of(project, params, task)
    template = synthesis.parse(prompt.template)
    style = params.style or endpoint.style
    decoding = template.decoding_for(style or template.style, endpoint.model)
    if params.temperature is not None:
        decoding = replace(decoding, temperature=params.temperature)
    return SynthesisPlan(
        template=template,
        labels=tuple(labels),
        model=endpoint.model,
        seed=params.seed,
        prompt_id=prompt.id or None,
        style=style,
        decoding=decoding,
    )


def prompt_of(project: Project, params: S3Params, task: str) -> Prompt:
    """The prompt version asked for, the newest of this task, or the bundled one made the first."""
    prompts = project.store.prompts
    if params.prompt_id is not None:
        chosen = prompts.get(params.prompt_id)
        if chosen is None:
            raise StudioError(f"There is no prompt version {params.prompt_id} in this project.")
        return chosen
    for prompt in prompts.all():
        if synthesis.is_synthesis(prompt.template):
            return prompt
    if task == "retrieval":
        # The project's own prompt stays the newest: it is what Generate and Prompt work with.
        return Prompt(task, builtin(task, "s3"))
    return save_template(project, note="bundled")
