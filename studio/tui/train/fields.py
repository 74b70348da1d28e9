"""The lines of the form for a new training: what each asks, and what may be typed. No Textual."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from studio.jobs.base_encoders import base_encoders, problem_of
from studio.jobs.params import TrainParams
from studio.jobs.recipes import numbers_for
from studio.jobs.training import name_problem
from studio.project import Project
from studio.records import StudioError
from studio.store.choices import FilterRange
from studio.tui.train.words import when

Kind = Literal["pick", "text", "whole", "number", "share", "range", "path", "name"]
DRAFT: Final = "train-form"
"""Where the store keeps what was typed."""


@dataclass(frozen=True, slots=True)
class FieldOption:
    """One of several values of a line."""

    value: str
    label: str
    note: str = ""
    """One line on it; empty leaves the line's own help."""


@dataclass(frozen=True, slots=True)
class TrainField:
    """One line of the form."""

    name: str
    label: str
    help: str
    kind: Kind
    options: tuple[FieldOption, ...] = ()
    least: float = 0.0
    """The lowest number that makes sense."""
    heading: str = ""
    """Stands above the line."""


YES_NO: Final = (FieldOption("yes", "yes"), FieldOption("no", "no"))
ALL: Final = FieldOption("", "all filters and people")
PERSON: Final = FieldOption("person", "a person", "only records that a person accepted")

ASKS: Final = (
    TrainField("kept_by", "kept by",
        "all filters, or the chain up to one: what later ones dropped too",
        "pick", (ALL, PERSON), heading="Data"),
    TrainField("score_of", "score of", "look at one filter's score as well", "pick",
        (FieldOption("", "none"),)),
    TrainField("score", "score from..to", "such as ..3, 0.5.. or 0.2..0.8; empty is any", "range"),
    TrainField("prompt_version", "prompt version", "only records that this version made", "pick",
        (FieldOption("", "any"),)),
    TrainField("from_job", "made by job", "only records that this job made", "pick",
        (FieldOption("", "any"),)),
    TrainField("encoder", "base encoder", "the model to start from", "pick", heading="Base"),
    TrainField("path", "or a path", "a folder or a hub name instead; empty takes the line above",
        "path"),
    TrainField("continue_round_trip", "after round trip",
        "go on from the round trip's model where there is one", "pick", YES_NO),
    TrainField("recipe", "recipe", "recommended gains most on little data; or the paper's",
        "pick", (FieldOption("recommended", "recommended"), FieldOption("published", "published")),
        heading="Settings — an empty line takes what stands in brackets"),
    TrainField("epochs", "epochs", "passes over the pairs; more can overfit", "number", least=0.01),
    TrainField("batch_size", "batch size",
        "pairs a step; each also learns from the others' documents", "whole", least=2),
    TrainField("learning_rate", "learning rate", "how far each step goes; too high forgets",
        "number"),
    TrainField("side", "train", "both, or queries only: documents keep the base's vectors", "pick",
        (FieldOption("", "the recipe's"), FieldOption("both", "both sides"),
         FieldOption("query", "queries"))),
    TrainField("distillation", "teacher's share",
        "0 learns from the pairs alone, 1 from the teacher", "share"),
    TrainField("hard_negatives", "hard negatives", "mined wrong documents per query, up to 8",
        "whole"),
    TrainField("max_length", "tokens read", "of each document; longer is slower", "whole", least=8),
    TrainField("interpolate", "average with base", "mix the weights as validation prefers: safer",
        "pick", YES_NO),
    TrainField("patience", "patience", "checks without a gain before it stops early; 0 never stops",
        "whole"),
    TrainField("query_prompt", "query prefix", "put before each query, if the base wants one",
        "text"),
    TrainField("document_prompt", "document prefix", "put before each document, likewise", "text"),
    TrainField("seed", "seed", "the same seed gives the same model on the same machine", "whole"),
    TrainField("evaluate", "score afterwards", "measure BM25, base and the new model on test gold",
        "pick", YES_NO),
    TrainField("name", "name", "what to call the model; also its folder", "name"),
)  # fmt: skip
BY_NAME: Final = {ask.name: ask for ask in ASKS}

FIRST: Final = {"continue_round_trip": "yes", "recipe": "recommended", "interpolate": "yes",
                "evaluate": "yes"}  # fmt: skip
"""What stands there at first, where that is not the first option or nothing."""


def options_of(project: Project) -> dict[str, tuple[FieldOption, ...]]:
    """The options that depend on the project and are quickly known."""
    store = project.store
    versions = [
        FieldOption(str(p.version), f"{p.version} {p.name}", p.note or f"made {when(p.created)}")
        for p in store.prompts.all()
    ]
    jobs = [
        FieldOption(str(row), f"{row} {kind}", f"{kind} of {when(created)}")
        for row, kind, created in store.choices.jobs()
    ]
    encoders = [
        FieldOption(base.name, base.label + (" (not here)" if base.missing else ""), base.note)
        for base in base_encoders(project)
    ]
    return {
        "prompt_version": (FieldOption("", "any"), *versions),
        "from_job": (FieldOption("", "any"), *jobs),
        "encoder": tuple(encoders),
    }


def filter_options(found: list[FilterRange]) -> dict[str, tuple[FieldOption, ...]]:
    """The options out of the filters that have judged."""
    scored = [
        FieldOption(f.name, f.name, f"its scores go from {f.low:g} to {f.high:g}")
        for f in found
        if f.low is not None and f.high is not None
    ]
    kept = [
        FieldOption(f.name, f"up to {f.name}", f"what the chain up to {f.name} keeps")
        for f in found
    ]
    return {
        "kept_by": (ALL, *reversed(kept), PERSON),
        "score_of": (FieldOption("", "none"), *scored),
    }


def first_values(project: Project, like: TrainParams | None) -> dict[str, str]:
    """What stands in the form without a draft: the defaults, or an earlier training's settings."""
    encoder = str(project.store.values.get("encoder") or project.settings.encoder)
    known = {base.name for base in base_encoders(project)}
    values = {ask.name: FIRST.get(ask.name, "") for ask in ASKS}
    params, plain = like or TrainParams(), TrainParams()
    for name in BY_NAME.keys() & {"kept_by", "score_of", "prompt_version", "from_job", "side",
                                  "epochs", "batch_size", "learning_rate", "distillation",
                                  "hard_negatives", "max_length", "patience", "seed",
                                  "query_prompt", "document_prompt"}:  # fmt: skip
        value = getattr(params, name)
        values[name] = "" if value == getattr(plain, name) else f"{value}"
    values["recipe"] = params.recipe
    for name in ("continue_round_trip", "interpolate"):
        values[name] = "yes" if getattr(params, name) else "no"
    if params.min_score is not None or params.max_score is not None:
        values["score"] = f"{_plain(params.min_score)}..{_plain(params.max_score)}"
    wanted = params.encoder or encoder
    values["encoder"], values["path"] = (wanted, "") if wanted in known else (encoder, wanted)
    if values["encoder"] not in known:
        values["encoder"] = next(iter(sorted(known)), "")
    return values


def _plain(number: float | None) -> str:
    return "" if number is None else f"{number:g}".replace("e-0", "e-")


def defaults(values: Mapping[str, str], root: str, documents: int, pairs: int) -> dict[str, str]:
    """What holds where nothing is typed."""
    try:
        params = params_of({**values, "epochs": "", "batch_size": "", "learning_rate": "",
                            "distillation": "", "name": ""})  # fmt: skip
        settings = numbers_for(params, root, documents, max(pairs, 1))
    except StudioError:
        return {}
    plain = TrainParams()
    passes = (settings.max_steps or 0) * settings.batch_size / max(pairs, 1)
    whole = passes >= settings.epochs and values["recipe"] == "recommended"
    return {
        "epochs": f"{settings.epochs if whole else passes:.2g}",
        "batch_size": str(settings.batch_size),
        "learning_rate": _plain(settings.learning_rate) or "its kind's",
        "distillation": _plain(settings.distillation),
        "hard_negatives": str(plain.hard_negatives),
        "max_length": str(plain.max_length),
        "patience": str(plain.patience),
        "seed": str(plain.seed),
        "name": "retriever-<job>",
    }


def problem(name: str, text: str, project: Project | None = None) -> str:
    """Why a line cannot have this value; empty when it can."""
    ask = BY_NAME[name]
    text = text.strip()
    if not text or ask.kind in ("pick", "text"):
        return problem_of(text) if name == "encoder" and text else ""
    check = _CHECKS[ask.kind]
    if ask.kind == "name" and project is not None:
        return name_problem(text, project.store.models.all())
    return check(ask, text)


def _whole(ask: TrainField, text: str) -> str:
    if text.replace(",", "").isdecimal() and int(text.replace(",", "")) >= ask.least:
        most = 8 if ask.name == "hard_negatives" else 10**9
        return "" if int(text.replace(",", "")) <= most else f"at most {most:,}"
    return f"a whole number from {ask.least:g}"


def _number(ask: TrainField, text: str) -> str:
    value = _float(text)
    if value is None or not max(ask.least, 1e-12) <= value < 1e9:
        return "a number above 0, such as 5e-5 or 2"
    return ""


def _share(_ask: TrainField, text: str) -> str:
    value = _float(text)
    return "" if value is not None and 0 <= value <= 1 else "a number from 0 to 1"


def _range(_ask: TrainField, text: str) -> str:
    low, dots, high = text.partition("..")
    ends = [_float(end) if end.strip() else None for end in (low, high)]
    typed = [end for end in (low, high) if end.strip()]
    if not dots or len(typed) != sum(end is not None for end in ends) or not typed:
        return "from..to, such as ..3 or 0.2..0.8"
    if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
        return "the first number is the lower one"
    return ""


def _path(_ask: TrainField, text: str) -> str:
    return problem_of(text)


def _name(_ask: TrainField, text: str) -> str:
    return name_problem(text, ())


_CHECKS: Final[dict[str, Callable[[TrainField, str], str]]] = {
    "whole": _whole,
    "number": _number,
    "share": _share,
    "range": _range,
    "path": _path,
    "name": _name,
}


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None


def encoder_of(values: Mapping[str, str]) -> str:
    """The base that the two lines name."""
    return values["path"].strip() or values["encoder"]


def params_of(values: Mapping[str, str], project: Project | None = None) -> TrainParams:
    """The params of the job. Raises StudioError with the first line to mend."""
    for ask in ASKS:
        if ask.name == "encoder" and values["path"].strip():
            continue
        if said := problem(ask.name, values[ask.name], project):
            raise StudioError(f"{ask.label}: {said}")
    low, _, high = values["score"].partition("..")
    if values["score"].strip() and not values["score_of"]:
        raise StudioError("score of: choose the filter whose score is meant.")
    told: dict[str, Any] = {
        name: _typed(BY_NAME[name].kind, values[name])
        for name in ("epochs", "batch_size", "learning_rate", "distillation", "hard_negatives",
                     "max_length", "patience", "seed", "name", "prompt_version", "from_job")
        if values[name].strip()
    }  # fmt: skip
    path = values["path"].strip()
    return TrainParams(
        kept_by=values["kept_by"],
        score_of=values["score_of"],
        min_score=_float(low),
        max_score=_float(high),
        encoder=_absolute(path) if path else values["encoder"],
        continue_round_trip=values["continue_round_trip"] == "yes",
        recipe="published" if values["recipe"] == "published" else "recommended",
        side=values["side"] or None,  # type: ignore[arg-type]
        interpolate=values["interpolate"] == "yes",
        evaluate=values["evaluate"] == "yes",
        query_prompt=values["query_prompt"],
        document_prompt=values["document_prompt"],
        **told,
    )


def _absolute(path: str) -> str:
    """A folder by its full path, since the worker runs elsewhere; a hub name as it is."""
    from pathlib import Path

    folder = Path(path).expanduser()
    return str(folder.absolute()) if folder.is_dir() else path


def _typed(kind: Kind, text: str) -> Any:
    text = text.strip()
    if kind in ("whole", "pick"):
        return int(text.replace(",", ""))
    return text if kind == "name" else float(text)
