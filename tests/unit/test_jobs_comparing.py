"""Models against their base, BM25 and each other; the time a training takes; data by choice."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs import comparing, train_time, training_data
from studio.jobs.base_encoders import absolute, base_encoders, problem_of
from studio.jobs.recipes import numbers_for
from studio.jobs.train_params import TrainParams
from studio.project import Project
from studio.records import Document, StudioError
from studio.runs import Model
from tests.support.data import gold_query
from tests.support.project import fill
from tests.support.trained import add_gold, add_model, add_records, add_scores
from tests.support.verbs import Verbs, assert_one_sentence


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    made = Project.create(tmp_path / "garden")
    fill(made.store, [Document(f"d{n}", f"title {n}", f"text {n}") for n in range(6)])
    add_records(made)
    add_gold(made)
    yield made
    made.close()


@pytest.fixture
def verbs(tmp_path: Path) -> Verbs:
    return Verbs(tmp_path)


def test_a_model_against_its_base_and_bm25(project: Project) -> None:
    model = add_model(project, gain=0.2)
    duel = comparing.between(project.store, model, "base")
    assert (duel.won, duel.lost, duel.tied) == (5, 1, 0)
    assert duel.means["ndcg@10"] == pytest.approx((0.5, 0.35))
    assert duel.test.difference.mean == pytest.approx(0.15)
    assert [q.outside_id for q in duel.queries][-1] == "test-5"
    assert duel.queries[0].text == "can i deduct my home office"
    assert comparing.between(project.store, model, "bm25").old == "BM25"


def test_the_newest_scores_count(project: Project) -> None:
    model = add_model(project, gain=0.2)
    add_scores(project, model.id, -0.1)
    assert comparing.between(project.store, model, "base").won == 1


def test_two_models_meet_on_the_queries_that_both_know(project: Project) -> None:
    old = add_model(project, "old", gain=0.1)
    project.store.gold.remove(["test-0"])
    new = add_model(project, "new", gain=0.3)
    duel = comparing.between(project.store, new, old)
    assert len(duel.queries) == 5
    assert duel.gold == "the 5 test queries that both know"


def test_test_comes_before_validation(project: Project) -> None:
    add_gold(project, "validation")
    both = add_model(project, "both")
    add_scores(project, both.id, 0.1, "validation")
    only = add_model(project, "only", split="validation")
    assert comparing.between(project.store, both, "base").split == "test"
    assert comparing.between(project.store, both, only).split == "validation"


def test_models_without_common_queries_are_refused(project: Project) -> None:
    new, old = add_model(project, "new"), add_model(project, "old", split=None)
    with pytest.raises(StudioError, match="old has no scores for each gold item"):
        comparing.between(project.store, new, old)
    add_gold(project, "validation")
    add_scores(project, old.id, 0.1, "validation")
    with pytest.raises(StudioError, match="scored on different queries"):
        comparing.between(project.store, new, old)


def test_settings_stand_side_by_side_where_they_differ() -> None:
    new = Model("a", "p", "minilm-l6", settings={"seed": 1, "batch_size": 32, "anchor": "x"})
    old = Model("b", "p", "other", settings={"seed": 1, "batch_size": 16, "extra": 2})
    assert comparing.settings_apart(new, old) == [
        ("base", "minilm-l6", "other"),
        ("batch_size", 32, 16),
        ("extra", None, 2),
    ]


def test_a_guess_grows_with_the_encoder_and_the_steps() -> None:
    def seconds(base: str, pairs: int, **more: object) -> float:
        settings = numbers_for(TrainParams(**more), base, 1_000, pairs)  # type: ignore[arg-type]
        found = train_time.estimate(settings, base, 1_000, 600.0, [])
        assert found.measured_on == ""
        return found.seconds

    assert seconds("wordllama-256", 400) < seconds("minilm-l6", 400) < seconds("mpnet-base", 400)
    assert seconds("minilm-l6", 400) < seconds("minilm-l6", 4_000, side="both")


def test_a_pace_of_this_machine_tells_the_time_and_another_machines_does_not() -> None:
    settings = numbers_for(TrainParams(steps=100), "minilm-l6", 1_000, 400)
    was = {**settings.as_dict(), "batch_size": 64}
    pace = {"machine": platform.node(), "step_s": 2.0, "rest_s": 30.0}

    def measured(**changes: object) -> train_time.TimeEstimate:
        scores = {"pace": {**pace, **changes}}
        model = Model("m", "p", "minilm-l6", settings=was, scores=scores)
        return train_time.estimate(settings, "minilm-l6", 1_000, 600.0, [model])

    assert measured() == train_time.TimeEstimate(30 + 2.0 * 100 / 2, "m")
    assert measured(machine="elsewhere").measured_on == ""
    words = [train_time.in_words(seconds) for seconds in (2, 61, 200, 8_000)]
    assert words == ["5 s", "60 s", "3 min", "2 h 10 min"]


def test_bases_that_are_not_here_come_with_their_command(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "none"))
    found = {base.name: base for base in base_encoders(project)}
    assert found["mpnet-base"].missing == "studio models pull mpnet-base"
    assert "--accept-licence" in found["m3e-small"].missing
    assert "Fetch it: studio models pull" in problem_of("mpnet-base")
    assert "language model" in problem_of("smollm2-135m")
    assert "cannot be trained" in problem_of("openai:m@http://x")


def test_an_llm_may_be_a_file_and_is_found_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.gguf").touch()
    assert absolute(" ./own.gguf ") == str(tmp_path / "own.gguf")
    assert absolute("owner/name") == "owner/name"
    assert problem_of("./own.gguf", "llm") == ""
    assert problem_of("./own.gguf") == "There is no folder ./own.gguf."
    assert problem_of("./gone.gguf", "llm") == "There is no folder or GGUF file ./gone.gguf."


def test_own_models_are_bases_while_their_folder_is_there(project: Project) -> None:
    model = add_model(project, "mine")
    (project.models_dir / "mine").mkdir(parents=True)
    assert base_encoders(project)[-1].label == f"own model {model.id}: mine"
    (project.models_dir / "mine").rmdir()
    assert all("own model" not in base.label for base in base_encoders(project))


def test_a_choice_that_names_nothing_is_refused(project: Project) -> None:
    for params, words in (
        (TrainParams(min_score=1), "A score belongs to a filter"),
        (TrainParams(kept_by="lenght"), "Filters: length, round-trip"),
        (TrainParams(prompt_version=9), "no prompt version 9"),
        (TrainParams(from_job=9), "no job 9"),
        (TrainParams(kept_by="length", max_score=-1), "kept up to length, score of length ..-1"),
    ):
        with pytest.raises(StudioError, match=words):
            training_data.chosen_records(project.store, params)


def test_a_look_counts_what_shares_a_golds_words(project: Project) -> None:
    project.store.gold.add([gold_query("g", "QUERY 1, 问题", "validation", {1: 1})])
    shared = training_data.sharing(project.store)
    look = training_data.look(project.store, training_data.Choice(), shared)
    assert (look.pairs, look.left_out) == (7, 1)


# -- the same from the command line --


def test_trained_models_as_a_table_and_as_json(project: Project, verbs: Verbs) -> None:
    none = verbs("models", "trained", "-p", project.path)
    assert "No model is trained yet" in none.out
    add_model(project, "花园 🌷", gain=0.2)
    (row,) = verbs("models", "trained", "-p", project.path, "--json").json
    assert (row["name"], row["pairs"], row["p_value"]) == ("花园 🌷", 8, 0.031)
    assert row["test"]["trained"]["ndcg@10"] == 0.5
    assert ".350 → .500" in verbs("models", "trained", "-p", project.path).out


def test_models_compare(project: Project, verbs: Verbs) -> None:
    add_model(project, "old", gain=0.1, batch_size=16)
    add_model(project, "new", gain=0.3)
    found = verbs("models", "compare", 2, 1, "-p", project.path, "--json").json
    assert (found["won"], found["lost"]) == (5, 1)
    assert found["difference"][0] == pytest.approx(0.15)
    assert found["measure"] == "ndcg@10"
    assert found["settings"]["batch_size"] == {"new": 32, "old": 16}
    assert len(found["queries"]) == 6
    said = verbs("models", "compare", 2, 1, "-p", project.path).out
    assert "A − B" in said
    missing = verbs("models", "compare", 2, 9, "-p", project.path)
    assert_one_sentence(missing, 1, "no model 9", "studio models trained")


def test_train_takes_the_choice(project: Project, verbs: Verbs) -> None:
    started = verbs(
        "train", "-p", project.path, "--kept-by", "length", "--max-score", 3, "--evaluate",
        "--detach", "--json",
    ).json  # fmt: skip
    job = project.store.jobs.get(started["job"])
    assert job is not None
    project.store.jobs.request_cancel(job)
    told = json.loads(json.dumps(job.params))
    assert (told["kept_by"], told["max_score"], told["evaluate"]) == ("length", 3.0, True)
    wrong = verbs("train", "-p", project.path, "--kept-by", "nothing")
    assert_one_sentence(wrong, 1, "No verdict of the filter 'nothing'", "length, round-trip")
