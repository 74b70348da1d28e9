"""What the Search pane says: titles, states, rank changes, marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.evaluation.systems import BASE, RERANKER, SUM, System, label_of
from studio.jobs.gold import Same
from studio.jobs.project_systems import NOTHING_TRAINED
from studio.jobs.search_protocol import Hit, Ranking, State
from studio.records import Gold, Split
from studio.tui.search.ranking import RankedDocument, symbol
from studio.tui.widgets.rows import Row

SPLIT_ROWS = (
    Row("validation", ("validation", "looked at while you tune: when to stop, what went wrong")),
    Row("test", ("test", "only ever scored: the figure that you tell others")),
)
SHOWN = "✓"
"""Before a system that has a column."""
LISTED = 5
"""Rows named in a warning."""


def change(rank: int, base_rank: int | None) -> str:
    """How a rank differs from the base's: ``↑3``, ``↓2``, ``=`` or ``new``."""
    if base_rank is None:
        return "new"
    if rank == base_rank:
        return "="
    return f"↑{base_rank - rank}" if rank < base_rank else f"↓{rank - base_rank}"


def ranks(ranking: Ranking | None) -> dict[int, int]:
    """Document row → rank from 1."""
    hits = ranking.hits if ranking is not None else ()
    return {hit.document_id: rank for rank, hit in enumerate(hits, 1)}


def found(ranking: Ranking, base: Ranking | None, marks: Mapping[int, int]) -> list[RankedDocument]:
    """A ranking as it is listed."""
    base_ranks = ranks(base)
    return [
        RankedDocument(
            document_id=hit.document_id,
            rank=rank,
            change=_change(ranking, base, base_ranks, hit, rank),
            outside_id=hit.outside_id,
            head=hit.head,
            score=f"{hit.score:.{ranking.decimals}f}",
            mark=symbol(marks.get(hit.document_id)),
        )
        for rank, hit in enumerate(ranking.hits, 1)
    ]


def _change(
    ranking: Ranking, base: Ranking | None, base_ranks: dict[int, int], hit: Hit, rank: int
) -> str:
    if ranking.system == BASE or base is None:
        return ""
    return change(rank, base_ranks.get(hit.document_id))


def name_of(state: State) -> str:
    """A system with its encoder or model, such as ``trained retriever-7``."""
    return f"{state.label or label_of(state.system)} {state.name}".strip()


def title_of(state: State, *, busy: bool) -> str:
    """A column's title: its name, and what it is doing."""
    doing = f" · {state.words}" if state.state == "loading" and state.words else ""
    return name_of(state) + (doing if doing or not busy else " · searching")


def narrow_title(states: Sequence[State], here: State, *, busy: bool) -> str:
    """All columns in one line, the one that is shown in brackets."""
    parts = [
        f"[{title_of(one, busy=busy)}]" if one is here else one.label or label_of(one.system)
        for one in states
    ]
    return " · ".join(parts) + " — h l switch"


def nothing_listed(state: State, *, asked: bool, answered: bool, keys: Mapping[str, str]) -> str:
    """What an empty column says, with what to do about it."""
    if answered:
        return "No document shares a word with the query."
    if state.state == "held":
        return (
            f"Not begun: {state.words}. {keys['embed']} begins it; it is done once and kept, and "
            "the other columns answer meanwhile."
        )
    if state.words == NOTHING_TRAINED:
        return f"{state.words} {keys['train']} opens Train; {keys['path']} runs the whole path."
    if state.state in ("absent", "failed"):
        return state.words
    if state.state == "ready":
        return "searching …" if asked else ""
    return f"{state.words or 'starting'} …"


def gold_line(gold: Gold | None, split: Split | None, keys: Mapping[str, str]) -> str:
    """Whether the query is gold, and where a mark would put it."""
    if gold is not None:
        right = sum(grade > 0 for grade in gold.judged.values())
        wrong = len(gold.judged) - right
        origin = "marked in Search" if gold.origin == "search" else f"from {gold.origin}"
        return f"{gold.split} gold, {origin}: ✓ {right} right  ✗ {wrong} wrong"
    where = f"{split} gold" if split is not None else "gold; you are asked for which split"
    return f"Not gold. {keys['right']} right or {keys['wrong']} wrong makes it {where}."


def warning(gold: Gold | None, same: Same) -> str:
    """Who else asks the same words; empty when nobody does."""
    if gold is None:
        return ""
    said = []
    if same.examples:
        said.append(
            f"! {_numbered('Example', same.examples)} asks the same: no LLM is shown it while "
            "this is gold."
        )
    if same.records:
        said.append(
            f"! Kept {_numbered('record', same.records)} asks the same: trainings leave out "
            "whatever has the words of gold."
        )
    return "\n".join(said)


def _numbered(noun: str, rows: tuple[int, ...]) -> str:
    listed = ", ".join(str(row) for row in rows[:LISTED])
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    return f"{noun}{'s' if len(rows) > 1 else ''} {listed}{more}"


def document_title(
    document_id: int, outside_id: str, rankings: Sequence[tuple[State, Ranking]], mark: int | None
) -> str:
    """The document's id, its mark, and its rank in every column."""
    said = "" if mark is None else "✓ right" if mark else "✗ wrong"
    placed = "  ".join(
        f"{state.label or label_of(state.system)} {ranks(ranking).get(document_id, '–')}"
        for state, ranking in rankings
    )
    return " · ".join(part for part in (outside_id, said, placed) if part)


def system_row(system: System, *, shown: bool) -> Row:
    """A system to choose: whether it has a column, what it is called, which encoder it is."""
    cells = (SHOWN if shown else "", system.label, system.problem or _what(system))
    return Row(system.name, cells)


def _what(system: System) -> str:
    if system.kind == SUM:
        return " and ".join(one.label for one in system.over) + " added up"
    if system.kind != RERANKER:
        return system.detail
    reads = f"first {system.depth:,} of {system.over[0].label}"
    return ", ".join(part for part in (system.detail, reads) if part)


def start_text(count: int, keys: Mapping[str, str]) -> str:
    """What a newcomer reads before the first query."""
    browse = f"{keys['browse']} lists the gold queries ({count:,}).\n" if count else ""
    return (
        "Type what a person would ask. The systems answer side by side as you type, and "
        f"{keys['model']} chooses which do; ↑3 ↓2 = new tell how a rank differs from the base's."
        "\n\n"
        f"Enter or esc goes to the results. There {keys['right']} marks the document right, "
        f"{keys['wrong']} wrong, {keys['undo']} undoes: the query becomes gold, to score models "
        f"on, and is never trained on.\n{browse}"
    )
