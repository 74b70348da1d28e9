"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.support.tasks import Builder

# An example may take as long as it takes: how fast the machine is says nothing about the program.
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """Projects of every task, for all tests that walk through them."""
    from tests.support import tasks

    with tasks.builder(tmp_path_factory.mktemp("made")) as found:
        yield found
