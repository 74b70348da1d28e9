"""Review of a labelled project: labels as a column, fields in the task's own words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.records import INSTRUCTION, Document, Label, Record
from studio.runs import RoundError
from studio.store.review_shapes import ReviewRow
from studio.tui.app import StudioApp
from studio.tui.widgets.text_pane import Section, TextPane
from studio.tui.widgets.virtual_rows import VirtualRows
from tests.support.data import gold_text, labelled, note, pair, question
from tests.support.hostile import frame
from tests.support.project import fill
from tests.support.waiting import until_shown

PREMISE = "A woman sings in the rain 🌧."
ITEMS: dict[str, Record] = {
    "classification": labelled("房东多久退还押金, nobody knows", "sad guest"),
    "nli": pair("someone is wet", "follows", PREMISE),
    "qa": question("who sings", "A woman", PREMISE),
    "instructions": Record(
        INSTRUCTION,
        {"instruction": "Translate.", "input": "the mill", "output": "le moulin"},
    ),
}
LABELS = {"classification": ["glad guest", "sad guest"], "nli": ["follows", "does not"]}


@pytest.fixture
def project(tmp_path: Path, task: str) -> Iterator[Project]:
    """Two records of a run; pairs and questions are about a document of the corpus."""
    made = Project.create(tmp_path / "made", task=task)
    store = made.store
    store.labels.set([Label(name) for name in LABELS.get(task, ())])
    document = 1 if task in ("nli", "qa") else None
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


def text(app: StudioApp) -> str:
    return "\n".join(frame(app))


def title(app: StudioApp) -> str:
    return str(app.screen.query_one("#records-section", Section).border_title)


def records(app: StudioApp) -> VirtualRows[ReviewRow]:
    return app.screen.query_one("#records", VirtualRows)


def side(app: StudioApp) -> str:
    return app.screen.query_one("#provenance", TextPane).plain


async def shown(pilot: Pilot[int]) -> None:
    await until_shown(pilot, lambda: side(pilot.app))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("task", ["classification", "nli"])
async def test_the_label_is_a_column(project: Project, task: str, size: tuple[int, int]) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=size) as pilot:
        await shown(pilot)
        item = ITEMS[task]
        head, *lines = [line for line in frame(app) if "label" in line or item.label in line]
        assert head.index(item.type.fields[0]) < head.index("label")
        assert lines[0].index(item.text[:6]) < lines[0].index(item.label)


@pytest.mark.parametrize("task", ["instructions"])
async def test_instruction_input_and_output_are_columns(project: Project, task: str) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        [head] = [line for line in frame(app) if "verdict" in line]
        assert head.index("instruction") < head.index("input") < head.index("output")
        line = next(line for line in frame(app) if "the mill" in line and "kept" in line)
        assert line.index("Translate") < line.index("the mill") < line.index("le moulin")


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("classification", ["Label\nsad guest"]),
        ("nli", [f"Premise\n{PREMISE}", "Label\nfollows", "Other hypotheses of this document (1)"]),
        ("qa", [f"Context\n{PREMISE}", "Answer\nA woman", "Other questions of this document (1)"]),
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


@pytest.mark.parametrize("task", ["qa"])
async def test_the_answer_is_a_column_and_the_passage_stands_beside(
    project: Project, task: str
) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        [head] = [line for line in frame(app) if "question" in line and "answer" in line]
        assert head.index("question") < head.index("answer")
        assert "context" not in head
        assert f"Context\n{PREMISE}" in side(app)


@pytest.mark.parametrize("task", ["classification"])
async def test_records_are_shown_by_their_label(project: Project, task: str) -> None:
    project.store.records.add([labelled("what a day", "glad guest")])
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("d")
        await until_shown(pilot, lambda: "‹ any label ›" in text(app))
        await pilot.press("right")
        await until_shown(pilot, lambda: "1 record " in text(app))
        await pilot.press("enter")
        await until_shown(pilot, lambda: records(app).count == 1)
        assert "label glad guest" in title(app)
        await pilot.press("x")
        await until_shown(pilot, lambda: records(app).count == 3)


@pytest.mark.parametrize("task", ["classification"])
async def test_notes_are_shown_only_when_asked_for(project: Project, task: str) -> None:
    project.store.records.add([note("it moved me", "glad guest")])
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        assert records(app).count == 2
        assert "it moved me" not in text(app)
        await pilot.press("d")
        await until_shown(pilot, lambda: "‹ texts ›" in text(app))
        await pilot.press("right", "enter")
        await until_shown(pilot, lambda: records(app).count == 1)
        await until_shown(pilot, lambda: "it moved me" in side(app))
        assert "type note" in title(app)


@pytest.mark.parametrize("task", ["classification"])
async def test_tab_goes_on_to_the_next_field_and_each_is_an_edit_of_its_own(
    project: Project, task: str
) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("e", "!", "tab")
        await until_shown(pilot, lambda: "Edit text · [label]" in text(app))
        await pilot.press(*["backspace"] * 9, *"glad guest", "escape")
        first = project.store.records.get(1)
        assert first is not None
        assert (first.text, first.label) == (ITEMS[task].text + "!", "glad guest")
        await until_shown(pilot, lambda: "glad guest" in text(app))
        await pilot.press("u")
        first = project.store.records.get(1)
        assert first is not None
        assert (first.text, first.label) == (ITEMS[task].text + "!", "sad guest")
        await pilot.press("u")
        assert project.store.records.get(1) == replace(ITEMS[task], id=1, run_id=1, stage="seed")


@pytest.mark.parametrize("task", ["classification"])
async def test_a_label_that_the_project_does_not_have_is_refused(
    project: Project, task: str
) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("e", "tab", "x", "escape")
        assert any("no label “sad guestx”" in one.text for one in app.said)
        assert app.screen.query_one("#edit-section").has_class("-open")
        await pilot.press("backspace", "escape")
        assert not app.screen.query_one("#edit-section").has_class("-open")
        assert project.store.review.last_changes(1) == []


@pytest.mark.parametrize("task", ["classification"])
async def test_what_was_typed_into_the_second_field_survives_a_kill(
    project: Project, task: str
) -> None:
    project.store.drafts.set("review-edit:1:999999:label", "glad guest")
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await until_shown(pilot, lambda: not project.store.drafts.starting("review-edit:"))
        first = project.store.records.get(1)
        assert first is not None
        assert first.label == "glad guest"


@pytest.mark.parametrize("task", ["classification"])
async def test_the_side_names_the_run_and_the_error_that_a_text_is_from(
    project: Project, task: str
) -> None:
    store = project.store
    store.gold.add([gold_text("nobody came", "sad guest", "validation", "g-1")])
    [gold] = store.gold.all("validation")
    found = store.runs.begin_round(1, 0)
    store.runs.set_errors(found.id, [RoundError(found.id, gold.id, "glad guest", 0.8)])
    [error] = store.runs.errors(found.id)
    new = labelled("no one was there", "sad guest", run_id=1, stage="extrapolation")
    store.records.add([replace(new, error_id=error.id)])
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        assert "Run 1 · s3 · seed" in side(app)
        assert "document" not in side(app)
        await pilot.press("G")
        await until_shown(pilot, lambda: "no one was there" in side(app))
        assert "Run 1 · s3 · extrapolation · from an error of round 0" in side(app)
        assert "nobody came\n✓ sad guest  ≠ predicted glad guest" in side(app)


@pytest.mark.parametrize("task", ["classification"])
async def test_without_records_it_leads_to_rounds(tmp_path: Path, task: str) -> None:
    made = Project.create(tmp_path / "empty", task=task)
    app = StudioApp(made, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, lambda: "5 goes to Rounds, where an LLM writes texts" in text(app))
        assert "quer" not in text(app)
    made.close()
