"""What the Prompt pane puts side by side, and how it says so. No widgets here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from textual.content import Content

from studio.calls import Prompt
from studio.llm.catalogue import language_warning
from studio.llm.money import dollars
from studio.llm.refused_settings import refusals
from studio.records import StudioError
from studio.safe_text import one_line
from studio.settings import Endpoint
from studio.tasks import Task
from studio.tui.dialogs.conflict import Choice
from studio.tui.pane import template_form
from studio.tui.prompt.compare import Contrast
from studio.tui.prompt.sampling import Outcome, Side, Slot, Variant, most_cost
from studio.tui.prompt.score import verdict
from studio.tui.prompt.streams import SIDES, Streams
from studio.tui.safe_content import content


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
    task: Task,
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
        return _temperatures(first, float(contrast.value), task)
    return _endpoints(first, contrast.value, endpoint_of)


def _version(first: RequestedSide, versions: Sequence[Prompt], row: str) -> RequestedSide:
    prompt = next(prompt for prompt in versions if str(prompt.id) == row)
    name = f"v{prompt.version} {prompt.note}".rstrip()
    return replace(first, variant=replace(first.variant, name=name, template=prompt.template))


def _temperatures(first: RequestedSide, value: float, task: Task) -> list[RequestedSide]:
    template, endpoint = template_form.parsed(first.variant.template, task), first.endpoint
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


def heads(sides: Sequence[Side], key: str) -> Content:
    """What A and B are, on one line, or the stages with the one in view; empty for neither.

    key: what goes to the next stage.
    """
    if len(sides) < 2:
        return _stages(sides[0], key) if sides else content("")
    parts: list[Content | str | tuple[str, str]] = []
    for name, side in zip(SIDES, sides, strict=False):
        parts += [(f"{name} ", "bold $primary"), content(one_line(side.variant.name, 40)), "   "]
    same = "documents, shots" if all(side.by_document for side in sides) else "requests"
    parts.append((f"same {same} and seeds", "$secondary"))
    return Content.assemble(*parts)


def _stages(side: Side, key: str) -> Content:
    if len(side.stages) < 2 or side.stage is None:
        return content("")
    parts: list[Content | str | tuple[str, str]] = [
        ("Set  " if side.shares else "Stage  ", "$secondary")
    ]
    for name, share in zip_longest(side.stages, side.shares):
        here = name == side.in_view
        told = one_line(name, 24) + (f" {share:.0%}" if side.shares else "")
        parts += [content(f"▸ {told}" if here else told, "bold $primary" if here else ""), "  "]
    further = f"{key} next one" if side.shares else f"{key} goes to the next one"
    parts.append((side.note or further, "$secondary"))
    return Content.assemble(*parts)


def warning(sides: Sequence[Side], language: str) -> str:
    """What speaks against a side's model, what of its template is not shown, and what its model
    refuses; each said once, and empty when there is nothing to say."""
    said: list[str] = []
    for side in sides:
        wanted = side.plan.template.language if side.plan is not None else language
        if side.endpoint.embedded:
            said.append(language_warning(side.endpoint.model, wanted))
        else:
            said += refusals(side.endpoint)
        said += side.plan.remarks if side.plan is not None else ()
    return " ".join(dict.fromkeys(filter(None, said)))


def shared(scores: Sequence[Mapping[Slot, Outcome]]) -> list[dict[Slot, Outcome]]:
    """The outcomes that all sides have, so that they are held against each other fairly."""
    common = set(scores[0]) if scores else set()
    for other in scores[1:]:
        common &= set(other)
    return [{slot: side[slot] for slot in sorted(common)} for side in scores]


def score_title(
    streams: Streams, shared: Sequence[Mapping[Slot, Outcome]], key: str, most: int
) -> str:
    """The score's title: how much may be concluded, and what more would cost."""
    parts = ["Score", verdict(len(shared[0])) if any(shared) else ""]
    if streams.busy:
        parts.append(f"{streams.busy} more under way · esc stops")
    elif found := streams.unasked(most):
        count = len({planned.slot for planned, _ in found})
        costs = [most_cost([planned], side.endpoint) for planned, side in found]
        parts.append(f"{key} asks {count} more ({_price(costs)})")
    return " · ".join(part for part in parts if part)


def score_heads(sides: Sequence[Side], count: int, own: str = "your examples") -> list[str]:
    """Above the columns of the score's table. own: what the texts by people are called."""
    called = [side.variant.name + (f" · {side.in_view}" if side.shares else "") for side in sides]
    if len(sides) > 1:
        called = [f"{name} {one}" for name, one in zip(SIDES, called, strict=False)]
    return [f"n = {count}", *called, own]


def _price(costs: Sequence[float | None]) -> str:
    if any(cost is None for cost in costs):
        return "price unknown"
    total = sum(cost for cost in costs if cost is not None)
    return f"at most {dollars(total)}" if total else "free"


def choices(versions: Sequence[Prompt], theirs: str, task: Task) -> list[tuple[Choice, str, str]]:
    """What can be done about two drafts, each with what then happens."""
    found: list[tuple[Choice, str, str]] = [
        ("mine", "keep mine", "it becomes the draft; theirs is let go"),
        ("theirs", "take theirs", "mine is let go; undo in the editor brings it back"),
    ]
    known = next((prompt for prompt in versions if prompt.template == theirs), None)
    if known is not None:
        found[0] = ("mine", "keep mine", f"it becomes the draft; theirs is v{known.version}")
    elif not any(remark.fatal for remark in template_form.remarks(theirs, task)):
        found.append(("both", "keep both", "mine is the draft, theirs becomes the next version"))
    return found
