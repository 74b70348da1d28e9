"""What holds for every test."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from studio import api_keys, servers
from studio.llm.catalogue import models_home
from tests.support import warm

if TYPE_CHECKING:
    from tests.support.batches import StandInBatches
    from tests.support.openai_server import OpenAIServer
    from tests.support.tasks import Builder

# Every process that the tests start would compile the whole program anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# An example may take as long as it takes: how fast the machine is says nothing about the program.
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("patient")

MANY = 500
"""Tests, among which there are enough that start processes."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Where so much is to come, begin what its processes come from.

    What was imported stays: the collector need not look through it again and again.
    """
    if len(session.items) >= MANY and os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
        warm.begin_meanwhile()
    gc.collect()
    gc.freeze()
    # Screens make many small objects that go by themselves: to look for circles each 700 of them
    # was a sixth of the suite's time.
    gc.set_threshold(20_000, 20, 100)


@pytest.fixture(scope="session", autouse=True)
def _new_files_are_copies() -> Iterator[None]:
    """A project's new file is a copy of one that the migrations made once."""
    from tests.support.new_store import made_once

    with made_once():
        yield


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """Projects of every task, for all tests that walk through them."""
    from tests.support import tasks

    base = tmp_path_factory.getbasetemp()
    # Each worker has a folder of its own in the run's.
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with tasks.builder(run / "made") as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_named() -> Iterator[None]:
    """What one test names or types is nothing to the next."""
    yield
    servers.forget()
    api_keys.forget()


@pytest.fixture(scope="session", autouse=True)
def nothing_is_remembered_at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is learnt of servers, and which projects were opened, goes into folders of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_MODELS", str(models_home()))
        patch.setenv("STUDIO_DATA", str(tmp_path_factory.mktemp("data")))
        patch.setenv("STUDIO_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def processes_start_warm() -> Iterator[None]:
    """What the tests start, and what that starts, need not import torch and its libraries."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in warm.where_it_listens().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def tiny_llm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny causal LLM."""
    from tests.support.tiny_llm import llama

    return llama(tmp_path_factory.mktemp("llm"))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server that behaves until it is told otherwise."""
    from tests.support.openai_server import OpenAIServer

    with OpenAIServer() as running:
        yield running


@pytest.fixture
def batches(server: OpenAIServer) -> StandInBatches:
    """Its Batch API."""
    assert server.batches
    return server.batches
