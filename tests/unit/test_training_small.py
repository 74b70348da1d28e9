"""Small models for labelled tasks: trained, stopped, resumed, loaded, on tiny random networks."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from studio.records import Gold, Label, StudioError
from studio.training import small, small_model, small_settings, stopping
from studio.training.settings import TrainingPoint
from studio.training.small_settings import SmallSettings
from tests.support.data import datum
from tests.support.tiny_encoder import TOPICS, bert_encoder

LABELS = [Label("near"), Label("far")]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(bert_encoder(tmp_path_factory.mktemp("tiny")))


def texts(draws: int = 4) -> list[Gold]:
    """The first eight topics are near, the others far."""
    return [
        datum(f"what is the {topic} " + "of " * draw, "near" if place < 8 else "far")
        for draw in range(draws)
        for place, topic in enumerate(TOPICS)
    ]


def pairs(side: str = "context") -> list[Gold]:
    """One of the two texts decides; the other says nothing."""
    return [
        datum("what is of " * (draw + 1), item.label, item.text)
        if side == "context"
        else datum(item.text, item.label, "what is of " * (draw + 1))
        for draw in range(2)
        for item in texts(2)
    ]


def questions() -> list[Gold]:
    """The answer is the word after ``of``."""
    return [
        datum("what is", "", f"the {topic} of {other} is the {topic}", (other,))
        for topic in TOPICS[:8]
        for other in TOPICS[8:]
    ]


def slowly(seen: list[TrainingPoint]) -> Callable[[TrainingPoint], None]:
    """Notes each point and takes its time: a stop is asked for twice a second."""

    def note(point: TrainingPoint) -> None:
        seen.append(point)
        time.sleep(0.1)

    return note


def fast(tiny: str, **changed: object) -> SmallSettings:
    chosen = SmallSettings(
        base=tiny, batch_size=16, learning_rate=5e-3, epochs=12, warmup_steps=2, max_length=32
    )
    return replace(chosen, **{"device": "cpu", **changed})  # type: ignore[arg-type]


def test_a_classifier_learns_what_the_label_depends_on(tiny: str, tmp_path: Path) -> None:
    points: list[TrainingPoint] = []
    trained = small.train(
        texts(), LABELS, fast(tiny), tmp_path / "m", validation=texts(1), on_progress=points.append
    )
    assert trained.validation["accuracy"] >= 0.9
    assert any(point.score is not None for point in points)
    model = small.load(tmp_path / "m", "cpu")
    said = model.predict(
        [datum("what is the harbour ", "near"), datum("what is the willow ", "near")]
    )
    assert [(p.predicted, p.right) for p in said] == [("near", True), ("far", False)]
    assert all(0.5 <= p.confidence <= 1 for p in said)


def test_the_same_seed_gives_the_same_predictions(tiny: str, tmp_path: Path) -> None:
    settings = fast(tiny, epochs=2)
    for name in ("one", "two"):
        small.train(texts(), LABELS, settings, tmp_path / name, validation=texts(1))
    one, two = (small.load(tmp_path / name, "cpu").predict(texts(1)) for name in ("one", "two"))
    assert one == two


def test_a_stopped_training_goes_on_to_the_same_weights(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "_POLL_S", 0.0)
    settings = fast(tiny, epochs=4, log_every=1)
    small.train(texts(), LABELS, settings, tmp_path / "whole")
    seen: list[TrainingPoint] = []
    first = small.train(
        texts(),
        LABELS,
        settings,
        tmp_path / "broken",
        on_progress=seen.append,
        should_stop=lambda: any(point.step >= 5 for point in seen),
    )
    # In the midst of an epoch, which has four steps.
    assert (first.cancelled, first.steps) == (True, 6)
    after = small.train(texts(), LABELS, settings, tmp_path / "broken", resume=True)
    assert after.steps == 16
    whole, broken = (load_file(tmp_path / n / "model.safetensors") for n in ("whole", "broken"))
    assert all(whole[name].equal(broken[name]) for name in whole)


def test_checkpoints_of_other_data_are_refused(tiny: str, tmp_path: Path) -> None:
    seen: list[TrainingPoint] = []
    settings = fast(tiny, log_every=1)
    small.train(
        texts(),
        LABELS,
        settings,
        tmp_path / "m",
        on_progress=slowly(seen),
        should_stop=lambda: bool(seen),
    )
    with pytest.raises(StudioError, match="other pairs or settings"):
        small.train(texts(2), LABELS, settings, tmp_path / "m", resume=True)


@pytest.mark.parametrize("side", ["context", "text"])
def test_a_pair_classifier_reads_both_texts(side: str, tiny: str, tmp_path: Path) -> None:
    settings = fast(tiny, task="nli")
    items = pairs(side)
    trained = small.train(items, LABELS, settings, tmp_path / "m", validation=items)
    assert trained.validation["accuracy"] > 0.9


def test_class_weights_let_a_rare_label_be_said(tiny: str, tmp_path: Path) -> None:
    rare = [item for item in texts(6) if item.label == "near" or "willow" in item.text]
    settings = fast(tiny, class_weights=True, epochs=15)
    small.train(rare, LABELS, settings, tmp_path / "m")
    said = small.load(tmp_path / "m", "cpu").predict([datum("what is the willow of ", "far")])
    assert said[0].predicted == "far"


def test_a_reader_finds_the_span(tiny: str, tmp_path: Path) -> None:
    settings = fast(tiny, task="qa", epochs=15)
    trained = small.train(questions(), [], settings, tmp_path / "m", validation=questions()[:16])
    assert trained.validation["em"] > 0.7
    item = questions()[3]
    said = small.load(tmp_path / "m", "cpu").predict([item])[0]
    assert said.predicted in item.context


def test_a_reader_looks_into_every_window_of_a_long_passage(tiny: str, tmp_path: Path) -> None:
    settings = fast(tiny, task="qa", epochs=15, max_length=24, stride=8)
    filled = [
        replace(
            item,
            fields={**item.fields, "context": "is the " * 20 + item.context + " is the" * 20},
        )
        for item in questions()
    ]
    trained = small.train(filled, [], settings, tmp_path / "m", validation=filled[:16])
    assert trained.validation["em"] > 0.7


def test_an_item_longer_than_the_window_is_cut(tiny: str, tmp_path: Path) -> None:
    settings = fast(tiny, epochs=1)
    small.train(texts(), LABELS, settings, tmp_path / "m")
    long = datum("harbour " * 10_000, "near")
    assert len(small.load(tmp_path / "m", "cpu").predict([long, datum("", "far")])) == 2


def test_a_head_learns_in_a_moment(tiny: str, tmp_path: Path) -> None:
    settings = fast(tiny, kind="head")
    trained = small.train(texts(), LABELS, settings, tmp_path / "m", validation=texts(1))
    assert trained.validation["accuracy"] >= 0.9
    said = small.load(tmp_path / "m").predict(texts(1))
    assert small_model.scores("classification", texts(1), said)["accuracy"] >= 0.9


def test_a_head_reads_pairs(tiny: str, tmp_path: Path) -> None:
    settings = fast(tiny, kind="head", task="nli")
    trained = small.train(pairs(), LABELS, settings, tmp_path / "m", validation=pairs())
    assert trained.validation["accuracy"] > 0.8


def test_a_head_never_says_a_label_without_items(tiny: str, tmp_path: Path) -> None:
    three = [*LABELS, Label("nowhere")]
    small.train(texts(), three, fast(tiny, kind="head"), tmp_path / "m")
    assert {p.predicted for p in small.load(tmp_path / "m").predict(texts())} == {"near", "far"}


@pytest.mark.parametrize(
    ("items", "settings", "sentence"),
    [
        ([], SmallSettings(), "no item is kept"),
        ([datum("x", "near")], SmallSettings(), "All 1 items"),
        ([datum("x", "odd"), datum("y", "near")], SmallSettings(), "'odd'"),
        ([datum("q", "", "c", ("c",))], SmallSettings(task="qa", kind="head"), "cannot point"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    items: list[Gold], settings: SmallSettings, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(StudioError, match=sentence):
        small.train(items, LABELS, settings, tmp_path / "m")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="holds no small model"):
        small.load(tmp_path)


@pytest.mark.parametrize("kind", ["head", "finetune"])
def test_a_damaged_model_is_named(kind: str, tiny: str, tmp_path: Path) -> None:
    settings = fast(tiny, kind=kind, max_steps=1)
    small.train(texts(1), LABELS, settings, tmp_path / "m")
    file = next((tmp_path / "m").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(StudioError, match=r"The model .*m could not be loaded"):
        small.load(tmp_path / "m")


@pytest.mark.parametrize("kind", ["head", "finetune"])
def test_a_base_in_half_precision_is_trained_in_full(kind: str, tiny: str, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    half = SentenceTransformer(tiny, device="cpu").half()
    half.save_pretrained(str(tmp_path / "half"), create_model_card=False)
    settings = fast(str(tmp_path / "half"), kind=kind, max_steps=2)
    small.train(texts(1), LABELS, settings, tmp_path / "m", validation=texts(1))
    assert len(small.load(tmp_path / "m").predict(texts(1))) == 16


def test_a_head_finds_its_base_beside_it_after_a_move(tiny: str, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(tiny, models / "base")
    small.train(texts(), LABELS, fast(str(models / "base"), kind="head"), models / "m")
    before = small.load(models / "m").predict(texts(1))
    models.rename(tmp_path / "moved")
    after = small.load(tmp_path / "moved" / "m").predict(texts(1))
    assert [one.predicted for one in after] == [one.predicted for one in before]


def test_a_base_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"no encoder folder at .*nowhere"):
        small.train(texts(), LABELS, SmallSettings(base="./nowhere"), tmp_path / "m")


def test_the_paper_s_numbers_are_the_defaults_for_its_own_checkpoint() -> None:
    found = small_settings.defaults("nli", base=small_settings.PAPER_BASE)
    assert (found.batch_size, found.learning_rate, found.epochs) == (16, 1e-5, 20)


@pytest.mark.parametrize(("task", "kind"), [("qa", "finetune"), ("nli", "head")])
def test_settings_go_through_json(task: str, kind: small_settings.Kind) -> None:
    settings = small_settings.defaults(task, kind, base="x")
    if kind == "head":
        # It knows no batches and no rate: nothing is told of them.
        assert not {"batch_size", "learning_rate", "epochs"} & settings.as_row().keys()
        settings = replace(SmallSettings(task, kind, "x"), max_length=settings.max_length)
    assert SmallSettings.from_row(json.loads(json.dumps(settings.as_row()))) == settings
