"""What a filter or judge keeps of each category, while its threshold moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.content import Content
from textual.widgets import Static

from studio.jobs.categories import NONE, By, CategoryCount
from studio.jobs.category_files import bar
from studio.safe_text import padded
from studio.tui.safe_content import content

TITLES: dict[By, str] = {"verb": "verb", "object": "object", "kind": "kind or label"}
WAYS = (*TITLES,)
"""How categories are counted, one after the other."""
NAME, BAR = 18, 12
"""Cells of a name, and of the bar of what is kept whole."""

LEAST = 0.005
"""The share of the records that a category has at least to be shown."""


class CategoryTable(Static):
    """The categories that fall most, but those of very few records."""

    def show(
        self, found: Sequence[CategoryCount], now: Sequence[CategoryCount] = (), by: By = "verb"
    ) -> None:
        """Draw them as they would be, beside what they are now; none while they are counted."""
        if not found:
            self.update(content("Counting …", "$text-muted"))
            return
        self.update(Content("\n").join([*_lines(found, now, by, self.size.height or 8)]))


def _lines(
    found: Sequence[CategoryCount], now: Sequence[CategoryCount], by: By, height: int
) -> Iterator[Content]:
    before = {one.name: one.kept for one in now}
    heading = f"{padded(TITLES[by], NAME)}{'judged':>8}{'kept':>9}{'share':>8}"
    yield content(heading, "$text-muted")
    least = LEAST * sum(one.count for one in found)
    largest = [one for one in found if one.count >= least]
    room = height - 1 if len(found) < height else height - 2
    for one in sorted(largest, key=lambda one: one.kept_share)[:room]:
        change = one.kept - before.get(one.name, one.kept)
        drawn = padded(bar(one.kept_share, BAR), BAR)
        moved = f"{change:+,}" if change else ""
        words = f"{one.count:>8,}{one.kept:>9,}{one.kept_share:>8.1%}"
        yield Content.assemble(
            content(f"{padded(one.name or NONE, NAME)}{words}"),
            content(f"{moved:>8}  ", "$warning"),
            content(drawn, "$success"),
        )
    if more := len(found) - min(len(largest), room):
        yield content(f"and {more:,} more: `studio categories` lists all", "$text-muted")
