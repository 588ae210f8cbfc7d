"""Layers over vectors, applied to each position of a sequence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nnkit.nn.form import Form
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass


class AtEachPosition(Layer):
    """A layer over vectors, applied to sequences (features, T, N) as to T · N vectors."""

    def __init__(self, layer: Callable[[Binding], Layer], binding: Binding) -> None:
        self.shape = (*binding.form.positions, binding.batch)
        (positions,) = binding.form.positions
        assert positions is not None
        of_vectors = replace(
            binding,
            form=Form(binding.form.channels),
            batch=positions * binding.batch,
            input_is_batch_first=False,
        )
        self.layer = layer(of_vectors)

    def forward(self, X: Array, now: Pass) -> Array:
        Y = self.layer.forward(X.reshape(len(X), -1), now)
        return Y.reshape(len(Y), *self.shape)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        dX = self.layer.backward(dY.reshape(len(dY), -1), now)
        return None if dX is None else dX.reshape(len(dX), *self.shape)

    def release(self) -> None:
        self.layer.release()
