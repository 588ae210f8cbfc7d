"""The receptive field of an output: the inputs that it depends on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The receptive field of an output of a layer or chain, along each axis of positions.

    Attributes:
        width: size of the receptive field in inputs; infinite if it covers the whole input.
        stride: distance between the receptive fields of neighbouring outputs, in inputs.
    """

    width: tuple[float, ...]
    stride: tuple[float, ...]

    def then(self, layer: ReceptiveField | None) -> ReceptiveField:
        """The receptive field with one more layer after it: r ← r + (k − 1)·s and s ← s·t.

        Araujo, Norris & Sim 2019, *Computing receptive fields of convolutional neural networks*,
        eq. 2.
        """
        if layer is None:
            return self
        return ReceptiveField(
            tuple(
                r + (k - 1) * s
                for r, k, s in zip(self.width, layer.width, self.stride, strict=True)
            ),
            tuple(s * t for s, t in zip(self.stride, layer.stride, strict=True)),
        )
