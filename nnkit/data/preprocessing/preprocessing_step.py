"""The base class of preprocessing steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from nnkit.config.spec import Component
from nnkit.data.dataset import Array, Column
from nnkit.data.lazy import LazyArray

Statistics = Mapping[str, Array]


class PreprocessingStep(Component):
    """A preprocessing step, applied to inputs (n, *shape)."""

    def fit(self, X: Array | LazyArray, columns: Sequence[Column]) -> Statistics:
        """Computes the statistics of the training data that the step needs, as named arrays.

        Args:
            X: training inputs (n, *shape), after the preceding steps.
            columns: the columns of a table; empty for other data.

        Raises:
            DataError: the step cannot be applied to the data.
        """
        return {}

    @abstractmethod
    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        """Returns the transformed inputs; X is not changed."""

    @property
    def works_in_place(self) -> bool:
        """Whether the step has an `apply_in_place`."""
        return type(self).apply_in_place is not PreprocessingStep.apply_in_place

    def apply_in_place(self, X: Array, statistics: Statistics) -> None:
        """Does to real inputs X in place what `apply` does to those that are not of a table."""
        raise NotImplementedError(f"'{self.tag()}' needs other memory for its results")

    def columns_after(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """The columns of a table after this step."""
        return tuple(columns)


def text_columns(columns: Sequence[Column]) -> list[int]:
    """The indices of the columns that hold text."""
    return [i for i, column in enumerate(columns) if column.categories]
