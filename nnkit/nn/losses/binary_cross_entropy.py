"""Binary cross-entropy: each output is a probability of its own."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import ClassVar, Literal

import numpy as np

from nnkit.config.spec import Fraction, Positive
from nnkit.native.kernel_kinds import ActivationKind, LossKind
from nnkit.native.program import ProgramLoss
from nnkit.nn.loss import Array, ClassLoss, over_samples

PROBABILITIES = frozenset({"sigmoid", "hard_sigmoid", "softmax"})


class BinaryCrossEntropy(ClassLoss):
    """E = −Σ_k [ρ t_k ln y_k + (1 − t_k) ln(1 − y_k)], each output an independent probability.

    ρ is `positive_weight`; `label_smoothing` ε moves 0 and 1 to ε/2 and 1 − ε/2.
    """

    elsewhere: ClassVar[tuple[str, ...]] = (
        "bce",
        "log_loss",
        "binary_crossentropy",
        "bce_with_logits",
    )
    kind: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    output: ClassVar[str] = "sigmoid"
    fused: ClassVar[str | None] = "sigmoid"
    outputs: ClassVar[frozenset[str] | None] = PROBABILITIES
    expected_outputs: ClassVar[str] = "probabilities"
    soft: ClassVar[bool] = True
    positive_weight: Positive = 1.0
    label_smoothing: Fraction = 0.0

    def in_program(self) -> ProgramLoss:
        settings = self.positive_weight, self.label_smoothing
        return ProgramLoss(LossKind.BINARY_CROSS_ENTROPY, *settings, head=ActivationKind.SIGMOID)

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        T = self._smoothed(T)
        smallest = np.finfo(Y.dtype).eps  # at exactly 0 or 1 the loss would be infinite
        P = np.clip(Y, smallest, 1 - smallest)
        yes = Y.dtype.type(self.positive_weight) * T
        np.subtract((1 - T) / (1 - P), yes / P, out=dY)
        return over_samples(-yes * np.log(P) - (1 - T) * np.log1p(-P))

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        # −ln σ(z) = max(−z, 0) + ln(1 + e^−|z|), and −ln(1 − σ(z)) is that plus z
        T = self._smoothed(T)
        E = np.exp(-np.abs(Z))
        yes = Z.dtype.type(self.positive_weight) * T
        # σ(z) = 1/(1 + e^−|z|) for z ≥ 0, and 1 minus that for z < 0
        P = np.where(Z >= 0, 1, E) / (1 + E)
        Q = np.where(Z >= 0, E, 1) / (1 + E)  # 1 − σ(z), without cancellation
        np.subtract((1 - T) * P, yes * Q, out=dZ)
        softplus = np.log1p(E)
        return over_samples(
            yes * (softplus + np.maximum(-Z, 0)) + (1 - T) * (softplus + np.maximum(Z, 0))
        )

    def _smoothed(self, T: Array) -> Array:
        epsilon = T.dtype.type(self.label_smoothing)
        return T * (1 - epsilon) + epsilon / 2 if epsilon else T

    def target_error(self, T: Array) -> str | None:
        if ((T >= 0) & (T <= 1)).all():
            return None
        return f"but probabilities must be between 0 and 1; found {T.min():g} to {T.max():g}"
