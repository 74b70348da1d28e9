"""Keys go to servers that the person named, also by a job's worker; a stranger's job has none."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from studio import servers
from studio.jobs import queue
from studio.jobs.params import RunParams
from studio.jobs.plans import capped, strangers
from studio.llm.endpoints import api_key, at_address
from studio.project import Project

URL = "http://typed.example/v1"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"STUDIO_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("STUDIO_API_KEY", "sk-for-urls")
    monkeypatch.delenv(servers.SEAL_ENV, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def submitted(project: Project, monkeypatch: pytest.MonkeyPatch, **params: object) -> None:
    monkeypatch.setattr(queue, "_start_worker", lambda project, job_id: None)
    queue.submit(project, "generate", RunParams(**params).to_row())  # type: ignore[arg-type]


def shared_by(kind: str, run: RunParams) -> dict[str, object]:
    """The params of a job of this kind, whose run is told so."""
    part = {"path": "generate", "s3-compare": "run"}.get(kind)
    return {part: run.to_row()} if part else run.to_row()


@pytest.mark.parametrize("kind", ["generate", "s3", "s3-compare", "path"])
def test_a_typed_cap_holds_for_the_worker_of_any_job_that_asks(
    project: Project, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(queue, "_start_worker", lambda project, job_id: None)
    servers.type_in("budget_usd = 7.0")
    queue.submit(project, kind, shared_by(kind, RunParams(budget_usd=7.0)))
    assert as_a_worker(project).was_said("budget_usd = 7.0")


@pytest.mark.parametrize("kind", ["generate", "s3", "s3-compare", "path"])
def test_a_server_that_only_the_project_names_is_told_of_before_any_job_asks_it(
    project: Project, kind: str
) -> None:
    (project.path / "studio.toml").write_text(f'[endpoints.box]\nbase_url = "{URL}"\nmodel = "m"\n')
    opened = as_a_worker(project)
    [told] = strangers(opened, kind, shared_by(kind, RunParams(endpoint="box")))
    assert "typed.example" in told


def as_a_worker(project: Project) -> Project:
    """The project as another process sees it."""
    servers.forget()
    return Project.open(project.path)


def test_a_typed_address_holds_for_the_worker_of_its_job(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.type_in(f"{URL}/")
    submitted(project, monkeypatch, base_url=URL, model="m")
    as_a_worker(project)
    assert api_key(at_address(URL, "m")) == "sk-for-urls"


@pytest.mark.parametrize("text", ["http://[2Jm", "see http://[::1 and https://]", "http://"])
def test_what_looks_like_an_address_and_is_none_is_passed_over(
    project: Project, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert servers.urls_in(text) == set()
    assert servers.host_of(text) == ""
    assert not servers.is_loopback(text)
    submitted(project, monkeypatch, model=text, search=text)
    assert strangers(project, "generate", {"corpus": text}) == []


def test_a_search_for_half_an_address_asks_no_server(project: Project) -> None:
    text = "http://box\x1b[2J/v1 http://box:99999/v1 http://box/v1/models"
    assert strangers(project, "generate", {"search": text, "model": text}) == []


def test_an_address_that_a_job_brought_along_has_no_key(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(project, monkeypatch, base_url=URL, model="m")
    opened = as_a_worker(project)
    assert api_key(at_address(URL, "m")) is None
    told = strangers(opened, "generate", RunParams(base_url=URL, model="m").to_row())
    assert len(told) == 1
    assert "typed.example" in told[0]


def test_a_seal_of_somebody_else_counts_for_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.say(URL, "budget_usd = 9.0")
    as_a_worker(project)
    assert servers.are_named([URL])
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path / "another person"))
    opened = as_a_worker(project)
    assert not servers.are_named([URL])
    assert not opened.was_said("budget_usd = 9.0")
    for damaged in ([1, 2], {URL: 3}, {URL: "é"}, "text"):
        opened.store.values.set("said", damaged)
        as_a_worker(project)
        assert not servers.are_named([URL])


def test_the_seal_is_this_persons_alone(project: Project, tmp_path: Path) -> None:
    project.say(URL)
    file = tmp_path / "state" / "seal"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == ["seal"]


def test_without_a_place_for_the_seal_it_lasts_as_long_as_the_program(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path / "file" / "state"))
    project.say(URL)
    as_a_worker(project)
    assert servers.are_named([URL])


def test_the_persons_cap_holds_for_jobs_that_a_project_brings(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "config.toml").write_text("budget_usd = 0.05\n")
    opened = as_a_worker(project)
    for told in (None, 1000.0):
        assert capped(opened, RunParams(budget_usd=told)).budget_usd == 0.05
    assert capped(opened, RunParams(budget_usd=0.01)).budget_usd == 0.01
    servers.type_in("budget_usd = 7.0")
    submitted(opened, monkeypatch, budget_usd=7)
    opened = as_a_worker(project)
    assert capped(opened, RunParams(budget_usd=7.0)).budget_usd == 7.0
    assert capped(opened, RunParams(budget_usd=8.0)).budget_usd == 0.05


def test_addresses_are_found_wherever_they_stand() -> None:
    row = {"encoder": "openai:m@HTTP://Box:8000/v1/", "systems": "bm25,openai:n@https://b/v1,base"}
    assert servers.urls_in(*row.values()) == {"http://box:8000/v1", "https://b/v1"}
    assert servers.urls_in(json.dumps(row)) == {"http://box:8000/v1", "https://b/v1"}
