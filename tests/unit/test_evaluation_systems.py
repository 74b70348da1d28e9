"""Systems: what they are called, found by, and compared with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.evaluation import systems
from studio.evaluation.systems import System, find_system
from studio.jobs import project_systems
from studio.jobs.project_systems import Opening, systems_of
from studio.jobs.searching import search
from studio.project import Project
from studio.records import StudioError
from studio.runs import Model
from tests.support.project import fill
from tests.support.tiny_encoder import TOPICS, static_encoder

THERE = [
    System("bm25", "lexical", "BM25"),
    System("base", "encoder", "base"),
    System("model-12", "encoder", "garden 花园", model_id=12),
    System("model-3", "encoder", "12", model_id=3),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    made = Project.create(tmp_path / "garden")
    fill(made.store, [f"the {topic} of the {topic}" for topic in TOPICS])
    made.store.values.set("encoder", str(static_encoder(tmp_path / "base")))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("typed", "found"),
    [("bm25", "bm25"), ("BM25", "bm25"), (" base ", "base"), ("model-3", "model-3"),
     ("Garden 花园", "model-12"), ("3", "model-3"), ("12", "model-12")],
)  # fmt: skip
def test_a_system_is_found_by_name_then_number_then_label(typed: str, found: str) -> None:
    assert find_system(THERE, typed).name == found


def test_an_unknown_system_names_the_nearest_and_all_there_are() -> None:
    with pytest.raises(StudioError, match=r"'bm52'. Did you mean (bm25|BM25)\? There are bm25,"):
        find_system(THERE, "bm52")
    with pytest.raises(StudioError, match=r"model-12 \(garden 花园\)"):
        find_system(THERE, "zzz")


def test_the_trained_system_is_tested_against_every_other_one() -> None:
    usual = ["bm25", "base", "trained"]
    assert systems.pairs(usual) == [("trained", "base"), ("trained", "bm25")]
    assert systems.pairs([*usual, "hybrid", "model-2"])[2:] == [
        ("trained", "hybrid"),
        ("trained", "model-2"),
    ]
    assert systems.pairs(["bm25", "base"]) == []
    assert systems.of_pair_key(systems.pair_key("trained", "model-2")) == ("trained", "model-2")


def test_the_usual_systems_come_first_whatever_the_order() -> None:
    names = ["hybrid", "trained", "model-2", "bm25", "base"]
    assert systems.in_order(names) == ["bm25", "base", "trained", "hybrid", "model-2"]


def test_a_project_has_a_system_for_each_model_and_trained_is_the_newest(project: Project) -> None:
    names = [one.name for one in systems_of(project)]
    assert names == ["bm25", "base", "trained", "hybrid"]
    assert systems_of(project)[2].problem == "Nothing is trained yet."
    for name in ("first", "second"):
        project.store.models.add(Model(name, f"models/{name}", "a/hub/base", settings={}))
    found = {one.name: one for one in systems_of(project)}
    assert list(found)[4:] == ["model-2", "model-1"]
    assert found["trained"].title == "trained second"
    assert found["trained"].source == str(project.path / "models" / "second")
    assert found["base"].title == "base base"
    assert find_system(systems_of(project), "first").model_id == 1
    older = {one.name: one for one in systems_of(project, project.store.models.get(1))}
    assert older["trained"].model_id == 1


def test_every_system_ranks_the_corpus(project: Project) -> None:
    static_encoder(project.models_dir / "mine")
    base = str(project.store.values.get("encoder"))
    project.store.models.add(Model("mine", "models/mine", base))
    for system in systems_of(project):
        found = search(project, "where is the violin", system.name, 3)
        assert found[0]["text"] == "the violin of the violin", system.name


def test_a_new_kind_of_system_is_a_function_and_a_line(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a reranker, which orders anew what another system finds."""

    class Backwards:
        """Reranks from the last to the first."""

        def __init__(self, opening: Opening, system: System) -> None:
            self._first = opening.ranker(system.over[0])

        def top_k(self, queries, k):  # type: ignore[no-untyped-def]
            for found in self._first.top_k(queries, k):
                yield {row: float(n) for n, row in enumerate(reversed(list(found)))}

    monkeypatch.setitem(project_systems.OPENERS, "backwards", Backwards)  # type: ignore[arg-type]
    listed = systems_of(project)
    reranked = System("bm25+backwards", "backwards", "BM25 + backwards", over=(listed[0],))
    monkeypatch.setattr("studio.jobs.searching.systems_of", lambda _project: [*listed, reranked])
    plain = [hit["document"] for hit in search(project, "violin pepper", "bm25", 2)]
    again = [hit["document"] for hit in search(project, "violin pepper", "BM25 + backwards", 2)]
    assert len(plain) == 2
    assert again == plain[::-1]
