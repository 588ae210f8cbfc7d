"""Gradient clipping: bounds on the gradients, so that one batch can't move parameters too far."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nnkit.config.spec import Component, Positive
from nnkit.config.tagged_union import Tagged
from nnkit.native.kernel_kinds import ClippingKind

Array = NDArray[Any]


class Clipping(Component):
    """A bound on gradients, applied in place before the update.

    Attributes:
        program_kind: what the compiled kernels call it; None if they do not know it.
    """

    shorthand: ClassVar[str | None] = "limit"
    program_kind: ClassVar[ClippingKind | None] = None
    limit: Positive

    @abstractmethod
    def clip(self, grads: Array, blocks: Sequence[Array]) -> None:
        """Clips the gradients in place.

        Args:
            grads: all gradients, (P,).
            blocks: views of `grads`, one for each parameter block.
        """


class ClipValue(Clipping):
    """Clips each number to [−limit, limit]."""

    kind: Literal["value"] = "value"
    program_kind: ClassVar[ClippingKind | None] = ClippingKind.VALUE

    def clip(self, grads: Array, blocks: Sequence[Array]) -> None:
        np.clip(grads, -self.limit, self.limit, out=grads)


class ClipNorm(Clipping):
    """Scales the gradient of each parameter block to a norm of at most `limit`."""

    kind: Literal["norm"] = "norm"
    program_kind: ClassVar[ClippingKind | None] = ClippingKind.NORM

    def clip(self, grads: Array, blocks: Sequence[Array]) -> None:
        for block in blocks:
            _shorten(block, self.limit)


class ClipGlobalNorm(Clipping):
    """Scales all gradients to a joint norm of at most `limit` (Pascanu et al. 2013, alg. 1)."""

    kind: Literal["global_norm"] = "global_norm"
    program_kind: ClassVar[ClippingKind | None] = ClippingKind.GLOBAL_NORM

    def clip(self, grads: Array, blocks: Sequence[Array]) -> None:
        _shorten(grads, self.limit)


def _shorten(vector: Array, limit: float) -> None:
    length = float(np.sqrt(np.vdot(vector, vector)))
    if not isfinite(length):  # squares overflow float32 beyond 10³⁸
        length = float(np.linalg.norm(vector.astype(np.float64)))
    if length > limit:
        np.multiply(vector, limit / length, out=vector)


AnyClipping = Annotated[ClipValue | ClipNorm | ClipGlobalNorm, Tagged(default="global_norm")]
