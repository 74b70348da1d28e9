"""Perplexity and IFD: what a causal LLM in this process says of answers, alone and in a job."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from studio import filters
from studio.filters.base import FilterContext, FilterRow
from studio.filters.ifd import ifd
from studio.jobs import answer_losses, filtering
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.params import FilterParams
from studio.llm.causal import AnswerLoss, CausalModel, Prompted
from studio.project import Project
from studio.records import INSTRUCTION, QUESTION, Record, RecordType, StudioError

ROWS = [("Name a tree.", "", "The oak."), ("Add.", "2 and 3", "5"), ("Say nothing.", "", "")]


def losses(pairs: Sequence[Prompted], without_prompt: bool) -> Sequence[AnswerLoss]:
    """Two nats a sign, one of them less after an instruction that has an input."""
    return [
        AnswerLoss(len(one.answer) * (1.0 if "\n" in one.prompt and not without_prompt else 2.0),
                   len(one.answer))
        for one in pairs
    ]  # fmt: skip


def judged(name: str, **settings: float) -> list[tuple[bool, float | None, str]]:
    rows = [
        FilterRow(n, text, None, "", given, {"instruction": text, "input": given, "output": said})
        for n, (text, given, said) in enumerate(ROWS)
    ]
    context = FilterContext(losses_of=lambda model: losses, batch=2)
    found = filters.make(name, **settings).judge(rows, context)
    return [(one.kept, one.score and round(one.score, 3), one.reason) for one in found]


def test_the_perplexity_is_that_of_the_answer_after_its_instruction_and_input() -> None:
    high, low = round(math.exp(2), 3), round(math.e, 3)
    assert judged("perplexity") == [(True, high, ""), (True, low, ""), (True, None, "")]
    assert [kept for kept, *_ in judged("perplexity", most=5)] == [False, True, True]
    assert judged("perplexity", least=5)[1] == (False, low, "foreseen")


def test_an_instruction_that_does_not_help_is_dropped() -> None:
    helped = round(math.exp(-1), 3)
    assert judged("ifd") == [
        (False, 1.0, "no-help"), (True, helped, ""), (True, None, ""),
    ]  # fmt: skip
    assert [kept for kept, *_ in judged("ifd", under=1.5, least=0.5)] == [True, False, True]


def test_the_ifd_is_the_ratio_of_the_two_perplexities() -> None:
    assert ifd(AnswerLoss(6.0, 4), AnswerLoss(9.0, 4)) == pytest.approx(
        math.exp(1.5) / math.exp(2.25)
    )
    assert ifd(AnswerLoss(0.0, 0), AnswerLoss(0.0, 0)) is None


@pytest.mark.parametrize("bounds", [{"least": 3, "under": 2}, {"least": -1}])
def test_bounds_that_keep_nothing_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(StudioError, match="which is nothing"):
        filters.make("ifd", **bounds)


def test_without_an_llm_it_says_what_it_needs() -> None:
    with pytest.raises(StudioError, match="ifd needs an LLM"):
        list(filters.make("ifd").judge([], FilterContext()))


# -- as a job, with a real LLM


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    made = Project.create(tmp_path / "trees", task="instructions")
    made.store.records.add(
        Record(INSTRUCTION, {"instruction": f"Name tree {n}.", "output": f"It is the oak {n}."})
        for n in range(40)
    )
    return made


def context_of(project: Project, model: Path | str, job: int = 0, **told: str) -> JobContext:
    settings = f"ifd.model={model},perplexity.model={model},ifd.under=1e30,perplexity.most=1e30"
    params = FilterParams(**{"chain": "perplexity,ifd", "settings": settings, **told})
    number = job or project.store.jobs.submit("filter", params.to_row())
    assert job or project.store.jobs.claim(number, os.getpid())
    found = project.store.jobs.get(number)
    assert found is not None
    return JobContext(project, found, result=dict(found.result or {}))


def test_the_scores_are_stored_and_a_threshold_moves_on_them(
    project: Project, tiny_llm: Path
) -> None:
    filtering.run(context_of(project, tiny_llm))
    records = [*project.store.records.all()]
    pairs = [Prompted(one.text, one["output"]) for one in records]
    model = CausalModel.open(str(tiny_llm), "cpu")
    alone = model.losses(pairs, without_prompt=True)
    wanted = [ifd(*two) for two in zip(model.losses(pairs), alone, strict=True)]
    stored = project.store.verdicts.of_filter("ifd")
    assert [stored[one.id][1] for one in records] == pytest.approx(wanted, rel=1e-3)
    assert [one.filter for one in project.store.review.scores()] == ["perplexity", "ifd"]
    project.store.review.move_threshold("ifd", sorted(filter(None, wanted))[19], "me")
    assert project.store.records.counts().kept in (19, 20)


def test_a_stopped_job_goes_on_where_it_was(
    project: Project, tiny_llm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = CausalModel.losses

    def counting(model: CausalModel, pairs: Sequence[Prompted], **how: object) -> list[AnswerLoss]:
        asked.append(len(pairs))
        if len(asked) == 3:
            context.stop.set()
        return real(model, pairs, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(CausalModel, "losses", counting)
    context = context_of(
        project,
        tiny_llm,
        chain="perplexity",
        settings=f"perplexity.model={tiny_llm},perplexity.most=1e30",
    )
    with pytest.raises(Cancelled):
        filtering.run(context)
    assert len(project.store.verdicts.of_filter("perplexity")) == 32
    again = context_of(project, tiny_llm, job=context.job.id)
    filtering.run(again)
    assert asked == [16, 16, 8, 8]
    assert again.result["chain"][0]["judged"] == 40


def test_other_bounds_ask_no_llm_again_but_of_what_was_edited(
    project: Project, tiny_llm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_losses, "is_pinned", lambda name: name == str(tiny_llm))
    filtering.run(
        context_of(project, tiny_llm, chain="ifd", settings=f"ifd.model={tiny_llm},ifd.under=1e30")
    )
    before = project.store.verdicts.of_filter("ifd")
    [first, *_] = project.store.records.all()
    project.store.review.edit(first.id, "Name another tree.", "me")
    asked: list[Prompted] = []
    real = CausalModel.losses

    def counting(model: CausalModel, pairs: Sequence[Prompted], **how: object) -> list[AnswerLoss]:
        asked.extend(pairs)
        return real(model, pairs, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(CausalModel, "losses", counting)
    bound = sorted(score or 0 for _, score in before.values())[20]
    filtering.run(
        context_of(
            project, tiny_llm, chain="ifd", settings=f"ifd.model={tiny_llm},ifd.under={bound}"
        )
    )
    assert [one.prompt for one in asked] == ["Name another tree."] * 2
    after = project.store.verdicts.of_filter("ifd")
    assert {row: score for row, (_, score) in after.items() if row != first.id} == {
        row: score for row, (_, score) in before.items() if row != first.id
    }
    assert project.store.records.counts().kept in (19, 20, 21)


def test_an_llm_that_is_not_there_is_told_before_anything_is_judged(project: Project) -> None:
    context = context_of(project, "./nowhere", chain="+ifd", settings="ifd.model=./nowhere")
    with pytest.raises(StudioError, match="no LLM at"):
        filtering.run(context)
    assert not project.store.verdicts.filters()


@pytest.mark.parametrize("type", [QUESTION, INSTRUCTION])
def test_any_type_with_an_answer_can_be_judged(type: RecordType) -> None:
    assert filters.kind_of("ifd").fits.judges(type)


def test_records_without_an_answer_cannot(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "river", task="classification")
    with pytest.raises(StudioError, match="The filter ifd is nothing for texts"):
        filtering.chosen(FilterParams(chain="ifd"), project.task.record)
