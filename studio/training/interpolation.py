"""Averaging the weights before and after training (WiSE-FT, Wortsman et al., CVPR 2022).

A model between the two often keeps what the base knew and still gains what the training taught.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

    Weights = Mapping[str, Tensor]

SHARES = (0.25, 0.5, 0.7)
"""What is tried on the validation set beside the trained weights themselves."""


def weights_of(model: SentenceTransformer) -> Weights:
    """A copy of the weights in main memory."""
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def blend(model: SentenceTransformer, before: Weights, after: Weights, share: float) -> None:
    """Set the model to (1 - share)·before + share·after; whole numbers are taken from after."""
    mixed = {
        name: tensor if not tensor.is_floating_point() else before[name].lerp(tensor, share)
        for name, tensor in after.items()
    }
    model.load_state_dict(mixed)


def blend_best(
    model: SentenceTransformer,
    before: Weights,
    score: Callable[[], float],
    trained_score: float,
) -> tuple[float, float]:
    """Set the model to the share that scores best.

    Args:
        model: with its trained weights.
        before: the anchor's weights.
        score: scores the model as it is.
        trained_score: the score of the trained weights, known already.

    Returns:
        The share and its score. Equal scores go to the larger share.
    """
    after = weights_of(model)
    tried = [(trained_score, 1.0)]
    for share in SHARES:
        blend(model, before, after, share)
        tried.append((score(), share))
    best, share = max(tried)
    blend(model, before, after, share)
    return share, best
