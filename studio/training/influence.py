"""Influence functions: which records helped a small model most (Koh and Liang 2017, as in ProGen).

The influence of a record z on the loss over a validation set is −∇L(V)ᵀ H⁻¹ ∇ℓ(z): negative where
more weight on z would have lowered that loss. ProGen's code takes the gradients of all weights and
estimates H⁻¹ by sampling. Here they are those of the **last layer** alone, a logistic regression on
what the model puts into it, refitted without the validation set: for a head on a frozen encoder
these are all weights that are trained; of a fine-tuned model the network below is taken as given.
There the loss is convex and the product with H⁻¹ is solved exactly.

The validation set is written by the LLM too, and some of its labels are wrong. L is therefore the
reverse cross-entropy −Σ p log q: the gradient is the usual one weighed by the probability that the
model gives to the label, so that what it finds absurd has no say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from studio.prompting.shots import stable_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHT_DECAY: Final = 0.005
"""ProGen's: times the sum of squared weights, beside the mean loss."""
SHARE: Final = 10
"""One record in so many is held aside as the validation set …"""
MOST: Final = 1_000
"""… up to so many."""
MAX_ITERATIONS: Final = 500


def held_aside(texts: Sequence[str], seed: int) -> list[int]:
    """The places of the synthetic validation set: drawn by text, so that it stays as data grows."""
    order = sorted(range(len(texts)), key=lambda at: stable_number("validation", seed, texts[at]))
    return sorted(order[: min(MOST, -(-len(texts) // SHARE))])


def most_helpful(
    features: NDArray[np.float32], labels: Sequence[str], aside: Sequence[int]
) -> list[int]:
    """The places of the records that lower the loss on those held aside, the most helpful first.

    features: records×dimensions, what goes into the last layer. Empty when what is left to learn
    from has one label only.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    inside = np.setdiff1d(np.arange(len(labels)), aside)
    known = sorted({labels[at] for at in inside})
    if len(known) < 2:
        return []
    aside = [at for at in aside if labels[at] in known]
    # A column of ones stands for the bias.
    inputs = np.hstack([features.astype(np.float64), np.ones((len(labels), 1))])
    strength = 1 / (2 * WEIGHT_DECAY * len(inside))
    regression = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS, fit_intercept=False)
    regression.fit(inputs[inside], [labels[at] for at in inside])
    shares = regression.predict_proba(inputs)
    right = np.asarray([[label == name for name in known] for label in labels], dtype=np.float64)
    errors = shares - right
    doubted = (shares * right).sum(axis=1, keepdims=True) * errors
    gradient = doubted[aside].T @ inputs[aside] / max(len(aside), 1)
    solved = _over_hessian(gradient, inputs[inside], shares[inside])
    scores = -(errors[inside] * (inputs[inside] @ solved.T)).sum(axis=1)
    return [int(inside[at]) for at in np.argsort(scores, kind="stable") if scores[at] < 0]


def _over_hessian(
    gradient: NDArray[np.float64], inputs: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """H⁻¹ times a gradient (labels×dimensions), by conjugate gradients: H is never written out."""
    import numpy as np
    from scipy.sparse.linalg import LinearOperator, cg

    def product(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        vector = flat.reshape(gradient.shape)
        moved = shares * (inputs @ vector.T)
        moved -= shares * moved.sum(axis=1, keepdims=True)
        found = moved.T @ inputs / len(inputs) + 2 * WEIGHT_DECAY * vector
        return np.asarray(found.ravel())

    size = gradient.size
    hessian = LinearOperator((size, size), matvec=product, dtype=np.float64)
    solved, _ = cg(hessian, gradient.ravel(), rtol=1e-6, maxiter=MAX_ITERATIONS)
    return np.asarray(solved.reshape(gradient.shape))
