"""What a round's model learnt most from: the records of each label by their influence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studio.records import Record
from studio.training import small
from studio.training.influence import held_aside, most_helpful
from studio.training.small_model import FeatureModel


def helpful_records(model: Path, records: Sequence[Record], seed: int) -> dict[str, list[Record]]:
    """Label → its helpful records, the most helpful first; empty for what no record helps.

    model: the folder of one that is trained on them.
    """
    loaded = small.load(model)
    assert isinstance(loaded, FeatureModel), "only what tells labels apart has a last layer"
    aside = held_aside([record.text for record in records], seed)
    order = most_helpful(loaded.features(records), [record.label for record in records], aside)
    found: dict[str, list[Record]] = {}
    for at in order:
        found.setdefault(records[at].label, []).append(records[at])
    return found
