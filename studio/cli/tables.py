"""The tables that end a run: the filter chain, and what was gained."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from studio.cli.output import table, visible

SYSTEMS = {"bm25": "BM25", "base": "base encoder", "trained": "trained encoder"}
MEASURES = ("ndcg@10", "recall@100", "mrr@10")


def chain_table(result: dict[str, Any]) -> Table:
    """Counts before and after each filter."""
    rows = [
        [link["label"], link["judged"], link["judged"] - link["kept"], link["kept"]]
        for link in result["chain"]
    ]
    return table("Filters", ("filter", "before", "dropped", "after"), rows)


def score_table(result: dict[str, Any]) -> Group:
    """Each system's scores with 95% intervals, and the paired tests."""
    grid = Table(
        title=f"Scores on {visible(result['gold'])}", title_justify="left", header_style="bold"
    )
    grid.add_column("system")
    for measure in MEASURES:
        grid.add_column(measure, justify="right")
    for system, name in SYSTEMS.items():
        if system in result["scores"]:
            grid.add_row(name, *(_cell(result, system, measure) for measure in MEASURES))
    return Group(grid, *(_test_line(result, other) for other in ("base", "bm25")))


def _cell(result: dict[str, Any], system: str, measure: str) -> str:
    low, high = result["intervals"][system][measure]
    return f"{result['scores'][system][measure]:.3f} [dim]{low:.3f}–{high:.3f}[/]"


def _test_line(result: dict[str, Any], other: str) -> Text:
    name = f"trained_vs_{other}"
    if name not in result["p_value"]:
        return Text("")
    mean, low, high = result["difference"][name]
    p, wins = result["p_value"][name], result["wins"][name]
    verdict = "significant" if p < 0.05 else "not significant"
    return Text(
        f"trained − {SYSTEMS[other]}: {mean:+.3f} nDCG@10 (95% {low:+.3f} … {high:+.3f}), "
        f"p = {p:.4f}, {verdict}; {wins['won']} queries won, {wins['lost']} lost, "
        f"{wins['tied']} the same"
    )
