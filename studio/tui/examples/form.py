"""What an example of a project consists of, from its task: all that the pane has to know of it."""

from __future__ import annotations

from dataclasses import dataclass

from studio.records import DOCUMENT
from studio.tasks import Task

PLACEHOLDERS = {
    "query": "What would a person ask for this document?",
    "instruction": "What is to be done, in a sentence or two?",
    "input": "What it is to be done with; empty where nothing is needed.",
    "output": "What a careful expert would answer.",
}
"""Name of a text → what stands in its place while it is empty."""


@dataclass(frozen=True, slots=True)
class Part:
    """One text of an example, by its name in :attr:`Example.texts`."""

    name: str

    @property
    def title(self) -> str:
        """For headings, such as ``Query``."""
        return self.name.capitalize()

    @property
    def placeholder(self) -> str:
        """What stands in its place while it is empty."""
        return PLACEHOLDERS.get(self.name, "")

    @property
    def section(self) -> str:
        """The id of the part of the pane that shows it."""
        return f"{self.name}-section"


@dataclass(frozen=True, slots=True)
class ExampleForm:
    """The texts of an example, the first of them is listed, and how one comes to be."""

    noun: str
    """One of them, for people, such as ``query``."""
    parts: tuple[Part, ...]
    """What a person writes, in the order of the screen."""
    of_documents: bool
    """Whether each is written for a document of the corpus."""

    @property
    def first(self) -> Part:
        """The text by which an example is known."""
        return self.parts[0]

    @property
    def last(self) -> Part:
        """The text that has the most room."""
        return self.parts[-1]

    @property
    def columns(self) -> tuple[str, ...]:
        """The texts beside the first whose length the list tells; a document is always there."""
        return tuple(part.name for part in self.parts[1:] if part.name != DOCUMENT)


def form_of(task: Task) -> ExampleForm:
    """What the examples of a project of this task consist of."""
    of_documents = task.needs_documents
    names = (*task.record.fields, *([DOCUMENT] if of_documents else []))
    return ExampleForm(task.record.noun, tuple(map(Part, names)), of_documents)
