"""Home with real keys: recent projects, opening, forgetting, the new-project wizard."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Static

from studio.jobs.setup import templates_of
from studio.project import Project, recent
from studio.records import JobState
from studio.tasks import TASKS
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import AskText
from studio.tui.home.new_project import Wish, WishFault, make
from studio.tui.home.wizard import Wizard, WizardLine
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import RowList
from tests.support.waiting import quiet, until_shown

OWN_SEARCH = "jjjjj"
"""Down to own files for search, below the samples."""


def drawn(app: StudioApp) -> str:
    """What stands on the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


async def test_recent_projects_are_listed_and_enter_opens_one(project: Project) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert [row.cells[0] for row in app.screen.query_one(RowList).rows] == ["tax"]
        await pilot.press("enter")
        await pilot.pause()
        assert app.current_mode == "examples"
        assert app.title_of_project == "Tax 税务 🧾"


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
@pytest.mark.parametrize("pane", ["examples", "review", "jobs"])
async def test_a_project_that_is_gone_is_left_with_one_sentence(
    project: Project, tmp_path: Path, pane: str, moved: bool
) -> None:
    app = StudioApp(project, screen=pane)
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        if moved:
            project.path.rename(tmp_path / "elsewhere")
        else:
            shutil.rmtree(project.path)
        await until_shown(pilot, lambda: app.current_mode == "home" and app.project is None)
        await quiet(pilot)
        assert (
            "was deleted, moved or replaced while it was open" in next(reversed([*app.said])).text
        )
        for key in "12345678":
            await pilot.press(key)
            await quiet(pilot)
        assert app.current_mode == "home"
        assert not project.path.exists()


async def test_without_a_project_the_panes_say_what_to_do_first() -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        for key in ("1", "2", "8"):
            await pilot.press(key)
            assert app.current_mode == "home"
        assert "No project yet" in app.screen.query_one(RowList).empty


async def test_open_asks_for_a_folder_and_refuses_what_is_none(project: Project) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("o", *"/nowhere", "enter")
        assert isinstance(app.screen, AskText)
        field = app.screen.query_one(Field)
        field.value = str(project.path)
        await pilot.press("enter")
        await pilot.pause()
        assert app.current_mode == "examples"


async def test_a_folder_that_is_no_project_is_told(tmp_path: Path) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("o")
        app.screen.query_one(Field).value = str(tmp_path)
        await pilot.press("enter")
        await pilot.pause()
        assert app.current_mode == "home"
        assert "is not a studio project" in list(app.said)[-1].text


async def test_forget_takes_a_project_off_the_list_and_leaves_its_files(project: Project) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("x")
        assert recent() == []
        assert (project.path / "studio.db").exists()


async def test_the_wizard_makes_a_project_out_of_own_files(tmp_path: Path) -> None:
    corpus = tmp_path / "docs.jsonl"
    corpus.write_text(json.dumps({"_id": "a", "text": "one 文档"}) + "\n", "utf-8")
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n", *OWN_SEARCH, "tab")
        assert isinstance(app.screen, Wizard)
        app.screen.query_one("#corpus", Field).value = str(corpus)
        app.screen.query_one("#folder", Field).value = str(tmp_path / "mine")
        await pilot.press("enter")
        await until_shown(pilot, lambda: app.current_mode == "examples")
        assert app.project is not None
        assert app.project.path == tmp_path / "mine"
        assert app.project.store.jobs.all()[0].kind == "import"
        assert app.project.store.prompts.latest() is not None


@pytest.mark.parametrize(
    ("keys", "task"), [("jj", "classification"), ("jjj", "nli"), ("jjjj", "qa")]
)
async def test_the_wizard_makes_a_labelled_sample_and_goes_to_rounds(
    tmp_path: Path, keys: str, task: str
) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("n")
        await quiet(pilot)
        await pilot.press(*keys)
        await quiet(pilot)
        assert app.screen.query_one("#template").disabled
        app.screen.query_one("#folder", Field).value = str(tmp_path / "mine")
        await pilot.press("enter")
        await until_shown(pilot, lambda: app.current_mode == "rounds")
        assert app.project is not None
        assert app.project.task.name == task
        assert app.project.store.gold.count("validation") >= 60
        assert app.project.store.jobs.all() == []


async def test_the_wizard_names_a_model_that_cannot_write_the_language(tmp_path: Path) -> None:
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        await quiet(pilot)
        warning = app.screen.query_one("#language-warning", Static)
        app.screen.query_one("#language", Field).value = "zh"
        await quiet(pilot)
        assert "smollm2-135m writes English, not Chinese" in str(warning.render())
        app.screen.query_one("#endpoint", Field).value = "embedded:qwen2.5-coder-1.5b"
        await quiet(pilot)
        assert not warning.display


async def test_escape_leaves_the_wizard(tmp_path: Path) -> None:
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n", "escape")
        assert not isinstance(app.screen, Wizard)


async def test_home_says_how_far_the_selected_project_is_and_what_comes_next(
    project: Project,
) -> None:
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        said = str(app.screen.query_one("#standing", Static).render())
        assert "✓ 8 documents   ✓ 3 examples   · no query" in said
        assert "Next: enter opens it, then 3 Generate" in said


async def test_own_files_get_a_project_beside_them_and_nothing_of_the_samples() -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("n")
        await quiet(pilot)
        await pilot.press(*OWN_SEARCH, "tab", *"/data/town.jsonl")
        await quiet(pilot)
        wizard = app.screen
        assert wizard.query_one("#folder", Field).value == str(Path.cwd() / "town-studio")
        assert wizard.query_one("#language", Field).value == "en"
        template = wizard.query_one("#template", RowList).current
        assert template is not None
        assert template.key == "generic"


async def test_the_lists_of_the_wizard_keep_their_height() -> None:
    app = StudioApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await quiet(pilot)
        await pilot.press(*OWN_SEARCH)
        for _ in range(5):
            await pilot.press("tab")
            await quiet(pilot)
            source, template = (app.screen.query_one(f"#{n}") for n in ("source", "template"))
            assert (source.size.height, template.size.height) == (9, 7)


async def test_a_job_that_ends_elsewhere_leaves_the_bar_of_every_pane(
    project: Project, job: Callable[..., int]
) -> None:
    running = job("generate", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 30)) as pilot:
        await quiet(pilot)
        assert "● generate" in drawn(app)
        await pilot.press("4")
        project.store.jobs.finish(running, os.getpid(), JobState.DONE)
        await until_shown(pilot, lambda: not app.running)
        await pilot.press("3")
        await quiet(pilot)
        assert "● generate" not in drawn(app)


def wish(tmp_path: Path, task: str = "retrieval", **changes: str) -> Wish:
    told = {"folder": str(tmp_path / "new"), "language": "en", "endpoint": "", **changes}
    return Wish(TASKS[task], "", **told)


def gold_file(tmp_path: Path) -> Path:
    """Twelve texts of two labels."""
    file = tmp_path / "gold.jsonl"
    rows = [{"text": f"stay number {n}", "label": "bad" if n % 2 else "good"} for n in range(12)]
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return file


LABELLED = {"labels": "good=a good stay, bad=a bad stay", "about": "a guest's review"}


@pytest.mark.parametrize(
    ("task", "changes", "field", "sentence"),
    [
        ("retrieval", {"folder": ""}, "folder", "Type the folder"),
        ("retrieval", {"corpus": "/nowhere"}, "corpus", "no documents at"),
        ("retrieval", {"corpus": ""}, "corpus", "no documents at"),
        ("retrieval", {"language": "Chinse"}, "language", "did you mean zh"),
        ("retrieval", {"endpoint": "rubbish"}, "endpoint", "no endpoint 'rubbish'"),
        ("classification", {"labels": "good", "about": ""}, "labels", "at least two labels"),
        ("classification", {**LABELLED, "gold": "/nowhere"}, "gold", "no gold texts at"),
        ("classification", {**LABELLED, "gold": ""}, "gold", "no gold texts at"),
        ("qa", {"corpus": "/nowhere", "about": ""}, "corpus", "no documents at"),
    ],
)
def test_what_the_wizard_refuses(
    tmp_path: Path, task: str, changes: dict[str, str], field: str, sentence: str
) -> None:
    corpus = str(tmp_path) if TASKS[task].needs_documents else ""
    with pytest.raises(WishFault, match=sentence) as refused:
        make(wish(tmp_path, task, **{"corpus": corpus, **changes}))
    assert refused.value.field == field
    assert not (tmp_path / "new").exists()


def test_gold_of_other_labels_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    told = {**LABELLED, "labels": "yes, no", "gold": str(gold_file(tmp_path))}
    with pytest.raises(WishFault, match="the label 'good' is unknown") as refused:
        make(wish(tmp_path, "classification", **told))
    assert refused.value.field == "gold"
    assert not (tmp_path / "new").exists()
    assert recent() == []


def test_a_project_is_not_made_among_its_own_documents(tmp_path: Path) -> None:
    with pytest.raises(WishFault, match="holds the documents"):
        make(wish(tmp_path, corpus=str(tmp_path), folder=str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_classification_project_is_made_of_own_files_by_keys_alone(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    gold, folder = gold_file(tmp_path), tmp_path / "mine"
    app = StudioApp()
    async with app.run_test(size=size) as pilot:
        await pilot.press("n")
        await quiet(pilot)
        await pilot.press(*OWN_SEARCH, "j")
        await quiet(pilot)
        shown = [line.field.id for line in app.screen.query(WizardLine) if line.display]
        assert shown == ["labels", "gold", "about", "language", "endpoint", "folder"]
        await pilot.press("tab", *"good=a good stay", "enter")
        await quiet(pilot)
        fault = app.screen.query_one("#line-labels .wizard-fault", Static)
        assert "at least two labels" in str(fault.render())
        assert app.focused is app.screen.query_one("#labels")
        await pilot.press("end", *", bad=a bad stay")
        await pilot.press("tab", *str(gold), "tab", *"a guest's review")
        app.screen.query_one("#folder", Field).value = str(folder)
        await pilot.press("enter")
        await until_shown(pilot, lambda: app.current_mode == "rounds")
        project = app.project
        assert project is not None
        assert project.path == folder
        assert project.task.name == "classification"
        assert [label.wording for label in project.store.labels.all()] == [
            "a good stay",
            "a bad stay",
        ]
        splits = (project.store.gold.count("validation"), project.store.gold.count("test"))
        assert splits == (6, 6)
        prompt = project.store.prompts.latest()
        assert prompt is not None
        assert 'texts = "a guest\'s review"' in prompt.template


@pytest.mark.parametrize(
    ("task", "lines"),
    [
        ("retrieval", ["corpus", "gold", "examples"]),
        ("classification", ["labels", "gold", "about"]),
        ("nli", ["corpus", "labels", "gold", "about"]),
        ("qa", ["corpus", "gold", "about"]),
    ],
)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_wizard_asks_what_the_task_needs_and_all_of_it_fits(
    task: str, lines: list[str], size: tuple[int, int]
) -> None:
    app = StudioApp()
    async with app.run_test(size=size) as pilot:
        await pilot.press("n")
        await quiet(pilot)
        await pilot.press(*OWN_SEARCH, *"j" * list(TASKS).index(task))
        await quiet(pilot)
        shown = [line.field.id for line in app.screen.query(WizardLine) if line.display]
        assert shown == [*lines, "language", "endpoint", "folder"]
        assert "4  project folder" in drawn(app)
        listed = [row.key for row in app.screen.query_one("#template", RowList).rows]
        assert listed == list(templates_of(TASKS[task]))


async def test_home_speaks_of_what_a_labelled_project_has(tmp_path: Path) -> None:
    told = {**LABELLED, "gold": str(gold_file(tmp_path))}
    make(wish(tmp_path, "classification", **told))
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        standing = app.screen.query_one("#standing", Static)
        await until_shown(pilot, lambda: "Next" in str(standing.render()))
        said = str(standing.render())
        assert "✓ 12 gold   · no text   · no model" in said
        assert "Next: enter opens it, then 5 Rounds: s plans a run" in said
        assert "quer" not in said
        assert "document" not in said
