"""The tables that end a run: the filter chain, and what was gained."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from studio.cli.output import out, table, visible
from studio.evaluation.measures import gain_lines, likeness_lines, speed_lines
from studio.evaluation.systems import (
    in_order,
    label_of,
    of_pair_key,
    prefix_words,
    words_of,
)

MEASURES = ("ndcg@10", "recall@100", "mrr@10")
MOST_ROWS = 12
"""Rows of a table on the side."""
METRICS = (("accuracy",), ("em", "f1"), ("ndcg@10", "recall@10"))
"""What a table shows: of labels, of questions, of retrievers."""


def scores_line(scores: dict[str, Any]) -> str:
    """Such as ``.853 ±.012`` for labels, ``em .41 f1 .56`` for questions."""
    names = next((n for n in METRICS if n[0] in scores), ())
    parts = []
    for name in names:
        if name in scores:
            spread = f" ±{scores['sd'][name]:.3f}" if "sd" in scores else ""
            said = "" if len(names) == 1 else f"{name} "
            parts.append(f"{said}{scores[name]:.3f}{spread}")
    return " ".join(parts)


def show_switched_off(result: dict[str, Any]) -> None:
    """The examples that gold has become: nobody shows them to an LLM any more."""
    for example in result.get("examples_switched_off", ()):
        line = f"Example {example['id']} is gold now and was switched off: {example['query']}"
        out.print(visible(line), style="yellow", highlight=False, soft_wrap=True)


def filter_tables(result: dict[str, Any]) -> Group:
    """Counts before and after each filter, then by reason what these filters have dropped and what
    all have, and what is kept by category."""
    tables = [chain_table(result)]
    if found := result.get("dropped"):
        now = result.get("dropped_now", {})
        rows = [[reason, now.get(reason, 0), count] for reason, count in found.items()]
        columns = ("reason", "by these filters", "by all so far")
        tables.append(table("Dropped records", columns, rows))
    # Under "all" stands what all filters together have kept.
    if kept := result.get("retention", {}).get("all"):
        tables.append(retention_table(kept, "Kept of all records, by category"))
    return Group(*tables)


def chain_table(result: dict[str, Any]) -> Table:
    """Counts before and after each filter."""
    rows = [
        [link["label"], link["judged"], link["judged"] - link["kept"], link["kept"]]
        for link in result["chain"]
    ]
    return table("Filters", ("filter", "before", "dropped", "after"), rows)


OF_CATEGORY = ("category", "judged")


def retention_table(
    found: dict[str, Any], title: str = "Kept by category", of: tuple[str, str] = OF_CATEGORY
) -> Table:
    """The largest categories, those that fell most first: judged, kept and their share.

    of: what the first two columns are called.
    """
    largest = sorted([*found.items()][:MOST_ROWS], key=lambda row: float(row[1]["share"]))
    rows = [[n, one["judged"], one["kept"], f"{one['share']:.1%}"] for n, one in largest]
    return table(title, (*of, "kept", "share kept"), rows)


def score_table(result: dict[str, Any]) -> Group:
    """Each system's scores with 95% intervals, and the paired tests."""
    grid = Table(
        title=f"Scores on {visible(result['gold'])}", title_justify="left", header_style="bold"
    )
    grid.add_column("system")
    for measure in MEASURES:
        grid.add_column(measure, justify="right")
    labels = result.get("systems", {})
    for system in in_order(result["scores"]):
        cells = (_cell(result, system, measure) for measure in MEASURES)
        grid.add_row(visible(words_of(system, labels)), *cells)
    said = prefix_words(result.get("prompts", {}), labels)
    told = [said, *speed_lines(result.get("seconds", {}), result.get("reading", {}), labels)]
    lines = [Text.from_markup(visible(line)) for line in told if line]
    tests = (_test_line(result, key, labels) for key in result["p_value"])
    further = [
        *likeness_lines(result.get("likeness"), labels),
        *gain_lines(result.get("gain_by_type", [])),
    ]
    return Group(grid, *lines, *tests, *(Text(visible(line)) for line in further))


def _cell(result: dict[str, Any], system: str, measure: str) -> str:
    low, high = result["intervals"][system][measure]
    return f"{result['scores'][system][measure]:.3f} [dim]{low:.3f}–{high:.3f}[/]"


def _test_line(result: dict[str, Any], name: str, labels: dict[str, str]) -> Text:
    new, old = of_pair_key(name)
    mean, low, high = result["difference"][name]
    p, wins = result["p_value"][name], result["wins"][name]
    verdict = "significant" if p < 0.05 else "not significant"
    apart = f"{visible(label_of(new, labels))} − {visible(words_of(old, labels))}"
    return Text.from_markup(
        f"{apart}: {mean:+.3f} nDCG@10 (95% {low:+.3f} … {high:+.3f}), p = {p:.4f}, {verdict}; "
        f"{wins['won']} queries won, {wins['lost']} lost, {wins['tied']} the same"
    )
