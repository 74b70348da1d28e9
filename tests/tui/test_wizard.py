"""The new-project wizard with real keys: the task first, then what fits it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from studio.jobs.setup import templates_of
from studio.llm.endpoints import resolve
from studio.tasks import TASKS
from studio.tui.app import StudioApp
from studio.tui.home.wizard import Wizard
from studio.tui.home.wizard_form import wish_of
from studio.tui.widgets.form import Form
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import quiet, until_shown
from tests.support.wishes import gold_file

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


def drawn(app: StudioApp) -> str:
    """What stands on the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def form(app: StudioApp) -> Form:
    return app.screen.query_one(Form)


def said(app: StudioApp, what: str) -> str:
    """The sentence below the form; empty when it is not shown."""
    line = app.screen.query_one(f"#said-{what}", Static)
    return str(line.visual) if line.display else ""


def hint(app: StudioApp, line: str) -> str:
    return str(app.screen.query_one(f"#line-{line} .form-hint", Static).visual)


async def opened(pilot: Pilot[int], task: str = "retrieval", *, own: bool = True) -> None:
    """The wizard on a task, with own files or the task's first sample."""
    await pilot.press("n")
    await quiet(pilot)
    await pilot.press(*["right"] * list(TASKS).index(task))
    await quiet(pilot)
    if own:
        # The last choice stands before the first.
        await pilot.press("j", "left")
        await quiet(pilot)


async def fill(pilot: Pilot[int], line: str, text: str) -> None:
    """Walk to a line and paste a text there."""
    names = [one.name for one in form(pilot.app).fields]
    await pilot.press("g", *["j"] * names.index(line), "enter", "ctrl+u")
    pilot.app.post_message(events.Paste(text).set_sender(pilot.app))
    await pilot.press("enter")
    await quiet(pilot)


async def test_escape_leaves_the_wizard() -> None:
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n", "escape")
        assert not isinstance(app.screen, Wizard)


async def test_what_was_typed_is_there_again_after_escape(tmp_path: Path) -> None:
    gold_file(tmp_path)
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, "classification")
        await fill(pilot, "labels", "good=a good stay, bad=a bad stay")
        await fill(pilot, "gold", str(tmp_path / "gold.jsonl"))
        typed, lines = form(app).values, [one.name for one in form(app).fields]
        await pilot.press("escape")
        await quiet(pilot)
        assert not isinstance(app.screen, Wizard)
        await pilot.press("n")
        await quiet(pilot)
        assert form(app).values == typed
        assert [one.name for one in form(app).fields] == lines
        assert typed["labels"] == "good=a good stay, bad=a bad stay"


@SIZES
@pytest.mark.parametrize(
    ("task", "lines"),
    [
        ("retrieval", ["corpus", "gold", "examples", "template"]),
        ("classification", ["labels", "gold", "about", "template"]),
        ("nli", ["corpus", "labels", "gold", "about", "template"]),
        ("qa", ["corpus", "gold", "about", "template"]),
    ],
)
async def test_the_task_decides_which_lines_there_are_and_all_of_them_fit(
    task: str, lines: list[str], size: tuple[int, int]
) -> None:
    app = StudioApp()
    async with app.run_test(size=size) as pilot:
        await opened(pilot, task)
        shown = [one.name for one in form(app).fields]
        assert shown == ["task", "source", *lines, "language", "endpoint", "folder"]
        assert "Project folder" in drawn(app)
        assert "Make the project" in drawn(app)
        known = next(one for one in form(app).fields if one.name == "template").choices
        assert [one.value for one in known] == list(templates_of(TASKS[task]))


async def test_a_sample_asks_for_nothing_that_it_brings() -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, own=False)
        shown = [one.name for one in form(app).fields]
        assert shown == ["task", "source", "template", "endpoint", "folder"]


async def test_a_project_is_made_out_of_own_files(tmp_path: Path) -> None:
    corpus = tmp_path / "docs.jsonl"
    corpus.write_text(json.dumps({"_id": "a", "text": "one 文档"}) + "\n", "utf-8")
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await fill(pilot, "corpus", str(corpus))
        await fill(pilot, "folder", str(tmp_path / "mine"))
        await pilot.press("s")
        await until_shown(pilot, lambda: app.current_mode == "examples")
        assert app.project is not None
        assert app.project.path == tmp_path / "mine"
        assert app.project.store.jobs.all()[0].kind == "import"
        assert app.project.store.prompts.latest() is not None


@pytest.mark.parametrize("task", ["classification", "nli", "qa"])
async def test_a_labelled_sample_is_made_and_goes_to_rounds(tmp_path: Path, task: str) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, task, own=False)
        await fill(pilot, "folder", str(tmp_path / "mine"))
        await pilot.press("enter")
        await until_shown(pilot, lambda: app.current_mode == "rounds")
        assert app.project is not None
        assert app.project.task.name == task
        assert app.project.store.gold.count("validation") >= 60
        assert app.project.store.jobs.all() == []


@SIZES
async def test_a_classification_project_is_made_of_own_files_by_keys_alone(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    gold, folder = gold_file(tmp_path), tmp_path / "mine"
    with gold.open("a", encoding="utf-8") as file:
        file.write('\n{"text": "", "label": "good"}\n{"text": "stay number 3", "label": "bad"}\n')
    app = StudioApp()
    async with app.run_test(size=size) as pilot:
        await opened(pilot, "classification")
        await fill(pilot, "labels", "good=a good stay, bad=a bad stay")
        await fill(pilot, "gold", str(gold))
        await fill(pilot, "about", "a guest's review")
        await fill(pilot, "folder", str(folder))
        await pilot.press("enter")
        await until_shown(pilot, lambda: app.current_mode == "rounds")
        project = app.project
        assert project is not None
        assert project.path == folder
        assert project.task.name == "classification"
        wordings = [label.wording for label in project.store.labels.all()]
        assert wordings == ["a good stay", "a bad stay"]
        splits = (project.store.gold.count("validation"), project.store.gold.count("test"))
        assert sum(splits) == 12
        await until_shown(pilot, lambda: any("Gold: " in one.text for one in app.said))
        told = next(one.text for one in app.said if "Gold: " in one.text)
        assert "2 rows were left out: " in told
        assert "gold.jsonl:13: " in told
        prompt = project.store.prompts.latest()
        assert prompt is not None
        assert 'texts = "a guest\'s review"' in prompt.template


async def test_an_error_goes_when_its_cause_is_gone(tmp_path: Path) -> None:
    gold_file(tmp_path)
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, "classification")
        await fill(pilot, "labels", "good=a good stay")
        await pilot.press("s")
        await until_shown(pilot, lambda: "at least two labels" in said(app, "problem"))
        assert form(app).current == "labels"
        assert hint(app, "labels").startswith("!")
        await fill(pilot, "labels", "good=a good stay, bad=a bad stay")
        # What is wrong now is told in its place.
        assert "Where are the gold texts" in said(app, "problem")
        assert not hint(app, "labels").startswith("!")
        await fill(pilot, "gold", str(tmp_path / "gold.jsonl"))
        assert said(app, "problem") == ""
        assert not hint(app, "gold").startswith("!")


async def test_examples_are_a_file_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "text": "A levy on sheds."}\n')
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, "retrieval")
        await fill(pilot, "corpus", str(tmp_path / "corpus.jsonl"))
        await fill(pilot, "examples", str(tmp_path))
        await pilot.press("s")
        await until_shown(pilot, lambda: "is a folder" in said(app, "problem"))
        assert form(app).current == "examples"


async def test_what_only_gold_can_show_goes_with_the_labels_that_caused_it(tmp_path: Path) -> None:
    gold = gold_file(tmp_path)
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, "classification")
        await fill(pilot, "labels", "yes, no")
        await fill(pilot, "gold", str(gold))
        await pilot.press("s")
        await until_shown(pilot, lambda: "the label 'good' is unknown" in said(app, "problem"))
        await fill(pilot, "labels", "good, bad")
        assert said(app, "problem") == ""


async def test_own_files_get_a_project_beside_them_and_nothing_of_the_samples() -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await fill(pilot, "corpus", "/data/town.jsonl")
        values = form(app).values
        assert values["folder"] == str(Path.cwd() / "town-studio")
        assert values["language"] == "en"
        assert values["template"] == "generic"


async def test_a_model_that_cannot_write_the_language_is_named() -> None:
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await fill(pilot, "language", "zh")
        assert "smollm2-135m writes English, not Chinese" in said(app, "language")
        await fill(pilot, "endpoint", "embedded:qwen2.5-coder-1.5b")
        assert said(app, "language") == ""


async def test_the_models_of_a_typed_address_are_choices(tmp_path: Path) -> None:
    app = StudioApp()
    with OpenAIServer(models=("lark-8b", "wren-1b")) as server:
        async with app.run_test(size=(120, 40)) as pilot:
            await opened(pilot, "classification", own=False)
            await fill(pilot, "endpoint", server.url)
            await until_shown(pilot, lambda: "offers 2 models" in said(app, "server"))
            await pilot.press("k", "right")
            assert form(app).values["endpoint"] == f"{server.url} lark-8b"
            await pilot.press("right")
            assert form(app).values["endpoint"] == f"{server.url} wren-1b"
            await quiet(pilot)
            assert "wren-1b at 127.0.0.1" in drawn(app)
            await fill(pilot, "folder", str(tmp_path / "mine"))
            await pilot.press("s")
            await until_shown(pilot, lambda: app.current_mode == "rounds")
            assert app.project is not None
            found = resolve(app.project.settings)
            assert (found.base_url, found.model) == (server.url, "wren-1b")
    assert server.paid.calls == 0


async def test_an_address_with_one_model_takes_it() -> None:
    app = StudioApp()
    with OpenAIServer(models=("lark-8b",)) as server:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot, own=False)
            await fill(pilot, "endpoint", server.url)
            await until_shown(pilot, lambda: "lark-8b" in said(app, "server"))
            assert form(app).values["endpoint"] == f"{server.url} lark-8b"


async def test_half_an_address_is_never_asked() -> None:
    app = StudioApp()
    with OpenAIServer() as server:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot, own=False)
            names = [one.name for one in form(app).fields]
            await pilot.press("g", *["j"] * names.index("endpoint"), "enter", "ctrl+u")
            await pilot.press(*server.url)
            await quiet(pilot)
            assert said(app, "server") == ""


@pytest.mark.parametrize("key", ["t", "ctrl+t"])
async def test_one_key_tests_the_endpoint_and_says_what_came_back(key: str) -> None:
    app = StudioApp()
    with OpenAIServer(models=("lark-8b",)) as server:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot, own=False)
            await fill(pilot, "endpoint", f"{server.url} lark-8b")
            await pilot.press(key)
            await until_shown(pilot, lambda: "answers as lark-8b" in said(app, "server"))
        assert server.paid.calls == 2


async def test_a_test_of_a_server_that_is_down_says_so() -> None:
    with OpenAIServer() as server:
        gone = server.url
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, own=False)
        await fill(pilot, "endpoint", f"{gone} lark-8b")
        await pilot.press("t")
        await until_shown(pilot, lambda: said(app, "server").startswith("!"))
        assert "127.0.0.1" in said(app, "server")
        # Typing on, the sentence on another server goes.
        await fill(pilot, "endpoint", "embedded:smollm2-135m")
        assert said(app, "server") == ""


async def test_a_path_is_completed_as_it_is_typed(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "of-1999.jsonl").write_text("")
    (tmp_path / "papers" / "of-1999.png").write_text("")
    app = StudioApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        field = app.screen.query_one("#field-corpus")
        await pilot.press("g", "j", "j", "enter", *f"{tmp_path}/pa")
        await quiet(pilot)
        await pilot.press("tab")
        assert form(app).values["corpus"] == f"{tmp_path}/papers/"
        await pilot.press("o")
        await quiet(pilot)
        await pilot.press("right")
        assert form(app).values["corpus"] == f"{tmp_path}/papers/of-1999.jsonl"
        assert app.focused is field
        await pilot.press("tab")
        assert app.focused is not field


async def test_a_path_from_home_is_completed_with_its_tilde(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    app = StudioApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("g", "j", "j", "enter", *"~/no")
        await quiet(pilot)
        await pilot.press("tab")
        assert form(app).values["corpus"] == "~/notes/"


async def test_data_of_others_begins_a_project_and_nothing_at_all_does_too(tmp_path: Path) -> None:
    records = tmp_path / "theirs.jsonl"
    records.write_text('{"instruction": "Name a river.", "output": "Oder"}\n')
    app = StudioApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "instructions")
        assert form(app).values["template"] == "seedless"
        await fill(pilot, "examples", str(records))
        assert form(app).values["template"] == "self-instruct"
        await fill(pilot, "examples", "")
        await fill(pilot, "records", str(records))
        values = form(app).values
        assert (values["template"], Path(values["folder"]).name) == ("seedless", "theirs-studio")
        wish = wish_of(values)
        assert (wish.records, wish.examples) == (str(records), "")
