"""The base of losses whose outputs are one distribution over classes."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import ClassVar

import numpy as np

from nnkit.nn.loss import Array, ClassLoss


class SoftmaxLoss(ClassLoss):
    """A loss of one distribution over classes."""

    output: ClassVar[str] = "softmax"
    fused: ClassVar[str | None] = "softmax"
    single: ClassVar[bool] = False
    outputs: ClassVar[frozenset[str] | None] = frozenset({"softmax"})
    expected_outputs: ClassVar[str] = "a probability distribution over all classes"

    def target_error(self, T: Array) -> str | None:
        if (T < 0).any():
            return f"but probabilities must not be negative; found {T.min():g}"
        sums = T.sum(axis=1)
        wrong = np.flatnonzero(np.abs(sums - 1) > 1e-3)
        if len(wrong):
            return (
                f"but probabilities must sum to 1; those of sample {wrong[0]} give "
                f"{sums[wrong[0]]:g}"
            )
        return None


def shifted_exponentials(Z: Array) -> tuple[Array, Array, Array]:
    """Logits minus their maximum, the exponentials of these, and their sums over the classes."""
    shifted = Z - np.maximum.reduce(Z, axis=0)
    exponentials = np.exp(shifted)
    return shifted, exponentials, np.add.reduce(exponentials, axis=0)
