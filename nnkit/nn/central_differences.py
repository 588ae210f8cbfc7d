"""Gradient checking: backpropagation compared with central differences, in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nnkit.nn.model import Model
from nnkit.nn.network import Network
from nnkit.nn.params import Array, Shape
from nnkit.nn.passes import Pass
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.nn.seq2seq.seq2seq_network import Seq2SeqNetwork
from nnkit.random import generator

TOLERANCE = 1e-6  # tolerance on the relative error
STEP = 1e-5  # half the distance between the two points of a central difference
STEP_REDUCTION = 32  # factor by which the step is reduced to recheck an error
KINK_RATIO = 8  # an error that falls by more than this factor at the shorter step comes from a kink
PER_BLOCK = 40  # entries checked one by one in each block
# Gradients below this fraction of the loss are compared absolutely, because rounding alone changes
# a central difference by 10⁻¹¹ of the loss.
FLOOR = 1e-4


@dataclass(frozen=True, slots=True)
class BlockCheck:
    """Comparison of one block's gradient with central differences.

    Attributes:
        name: the parameter block, or `input`.
        shape: the shape of the block.
        checked: entries compared one by one; the whole block is also compared along a random
            direction.
        kinks: entries skipped because the loss has a kink, such as that of ReLU at 0, within the
            step.
        error: the largest relative error, |a − n| / max(|a|, |n|, floor).
    """

    name: str
    shape: Shape
    checked: int
    kinks: int
    error: float

    @property
    def passed(self) -> bool:
        return self.error < TOLERANCE


def check_model(
    model: Model,
    X: Array,
    T: Array,
    weights: Array | None = None,
    seed: int = 0,
    per_block: int = PER_BLOCK,
    lengths: Array | None = None,
    target_lengths: Array | None = None,
) -> list[BlockCheck]:
    """Compares every parameter block's gradient, and the input's, with central differences.

    Layers such as dropout draw the same mask at every evaluation, so they are checked as well.

    Args:
        model: a float64 model; its parameters are changed and restored.
        X: a batch (*input shape, N).
        T: targets (*output shape, N).
        weights: sample weights, (N,); None for equal weights.
        seed: seed of the random choice of entries.
        per_block: largest number of entries of each block that are checked one by one.
        lengths: the length of each sequence, (N,); None if all samples have the same.
        target_lengths: the length of each target sequence of a decoder, (N,), likewise.

    References:
        Bishop 2006, §5.3.3.
    """
    if model.dtype != np.float64:
        raise ValueError("gradients are checked in float64")
    form = model.input_form
    positions, is_real = form.positions_of(X.shape[:-1]), not form.ids
    network: Network | Seq2SeqNetwork
    if isinstance(model, Seq2SeqModel):
        network, is_real = model.new_network(training=True), False
    else:
        network = model.bind(X.shape[-1], True, positions, input_gradient=is_real)
    now = Pass(lengths=lengths, target_lengths=target_lengths)
    X = np.array(X, dtype=X.dtype if form.ids else np.float64)

    def loss() -> float:
        return network.training_loss(X, T, now, weights)

    loss()
    dX = network.backward(network.dY, now)
    grads = {name: view.copy() for name, view in model.layout.views(model.grads).items()}
    blocks = [
        _Block(name, view, grads[name]) for name, view in model.layout.views(model.params).items()
    ]
    if dX is not None:
        blocks.append(_Block("input", X, np.array(dX)))
    floor = max(FLOOR * abs(loss()), 1e-12)
    return [_check(block, loss, floor, seed, per_block) for block in blocks]


class _Block(NamedTuple):
    """A block of numbers that the loss depends on, with its gradient, of the same shape."""

    name: str
    values: Array
    grad: Array


def _check(
    block: _Block, loss: Callable[[], float], floor: float, seed: int, per_block: int
) -> BlockCheck:
    """Compares some entries one by one, and the whole block along a random direction."""
    rng, shape = generator(seed, f"gradcheck/{block.name}"), block.values.shape
    entries = rng.permutation(block.values.size)[:per_block]
    errors: list[float] = []
    kinks = 0
    for entry in entries:
        direction = np.zeros(block.values.size)
        direction[entry] = 1.0
        error = _error_along(direction.reshape(shape), block, loss, floor)
        if error is None:
            kinks += 1
        else:
            errors.append(error)
    line = rng.standard_normal(shape)
    along = _error_along(line / np.linalg.norm(line), block, loss, floor)
    if along is not None:
        errors.append(along)
    return BlockCheck(block.name, shape, len(entries) - kinks, kinks, max(errors, default=np.nan))


def _error_along(
    direction: Array, block: _Block, loss: Callable[[], float], floor: float
) -> float | None:
    """The relative error of the derivative along a direction, or None at a kink of the loss."""
    analytic = float(np.vdot(block.grad, direction))
    left, right = _slopes(direction, block.values, loss, STEP)
    wide = (left + right) / 2
    error = abs(analytic - wide) / max(abs(analytic), abs(wide), floor)
    if error < TOLERANCE:
        return error
    # For a smooth loss both steps give the same slope. Across a kink they differ, and if the kink
    # is outside the shorter step, the shorter step gives the right one.
    near_left, near_right = _slopes(direction, block.values, loss, STEP / STEP_REDUCTION)
    narrow = (near_left + near_right) / 2
    closer = abs(analytic - narrow) / max(abs(analytic), abs(narrow), floor)
    if closer < error / KINK_RATIO:
        # Large networks have many small kinks, fewer within a shorter step. The error of a wrong
        # gradient does not shrink.
        return closer if closer < TOLERANCE else None
    steady = abs(wide - narrow) <= 1e-4 * max(abs(wide), abs(narrow), floor)
    # The difference of the two sides is proportional to the step if it is due to curvature, and
    # independent of the step if there is a kink at this point.
    corner = abs(near_right - near_left) > max(abs(right - left) / 2, abs(analytic - wide))
    if steady and not corner:
        return error
    return closer if closer < TOLERANCE else None


def _slopes(
    direction: Array, values: Array, loss: Callable[[], float], step: float
) -> tuple[float, float]:
    """One-sided difference quotients of the loss along a direction; their mean is central."""
    start, here = values.copy(), loss()
    values[...] = start - step * direction
    below = loss()
    values[...] = start + step * direction
    above = loss()
    values[...] = start
    return (here - below) / step, (above - here) / step
