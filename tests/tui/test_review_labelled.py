"""Review of a labelled project: labels as a column, fields in the task's own words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.records import Document, Label, Record
from studio.tui.app import StudioApp
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support.data import labelled, pair, question
from tests.support.hostile import frame
from tests.support.project import fill

PREMISE = "A woman sings in the rain 🌧."
ITEMS: dict[str, Record] = {
    "classification": labelled("房东多久退还押金, nobody knows", "sad guest"),
    "nli": pair("someone is wet", "follows", PREMISE),
    "qa": question("who sings", "A woman", PREMISE),
}
LABELS = {"classification": ["glad guest", "sad guest"], "nli": ["follows", "does not"], "qa": []}


@pytest.fixture
def project(tmp_path: Path, task: str) -> Iterator[Project]:
    """Two records of a run; pairs and questions are about a document of the corpus."""
    made = Project.create(tmp_path / "made", task=task)
    store = made.store
    store.labels.set([Label(name) for name in LABELS[task]])
    document = None if task == "classification" else 1
    if document:
        fill(store, [Document("rain", "", PREMISE)])
    run = store.runs.add("s3", {})
    item = ITEMS[task]
    other = replace(item, fields={**item.fields, item.type.fields[0]: "another text"})
    store.records.add(
        replace(one, run_id=run, stage="seed", place=place, document_id=document)
        for place, one in enumerate((item, other))
    )
    yield made
    made.close()


def side(app: StudioApp) -> str:
    return app.screen.query_one("#provenance", TextPane).plain


async def shown(pilot: Pilot[int]) -> None:
    for _ in range(100):
        await pilot.pause(0.05)
        if side(pilot.app):  # type: ignore[arg-type]
            return


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("task", ["classification", "nli"])
async def test_the_label_is_a_column(project: Project, task: str, size: tuple[int, int]) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=size) as pilot:
        await shown(pilot)
        head, *lines = [line for line in frame(app) if "label" in line or ITEMS[task].label in line]
        assert head.index("label") < head.index("record")
        assert lines[0].index(ITEMS[task].label) < lines[0].index(ITEMS[task].text[:6])


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("classification", ["Label\nsad guest"]),
        ("nli", [f"Premise\n{PREMISE}", "Label\nfollows", "Other hypotheses of it (1)"]),
        ("qa", [f"Context\n{PREMISE}", "Answer\nA woman", "Other questions of it (1)"]),
    ],
)
async def test_the_side_says_the_fields_in_their_words(
    project: Project, task: str, words: list[str]
) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        assert side(app).startswith(ITEMS[task].text)
        for word in words:
            assert word in side(app)
        assert "quer" not in side(app)
        assert "[Record]" in str(app.screen.query_one("#side", Section).border_title)


@pytest.mark.parametrize("task", ["classification"])
async def test_texts_cannot_be_put_in_order_of_documents(project: Project, task: str) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        await pilot.press("s")
        await pilot.pause(0.2)
        text = "\n".join(frame(app))
        assert "by text, A to Z" in text
        assert "document" not in text
