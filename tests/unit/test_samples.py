"""The bundled samples of instructions, and the projects that begin with a sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.filters.similarity import NearWords
from studio.jobs.datasets import gold_set
from studio.jobs.leaks import shown_examples
from studio.jobs.setup import labelled_sample_project, labelled_samples, samples
from studio.methods.self_instruct import METHOD
from studio.project import Project
from studio.prompting.words import words
from studio.tasks import TASKS
from studio.tui.home.wizard_form import OWN_FILES, sources
from tests.support.tasks import jobs_in_this_process
from tests.support.verbs import Verbs, assert_one_sentence

ALIKE = 0.6
"""ROUGE-L over which two tasks of a sample would be one."""


@pytest.fixture(scope="module", params=list(samples("instructions")))
def named(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Project]:
    folder = tmp_path_factory.mktemp("sample") / "project"
    return request.param, labelled_sample_project(folder, request.param)


def test_seeds_and_gold_are_all_there_and_none_is_like_another(named: tuple[str, Project]) -> None:
    store = named[1].store
    shown, leaks = shown_examples(store)
    validation, test = store.gold.all("validation"), store.gold.all("test")
    assert (len(shown), leaks, len(validation), len(test)) == (40, [], 60, 60)
    tasks = [(one.query, one.fields.get("input", ""), one.fields["output"]) for one in shown]
    tasks += [(one.text, one.context, one.fields["output"]) for one in (*validation, *test)]
    assert all(output.strip() for _, _, output in tasks)
    near = [NearWords(ALIKE), NearWords(ALIKE)]
    for task in tasks:
        for known, text in zip(near, task, strict=False):
            assert not known.nearest(text), text
            known.add(text)


def test_the_prompt_says_what_is_written(named: tuple[str, Project]) -> None:
    name, project = named
    prompt, sample = project.store.prompts.latest(), labelled_samples()[name]
    assert prompt is not None
    template = METHOD.form.parse(prompt.template)
    assert (template.texts, template.language) == (sample.about, sample.language)
    fewest, most = template.text_words
    assert all(fewest <= len(words(one.text)) <= most for one in project.store.gold.all())
    readme = (sample.path / "README.md").read_text("utf-8")
    assert "Apache-2.0" in readme
    assert "seeds.jsonl" in readme
    files = [sample.path / f"{one}.jsonl" for one in ("seeds", "validation", "test")]
    ids = [json.loads(line)["_id"] for file in files for line in file.open(encoding="utf-8")]
    assert len(set(ids)) == len(ids) == 160


def test_the_wizard_offers_both_languages() -> None:
    offered = [one.value for one in sources(TASKS["instructions"])]
    assert offered == ["library_desk_en", "library_desk_zh", OWN_FILES]


@pytest.mark.parametrize("name", ["library_desk_zh", "stay_reviews_en", "tax_en"])
def test_a_project_begins_with_a_sample(tmp_path: Path, name: str) -> None:
    with jobs_in_this_process():
        done = Verbs(tmp_path)("new", tmp_path / "p", "--sample", name)
    assert done.code == 0
    assert "labels set" not in done.out
    project = Project.open(tmp_path / "p")
    known = {**samples(), **labelled_samples()}
    assert project.task.name == known[name].task
    assert project.store.gold.count("test") or gold_set(project.store, "test").queries


def test_a_sample_brings_all_of_its_own(tmp_path: Path) -> None:
    new = ("new", tmp_path / "p", "--sample")
    studio = Verbs(tmp_path)
    assert_one_sentence(studio(*new, "nope"), 1, "'nope'.", "library_desk_en (instructions)")
    assert_one_sentence(studio(*new, "tax_en", "--task", "qa"), 1, "tax_en", "of the task qa")
    assert_one_sentence(studio(*new, "tax_en", "--title", "Mine"), 2, "leave yours out")
    assert not (tmp_path / "p").exists()


def test_the_sample_of_embeddings_is_gold_alone(tmp_path: Path) -> None:
    [name] = samples("embedding")
    store = labelled_sample_project(tmp_path / "p", name).store
    validation, test = store.gold.all("validation"), store.gold.all("test")
    assert (len(validation), len(test)) == (16, 30)
    gold = [*validation, *test]
    assert len({one.outside_id for one in gold}) == 46
    texts = [one[field] for one in gold for field in ("query", "positive", "negative")]
    assert len({*texts}) == len(texts)
    known = NearWords(ALIKE)
    for text in texts:
        assert not known.nearest(text), text
        known.add(text)
    assert [one.value for one in sources(TASKS["embedding"])] == [name, OWN_FILES]
