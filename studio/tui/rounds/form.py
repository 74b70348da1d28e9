"""The form of a run of rounds: its lines, what stands there at first, the params out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from studio import methods
from studio.jobs.params import RunParams
from studio.jobs.plans import endpoint_of, run_row
from studio.project import Project
from studio.records import StudioError
from studio.tui.pane.form_texts import Unfit, endpoint_rows, label_of, read
from studio.tui.pane.typed_values import dollars, endpoint, whole
from studio.tui.widgets.form import Setting
from studio.tui.widgets.rows import Row

T = TypeVar("T")

DRAFT: Final = "rounds"
"""Where the store keeps what was typed."""
METHODS: Final = {
    "s3": "seed, then rounds that extrapolate errors",
    "zerogen": "the seed alone, without rationales",
    "goldgen": "extrapolates all of gold validation",
}
KINDS: Final = {
    "head": "a linear layer on a frozen encoder: seconds",
    "finetune": "all weights, as the paper: minutes on a CPU",
}
APPROVE: Final = {
    "person": "the run rests after each extrapolation, you judge",
    "all": "all that the checks keep goes in at once",
}
SETTINGS: Final = (
    Setting("method", "Method", "s3, zerogen or goldgen"),
    Setting("seed", "Seed items", "written before the first round"),
    Setting("rounds", "Rounds", "how often errors are extrapolated"),
    Setting("approve", "Extrapolations", "person: rests for you · all: goes on"),
    Setting("kind", "Small model", "head: seconds · finetune: the paper"),
    Setting("base", "Start from", "an encoder's name, or a folder"),
    Setting("endpoint", "Endpoint", "o lists them; or a URL and a model"),
    Setting("usd", "Cap in dollars", "the run stops before it is passed"),
)
CHOICES: Final = {"method": METHODS, "approve": APPROVE, "kind": KINDS}
RETRIEVAL_HIDES: Final = ("kind",)


def first_values(project: Project) -> dict[str, str]:
    """What stands in the form before anybody typed."""
    budget = project.settings.budget_usd
    return {
        "method": "s3",
        "seed": "200",
        "rounds": "2",
        "approve": "person",
        # A head reads one text or a pair of them; it cannot point into a passage.
        "kind": "finetune" if project.task.gold == "answers" else "head",
        "base": "",
        "endpoint": project.settings.endpoint,
        "usd": "" if budget is None else f"{budget:g}",
    }


def settings_for(project: Project) -> tuple[Setting, ...]:
    """The lines that mean something for the project's task."""
    hidden = RETRIEVAL_HIDES if project.task.gold == "documents" else ()
    return tuple(one for one in SETTINGS if one.name not in hidden)


def meanings(project: Project, values: dict[str, str]) -> dict[str, str]:
    """What an empty field means here."""
    paper = values.get("kind") == "finetune" and project.task.gold != "documents"
    base = "DistilBERT if here, else MiniLM" if paper else project.settings.encoder
    return {"usd": "no cap", "base": base, "endpoint": "none: name one"}


def params_of(project: Project, values: dict[str, str]) -> dict[str, Any]:
    """The params out of the typed texts. Raises Unfit, with the field and what to type."""
    name, base_url, model = _read("endpoint", values, lambda _label, text: endpoint(text))
    method = _one_of("method", values, METHODS)
    kind = _one_of("kind", {"kind": "head", **values}, KINDS)
    if kind == "head" and project.task.gold == "answers":
        raise Unfit("kind", "A head cannot find spans in a passage: type finetune for questions.")
    told = {
        "method": method,
        "seed_records": _read("seed", values, whole) or 1,
        "rounds": _read("rounds", values, lambda label, text: whole(label, text, least=0)) or 0,
        "approve": _one_of("approve", values, APPROVE),
        "kind": kind,
        "base": values["base"].strip(),
        "endpoint": name,
        "base_url": base_url,
        "model": model,
        "budget_usd": _read("usd", values, dollars),
    }
    known = run_row(project, trains=True, method=method)
    row = {**known, **{key: value for key, value in told.items() if key in known}}
    _check_endpoint(project, RunParams.from_row(row))
    return row


def _check_endpoint(project: Project, params: RunParams) -> None:
    try:
        endpoint_of(project, params)
    except StudioError as error:
        raise Unfit("endpoint", str(error)) from error


def _one_of(name: str, values: dict[str, str], known: dict[str, str]) -> str:
    typed = values[name].strip()
    if typed not in known:
        raise Unfit(name, f"{label_of(SETTINGS, name)} is {typed!r}; type {' or '.join(known)}.")
    return typed


def _read(name: str, values: dict[str, str], how: Callable[[str, str], T]) -> T:
    return read(SETTINGS, name, values, how)


def choices(project: Project, name: str) -> list[Row]:
    """What can stand in a field, to choose from; empty where anything can."""
    if name == "endpoint":
        return endpoint_rows(project)
    if name == "base":
        from studio.jobs.base_encoders import base_encoders

        found = base_encoders(project)
        return [Row(b.name, (b.label, b.note), "muted" if b.missing else "") for b in found]
    return [Row(key, (key, words)) for key, words in CHOICES.get(name, {}).items()]


def calls(project: Project, row: dict[str, Any]) -> str:
    """What the run will ask, in one sentence; no call is made for it."""
    method = methods.get(row["method"], project.task.name)
    gold, rounds = project.store.gold.count("validation"), int(row["rounds"])
    labels = len(project.store.labels.all()) or 1
    explains = any(not stage.makes.is_trained_on for stage in method.stages)
    # Ten reasons come of one request.
    reasons = -(-int(row.get("rationales", 0)) // 10) * labels if explains else 0
    parts = []
    if "seed_records" in row:
        parts.append(f"about {reasons + int(row['seed_records']):,} calls for the seed")
    feedback = next((stage.feedback for stage in method.stages if stage.feedback), "")
    if feedback == "errors" and rounds:
        times = "rounds" if rounds > 1 else "round"
        parts.append(f"one for each error: at most {gold * rounds:,} in {rounds} {times}")
    elif feedback == "gold":
        parts.append(f"{gold:,} for gold validation")
    return ", then ".join(parts)
