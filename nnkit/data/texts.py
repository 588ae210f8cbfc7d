"""Arrays of texts, with NumPy's type for strings of varying length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
TEXT: np.dtype[Any] = np.dtypes.StringDType()


def text_array(texts: Sequence[str]) -> Array:
    """Texts as an array (n,), which slices and arrays of indices index like any other array.

    Args:
        texts: the texts; those with lone surrogates are not Unicode and must have been refused.
    """
    return np.array(texts, dtype=TEXT) if len(texts) else np.empty(0, TEXT)


def is_text(samples: Any) -> bool:
    """Whether samples are an array of texts."""
    return isinstance(samples, np.ndarray) and samples.dtype.kind == "T"
