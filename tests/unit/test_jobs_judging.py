"""Judges: what an LLM says of records becomes verdicts, asked and stored the one way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs.judging import checked, estimate_judge, template_of
from studio.jobs.params import JudgeParams
from studio.methods.judging import FORM, JUDGES, OF_SEARCH, shown_record
from studio.project import Project
from studio.prompting.builtin import builtin, builtin_names
from studio.records import LABELLED_TEXT, Record, StudioError
from tests.support import judge
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import add_queries, make_project


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=judge.words) as running:
        running.keep_requests = True
        yield running


@pytest.fixture
def project(tmp_path: Path, server: OpenAIServer) -> Project:
    return trees(tmp_path / "trees", server.url)


def trees(folder: Path, url: str) -> Project:
    found = make_project(folder, "instructions", url)
    judge.add_records(found)
    return found


def verdicts(project: Project) -> dict[str, tuple[bool, float | None, str]]:
    """Tree → what the judge of accuracy said of its record."""
    return {
        record.text.split()[2]: (one.kept, one.score, one.reason)
        for record in project.store.records.all()
        for one in project.store.verdicts.of_record(record.id)
        if one.filter == "accuracy"
    }


@pytest.mark.parametrize("word", ["oak ", "树"])
def test_a_record_is_shown_in_its_lines_until_it_is_too_long(word: str) -> None:
    template = FORM.parse(builtin("accuracy", "judges"))
    short = f"{word}\n{word}".strip()
    lines, is_cut = shown_record(template, {"output": short})
    assert (lines, is_cut) == (f"Output: \n{short}", False)
    long = word * (template.context_words + 1)
    lines, is_cut = shown_record(template, {"output": long})
    cut = (word * template.context_words).strip()
    assert (lines, is_cut) == (f"Output: {cut} …", True)


def test_every_shape_of_answer_becomes_a_verdict(project: Project, server: OpenAIServer) -> None:
    told = judge.judged(project)
    assert (told["judged"], told["kept"], told["dropped"], told["unscored"]) == (9, 3, 3, 3)
    assert told["by_score"] == {"5": 1, "4.5": 2, "4": 1, "3.5": 1, "2": 1}
    assert told["unscored_why"] == {"range": 1, "refusal": 1, "no-answer": 1}
    assert verdicts(project) == {
        tree: (True, None, "unscored")
        if score is None
        else (score >= 4.5, score, "" if score >= 4.5 else "low-score")
        for tree, (_, score) in judge.ANSWERS.items()
    }
    assert project.store.records.counts().dropped == {"low-score": 3}
    # One more try for what could not be read, none for what could.
    assert server.paid.calls == 9 + 3
    assert {body["temperature"] for body in server.requests} == {0}
    assert {body["max_tokens"] for body in server.requests} == {256}


def test_score_and_explanation_stay_with_the_call_that_gave_them(project: Project) -> None:
    judge.judged(project)
    [oak] = [one for one in project.store.records.all() if " oak " in one.text]
    [said] = [one for one in project.store.records.all(type="judgement") if one.parent_id == oak.id]
    assert (said["score"], said["explanation"]) == ("4.5", "The tree is the right one")
    call = project.store.generations.get(said.generation_id or 0)
    assert call is not None
    assert call.answer.text == "4.5\n\nThe tree is the right one."
    shown = call.request.messages[-1].content
    assert "Instruction: Describe the oak in spring 0." in shown
    assert "Input: (none)" in shown
    assert "Output: \nIt stands at the mill.\nIt is 0 years old." in shown


def test_review_shows_what_the_judge_said_also_after_the_threshold_moved(project: Project) -> None:
    judge.judged(project)
    ash = next(one.id for one in project.store.records.all() if " ash " in one.text)
    [line] = project.store.review.provenance(ash).verdicts
    assert (line.kept, line.score, line.said) == (False, 2.0, "it is another tree")
    project.store.review.move_threshold("accuracy", 2, "me")
    [line] = project.store.review.provenance(ash).verdicts
    assert (line.kept, line.said) == (True, "it is another tree")


def test_what_needs_to_be_told_twice_is_scored_at_the_second_try(tmp_path: Path) -> None:
    with OpenAIServer(words=judge.words_at_second_try) as server:
        told = judge.judged(trees(tmp_path / "twice", server.url))
        assert (told["kept"], told["unscored"], server.paid.calls) == (9, 0, 18)


def test_a_threshold_moves_on_the_stored_scores_without_a_call(
    project: Project, server: OpenAIServer
) -> None:
    judge.judged(project)
    paid = server.paid.calls
    review = project.store.review
    [info] = review.scores()
    assert (info.filter, info.count, info.better, info.threshold) == ("accuracy", 6, "high", 4.5)
    assert sum(one.kept + one.dropped for one in review.histogram("accuracy", 8)) == 6
    review.move_threshold("accuracy", 3.5, "me")
    kept = [one.text.split()[2] for one in project.store.records.all(kept=True)]
    # Unscored ones stay as they were, wherever the threshold is.
    assert kept == ["oak", "elm", "fir", "yew", "box", "bay", "fig", "may"]
    assert server.paid.calls == paid


@pytest.mark.parametrize("by", [name for name in JUDGES if name not in OF_SEARCH])
def test_a_judge_that_dropped_none_keeps_high_scores_all_the_same(by: str, tmp_path: Path) -> None:
    with OpenAIServer(words=judge.words) as server:
        project = trees(tmp_path / by, server.url)
        judge.judged(project, by=by, keep_from=0, rubric="Tall." if by == "rubric" else "")
    [info] = project.store.review.scores()
    # What it was told, not the lowest score that there is.
    assert (info.filter, info.better, info.threshold) == (by, "high", 0)


def test_judging_again_pays_nothing_and_another_judge_asks_anew(
    project: Project, server: OpenAIServer
) -> None:
    first = judge.judged(project)
    before, paid = verdicts(project), server.paid.calls
    assert judge.judged(project)["by_score"] == first["by_score"]
    assert (verdicts(project), server.paid.calls) == (before, paid)
    lower = judge.judged(project, keep_from=2)
    assert (lower["kept"], server.paid.calls) == (6, paid)
    assert judge.judged(project, by="helpfulness")["judged"] == 9
    assert server.paid.calls > paid
    assert project.store.verdicts.filters() == ["accuracy", "helpfulness"]


def test_a_persons_word_stays_above_the_judge(project: Project) -> None:
    ash = next(one.id for one in project.store.records.all() if " ash " in one.text)
    project.store.review.accept([ash], "me")
    judge.judged(project)
    assert project.store.records.many([ash])[0].kept


def test_a_rubric_is_what_the_judge_goes_by(project: Project, server: OpenAIServer) -> None:
    rubric = "Five points for each tree\nthat stands in a park."
    assert judge.judged(project, by="rubric", rubric=rubric)["judged"] == 9
    asked = server.requests[0]["messages"][-1]["content"]
    assert rubric in asked
    assert "Describe the oak" in asked


def test_the_template_that_was_asked_with_is_kept_with_the_run(
    project: Project, server: OpenAIServer
) -> None:
    own = template_of("accuracy", "en").replace("You check", "You inspect")
    judge.judged(project, template=own)
    assert server.requests[0]["messages"][0]["content"].startswith("You inspect")
    assert project.store.runs.all()[0].params["template"] == own


def test_an_estimate_asks_nothing_and_takes_out_what_is_stored(
    project: Project, server: OpenAIServer
) -> None:
    found = estimate_judge(project, JudgeParams())
    assert (found.requests, found.stored, server.calls) == (9, 0, 0)
    judge.judged(project, keep_from=0)
    found = estimate_judge(project, JudgeParams())
    assert (found.requests, found.stored) == (0, 9)


def test_where_nothing_can_be_scored_the_job_fails_and_drops_nothing(tmp_path: Path) -> None:
    with OpenAIServer(words=lambda body: "It is hard to say.") as server:
        project = trees(tmp_path / "mute", server.url)
        with pytest.raises(StudioError, match=r"None of the 9 records .*most often: no-score"):
            judge.judged(project)
    assert project.store.records.counts().kept == 9


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"by": "beauty"}, "no judge “beauty”"),
        ({"by": "rubric"}, "needs your rubric"),
        ({"by": "accuracy", "rubric": "Tall."}, "takes no rubric"),
        ({"keep_from": 6.0}, "from 0 to 5"),
        ({"by": "answerable"}, "these are instructions; choose one of: accuracy"),
        ({"type": "nothing"}, "no records of the type"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(
    project: Project, told: dict[str, str], words: str
) -> None:
    with pytest.raises(StudioError, match=words):
        checked(project, JudgeParams.from_row(told))


def test_queries_are_judged_with_their_documents(tmp_path: Path, server: OpenAIServer) -> None:
    project = make_project(tmp_path / "queries", "retrieval", server.url)
    add_queries(project)
    assert judge.judged(project, keep_from=0)["kept"] == 6
    shown = server.requests[0]["messages"][-1]["content"]
    assert "Document: The mill was built by Anna Berg" in shown
    assert "Query: what stands The mill" in shown


def test_labels_are_shown_in_words_and_are_the_categories(
    tmp_path: Path, server: OpenAIServer
) -> None:
    project = make_project(tmp_path / "texts", "classification", server.url)
    project.store.records.add(
        Record(LABELLED_TEXT, {"text": f"a fine place, number {n}", "label": label})
        for n, label in enumerate(["near", "near", "far"])
    )
    told = judge.judged(project, keep_from=0)
    assert told["retention"]["near"] == {"judged": 2, "kept": 2, "share": 1.0}
    shown = [body["messages"][-1]["content"] for body in server.requests]
    assert sum("Label: a satisfied customer" in one for one in shown) == 2


@pytest.mark.parametrize("name", builtin_names("judges"))
def test_every_bundled_template_is_one(name: str) -> None:
    text = builtin(name, "judges")
    assert FORM.lint(text) == []
    decoding = FORM.parse(text).decoding_for("chat")
    assert (decoding.temperature, decoding.max_tokens) == (0.0, 256)


def test_a_project_in_chinese_is_judged_in_chinese(tmp_path: Path, server: OpenAIServer) -> None:
    project = make_project(tmp_path / "zh", "instructions", server.url, language="zh")
    judge.add_records(project)
    judge.judged(project)
    shown = server.requests[0]["messages"][-1]["content"]
    assert "指令：Describe the oak in spring 0." in shown
    assert "输入：（无）" in shown
