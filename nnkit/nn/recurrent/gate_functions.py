"""Sigmoid and tanh of the gates of recurrent cells, and their derivatives, in place."""

from __future__ import annotations

import numpy as np

from nnkit.nn.params import Array


def through_sigmoid(y: Array, dY: Array, work: Array) -> None:
    """Overwrites y = σ(a) with dE/da = dE/dy · y(1 − y).

    Args:
        y: the output on entry, dE/da on return.
        dY: dE/dy.
        work: scratch of the same shape.
    """
    np.subtract(1, y, out=work)
    work *= y
    np.multiply(dY, work, out=y)


def through_tanh(y: Array, dY: Array, work: Array) -> None:
    """Overwrites y = tanh a with dE/da = dE/dy · (1 − y²).

    Args:
        y: the output on entry, dE/da on return.
        dY: dE/dy.
        work: scratch of the same shape.
    """
    np.multiply(y, y, out=work)
    np.subtract(1, work, out=work)
    np.multiply(dY, work, out=y)


def halved_to_sigmoid(a: Array) -> None:
    """Turns tanh(a/2) into σ(a) = ½ + ½ tanh(a/2), whose tail towards 0 is lost to rounding."""
    a *= 0.5
    a += 0.5
