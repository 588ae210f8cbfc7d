"""The table of a network's layers, as shown by `nnkit config show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnkit.cli.output import show_bytes, table


def layer_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Formats the rows of `nnkit.nn.model.describe` and their totals as a plain table.

    The last column, `field`, is the receptive field of an output.
    """
    headings = ["layer", "kind", "output", "params", "MFLOPs", "memory", "field"]
    shown = [
        (
            row["name"],
            row["kind"],
            row["output_shape"],
            row["parameters"],
            row["mflops"],
            show_bytes(row["bytes"]),
            row["receptive_field"] or "",
        )
        for row in rows
    ]
    sums = (
        "total",
        "",
        "",
        sum(row["parameters"] for row in rows),
        float(sum(row["mflops"] for row in rows)),
        show_bytes(sum(row["bytes"] for row in rows)),
        "",
    )
    return table(headings, [*shown, sums])
