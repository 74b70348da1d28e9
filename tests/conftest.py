"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# An example may take as long as it takes: how fast the machine is says nothing about the program.
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("patient")
