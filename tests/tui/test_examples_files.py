"""Examples from a file and to a file, with real keys: paths completed, refusals told, undoable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.widgets import Static

from studio.calls import Answer, Message, Request
from studio.project import Project
from studio.records import Example
from studio.store.example_drafts import ExampleDraft
from studio.store.generations import Finished
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask_path import AskPath, entries
from studio.tui.examples.files import Refusals
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane
from tests.support.data import queries_of
from tests.support.hostile import HOSTILE, storable, walk
from tests.support.waiting import quiet


@pytest.fixture
def app(project: Project) -> StudioApp:
    return StudioApp(project, screen="examples")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the studio was started."""
    here = tmp_path / "here"
    (here / "data" / "deep").mkdir(parents=True)
    (here / "date").mkdir()
    (here / ".hidden").mkdir()
    (here / "notes.txt").write_text("no examples")
    monkeypatch.chdir(here)
    return here


def queries(project: Project) -> list[str]:
    return [example.query for example in project.store.examples.all()]


def typed(app: StudioApp) -> str:
    return app.screen.query_one("#path", Field).value


def offered(app: StudioApp) -> list[str]:
    return [row.cells[0] for row in app.screen.query_one("#entries", RowList).rows]


def problem(app: StudioApp) -> str:
    return str(app.screen.query_one("#problem", Static).render())


async def ask(pilot: Pilot[int], key: str, *keys: str) -> None:
    await pilot.press(key)
    await quiet(pilot)
    for one in keys:
        await pilot.press(one)
        await quiet(pilot)


def put(app: StudioApp, path: Path | str) -> None:
    field = app.screen.query_one("#path", Field)
    field.value = str(path)
    field.cursor_position = len(field.value)


FILE = [
    {"query": "what of gifts", "document_id": "t-4", "tags": ["gift", "短"]},
    {"query": "押金多久退", "document_text": "房东应当在十日内退还押金。", "enabled": False},
]


def lines(rows: list[dict[str, object]]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


async def test_tab_completes_folders_and_files(app: StudioApp, folder: Path) -> None:
    (folder / "data" / "deep" / "mine.jsonl").write_text(lines(FILE))
    (folder / "data" / "deep" / "mine.csv").write_text("query,document\na,b\n")
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, "i")
        assert typed(app) == f"{folder}/"
        assert offered(app) == ["data/", "date/"]
        await ask(pilot, "d", "tab")
        assert typed(app) == f"{folder}/dat"
        await ask(pilot, "a", "tab", "tab")
        assert typed(app) == f"{folder}/data/deep/"
        assert offered(app) == ["mine.csv", "mine.jsonl"]
        await ask(pilot, "tab")
        assert typed(app) == f"{folder}/data/deep/mine."


async def test_arrows_pick_and_enter_goes_into_a_folder(
    app: StudioApp, project: Project, folder: Path
) -> None:
    (folder / "data" / "mine.jsonl").write_text(lines(FILE))
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, "i", "down", "down", "up", "enter")
        assert typed(app) == f"{folder}/data/"
        assert offered(app) == ["deep/", "mine.jsonl"]
        await ask(pilot, "down", "down", "enter")
        await quiet(pilot)
        assert queries(project)[3:] == ["what of gifts", "押金多久退"]


async def test_an_import_brings_tags_and_switches_and_can_be_undone(
    app: StudioApp, project: Project, folder: Path
) -> None:
    (folder / "mine.jsonl").write_text(lines(FILE))
    before = queries(project)
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, "i", "m", "tab", "enter")
        await quiet(pilot)
        first, second = project.store.examples.all()[3:]
        assert (first.tags, first.enabled) == ("gift 短", True)
        assert first.document_text.startswith("Gifts A gift")
        assert (second.query, second.enabled) == ("押金多久退", False)
        rows = app.screen.query_one("#examples", RowList)
        assert rows.current is not None
        assert rows.current.key == str(first.id)
        await pilot.press("u")
        assert queries(project) == before
        await pilot.press("U")
        assert len(queries(project)) == 5


async def test_refused_rows_are_told_with_file_and_line(
    app: StudioApp, project: Project, folder: Path
) -> None:
    bad = [{"query": "x"}, {"query": "of nothing", "document_id": "no-such"}, FILE[1]]
    (folder / "mine.jsonl").write_text(lines([*FILE, *bad]) + "\n{oops\n")
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, "i", *"mine.jsonl", "enter")
        await quiet(pilot)
        assert len(queries(project)) == 5
        assert isinstance(app.screen, Refusals)
        said = app.screen.query_one(TextPane).plain
        for part in (
            "mine.jsonl:3: the example has neither",
            "mine.jsonl:4: unknown document no-such",
            "mine.jsonl:5: this example is there already",
            "mine.jsonl:6: ",
        ):
            assert part in said
        await pilot.press("escape", "u")
        assert len(queries(project)) == 3


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.jsonl", None, "There is no file"),
        ("empty.jsonl", "", "holds no example"),
        ("bad.csv", "query;document\n", "holds no example"),
        ("bad.jsonl", '{"query": "x"}', "neither a document's text nor its id"),
        ("bytes.jsonl", b"\xff\xfe\x00\x01" * 9, "bytes.jsonl"),
        ("wide.csv", "a,b\n1,2\n", "wide.csv"),
    ],
)
async def test_a_file_that_will_not_do_is_told_where_its_name_can_be_mended(
    app: StudioApp, project: Project, folder: Path, name: str, text: str | bytes | None, said: str
) -> None:
    if text is not None:
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, "i", *name, "enter")
        await quiet(pilot)
        assert isinstance(app.screen, AskPath)
        assert typed(app) == f"{folder}/{name}"
        assert said in " ".join(problem(app).split())
        assert len(queries(project)) == 3


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv"])
async def test_an_export_comes_back_as_it_was(
    app: StudioApp, project: Project, folder: Path, tmp_path: Path, ending: str
) -> None:
    project.store.examples.tag(3, add=["退货", "zh"], drop=[])
    project.store.examples.switch(2, on=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, "w")
        assert typed(app) == str(project.exports_dir / "examples.jsonl")
        put(app, folder / f"out.{ending}")
        await ask(pilot, "enter")
        await quiet(pilot)
        exported = [(e.query, e.tags, e.enabled) for e in project.store.examples.all()]
        for example in project.store.examples.all():
            project.store.examples.delete(example.id)
        await ask(pilot, "i", *f"out.{ending}", "enter")
        await quiet(pilot)
        found = [(e.query, e.tags, e.enabled) for e in project.store.examples.all()]
        assert found == exported


async def test_a_filter_narrows_what_is_exported(
    app: StudioApp, project: Project, folder: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f", *"退货", "enter")
        await ask(pilot, "w")
        put(app, folder / "out.jsonl")
        await ask(pilot, "enter")
        await quiet(pilot)
        (line,) = (folder / "out.jsonl").read_text("utf-8").splitlines()
        assert json.loads(line)["document_id"] == "z-1"


async def test_an_export_writes_over_a_file_only_when_told_twice(
    app: StudioApp, folder: Path
) -> None:
    (folder / "out.jsonl").write_text("precious")
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, "w")
        put(app, folder / "out.jsonl")
        await ask(pilot, "enter")
        assert "Enter once more writes over it" in problem(app)
        assert (folder / "out.jsonl").read_text() == "precious"
        await ask(pilot, "x", "backspace", "enter")
        assert (folder / "out.jsonl").read_text() == "precious"
        await ask(pilot, "enter")
        await quiet(pilot)
        assert (folder / "out.jsonl").read_text("utf-8").count("\n") == 3


async def test_an_export_to_an_unknown_kind_of_file_is_refused(
    app: StudioApp, folder: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, "w")
        put(app, folder / "out.xlsx")
        await ask(pilot, "enter")
        assert "must end in .jsonl, .csv, .tsv" in problem(app)
        await pilot.press("escape")
        assert list(folder.glob("out*")) == []


async def test_a_file_with_a_hostile_name_is_found_and_read(
    app: StudioApp, project: Project, folder: Path
) -> None:
    (folder / "x\x1b[31m\u202e.jsonl").write_text(lines(FILE))
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, "i", "x", "tab")
        assert typed(app) == f"{folder}/x␛[31m⇠.jsonl"
        await ask(pilot, "enter")
        await quiet(pilot)
        assert len(queries(project)) == 5


@pytest.mark.parametrize("path", ["/no/such/place/x", "x" * 5_000, "a\0b/c", "\ud800/x"])
def test_a_place_that_cannot_be_read_offers_nothing(path: str, folder: Path) -> None:
    assert entries(path, (".jsonl",)) == []


async def test_what_is_typed_in_one_piece_goes_where_it_is_meant(
    app: StudioApp, project: Project, folder: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        for keys in ("tux x\r", "f#ux\r"):
            for key in keys:
                name = {"\r": "enter", " ": "space", "#": "number_sign"}.get(key, key)
                app.post_message(Key(name, key))
            await quiet(pilot)
        assert len(queries(project)) == 3
        assert project.store.examples.all()[0].tags == "ux x"
        assert len(app.screen.query_one("#examples", RowList).rows) == 1


async def test_hostile_text_in_tags_files_records_and_two_wordings(
    app: StudioApp, project: Project, folder: Path
) -> None:
    store, texts = project.store, [storable(text)[:3_000] for text in HOSTILE.values()]
    store.examples.add(Example("d " + text, "q " + text, tags=text) for text in texts)
    whole = "\n".join(text[:200] for text in texts)
    mine = {"query": "mine " + whole, "document": whole + " mine"}
    store.example_drafts.keep(ExampleDraft(1, mine, "elsewhere"))
    shots = store.shot_sets.save([store.examples.all()[0].revision_id])
    request = Request((Message("user", "x"),), "m", document_id=2, shot_set_id=shots)
    store.generations.save([Finished(request, Answer("a"), "", queries_of(request, *texts))])
    bad = [{"query": text, "document_id": text} for text in texts]
    (folder / "x.jsonl").write_text(lines([*bad, {**FILE[1], "tags": whole}]))
    async with app.run_test(size=(120, 60)) as pilot:
        await quiet(pilot)
        await walk(pilot, "d", "escape", "t", "escape", "r", "G", "escape", "f")
        app.screen.query_one("#filter", Field).post_message(Paste(whole))
        await walk(pilot, "escape", "i")
        put(app, folder / "x.jsonl")
        await walk(pilot, "enter")
        await quiet(pilot)
        await walk(pilot, "escape", "escape", "G", "t", "escape")
    assert store.example_drafts.all()[1].texts["query"] == "mine " + whole
