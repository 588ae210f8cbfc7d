"""The base classes of losses: an objective and its gradient, both means over the batch."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nnkit.config.spec import Component, NonNegative
from nnkit.native.program import ProgramLoss

Array = NDArray[Any]
Coding = Literal["binary", "signed", "number"]
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
        for part in parts_of(Y):
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


class ClassLoss(Loss):
    """A loss for targets that are classes, which may count differently."""

    coding: ClassVar[Coding] = "binary"
    class_weights: Literal["balanced"] | dict[str, NonNegative] | None = Field(
        None,
        description="The weight of the samples of each class; 1 if not listed. `balanced` gives "
        "all classes the same total weight in the training set.",
    )
    ignored: str | None = Field(None, description="A class whose samples have weight 0.")


def parts_of(Y: Array) -> Iterator[slice]:
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
