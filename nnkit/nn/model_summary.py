"""A summary of a model: a row for each of its stages."""

from __future__ import annotations

from math import ceil, inf, prod
from typing import Any

from nnkit.nn.form import Positions
from nnkit.nn.model import Model
from nnkit.nn.receptive_field import ReceptiveField


def describe(model: Model) -> list[dict[str, Any]]:
    """A summary table of the model, one row per stage.

    Each row has the stage's `name`, `kind`, `output_shape`, number of `parameters`, `mflops`
    (millions of multiplications and additions in the forward pass, for one sample), `bytes` of its
    output for one sample, and `receptive_field`, the size of an output's receptive field, or None
    for vectors and where `reshape` rearranges positions. A length that varies is None, and counts
    as one position.
    """
    positions = model.input_form.positions
    seen = ReceptiveField((1,) * len(positions), (1,) * len(positions))
    sees_all, is_known = not positions, True
    rows = []
    for stage in model.stages:
        is_vector = not stage.input_form.positions
        sees_all = sees_all or (is_vector and stage.multiplications > 0)
        if stage.spec.rearranges:
            is_known = is_known and stage.output_form.positions == positions
        if is_known and not sees_all:
            seen = seen.then(stage.spec.receptive_field(stage.input_form))
        field: Positions | None = None
        if sees_all:
            field = positions
        elif is_known:
            field = tuple(_limited(r, n) for r, n in zip(seen.width, positions, strict=True))
        sizes = stage.output_form.sizes
        rows.append(
            {
                "name": stage.name,
                "kind": (stage.spec.applied_activation or stage.spec).tag(),
                "output_shape": sizes,
                "parameters": sum(p.size for p in stage.parameters),
                "mflops": 2e-6 * stage.multiplications,
                "bytes": prod(n or 1 for n in sizes) * model.dtype.itemsize,
                "receptive_field": field or None,
            }
        )
    return rows


def _limited(width: float, size: int | None) -> int | None:
    """The width of a receptive field along an axis; None if it is that of an axis that varies."""
    if size is None:
        return None if width == inf else ceil(width)
    return ceil(min(width, size))
