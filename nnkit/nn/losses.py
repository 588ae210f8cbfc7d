"""Losses: the objective to minimize and its gradient, both means over the batch."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from abc import abstractmethod
from collections.abc import Callable, Iterator
from math import log
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nnkit.config.spec import Component, Fraction, NonNegative, Positive, Tagged
from nnkit.native.program import ProgramLoss
from nnkit.native.structures import ActivationKind, LossKind

Array = NDArray[Any]
Coding = Literal["binary", "signed", "number"]
PROBABILITIES = frozenset({"sigmoid", "hard_sigmoid", "softmax"})
PART = 1 << 20  # bytes of outputs whose class numbers are coded at a time


class Loss(Component):
    """A loss E(Y, T), averaged over the N samples of a batch; Y and T have shape (outputs, …, N).

    If Y has shape (outputs, N), T may also be the number of the class of each sample, (N,). These
    are coded a part of the batch at a time, since a code is as large as the outputs.

    With weights w (N,) the average is Σ w_n ℓ_n / Σ w_n, as PyTorch computes it for class weights.

    Attributes:
        output: the output activation that goes with it, used where the config names none.
        fused: the output activation whose gradient is computed together with the loss, from the
            logits, because that is stable and cheap; `from_logits` then stands in for `__call__`.
        coding: what the two classes of a yes/no unit are: `binary` 0 and 1, `signed` −1 and 1;
            `number` where targets are not classes by nature.
        soft: whether targets between the codes make sense, such as probabilities.
        single: whether one unit can stand for two classes.
        outputs: the output activations it can learn from; None for any.
        expected_outputs: a description of these outputs.
    """

    output: ClassVar[str] = "identity"
    fused: ClassVar[str | None] = None
    coding: ClassVar[Coding] = "number"
    soft: ClassVar[bool] = False
    single: ClassVar[bool] = True
    outputs: ClassVar[frozenset[str] | None] = None
    expected_outputs: ClassVar[str] = "numbers"

    @abstractmethod
    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        """Each sample's loss ℓ, (N,); writes dℓ/dY, same shape as Y, into dY."""

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        """Each sample's loss ℓ of f(Z), (N,), f the `fused` activation; writes dℓ/dZ into dZ."""
        raise NotImplementedError(f"{self.tag()} has no fused form")

    def __call__(self, Y: Array, T: Array, dY: Array, weights: Array | None = None) -> float:
        """The mean loss; writes dE/dY, same shape as Y, into dY."""
        if T.ndim < Y.ndim:
            return mean(self._of_classes(self.per_sample, Y, T, dY), dY, weights)
        return mean(self.per_sample(Y, T, dY), dY, weights)

    def from_logits(self, Z: Array, T: Array, dZ: Array, weights: Array | None = None) -> float:
        """The mean loss of f(Z), f the `fused` activation; writes dE/dZ into dZ."""
        if T.ndim < Z.ndim:
            return mean(self._of_classes(self.per_sample_from_logits, Z, T, dZ), dZ, weights)
        return mean(self.per_sample_from_logits(Z, T, dZ), dZ, weights)

    def _of_classes(
        self, per_sample: Callable[[Array, Array, Array], Array], Y: Array, T: Array, dY: Array
    ) -> Array:
        """Each sample's loss, (N,), for class numbers T (N,); writes its gradient into dY."""
        losses = np.empty(T.shape, Y.dtype)
        for part in _parts(Y):
            coded = self.coded(T[part], len(Y), Y.dtype)
            losses[part] = per_sample(Y[:, part], coded, dY[:, part])
        return losses

    def coded(self, classes: Array, outputs: int, dtype: np.dtype[Any]) -> Array:
        """The targets (outputs, N) that stand for class numbers (N,)."""
        off = -1 if self.coding == "signed" else 0
        if outputs == 1:
            return (classes * (1 - off) + off).astype(dtype)[None]
        T = np.full((outputs, len(classes)), off, dtype)
        T[classes, np.arange(len(classes))] = 1
        return T

    def in_program(self) -> ProgramLoss | None:
        """The loss in compiled programs, with these settings; None if they do not know it."""
        return None

    def target_error(self, T: Array) -> str | None:
        """The reason why real targets T are invalid, as the end of a sentence; None if valid.

        Args:
            T: (n, outputs).
        """
        return None


def _parts(Y: Array) -> Iterator[slice]:
    """Yields parts of the samples of Y (outputs, N) that take about `PART` bytes."""
    size = max(1, PART // (len(Y) * Y.dtype.itemsize))
    for start in range(0, Y.shape[1], size):
        yield slice(start, start + size)


def mean(losses: Array, gradient: Array, weights: Array | None) -> float:
    """The (weighted) mean of losses (N,); scales their gradients (…, N) in place to match."""
    if weights is None:
        np.multiply(gradient, gradient.dtype.type(1 / len(losses)), out=gradient)
        return float(np.add.reduce(losses)) / len(losses)
    total = float(np.add.reduce(weights))
    if total == 0:  # all samples of the batch are ignored
        gradient.fill(0)
        return 0.0
    np.multiply(gradient, weights / gradient.dtype.type(total), out=gradient)
    return float(np.dot(weights, losses)) / total


def over_samples(values: Array) -> Array:
    """Sums values (outputs, …, N) over all axes but the last, to (N,)."""
    return np.add.reduce(values.reshape(-1, values.shape[-1]), axis=0)


class SquaredError(Loss):
    """E = ½ Σ_k (y_k − t_k)², summed over outputs; without the ½ if `half` is false."""

    elsewhere: ClassVar[tuple[str, ...]] = ("mse", "mean_squared_error", "mse_loss", "l2")
    kind: Literal["squared_error"] = "squared_error"
    half: bool = True

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.SQUARED_ERROR, 0.5 if self.half else 1.0)

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        scale = dY.dtype.type(0.5 if self.half else 1)
        np.subtract(Y, T, out=dY)
        losses = over_samples(dY * dY) * scale
        np.multiply(dY, 2 * scale, out=dY)
        return losses

    def __call__(self, Y: Array, T: Array, dY: Array, weights: Array | None = None) -> float:
        if weights is not None or T.ndim < Y.ndim:
            return super().__call__(Y, T, dY, weights)
        scale = (0.5 if self.half else 1.0) / Y.shape[-1]
        np.subtract(Y, T, out=dY)
        loss = float(np.vdot(dY, dY)) * scale
        np.multiply(dY, 2 * scale, out=dY)
        return loss


class _Residual(Loss):
    """A loss Σ_k ρ(y_k − t_k) of the residuals, for regression."""

    @abstractmethod
    def penalty(self, R: Array, slope: Array) -> Array:
        """Returns ρ(r) for residuals R (outputs, …, N) and writes ρ′(r) into `slope`.

        R may be overwritten.
        """

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        return over_samples(self.penalty(Y - T, dY))


class AbsoluteError(_Residual):
    """E = Σ_k |y_k − t_k|, minimized by the median; the derivative at 0 is taken as 0."""

    elsewhere: ClassVar[tuple[str, ...]] = ("mae", "mean_absolute_error", "l1", "l1_loss")
    kind: Literal["absolute_error"] = "absolute_error"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.ABSOLUTE_ERROR)

    def penalty(self, R: Array, slope: Array) -> Array:
        np.sign(R, out=slope)
        return np.abs(R)


class Huber(_Residual):
    """E = Σ_k ½r² where |r| ≤ δ, else δ(|r| − ½δ), with r = y − t (Huber 1964)."""

    elsewhere: ClassVar[tuple[str, ...]] = ("smooth_l1",)
    kind: Literal["huber"] = "huber"
    shorthand: ClassVar[str | None] = "delta"
    delta: Positive = 1.0

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.HUBER, self.delta)

    def penalty(self, R: Array, slope: Array) -> Array:
        np.clip(R, -self.delta, self.delta, out=slope)
        return slope * (R - slope / 2)


class LogCosh(_Residual):
    """E = Σ_k ln cosh(y_k − t_k): ½r² for small r, |r| − ln 2 for large ones; ρ′ = tanh r."""

    kind: Literal["log_cosh"] = "log_cosh"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.LOG_COSH)

    def penalty(self, R: Array, slope: Array) -> Array:
        np.tanh(R, out=slope)
        size = np.abs(R)
        return size + np.log1p(np.exp(-2 * size)) - R.dtype.type(log(2))


class Quantile(_Residual):
    """E = Σ_k level·(t − y) where t > y, else (1 − level)·(y − t) (Koenker & Bassett 1978).

    Its minimum is the quantile of that level; the derivative at 0 is taken as 1 − level.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("pinball",)
    kind: Literal["quantile"] = "quantile"
    shorthand: ClassVar[str | None] = "level"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.5

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.QUANTILE, self.level)

    def penalty(self, R: Array, slope: Array) -> Array:
        np.copyto(slope, np.where(R < 0, -self.level, 1 - self.level))
        return R * slope


class Cosine(Loss):
    """E = 1 − cos(y, t), the cosine distance between the vectors of outputs and targets.

    Never negative, as in PyTorch; Keras leaves out the 1.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("cosine_similarity",)
    kind: Literal["cosine"] = "cosine"
    smallest: ClassVar[float] = 1e-8  # length, so that the angle of a zero vector is defined

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        y, t = (np.maximum(np.linalg.norm(A, axis=0), self.smallest) for A in (Y, T))  # lengths
        cosine = np.add.reduce(Y * T, axis=0) / (y * t)
        np.subtract((cosine / y) * (Y / y), T / (y * t), out=dY)
        return over_samples((1 - cosine)[None])


class Poisson(Loss):
    """E = Σ_k y_k − t_k ln y_k, for counts t with the expected count y = e^z.

    Poisson regression (McCullagh & Nelder 1989, ch. 6). The constant ln t! is left out, as in
    PyTorch.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("poisson_nll",)
    kind: Literal["poisson"] = "poisson"
    output: ClassVar[str] = "exponential"
    fused: ClassVar[str | None] = "exponential"
    outputs: ClassVar[frozenset[str] | None] = frozenset({"exponential", "softplus"})
    expected_outputs: ClassVar[str] = "positive rates"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.POISSON, head=ActivationKind.EXPONENTIAL)

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        rates = np.maximum(Y, np.finfo(Y.dtype).eps ** 2)  # so that t/y stays finite
        np.subtract(1, T / rates, out=dY)
        return over_samples(Y - T * np.log(rates))

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        rates = np.exp(Z)
        np.subtract(rates, T, out=dZ)
        return over_samples(rates - T * Z)

    def target_error(self, T: Array) -> str | None:
        return None if (T >= 0).all() else f"but counts must not be negative; found {T.min():g}"


class ClassLoss(Loss):
    """A loss for targets that are classes, which may count differently."""

    coding: ClassVar[Coding] = "binary"
    class_weights: Literal["balanced"] | dict[str, NonNegative] | None = Field(
        None,
        description="The weight of the samples of each class; 1 if not listed. `balanced` gives "
        "all classes the same total weight in the training set.",
    )
    ignored: str | None = Field(None, description="A class whose samples have weight 0.")


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


class BinaryFocal(ClassLoss):
    """E = −Σ_k α_t (1 − p_t)^γ ln p_t (Lin et al. 2017, eq. 5).

    Here p_t is the probability assigned to the true class; α_t is `alpha` for the positive class
    and 1 − `alpha` for the negative one, or 1 for both without `alpha`.
    """

    kind: Literal["binary_focal"] = "binary_focal"
    shorthand: ClassVar[str | None] = "gamma"
    output: ClassVar[str] = "sigmoid"
    fused: ClassVar[str | None] = "sigmoid"
    outputs: ClassVar[frozenset[str] | None] = PROBABILITIES
    expected_outputs: ClassVar[str] = "probabilities"
    gamma: NonNegative = 2.0
    alpha: Annotated[float, Field(gt=0, lt=1)] | None = None

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        smallest = np.finfo(Y.dtype).eps
        P = np.clip(Y, smallest, 1 - smallest)
        right = np.where(T > 0.5, P, 1 - P)
        losses, slope = _focal(right, np.log(right), self._balance(T), self.gamma)
        np.multiply(np.where(T > 0.5, 1, -1), slope / right, out=dY)
        return over_samples(losses)

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        towards = np.where(T > 0.5, Z, -Z)  # p_t = σ(towards)
        log_right = np.minimum(towards, 0) - np.log1p(np.exp(-np.abs(towards)))
        right = np.exp(log_right)
        losses, slope = _focal(right, log_right, self._balance(T), self.gamma)
        np.multiply(np.where(T > 0.5, 1, -1), slope * (1 - right), out=dZ)
        return over_samples(losses)

    def _balance(self, T: Array) -> Array:
        alpha = 1.0 if self.alpha is None else np.where(T > 0.5, self.alpha, 1 - self.alpha)
        return np.broadcast_to(np.asarray(alpha, dtype=T.dtype), T.shape)


def _focal(P: Array, log_P: Array, weight: Array, gamma: float) -> tuple[Array, Array]:
    """Returns −weight·(1 − p)^γ ln p and its derivative with respect to ln p."""
    wrong = 1 - P
    factor = weight * wrong**gamma
    # (1 − p)^(γ−1) is infinite at p = 1 for γ < 1; the term's limit there is 0, since ln 1 = 0
    bend = gamma * np.where(wrong > 0, wrong, 1) ** (gamma - 1)
    return -factor * log_P, weight * bend * P * log_P - factor


class _Softmax(ClassLoss):
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


def _shifted(Z: Array) -> tuple[Array, Array, Array]:
    """Logits minus their maximum, the exponentials of these, and their sums over the classes."""
    shifted = Z - np.maximum.reduce(Z, axis=0)
    exponentials = np.exp(shifted)
    return shifted, exponentials, np.add.reduce(exponentials, axis=0)


class CrossEntropy(_Softmax):
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
        shifted, exponentials, totals = _shifted(Z)
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
        for part in _parts(Z):
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


class Focal(_Softmax):
    """E = −Σ_k t_k (1 − y_k)^γ ln y_k: well-classified samples count less (Lin et al. 2017)."""

    kind: Literal["focal"] = "focal"
    shorthand: ClassVar[str | None] = "gamma"
    gamma: NonNegative = 2.0

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        P = np.maximum(Y, np.finfo(Y.dtype).tiny)
        losses, slope = _focal(P, np.log(P), T, self.gamma)
        np.divide(slope, P, out=dY)
        return over_samples(losses)

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        shifted, exponentials, totals = _shifted(Z)
        P = exponentials / totals
        losses, slope = _focal(P, shifted - np.log(totals), T, self.gamma)
        np.subtract(slope, P * np.add.reduce(slope, axis=0), out=dZ)
        return over_samples(losses)


class KLDivergence(_Softmax):
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
        shifted, exponentials, totals = _shifted(Z)
        np.multiply(exponentials / totals, np.add.reduce(T, axis=0), out=dZ)
        np.subtract(dZ, T, out=dZ)
        return over_samples(_t_log_t(T) - T * (shifted - np.log(totals)))


def _t_log_t(T: Array) -> Array:
    """T · ln t, and 0 where t is 0."""
    return T * np.log(np.where(T > 0, T, 1))


class NegativeLogLikelihood(_Softmax):
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


class MaximumAPosteriori(_Softmax):
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


class _Margin(ClassLoss):
    """A loss Σ_k ρ(t_k y_k) of the margins t·y, with t = ±1."""

    coding: ClassVar[Coding] = "signed"

    @abstractmethod
    def penalty(self, margin: Array, slope: Array) -> Array:
        """Returns ρ(m) for margins (outputs, …, N) and writes ρ′(m) into `slope`."""

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        losses = over_samples(self.penalty(T * Y, dY))
        np.multiply(dY, T, out=dY)
        return losses

    def target_error(self, T: Array) -> str | None:
        return None if np.isin(T, (-1, 1)).all() else "but needs targets of −1 and 1"


class Hinge(_Margin):
    """E = Σ_k max(0, 1 − t_k y_k) with t = ±1: the linear SVM (Cortes & Vapnik 1995)."""

    kind: Literal["hinge"] = "hinge"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.HINGE)

    def penalty(self, margin: Array, slope: Array) -> Array:
        np.negative(margin < 1, out=slope, casting="unsafe", dtype=slope.dtype)
        return np.maximum(1 - margin, 0)


class SquaredHinge(_Margin):
    """E = Σ_k max(0, 1 − t_k y_k)² with t = ±1: the L2-SVM (Tang 2013)."""

    kind: Literal["squared_hinge"] = "squared_hinge"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.SQUARED_HINGE)

    def penalty(self, margin: Array, slope: Array) -> Array:
        short = np.maximum(1 - margin, 0)
        np.multiply(short, -2, out=slope)
        return short * short


class PerceptronCriterion(_Margin):
    """E = Σ_k max(0, −t_k y_k) with t = ±1 (Rosenblatt 1958); a unit at 0 counts as a mistake."""

    kind: Literal["perceptron"] = "perceptron"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.PERCEPTRON)

    def penalty(self, margin: Array, slope: Array) -> Array:
        np.negative(margin <= 0, out=slope, casting="unsafe", dtype=slope.dtype)
        return np.maximum(-margin, 0)


class MultiClassHinge(ClassLoss):
    """Multi-class hinge: how far other outputs are within the margin of the true class.

    The form `crammer_singer` uses the largest violation, max(0, margin + max_{j≠c} y_j − y_c)
    (2001, eq. 3); `weston_watkins` sums all of them, Σ_{j≠c} max(0, margin + y_j − y_c) (1999;
    PyTorch divides by K).
    """

    elsewhere: ClassVar[tuple[str, ...]] = (
        "categorical_hinge",
        "multi_margin",
        "crammer_singer",
        "weston_watkins",
    )
    kind: Literal["multiclass_hinge"] = "multiclass_hinge"
    shorthand: ClassVar[str | None] = "form"
    single: ClassVar[bool] = False
    form: Literal["crammer_singer", "weston_watkins"] = "crammer_singer"
    margin: NonNegative = 1.0

    def in_program(self) -> ProgramLoss:
        all_of_them = self.form == "weston_watkins"
        kind = LossKind.WESTON_WATKINS if all_of_them else LossKind.CRAMMER_SINGER
        return ProgramLoss(kind, self.margin)

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        right = T > 0.5
        excess = Y - np.add.reduce(Y * right, axis=0) + Y.dtype.type(self.margin)
        excess[right] = 0
        if self.form == "crammer_singer":
            worst = np.argmax(excess, axis=0)[None]
            others = np.zeros_like(excess)
            np.put_along_axis(others, worst, np.take_along_axis(excess, worst, axis=0), axis=0)
            excess = others
        np.greater(excess, 0, out=dY, casting="unsafe")
        np.subtract(dY, right * np.add.reduce(dY, axis=0), out=dY)
        return over_samples(np.maximum(excess, 0))

    def target_error(self, T: Array) -> str | None:
        wrong = np.flatnonzero((T > 0.5).sum(axis=1) != 1)
        if not len(wrong):
            return None
        return (
            f"but each sample must have exactly one class; sample {wrong[0]} has several, or none"
        )


AnyLoss = Annotated[
    SquaredError
    | AbsoluteError
    | Huber
    | LogCosh
    | Quantile
    | Cosine
    | Poisson
    | BinaryCrossEntropy
    | BinaryFocal
    | CrossEntropy
    | Focal
    | KLDivergence
    | NegativeLogLikelihood
    | MaximumAPosteriori
    | Hinge
    | SquaredHinge
    | PerceptronCriterion
    | MultiClassHinge,
    Tagged(),
]
