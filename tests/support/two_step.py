"""A method that lives outside the studio: one module, two stages, a template beside it.

:func:`install` writes it into a folder as an installed package would lie there: whoever has the
folder on its path finds the method by its entry point.
"""

from __future__ import annotations

from pathlib import Path

MODULE = '''
"""Two steps: moods for each label, then lines in that mood; the lines of a label grow in turn."""

from pathlib import Path

from dataclasses import dataclass

from studio.calls import Request
from studio.methods.protocol import Ask, Draft, Method
from studio.params import Params, option
from studio.prompting.answers import said_lines
from studio.prompting.shots import stable_number
from studio.prompting.staged import StagedForm, stage_messages
from studio.records import RecordType

MOOD = RecordType("mood", ("mood", "label"), "mood", "moods", is_trained_on=False)
VERSE = RecordType("verse", ("verse", "label", "mood"), "verse", "verses")


@dataclass(frozen=True, slots=True)
class Settings(Params):
    """What can be set."""

    moods: int = option(3, "Moods", "for each label", least=1)


def request(plan, part, values, name):
    messages = stage_messages(plan.template, part, values, style=plan.chosen_style)
    seed = stable_number(part, plan.seed, name) % 2**31
    return Request(messages, plan.model, plan.chosen_decoding, seed, prompt_id=plan.prompt_id)


class Moods:
    name, makes, words, feedback, distinct = "moods", MOOD, "moods", "", True

    def ask(self, plan, batch, made):
        for label in plan.labels if not batch else ():
            values = {"label": label.words, "count": plan.settings.moods}
            yield Ask(request(plan, "moods", values, label.name), {"label": label.name})

    def read(self, plan, ask, answer):
        lines = [line for line in said_lines(answer.text) if line]
        return [Draft({"mood": line}) for line in lines] or [Draft(reason="empty")]


class Verses:
    name, makes, words, feedback, distinct = "verses", VERSE, "verses", "", True

    def ask(self, plan, batch, made):
        """Two batches: the second has one line more for each mood whose first line was kept."""
        moods = {note.id: note for note in made.kept("moods")}
        if batch == 1:
            wanted = {record.parent_id for record in made.kept("verses")}
        else:
            wanted = set(moods) if not batch else set()
        for row in sorted(wanted, key=lambda row: (moods[row].label, moods[row].text)):
            mood = moods[row]
            values = {"label": plan.words_of(mood.label), "mood": mood.text}
            name = f"{batch}/{mood.label}/{mood.text}"
            given = {"label": mood.label, "mood": mood.text}
            yield Ask(request(plan, "verses", values, name), given, parent_id=row)

    def read(self, plan, ask, answer):
        text = " ".join(answer.text.split())
        return [Draft({"verse": text}, "" if len(text) > 8 else "too-short")]


METHOD = Method(
    name="two-step",
    paper="nobody",
    about="moods, then lines",
    tasks=("classification",),
    stages=(Moods(), Verses()),
    form=StagedForm(
        {"classification": {"moods": ("label", "count"), "verses": ("label", "mood")}},
        method="two-step",
    ),
    settings=Settings,
    prompts=Path(__file__).parent / "two_step_prompts",
)
'''
TEMPLATE = """+++
name = "classification"
about = "moods, then lines in them"
method = "two-step"
task = "classification"
language = "en"
texts = "a line of a song"
+++
You write songs.
# Moods
List {{ count }} moods of {{ label }}, one a line.
# Verses
Write {{ texts }} by {{ label }} in the mood: {{ mood }}.
"""


def install(folder: Path) -> None:
    """Write the package, its template and its entry point."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "two_step.py").write_text(MODULE, "utf-8")
    prompts = folder / "two_step_prompts"
    prompts.mkdir(exist_ok=True)
    (prompts / "classification.md").write_text(TEMPLATE, "utf-8")
    about = folder / "two_step-1.0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: two-step\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[studio.methods]\ntwo-step = two_step\n")


def words(body: dict[str, object]) -> str:
    """What an LLM says to it, decided by the request alone."""
    import hashlib
    import random

    messages = body["messages"]
    assert isinstance(messages, list)
    asked = str(messages[-1]["content"])
    drawn = random.Random(hashlib.sha256(f"{body.get('seed')} {asked}".encode()).hexdigest())
    if asked.startswith("List"):
        return "\n".join(drawn.sample(["glad", "weary", "proud", "cross", "calm", "lost"], 3))
    return f"line {drawn.randrange(5)} of {asked[-12:]}" if drawn.random() < 0.8 else "la"
