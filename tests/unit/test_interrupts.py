"""Ctrl+C while the program loads ends it at once, and says nothing."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

LOADED = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Interrupt(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
import studio.__main__
print("loaded")
"""


def loading(module: str, before: object) -> subprocess.CompletedProcess[str]:
    """The program, loaded by a launcher, with an interrupt when it looks for this module."""
    return subprocess.run(
        [sys.executable, "-c", LOADED, module],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, before),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("module", ["studio.child", "studio.cli"])
def test_an_interrupt_while_the_first_modules_are_loaded_ends_it_without_a_word(
    module: str,
) -> None:
    ended = loading(module, signal.default_int_handler)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_a_program_in_the_background_goes_on_ignoring_interrupts() -> None:
    ended = loading("studio.child", signal.SIG_IGN)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "loaded\n", "")
