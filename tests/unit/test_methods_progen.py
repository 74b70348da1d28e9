"""ProGen: what helped the model most is found, and shown to the LLM."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from studio import methods
from studio.calls import Answer
from studio.jobs.influence import helpful_records
from studio.jobs.plans import Beginning, FixedCorpus
from studio.methods.progen import ProGenSettings
from studio.methods.protocol import TURNS, Ask, Plan, drafts_in, first_round
from studio.methods.s3 import FORM
from studio.prompting.builtin import builtin
from studio.records import LABELLED_TEXT, SENTENCE_PAIR, Document, Label, Reason, Record
from studio.training import small
from studio.training.influence import held_aside, most_helpful
from studio.training.small_settings import SmallSettings
from tests.support.tiny_encoder import bert_encoder

LABELS = (Label("pos", "a satisfied customer"), Label("neg", "a dissatisfied customer"))
MILL = Document("a", "", "The mill was built by Anna Berg in 1901.", id=1)
HELPFUL = {
    label: [
        Record(LABELLED_TEXT, {"text": f"what they said of number {n}, {label}", "label": label})
        for n in range(60)
    ]
    for label in ("pos", "neg")
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_encoder(tmp_path_factory.mktemp("tiny"))


def asks(
    task: str = "classification",
    batch: int = 0,
    *,
    helpful: dict[str, list[Record]] = HELPFUL,
    room: int | None = 200,
    **settings: float,
) -> list[Ask]:
    stage = methods.get("progen", task).stage("feedback")
    made = Beginning(helpful=helpful, room=room)
    return list(stage.ask(plan(task, **settings), batch, made))


def plan(task: str = "classification", **settings: float) -> Plan:
    told = replace(ProGenSettings(), **settings)  # type: ignore[arg-type]
    return Plan(FORM.parse(builtin(task, "s3")), "m", FixedCorpus([MILL]), told, labels=LABELS)


def shown(ask: Ask) -> list[str]:
    return [one.content for one in ask.request.messages if one.role == "assistant"]


def test_half_of_the_requests_show_eight_helpful_texts_of_their_label() -> None:
    found = asks()
    assert Counter(one.fields["label"] for one in found) == {"pos": 100, "neg": 100}
    with_examples = [one for one in found if one.unlike]
    assert 75 <= len(with_examples) <= 125
    for one in with_examples:
        assert len(one.unlike) == 8
        assert shown(one) == list(one.unlike)
        top = [record.text for record in HELPFUL[one.fields["label"]][:50]]
        assert set(one.unlike) <= set(top)
    assert len({one.unlike for one in with_examples}) == len(with_examples), "drawn each time"


def test_the_others_are_asked_as_zerogen_asks() -> None:
    bare = next(one for one in asks() if not one.unlike and one.fields["label"] == "pos")
    seed = next(methods.get("zerogen", "classification").stages[0].ask(plan(), 0, Beginning()))
    assert bare.request.messages == seed.request.messages
    assert asks(share=0)[0].unlike == ()
    assert len(asks(share=1, shown=3, room=4)[0].unlike) == 3


def test_a_request_is_decided_by_its_batch_and_place() -> None:
    assert asks(room=5) == asks()[:5]
    first, second = ({one.request.sha for one in asks(batch=n)} for n in (0, 1))
    assert first.isdisjoint(second)
    assert len(first) == 200
    assert len(asks(room=None, seed_records=7)) == 7
    assert [first_round("influence", n) for n in range(2 * TURNS)] == [1] * TURNS + [2] * TURNS


def test_a_pair_is_shown_with_its_context() -> None:
    fields = {"hypothesis": "A house stood there.", "premise": "The house fell.", "label": "pos"}
    pair = {"pos": [Record(SENTENCE_PAIR, fields)]}
    found = asks("nli", helpful=pair, share=1, room=1)[0]
    users = [one.content for one in found.request.messages if one.role == "user"]
    assert len(users) == 2
    assert "The house fell." in users[0]
    assert MILL.text in users[1]
    assert found.document == MILL


def test_an_example_that_is_said_over_again_is_dropped() -> None:
    found = asks(share=1, room=1)[0]
    stage = methods.get("progen", "classification").stage("feedback")
    said = Answer(f"{found.unlike[0].capitalize()}!")
    assert drafts_in(stage, plan(), found, said)[0].reason == Reason.COPIED


def test_what_is_labelled_wrong_is_never_helpful_and_what_is_typical_is() -> None:
    drawn = np.random.default_rng(1)
    labels = ["a", "b"] * 60
    places = np.asarray([[1.0, 0.3] if label == "a" else [-1.0, 0.3] for label in labels])
    features = (places + drawn.normal(0, 0.4, places.shape)).astype(np.float32)
    wrong = [8, 21, 54]
    told = [("a" if own == "b" else "b") if at in wrong else own for at, own in enumerate(labels)]
    aside = list(range(100, 120))
    found = most_helpful(features, told, aside)
    assert found
    assert not {*found} & {*aside, *wrong}
    assert {told[at] for at in found} == {"a", "b"}


def test_the_product_with_the_inverse_hessian_is_exact() -> None:
    # What the influence says of a record is what leaving it out does, by a refit without it.
    drawn = np.random.default_rng(2)
    features = drawn.normal(0, 1, (40, 3)).astype(np.float32)
    labels = ["a" if one[0] + 0.5 * drawn.normal() > 0 else "b" for one in features]
    aside = list(range(30, 40))
    order = most_helpful(features, labels, aside)

    def loss_without(left_out: int) -> float:
        from sklearn.linear_model import LogisticRegression

        inside = [at for at in range(30) if at != left_out]
        inputs = np.hstack([features, np.ones((40, 1))])
        refitted = LogisticRegression(C=1 / (0.01 * 30), fit_intercept=False, max_iter=500)
        refitted.fit(inputs[inside], [labels[at] for at in inside])
        names = list(refitted.classes_)
        shares = refitted.predict_proba(inputs[aside])
        return -float(np.mean([shares[n, names.index(labels[at])] for n, at in enumerate(aside)]))

    whole = loss_without(-1)
    rises = [loss_without(at) - whole for at in order]
    assert np.mean(rises[:5]) > np.mean(rises[-5:])
    assert sum(rise > 0 for rise in rises) >= 0.9 * len(rises)


def test_the_validation_set_stays_as_data_grows_and_is_a_tenth() -> None:
    texts = [f"text {n}" for n in range(400)]
    before = {texts[at] for at in held_aside(texts[:200], 1)}
    after = {texts[at] for at in held_aside(texts, 1)}
    assert (len(before), len(after)) == (20, 40)
    assert len(before & after) > 10
    assert most_helpful(np.ones((3, 2), dtype=np.float32), ["a", "a", "b"], [2]) == []


@pytest.mark.parametrize("kind", ["head", "finetune"])
def test_a_model_of_either_kind_tells_what_helped_it(kind: str, tmp_path: Path, tiny: Path) -> None:
    topics = {"pos": ("mill", "bridge"), "neg": ("barn", "pond")}
    data = [
        Record(LABELLED_TEXT, {"text": f"the {topic} is {n}", "label": label}, id=n)
        for n in range(12)
        for label, both in topics.items()
        for topic in both
    ]
    settings = SmallSettings(kind=kind, base=str(tiny), max_steps=4)  # type: ignore[arg-type]
    out = tmp_path / kind
    small.train(data, LABELS, settings, out)
    found = helpful_records(out, data, 3)
    assert found == helpful_records(out, data, 3)
    assert set(found) <= {"pos", "neg"}
    assert all(one.label == label for label, records in found.items() for one in records)
    assert sum(len(records) for records in found.values()) > 0
