"""An LLM that answers in the Search pane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from studio.formats.instructions import prompt_text
from studio.llm.causal import CausalModel


@dataclass(slots=True)
class Answerer:
    """Does what an instruction says. The model is loaded when it is first asked."""

    source: str
    """A catalogue name, a hub name or a folder."""
    _model: CausalModel | None = field(default=None, repr=False)

    def answer(
        self, instruction: str, input: str, should_stop: Callable[[], bool] = lambda: False
    ) -> str:
        """What it writes; nothing of an empty instruction, or when it was stopped.

        Raises StudioError for a model that is not there.
        """
        if not instruction.strip():
            return ""
        self._model = self._model or CausalModel.open(self.source)
        asked = [prompt_text(instruction, input)]
        return next(iter(self._model.answers(asked, should_stop=should_stop)), "")
