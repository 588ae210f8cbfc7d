"""The table of a network's layers, as shown by `nnkit config show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnkit.cli.output import show_bytes, table


def layer_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Formats the rows of `nnkit.nn.model_summary.describe` and their totals as a plain table.

    The last column, `field`, is the receptive field of an output. Below the table, it says how a
    length that varies counts.
    """
    headings = ["layer", "kind", "output", "params", "MFLOPs", "memory", "field"]
    shown = [
        (
            row["name"],
            row["kind"],
            sizes(row["output_shape"]),
            row["parameters"],
            row["mflops"],
            show_bytes(row["bytes"]),
            sizes(row["receptive_field"] or ()),
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
    text = table(headings, [*shown, sums])
    if any(None in row["output_shape"] for row in rows):
        text += "\n\nany: the length varies; MFLOPs and memory count one position"
    return text


def sizes(shape: Sequence[int | None]) -> str:
    """The sizes of an array, such as `8 × any` if the length varies; empty for none."""
    return " × ".join("any" if size is None else str(size) for size in shape)
