"""The form of a sample between two layers: its shape, where sizes may vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from nnkit.nn.params import Shape


class ShapeError(Exception):
    """A layer does not accept the form of its input.

    Attributes:
        path: path to the layer's invalid setting; empty if the layer as a whole is at fault.
    """

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


Positions = tuple[int | None, ...]  # the size along each axis; None where it varies


@dataclass(frozen=True, slots=True)
class Form:
    """The form of one sample: its channels and positions, and the kind of its values.

    Attributes:
        channels: number of values at each position; for a vector, the number of features; for ids,
            which stand for unit vectors, the number of different ids.
        positions: the size along each axis, such as (height, width) or (length,), or None where it
            varies from batch to batch; empty for a vector.
        ids: whether the values are integer ids, such as those of words, rather than measurements.
    """

    channels: int
    positions: Positions = ()
    ids: bool = False

    @classmethod
    def of(cls, shape: Shape) -> Form:
        """The form of real-valued samples of a fixed shape, (channels, *positions)."""
        channels, *positions = shape
        return cls(channels, tuple(positions))

    @property
    def varies(self) -> bool:
        """Whether the number of positions varies from batch to batch."""
        return None in self.positions

    @property
    def shape(self) -> Shape:
        """The shape (channels, *positions); for ids, (*positions,), one number at each position.

        Raises:
            ShapeError: the number of positions varies.
        """
        fixed = tuple(n for n in self.sizes if n is not None)
        if self.varies:
            raise ShapeError(
                f"needs samples of a fixed size, but here it varies: {self}; "
                "put '- global_avg_pool' or '- global_max_pool' before it"
            )
        return fixed

    @property
    def sizes(self) -> Positions:
        """The sizes of `shape`, or None where a size varies."""
        return self.positions if self.ids else (self.channels, *self.positions)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """The shape (channels, height, width); sequences have height 1; None for other forms."""
        if self.ids or self.varies or len(self.positions) not in (1, 2):
            return None
        channels, *others, width = self.shape
        return channels, others[0] if others else 1, width

    @property
    def sequence_shape(self) -> tuple[int, int] | None:
        """The shape (channels, length) of a sequence of real numbers; None for other forms.

        A length that varies from batch to batch is 0.
        """
        if self.ids or len(self.positions) != 1:
            return None
        return self.channels, self.positions[0] or 0

    @property
    def size(self) -> int:
        """The number of values in one sample.

        Raises:
            ShapeError: the number of positions varies.
        """
        return prod(self.shape)

    @property
    def least_size(self) -> int:
        """The number of values in one sample, counting an axis of varying size as one position."""
        return self.at([1 if n is None else n for n in self.positions]).size

    def positions_of(self, sample: Shape) -> Shape:
        """The positions of an array with the shape of one sample."""
        return sample if self.ids else sample[1:]

    def at(self, positions: Sequence[int | None]) -> Form:
        """The form with other positions."""
        return Form(self.channels, tuple(positions), self.ids)

    def resized(self, channels: int, sizes: Sequence[int]) -> Form:
        """The form with other channels and sizes; axes of varying size keep varying."""
        pairs = zip(self.positions, sizes, strict=True)
        return Form(channels, tuple(None if old is None else new for old, new in pairs), self.ids)

    def __str__(self) -> str:
        sizes = ["any" if n is None else str(n) for n in (self.channels, *self.positions)]
        return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"
