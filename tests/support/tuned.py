"""A project of instructions with a tuned LLM, as a worker would have left it; nothing is loaded."""

from __future__ import annotations

from pathlib import Path

from studio.jobs import answering
from studio.llm.causal import AnswerLoss
from studio.project import Project
from studio.records import INSTRUCTION, Gold, Record, Split
from studio.runs import Model

ASKED = (
    ("Say when rye is sown.", "", "Rye is sown in autumn."),
    ("Translate into French.", "the mill", "le moulin"),
    ("把这句话变成问句。", "水车在转。", "水车在转吗？"),
    ("Name a tree by a river.", "", "The willow."),
)
BASE_ANSWERS = ("Rye is a grain.", "the mill", "水车", "The willow.")
TUNED_ANSWERS = ("Rye is sown in autumn.", "le mill", "水车在转吗？", "A tree 🌳 [bold]by[/] it.")


def fields(asked: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(INSTRUCTION.fields, asked, strict=True))


def make(folder: Path, title: str = "helpdesk") -> Project:
    """Kept instructions, and four gold ones of each split."""
    project = Project.create(folder, title=title, task="instructions")
    project.store.records.add(
        Record(INSTRUCTION, fields((f"Describe the mill number {n}.", "", f"It has {n} wheels.")))
        for n in range(12)
    )
    for split in ("validation", "test"):
        add_gold(project, split)
    return project


def add_gold(project: Project, split: Split) -> None:
    more = "" if split == "test" else " Be brief."
    project.store.gold.add(
        Gold(INSTRUCTION, fields((f"{one}{more}", given, output)), split, f"{split}-{n}")
        for n, (one, given, output) in enumerate(ASKED)
    )


def add_model(
    project: Project, name: str = "tuned-1", *, base: str = "smollm2-135m", scored: bool = True
) -> Model:
    """A tuned model with its job and curves, and what base and model answered to gold test."""
    store = project.store
    job = store.jobs.submit("tune", {"base": base, "name": name})
    with store.write() as conn:
        conn.execute("UPDATE jobs SET state = 'done', result = '{\"model_id\": 1}' WHERE id = ?",
                     (job,))  # fmt: skip
    loss = [(f"{name} loss", step, 3.0 / (1 + step / 20)) for step in range(1, 31)]
    held = zip(range(0, 31, 10), (3.1, 2.4, 2.1, 2.2), strict=True)
    on_gold = [(f"{name} loss on validation", step, value) for step, value in held]
    store.jobs.add_points(job, [*on_gold, *loss])
    scores = {
        "steps": 30,
        "best_step": 20,
        "trained_parameters": 4_884_480,
        "validation_loss": {"base": 3.1, "trained": 2.1},
        "left_out_gold": 1,
    }
    row = store.models.add(
        Model(
            name,
            f"models/{name}",
            base,
            snapshot_id=store.snapshots.take([one.id for one in store.records.all()]),
            job_id=job,
            settings={"rank": 16, "batch_size": 4, "learning_rate": 2e-4, "seed": 13},
            scores=scores,
        )
    )
    with store.write() as conn:
        conn.execute("UPDATE models SET created = '2026-03-01T09:00:00.000+00:00'")
    if scored:
        add_scores(project, row)
    model = store.models.get(row)
    assert model is not None
    return model


def add_scores(project: Project, row: int, answer_tokens: int = 256) -> None:
    """What an evaluation would have found."""
    store, found = project.store, {}
    names = [gold.outside_id for gold in store.gold.all("test")]
    references = [gold["output"] for gold in store.gold.all("test")]
    for system, answers, nats in (("base", BASE_ANSWERS, 21.0), ("trained", TUNED_ANSWERS, 14.0)):
        losses = [AnswerLoss(nats + n, 7) for n in range(len(names))]
        found[system] = answering.evaluation(
            system,
            names,
            losses,
            answers,
            references,
            gold="4 gold test instructions",
            split="test",
            model_id=row,
            answer_tokens=answer_tokens,
            seed=13,
        )
        store.evaluations.add(found[system])
    table = answering.summary(found, 13) | {"gold": "4 gold test instructions", "items": 4}
    model = store.models.get(row)
    assert model is not None
    store.models.set_scores(row, {**model.scores, "test": table})
