"""What a run is told on the command line, and the row of its job out of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from studio import methods, servers
from studio.cli.options import AnyOf
from studio.jobs.improve_params import ImproveParams
from studio.jobs.params import JudgeParams, RunParams, cap_words
from studio.llm.address import address, is_address
from studio.project import Project
from studio.records import StudioError

MethodSettings = Annotated[
    dict[str, Any], AnyOf(tuple(dict.fromkeys(one.settings for one in methods.available())))
]
"""What was told of the settings that some method has."""
ModelOption = Annotated[
    str, typer.Option("--model", help="The model at the URL; needless where there is one.")
]
EstimateOption = Annotated[bool, typer.Option("--estimate", help="Only say what it would cost.")]
PromptOption = Annotated[
    int | None, typer.Option("--prompt", help="The prompt version; default the newest.")
]


def run_told(
    project: Project,
    run: RunParams | JudgeParams | ImproveParams,
    model: str,
    version: int | None = None,
) -> dict[str, Any]:
    """What a run's row is told: an endpoint may be a URL, no cap means that of the settings.

    A server at a URL is asked which model it has where none is named. Raises StudioError where that
    leaves a choice, and for a prompt version that there is not.
    """
    told = run.to_row() | {"model": model}
    if run.endpoint not in project.settings.endpoints and is_address(run.endpoint):
        url = address(run.endpoint)
        servers.type_in(url)
        told |= {"endpoint": "", "base_url": url, "model": model or _only_model(project, url)}
    if run.budget_usd is None:
        told["budget_usd"] = project.settings.budget_usd
    else:
        servers.type_in(cap_words(run.budget_usd))
    if version is not None:
        found = project.store.prompts.by_version(version)
        if found is None:
            raise StudioError(
                f"There is no prompt version {version}. `studio prompt list` shows them."
            )
        told["prompt_id"] = found.id
    return told


def _only_model(project: Project, url: str) -> str:
    from studio.llm.health import with_model

    return with_model(project.settings, url).model


def row_that_trains(project: Project, told: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a run that trains; what the method has no setting for does not matter to it.

    Raises StudioError for a method that there is not.
    """
    from studio.jobs.base_encoders import absolute
    from studio.jobs.plans import method_of, run_row
    from studio.jobs.run_rows import GOLD

    if told["method"] != GOLD:
        method_of(project, told["method"])
    known = run_row(project, trains=True, method=told["method"])
    row = {**known, **{name: value for name, value in told.items() if name in known}}
    # The worker runs elsewhere.
    files = {name: _file(row[name]) for name in ("add_records", "train_file")}
    return {**row, **files, "base": absolute(row["base"]), "method": known["method"]}


def _file(path: str) -> str:
    """By its full path; empty for none."""
    return str(Path(path).expanduser().absolute()) if path else ""


def refuse_foreign(project: Project, run: RunParams, settings: Mapping[str, Any]) -> None:
    """Raises BadParameter for a setting that the chosen method does not have, such as which
    documents to write for where it writes for none."""
    from studio.jobs.plans import method_of

    chosen = method_of(project, run.method)
    strangers = [name for name in settings if name not in chosen.settings.options()]
    if not chosen.of_documents:
        strangers += [name for name in ("documents", "search") if getattr(run, name)]
    if strangers:
        flag = strangers[0].replace("_", "-")
        raise typer.BadParameter(f"the method {chosen.name} has no setting {flag}")
