"""Cross-entropy of classes, and the losses that differ from it by a term or by the outputs."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import ClassVar, Literal

import numpy as np

from nnkit.config.spec import Fraction, NonNegative
from nnkit.native.kernel_kinds import ActivationKind, LossKind
from nnkit.native.program import ProgramLoss
from nnkit.nn.loss import Array, mean, over_samples, parts_of
from nnkit.nn.losses.softmax_loss import SoftmaxLoss, shifted_exponentials


class CrossEntropy(SoftmaxLoss):
    """E = −Σ_k t_k ln y_k, the outputs one distribution over classes (Bishop 2006, eq. 4.108).

    With `label_smoothing` ε over K classes, t_k becomes (1 − ε) t_k + ε/K (Szegedy et al. 2016).
    """

    elsewhere: ClassVar[tuple[str, ...]] = (
        "ce",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "softmax",
    )
    kind: Literal["cross_entropy"] = "cross_entropy"
    soft: ClassVar[bool] = True
    label_smoothing: Fraction = 0.0

    def in_program(self) -> ProgramLoss:
        kind = LossKind.SOFTMAX_CROSS_ENTROPY
        return ProgramLoss(kind, b=self.label_smoothing, head=ActivationKind.SOFTMAX)

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        T = self._smoothed(T)
        P = np.maximum(Y, np.finfo(Y.dtype).tiny)
        np.divide(T, -P, out=dY)
        return -over_samples(T * np.log(P))

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        # −Σ t_k ln softmax(z)_k = Σ t_k · (ln Σ_j e^{z_j} − z_k), shifted by the largest z
        T = self._smoothed(T)
        shifted, exponentials, totals = shifted_exponentials(Z)
        np.divide(exponentials, totals, out=dZ)
        np.subtract(dZ, T, out=dZ)
        return over_samples(np.log(totals)[None]) - over_samples(T * shifted)

    def from_logits(self, Z: Array, T: Array, dZ: Array, weights: Array | None = None) -> float:
        if T.ndim < Z.ndim:
            return mean(self.losses_of_classes(Z, T, dZ), dZ, weights)
        if weights is not None:
            return super().from_logits(Z, T, dZ, weights)
        T = self._smoothed(T)
        samples = Z.shape[-1]
        np.subtract(Z, np.maximum.reduce(Z, axis=0), out=dZ)
        wanted = float(np.vdot(T, dZ))
        np.exp(dZ, out=dZ)
        totals = np.add.reduce(dZ, axis=0)  # (…, N)
        loss = (float(np.add.reduce(np.log(totals), axis=None)) - wanted) / samples
        np.divide(dZ, totals, out=dZ)
        np.subtract(dZ, T, out=dZ)
        np.multiply(dZ, 1 / samples, out=dZ)
        return loss

    def losses_of_classes(self, Z: Array, T: Array, dZ: Array) -> Array:
        """Each sample's loss, (N,), for class numbers T (N,), without coding them.

        The gradient dZ may take the place of Z.
        """
        losses, epsilon = np.empty(T.shape, Z.dtype), Z.dtype.type(self.label_smoothing)
        for part in parts_of(Z):
            d, own = dZ[:, part], losses[part]
            true = T[part], np.arange(len(own))
            np.subtract(Z[:, part], np.maximum.reduce(Z[:, part], axis=0), out=d)
            np.multiply(d[true], epsilon - 1, out=own)
            if epsilon:
                own -= np.add.reduce(d, axis=0) * (epsilon / len(d))
            np.exp(d, out=d)
            totals = np.add.reduce(d, axis=0)
            own += np.log(totals)
            d /= totals
            if epsilon:
                d -= epsilon / len(d)
            d[true] -= 1 - epsilon
        return losses

    def _smoothed(self, T: Array) -> Array:
        if not self.label_smoothing:
            return T
        epsilon = T.dtype.type(self.label_smoothing)
        return T * (1 - epsilon) + epsilon / len(T)


class KLDivergence(SoftmaxLoss):
    """E = Σ_k t_k ln(t_k/y_k) (Kullback & Leibler 1951).

    The cross-entropy minus the entropy of the targets.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("kl", "kld", "kl_div")
    kind: Literal["kl_divergence"] = "kl_divergence"
    soft: ClassVar[bool] = True

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        P = np.maximum(Y, np.finfo(Y.dtype).tiny)
        np.divide(T, -P, out=dY)
        return over_samples(_t_log_t(T) - T * np.log(P))

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        shifted, exponentials, totals = shifted_exponentials(Z)
        np.multiply(exponentials / totals, np.add.reduce(T, axis=0), out=dZ)
        np.subtract(dZ, T, out=dZ)
        return over_samples(_t_log_t(T) - T * (shifted - np.log(totals)))


def _t_log_t(T: Array) -> Array:
    """T · ln t, and 0 where t is 0."""
    return T * np.log(np.where(T > 0, T, 1))


class NegativeLogLikelihood(SoftmaxLoss):
    """E = −Σ_k t_k y_k, the outputs log-probabilities of the classes, as of `log_softmax`."""

    elsewhere: ClassVar[tuple[str, ...]] = ("nll", "nll_loss")
    kind: Literal["negative_log_likelihood"] = "negative_log_likelihood"
    output: ClassVar[str] = "log_softmax"
    fused: ClassVar[str | None] = None
    soft: ClassVar[bool] = True
    outputs: ClassVar[frozenset[str] | None] = frozenset({"log_softmax"})
    expected_outputs: ClassVar[str] = "log-probabilities of all classes"

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        np.negative(T, out=dY)
        return -over_samples(T * Y)


class MaximumAPosteriori(SoftmaxLoss):
    """E = −Σ_k t_k y_k + ln(e^−j + Σ_k e^y_k), the outputs −y_k penalties such as those of `rbf`.

    −ln of the probability of the true class, if a sample may also belong to a rubbish class, whose
    penalty is j, the setting `rubbish` (LeCun et al. 1998, eq. 9). Penalties far above j are not
    increased further; if all of them are, only that of the true class is reduced.
    """

    kind: Literal["map"] = "map"
    shorthand: ClassVar[str | None] = "rubbish"
    output: ClassVar[str] = "identity"
    fused: ClassVar[str | None] = None
    soft: ClassVar[bool] = True
    outputs: ClassVar[frozenset[str] | None] = None
    expected_outputs: ClassVar[str] = "negated penalties"
    rubbish: NonNegative = 1.0

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        rubbish = -Y.dtype.type(self.rubbish)
        largest = np.maximum(np.maximum.reduce(Y, axis=0), rubbish)
        np.exp(Y - largest, out=dY)
        totals = np.add.reduce(dY, axis=0) + np.exp(rubbish - largest)
        np.divide(dY, totals, out=dY)
        np.subtract(dY, T, out=dY)
        return over_samples((np.log(totals) + largest)[None]) - over_samples(T * Y)


AnyCrossEntropy = CrossEntropy | KLDivergence | NegativeLogLikelihood | MaximumAPosteriori
