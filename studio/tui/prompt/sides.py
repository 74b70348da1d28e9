"""What the Prompt pane puts side by side, and how it says so. No widgets here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from textual.content import Content

from studio.llm.catalogue import language_warning
from studio.prompting.template_lints import lint
from studio.records import Prompt, StudioError
from studio.settings import Endpoint
from studio.tui.dialogs.conflict import Choice
from studio.tui.prompt.compare import Contrast
from studio.tui.prompt.sampling import Outcome, Side, Variant, most_cost
from studio.tui.prompt.score import Draw, verdict
from studio.tui.prompt.streams import SIDES, Streams
from studio.tui.safe_text import content, one_line


@dataclass(frozen=True, slots=True)
class RequestedSide:
    """A side before its requests are worked out."""

    variant: Variant
    endpoint: Endpoint
    refusal: str = ""
    """Why it cannot be compared; empty when it can."""


def sides(
    text: str,
    state: str,
    versions: Sequence[Prompt],
    endpoint: str,
    contrast: Contrast,
    endpoint_of: Callable[[str], Endpoint],
) -> list[RequestedSide]:
    """The editor's text and, when comparing, what it is held against.

    Raises StudioError for an unknown endpoint of the editor's side.
    """
    one = endpoint_of(endpoint)
    first = RequestedSide(Variant(state, text, endpoint), one)
    if contrast.kind == "none":
        return [first]
    if contrast.kind == "version":
        return [first, _version(first, versions, contrast.value)]
    if contrast.kind == "temperature":
        return _temperatures(first, float(contrast.value))
    return _endpoints(first, contrast.value, endpoint_of)


def _version(first: RequestedSide, versions: Sequence[Prompt], row: str) -> RequestedSide:
    prompt = next(prompt for prompt in versions if str(prompt.id) == row)
    name = f"v{prompt.version} {prompt.note}".rstrip()
    return replace(first, variant=replace(first.variant, name=name, template=prompt.template))


def _temperatures(first: RequestedSide, value: float) -> list[RequestedSide]:
    from studio.prompting.templates import parse

    template, endpoint = parse(first.variant.template), first.endpoint
    own = template.decoding_for(endpoint.style or template.style, endpoint.model).temperature
    name = first.variant.name
    refusal = (
        f"The template's temperature is {own:g} already: both would be the same."
        if own == value
        else ""
    )
    return [
        replace(first, variant=replace(first.variant, name=f"{name} · temperature {own:g}")),
        RequestedSide(
            replace(first.variant, name=f"temperature {value:g}", temperature=value),
            endpoint,
            refusal,
        ),
    ]


def _endpoints(
    first: RequestedSide, name: str, endpoint_of: Callable[[str], Endpoint]
) -> list[RequestedSide]:
    variant = first.variant
    named = replace(first, variant=replace(variant, name=f"{variant.name} · {called(first)}"))
    try:
        other = endpoint_of(name)
    except StudioError as error:
        return [named, RequestedSide(replace(variant, name=name), first.endpoint, str(error))]
    second = RequestedSide(replace(variant, name=name, endpoint=name), other)
    refusal = ""
    if other.model == first.endpoint.model:
        refusal = (
            f"Both endpoints call their model {other.model!r}, and an equal request to an equal "
            "model is never paid twice: both would show one answer. Compare another model."
        )
    second = replace(second, variant=replace(second.variant, name=called(second)), refusal=refusal)
    return [named, second]


def called(side: RequestedSide) -> str:
    """An endpoint as heads and titles say it."""
    endpoint = side.endpoint
    return endpoint.name if endpoint.embedded else f"{endpoint.name} {endpoint.model}"


def refused(side: Side, asked: RequestedSide) -> Side:
    """The side, or why there is none."""
    if not asked.refusal:
        return side
    return replace(side, shown=(), past=(), left=(), fault=asked.refusal)


def heads(sides: Sequence[Side]) -> Content:
    """What A and B are, on one line; empty when nothing is compared."""
    if len(sides) < 2:
        return content("")
    parts: list[Content | str | tuple[str, str]] = []
    for name, side in zip(SIDES, sides, strict=False):
        parts += [(f"{name} ", "bold $primary"), content(one_line(side.variant.name, 40)), "   "]
    parts.append(("same documents, shots and seeds", "$secondary"))
    return Content.assemble(*parts)


def warning(sides: Sequence[Side], language: str) -> str:
    """What speaks against a side's model, in one sentence; empty when nothing does."""
    for side in sides:
        wanted = _language(side.variant.template) or language
        if side.endpoint.embedded and (said := language_warning(side.endpoint.model, wanted)):
            return said
    return ""


def _language(template: str) -> str:
    from studio.prompting.templates import parse

    return "" if any(one.fatal for one in lint(template)) else parse(template).language


def shared(scores: Sequence[Mapping[Draw, Outcome]]) -> list[dict[Draw, Outcome]]:
    """The outcomes that all sides have, so that they are held against each other fairly."""
    common = set(scores[0]) if scores else set()
    for other in scores[1:]:
        common &= set(other)
    return [{draw: side[draw] for draw in sorted(common)} for side in scores]


def score_title(
    streams: Streams, shared: Sequence[Mapping[Draw, Outcome]], key: str, documents: int
) -> str:
    """The score's title: how much may be concluded, and what more would cost."""
    parts = ["Score", verdict(len(shared[0])) if any(shared) else ""]
    if streams.busy:
        parts.append(f"{streams.busy} more under way · esc stops")
    elif found := streams.unasked(documents):
        count = len({planned.document.id for planned, _ in found})
        costs = [most_cost([planned], side.endpoint) for planned, side in found]
        parts.append(f"{key} asks {count} more ({_price(costs)})")
    return " · ".join(part for part in parts if part)


def score_heads(sides: Sequence[Side], count: int) -> list[str]:
    """Above the columns of the score's table."""
    if len(sides) < 2:
        return [f"n = {count}", *(side.variant.name for side in sides), "your examples"]
    named = [f"{name} {side.variant.name}" for name, side in zip(SIDES, sides, strict=False)]
    return [f"n = {count}", *named, "your examples"]


def _price(costs: Sequence[float | None]) -> str:
    if any(cost is None for cost in costs):
        return "price unknown"
    total = sum(cost for cost in costs if cost is not None)
    return f"at most ${total:.4f}" if total else "free"


def choices(versions: Sequence[Prompt], theirs: str) -> list[tuple[Choice, str, str]]:
    """What can be done about two drafts, each with what then happens."""
    found: list[tuple[Choice, str, str]] = [
        ("mine", "keep mine", "it becomes the draft; theirs is let go"),
        ("theirs", "take theirs", "mine is let go; undo in the editor brings it back"),
    ]
    known = next((prompt for prompt in versions if prompt.template == theirs), None)
    if known is not None:
        found[0] = ("mine", "keep mine", f"it becomes the draft; theirs is v{known.version}")
    elif not any(remark.fatal for remark in lint(theirs)):
        number = versions[0].version + 1 if versions else 1
        found.append(("both", "keep both", f"mine is the draft, theirs becomes v{number}"))
    return found
