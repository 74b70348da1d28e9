"""What a run will take: tokens, dollars and time, and what will stop it before its end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from studio import servers
from studio.calls import Answer
from studio.jobs.planning import measured_rate, outlook
from studio.jobs.plans import Beginning, planned, run_row
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import Example, StudioError
from studio.settings import Endpoint
from studio.store.generations import Finished
from tests.support.project import fill

PRICED = "price_in = 1.0\nprice_out = 4.0\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    return opened(tmp_path / "project", prices="")


def opened(path: Path, prices: str) -> Project:
    """A project with 20 documents whose endpoint is ``here``."""
    if not path.exists():
        made = Project.create(path)
        fill(made.store, [f"Permit {n} allows building sheds." for n in range(20)])
        pairs = [("A permit for a fence.", "may i fence"), ("A permit for a roof.", "may i roof")]
        made.store.examples.add([Example(document, query) for document, query in pairs])
        made.store.prompts.save("question-answering", builtin("question-answering"), "first")
        made.close()
    (path / "studio.toml").write_text(
        'endpoint = "here"\n[endpoints.here]\nbase_url = "http://localhost:1/v1"\nmodel = "m"\n'
        + prices
    )
    return Project.open(path)


def look(project: Project, **params: Any):
    return outlook(project.store.path, project.settings, run_row(project, **params))


def measured(project: Project, result: dict[str, Any], live: dict[str, Any] | None = None) -> int:
    number = project.store.jobs.submit("generate", {})
    with project.store.write() as conn:
        row = (json.dumps(result), json.dumps(live or {}), number)
        conn.execute("UPDATE jobs SET result = ?, live = ? WHERE id = ?", row)
    return number


def test_an_unknown_price_is_unknown_and_so_is_the_time(project: Project) -> None:
    found = look(project, documents=10, queries_per_document=2)
    assert found.estimate.requests == 20
    assert found.estimate.cost is None
    assert found.seconds is None
    assert found.warning == ""


def test_a_look_writes_nothing(project: Project) -> None:
    version = project.store.data_version()
    look(project)
    assert project.store.data_version() == version


def test_the_time_is_that_of_the_newest_measured_run_with_the_endpoint(project: Project) -> None:
    measured(project, {"endpoint": "here", "model": "m", "answers_s": 1.0})
    newest = measured(project, {"endpoint": "here", "model": "m", "answers_s": 2.0})
    measured(project, {"endpoint": "here", "model": "another", "answers_s": 9.0})
    found = look(project, documents=10, queries_per_document=4)
    assert found.measured is not None
    assert (found.measured.job_id, found.measured.answers_s) == (newest, 2.0)
    assert found.seconds is not None
    assert (found.seconds.low, found.seconds.high) == (15.0, 25.0)


@pytest.mark.parametrize("draws", [2, 30], ids=["looked at whole", "looked at in part"])
def test_what_is_stored_is_not_paid_again_in_the_estimate(tmp_path: Path, draws: int) -> None:
    project = opened(tmp_path / "priced", PRICED)
    row = run_row(project, queries_per_document=draws)
    method, plan, _ = planned(project, row)
    asks = list(method.stages[0].ask(plan, 0, Beginning()))
    half = asks[: len(asks) // 2]
    before = look(project, queries_per_document=draws).estimate
    answer = Answer("a query", "stop", 50, 5, cost=0.001)
    for ask in half:
        project.store.generations.save([Finished(ask.request, answer, "", ())])
    found = look(project, queries_per_document=draws).estimate
    assert (before.requests, before.stored) == (len(asks), 0)
    assert (found.requests, found.stored) == (len(asks) - len(half), len(half))
    for ask in asks[len(half) :]:
        project.store.generations.save([Finished(ask.request, answer, "", ())])
    done = look(project, queries_per_document=draws).estimate
    assert (done.requests, done.stored) == (0, len(asks))
    assert done.cost is not None
    assert done.cost.high == 0


def test_a_run_under_way_is_a_measure_too(project: Project) -> None:
    number = measured(project, {}, {"endpoint": "here", "model": "m", "answers_s": 3.0})
    rate = measured_rate(project.store, Endpoint("here", model="m"))
    assert rate is not None
    assert rate.job_id == number


def test_a_cap_in_dollars_needs_prices(project: Project) -> None:
    with pytest.raises(StudioError, match=r"price of here is unknown.*Cap the tokens instead"):
        look(project, budget_usd=1.0)


@pytest.mark.parametrize(
    ("cap", "said"),
    [
        ({"budget_usd": 100.0}, ""),
        ({"budget_usd": 0.0001}, "The cap will stop it at about 1–2%"),
        ({"budget_tokens": 10**9}, ""),
        ({"budget_tokens": 9_000}, "The cap"),
    ],
)
def test_a_cap_that_stops_the_run_is_told(project: Project, cap: dict[str, Any], said: str) -> None:
    priced = opened(project.path, PRICED)
    found = look(priced, documents=10, queries_per_document=4, **cap)
    assert found.warning.startswith(said)
    assert bool(found.warning) == bool(said)


def test_a_cap_near_the_estimate_makes_several_batches(project: Project) -> None:
    priced = opened(project.path, PRICED)
    told = {"documents": 10, "queries_per_document": 4}
    dear = look(priced, **told).estimate
    assert dear.cost
    assert dear.aside
    enough = dear.requests * (dear.aside.cost or 0.0)
    assert enough > dear.cost.high
    assert look(priced, **told, engine="batch", budget_usd=1.01 * enough).warning == ""
    few = look(priced, **told, engine="batch", budget_usd=0.99 * enough).warning
    assert few == "The cap makes about 2 batches of it, a day each at most."
    assert look(priced, **told, budget_usd=0.99 * enough).warning == ""
    near = look(priced, **told, engine="batch", budget_usd=0.9 * dear.cost.high).warning
    assert re.fullmatch(r"The cap may stop it before its end, after about \d batches\.", near)


def test_a_server_that_only_the_project_names_is_named_before_the_run(project: Project) -> None:
    file = project.path / "studio.toml"
    file.write_text(file.read_text().replace("http://localhost:1", "https://far.example"))
    found = look(Project.open(project.path), documents=10)
    assert found.warning.startswith("This project sends its texts to far.example")
    servers.type_in("https://far.example/v1")
    assert look(Project.open(project.path), documents=10).warning == ""
