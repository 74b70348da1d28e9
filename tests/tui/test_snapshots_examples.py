"""What Examples looks like: dark and in the terminal's own colours, small and usual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from studio.calls import Answer, Message, Request
from studio.jobs import setup
from studio.project import Project
from studio.records import INSTRUCTION, Example, Record
from studio.store.example_drafts import ExampleDraft
from studio.store.generations import Finished
from studio.tui.app import StudioApp
from tests.support import instructions
from tests.support.data import queries_of
from tests.support.waiting import quiet

LOOKS = pytest.mark.parametrize(
    ("size", "theme"),
    [
        ((80, 24), "studio-dark"),
        ((80, 24), "studio-ansi"),
        ((120, 40), "studio-dark"),
        ((120, 40), "studio-ansi"),
    ],
    ids=["80x24", "80x24-ansi", "120x40", "120x40-ansi"],
)
Compare = Callable[..., bool]
Size = tuple[int, int]


async def still(pilot: Pilot[int]) -> None:
    """Wait until all is quiet, and let no cursor blink."""
    await quiet(pilot)
    for field in pilot.app.screen.query("Field, Editor"):
        field.cursor_blink = False  # type: ignore[attr-defined]
    await quiet(pilot)


@pytest.fixture
def full(project: Project) -> Project:
    """Examples with all that a list can show of them."""
    store = project.store
    long = "half of a meal with customers 🍜 what counts as a customer and when is the cost "
    store.examples.add(
        [
            Example(
                "Half of the cost of meals is deductible.",
                long + "of one deductible shared by two",
                tags="long",
            ),
            Example("Trips are private.", "commute", enabled=False),
            Example("Trips.", "can i write off the room i work in"),
            Example("A gift to a customer is deductible up to 50.", "", tags="new"),
        ]
    )
    store.examples.tag(1, add=["home", "office"], drop=[])
    store.examples.tag(3, add=["退货", "zh"], drop=[])
    examples = store.examples.all()
    for example, kept in ((examples[0], 36), (examples[3], 5)):
        shots = store.shot_sets.save([example.revision_id])
        requests = [
            Request((Message("user", f"{example.id} {n}"),), "m", document_id=7, shot_set_id=shots)
            for n in range(40)
        ]
        texts = [f"房东不退押金怎么办 🏠 {n}" for n in range(40)]
        done = [
            Finished(request, Answer("a"), "", queries_of(request, text))
            for request, text in zip(requests, texts, strict=True)
        ]
        store.generations.save(done)
        with store.write() as conn:
            conn.execute(
                "UPDATE records SET kept = 0, reason = 'round-trip' WHERE id IN"
                " (SELECT id FROM records ORDER BY id DESC LIMIT ?)",
                (40 - kept,),
            )
    return project


def shown(theme: str, *keys: str) -> Callable[[Pilot[int]], object]:
    async def walk(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await quiet(pilot)
        for key in keys:
            await pilot.press(key)
            await quiet(pilot)
        await still(pilot)

    return walk


@LOOKS
def test_examples(snap_compare: Compare, full: Project, size: Size, theme: str) -> None:
    app = StudioApp(full, screen="examples")
    assert snap_compare(app, terminal_size=size, run_before=shown(theme, "j", "j", "j"))


@LOOKS
def test_examples_with_a_search(
    snap_compare: Compare, full: Project, size: Size, theme: str
) -> None:
    app = StudioApp(full, screen="examples")
    walk = shown(theme, "slash", *"退", "enter")
    assert snap_compare(app, terminal_size=size, run_before=walk)


@LOOKS
def test_examples_with_a_filter(
    snap_compare: Compare, full: Project, size: Size, theme: str
) -> None:
    app = StudioApp(full, screen="examples")
    assert snap_compare(app, terminal_size=size, run_before=shown(theme, "f", *"#zh"))


@LOOKS
def test_two_wordings(snap_compare: Compare, full: Project, size: Size, theme: str) -> None:
    store = full.store
    example = store.examples.all()[0]
    query = example.query + " and sleep in 卧室 🛏"
    mine = ExampleDraft(1, {**example.texts, "query": query}, "elsewhere")
    store.examples.edit(replace(example, query="may i write off a room that i only work in"))
    store.example_drafts.keep(mine)
    app = StudioApp(full, screen="examples")
    assert snap_compare(app, terminal_size=size, run_before=shown(theme, "d"))


@LOOKS
def test_no_example_yet(snap_compare: Compare, project: Project, size: Size, theme: str) -> None:
    for example in project.store.examples.all():
        project.store.examples.delete(example.id)
    app = StudioApp(project, screen="examples")
    assert snap_compare(app, terminal_size=size, run_before=shown(theme))


@pytest.fixture
def seeded(tmp_path: Path) -> Iterator[Project]:
    """Seeds with all that a list can show of them, and what came of the first one."""
    made = Project.create(tmp_path / "desk", title="Help desk", task="instructions")
    store = made.store
    setup.save_template(made)
    more = [
        ("Draw the plan of a barn with two doors.", "", "I cannot.", True),
        ("把下面的句子改写成问句。", "池塘很深。", "池塘很深吗？", True),
        ("Name a tree.", "", "", False),
    ]
    seeds = [
        Example("", text, type=INSTRUCTION, fields={"input": given, "output": out}, enabled=on)
        for text, given, out, on in more
    ]
    first, second, *_ = store.examples.add([*instructions.seeds(), *seeds])
    store.examples.tag(first, add=["tools", "list"], drop=[])
    store.examples.tag(second, add=["grammar"], drop=[])
    shots = store.shot_sets.save([store.examples.all()[0].revision_id])
    texts = [f"Name {n} parts of a cart 🛒 and what they are for." for n in range(2, 7)]
    made_of = (Record(INSTRUCTION, {"instruction": text, "output": "…"}) for text in texts)
    request = Request((Message("user", "x"),), "m", shot_set_id=shots)
    store.generations.save([Finished(request, Answer("a"), "", tuple(made_of))])
    yield made
    made.close()


SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@SIZES
def test_instructions(snap_compare: Compare, seeded: Project, size: Size) -> None:
    app = StudioApp(seeded, screen="examples")
    walk = shown("studio-dark", "j", "e", "tab")
    assert snap_compare(app, terminal_size=size, run_before=walk)


@SIZES
def test_two_wordings_of_an_instruction(snap_compare: Compare, seeded: Project, size: Size) -> None:
    store = seeded.store
    seed = store.examples.all()[1]
    mine = {**seed.texts, "output": "Is the pond deep, or is it not?"}
    store.examples.edit(seed.worded({"instruction": "Make the sentence a question."}))
    store.example_drafts.keep(ExampleDraft(seed.id, mine, "elsewhere"))
    app = StudioApp(seeded, screen="examples")
    assert snap_compare(app, terminal_size=size, run_before=shown("studio-dark", "j", "d"))


@SIZES
def test_no_instruction_yet(snap_compare: Compare, tmp_path: Path, size: Size) -> None:
    empty = Project.create(tmp_path / "desk", title="Help desk", task="instructions")
    app = StudioApp(empty, screen="examples")
    assert snap_compare(app, terminal_size=size, run_before=shown("studio-dark"))
    empty.close()
