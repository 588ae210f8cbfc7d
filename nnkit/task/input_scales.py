"""Messages about inputs that are not scaled, with the preprocessing step to add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nnkit.data.dataset import Array, chunks
from nnkit.data.lazy import LazyArray
from nnkit.data.preprocessing.feature_scaling import MinMax, Rescale, Standardize
from nnkit.data.preprocessing.preprocessing_step import PreprocessingStep

SCALING = (Rescale, MinMax, Standardize)
LARGE = 100.0  # a magnitude far from 1, for which initial weights and learning rates are chosen
UNEQUAL = 100.0  # ratio of the largest to the smallest spread of features


def scale_notices(
    inputs: Array | LazyArray, steps: Sequence[PreprocessingStep], names: Sequence[str]
) -> Iterator[str]:
    """Yields messages about the first chunk of inputs, unless a step scales them.

    Args:
        inputs: preprocessed training inputs (n, *shape).
        steps: the preprocessing steps.
        names: the names of a table's columns after them; empty for other data.
    """
    if any(isinstance(step, SCALING) for step in steps):
        return
    part = np.asarray(next(chunks(inputs)))
    rows = part.reshape(len(part), -1).astype(np.float64)
    largest = float(np.abs(rows).max())
    if largest == 255 and rows.min() == 0:
        yield (
            "the inputs reach 255 and are not scaled, which makes training slow or unstable; add "
            "'scale' to data.preprocess"
        )
        return
    spreads = rows.std(axis=0)
    varying = spreads[spreads > 0]
    unequal = len(varying) > 1 and varying.max() > UNEQUAL * varying.min()
    if largest < LARGE and not unequal:
        return
    where = ""
    if names:
        where = f" in column '{names[int(np.argmax(np.abs(rows).max(axis=0)))]}'"
    what = f"the inputs reach {largest:.4g}{where}"
    if unequal:
        what += f", and their standard deviations differ by a factor of {_ratio(varying):.2g}"
    yield (
        f"{what}, and are not scaled, which makes training slow or unstable; add 'standardize' to "
        "data.preprocess"
    )


def _ratio(spreads: Array) -> float:
    return float(spreads.max() / spreads.min())
