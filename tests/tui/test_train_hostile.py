"""Hostile names, queries, notes and messages in the Train pane: no control, all aligned."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.runs import JobState
from studio.tui.app import StudioApp
from studio.tui.train.facts import set_note
from studio.tui.widgets.form import Form
from tests.support.data import gold_query
from tests.support.hostile import HOSTILE, TEXTS, assert_harmless
from tests.support.trained import add_curves, add_model, add_records
from tests.support.waiting import quiet


@pytest.fixture
def hostile(project: Project, job: Callable[..., int]) -> Project:
    """Every hostile text as a model's name, a note, a gold query, a prompt, a job's message."""
    store = project.store
    add_records(project)
    store.gold.add(
        gold_query(f"g{n}{text[:40]}", text, "test", {1: 1}) for n, text in enumerate(TEXTS)
    )
    for n, text in enumerate(TEXTS[:8]):
        model = add_model(project, f"m{n}", base=text[:300], kept_by=text[:100])
        store.models.rename(model.id, text)
        set_note(store, model.id, text)
    for text in TEXTS[8:]:
        number = job("train", JobState.FAILED, message=text, params={"name": text})
        add_curves(project, number, text)
        store.prompts.save(text[:50], f"template {text}", text)
    return project


async def walk(pilot: Pilot[int], *keys: str) -> None:
    app = pilot.app
    assert isinstance(app, StudioApp)
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.02)
        assert_harmless(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_train_pane(hostile: Project, size: tuple[int, int]) -> None:
    app = StudioApp(hostile, screen="train")
    async with app.run_test(size=size) as pilot:
        await quiet(pilot)
        await walk(pilot, *["j"] * 8, "v", "v", *["j"] * 7)
        await walk(pilot, "c", "k", "c", "j", "G", "escape", "w", "j", "b", "G", "escape", "l")
        await walk(pilot, "escape", "m", "escape", "t", "escape", "s", "escape")
        names = {model.name for model in hostile.store.models.all()}
        assert names == set(TEXTS[:8])


async def test_the_form_and_its_lists(hostile: Project) -> None:
    app = StudioApp(hostile, screen="train")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        await walk(pilot, "n")
        form = app.screen.query_one(Form)
        for name in ("prompt_version", "from_job", "encoder"):
            form.go_to(name)
            await walk(pilot, "space", "G", "enter", "left")
        from textual.events import Paste

        for name in ("name", "teacher", "min_score", "query_prompt"):
            form.go_to(name)
            await walk(pilot, "enter")
            for text in HOSTILE.values():
                app.screen.query_one(f"#field-{name}").post_message(Paste(text[:500]))
            await walk(pilot, "enter")
        await walk(pilot, "enter", "escape")
